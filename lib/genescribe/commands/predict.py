"""Predict genes on one batch of a genome's sequences, for a workflow of your own.

Writes FOLDER/strands.jsonl. The batches of a genome are joined into one annotation by scripts/join_predictions.py.

    genescribe predict --fasta genome.fa --batch 0 --batches 4 --work work --output part0
"""

from __future__ import annotations

import argparse

from genescribe.cli import Parser, integer
from genescribe.models import DEFAULT, HELP, ModelPath
from genescribe.paths import InputPath, NameList, OutputFolder


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    from genescribe.predict import options, organelles

    files = parser.add_argument_group("input and output")
    files.add_argument("--model", type=ModelPath(), default=DEFAULT, help=HELP)
    files.add_argument("--fasta", type=InputPath(), required=True, help="genome")
    files.add_argument(
        "--work", type=OutputFolder(), required=True, help="folder of unfinished work; removed at the end"
    )
    files.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    files.add_argument("--evidence", type=InputPath(), help="folder that collect_evidence.py wrote")
    group = parser.add_argument_group("sequences")
    group.add_argument(
        "--regions", type=NameList(), default=[], help="only these regions: seqid or seqid:start-end, ..."
    )
    group.add_argument("--batch", type=integer(0), default=0, help="number of the batch, from 0")
    group.add_argument("--batches", type=integer(1), default=1, help="number of batches")
    organelles.add_argument(group)
    options.add_arguments(parser)


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    from genescribe.families import predictor_for
    from genescribe.genome.fasta import Genome
    from genescribe.predict.options import config_of
    from genescribe.predict.organelles import with_organelles
    from genescribe.predict.output_files import write_batch
    from genescribe.predict.progress import tell_model
    from genescribe.predict.scan import job_of, scan
    from genescribe.predict.stretches import batch_of_pieces, pieces_of
    from genescribe.predict.work_folder import Work, remove_work, work_folder

    config = config_of(args)
    with work_folder(args.work) as folder:
        genome = Genome.open(args.fasta, scratch=folder)
        pieces = pieces_of(genome, args.regions, config.flank, where="--regions" if args.regions else args.fasta)
        factory, pieces, _ = with_organelles(
            predictor_for(args.model, genome, pieces, config, args.evidence), genome, pieces, args.genetic_code_of
        )
        tell_model(factory.folder, factory.provenance())
        chosen = batch_of_pieces(pieces, args.batch, args.batches)
        work = Work(folder, job_of(factory, args.fasta, chosen, config))
        scan(factory, genome, chosen, config, work)
        write_batch(args.output, chosen, work.done)
        remove_work(folder)
