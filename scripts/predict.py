"""Read one batch of a genome's sequences with a trained model.

Writes DIR/strands.jsonl. The batches of a genome are joined into one annotation by join_predictions.py.
"""

from __future__ import annotations

from genescribe.cli import integer, parser, run
from genescribe.families import predictor_for
from genescribe.genome.fasta import Genome
from genescribe.paths import InputPath, NameList, OutputFolder
from genescribe.predict.options import add_arguments, config_of
from genescribe.predict.organelles import add_argument, with_organelles
from genescribe.predict.pieces import batch_of_pieces, pieces_of
from genescribe.predict.scan import job_of, scan
from genescribe.predict.work import Work, remove_work, work_folder
from genescribe.predict.write import write_batch


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--model", type=InputPath(), required=True, help="folder with config.json and model.safetensors"
    )
    arguments.add_argument("--fasta", type=InputPath(), required=True, help="genome")
    arguments.add_argument("--regions", type=NameList(), default=[], help="only these: seqid or seqid:start-end, ...")
    arguments.add_argument("--batch", type=integer(0), default=0, help="which batch, from 0")
    arguments.add_argument("--batches", type=integer(1), default=1, help="number of batches")
    arguments.add_argument(
        "--work", type=OutputFolder(), required=True, help="folder of unfinished work; removed at the end"
    )
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    arguments.add_argument("--evidence", type=InputPath(), help="folder that collect_evidence.py wrote")
    add_argument(arguments)
    add_arguments(arguments)
    args = arguments.parse_args()

    config = config_of(args)
    with work_folder(args.work) as folder:
        genome = Genome.open(args.fasta, scratch=folder)
        pieces = pieces_of(genome.lengths, args.regions, config.flank, where=args.fasta)
        factory, pieces, _ = with_organelles(
            predictor_for(args.model, genome, pieces, config, args.evidence), genome, pieces, args.genetic_code_of
        )
        chosen = batch_of_pieces(pieces, args.batch, args.batches)
        work = Work(folder, job_of(factory, args.fasta, chosen, config))
        scan(factory, genome, chosen, config, work)
        write_batch(args.output, chosen, work.done)
        remove_work(folder)


if __name__ == "__main__":
    run(main)
