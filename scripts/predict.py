"""Annotate one batch of a genome's sequences with a trained model.

Writes DIR/annotation.gff3 and DIR/rejects.jsonl. The batches of a genome are joined by join_predictions.py.
"""

from __future__ import annotations

from pathlib import Path

from genescribe.cli import comma_list, parser, run
from genescribe.families import load_predictor
from genescribe.genome.fasta import Genome
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.write import write_prediction
from genescribe.workflow.batches import batch_of, sequences_with


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, required=True, help="folder with config.json and model.safetensors")
    arguments.add_argument("--fasta", type=Path, required=True, help="genome")
    arguments.add_argument(
        "--regions", type=comma_list, default=[], help="only sequences with these: seqid or seqid:start-end, ..."
    )
    arguments.add_argument("--batch", type=int, default=0, help="which batch, from 0")
    arguments.add_argument("--batches", type=int, default=1, help="number of batches")
    arguments.add_argument("--workers", type=int, default=PredictConfig.workers, help="processes")
    arguments.add_argument("--device", default=PredictConfig.device, help="auto, cpu or cuda")
    arguments.add_argument("--minimum-cds", type=int, default=PredictConfig.minimum_cds)
    arguments.add_argument("--maximum-overlap", type=float, default=PredictConfig.maximum_overlap)
    arguments.add_argument("--output", type=Path, required=True, help="folder to write")
    args = arguments.parse_args()

    genome = Genome.open(args.fasta)
    lengths = sequences_with(genome.lengths, args.regions, where=args.fasta)
    seqids = batch_of(lengths, args.batch, args.batches)
    factory = load_predictor(args.model, device=args.device)
    config = PredictConfig(args.workers, args.device, args.minimum_cds, args.maximum_overlap)
    prediction = predict_genome(factory, args.fasta, seqids, config)
    write_prediction(args.output, prediction, genome, factory.provenance())


if __name__ == "__main__":
    run(main)
