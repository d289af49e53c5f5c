"""Annotate a genome with a trained model: FASTA in, GFF3, proteins, CDS and rejects out, without Snakemake."""

from __future__ import annotations

import tempfile
from pathlib import Path

from genescribe.cli import comma_list, parser, run
from genescribe.families import load_predictor
from genescribe.genome.fasta import Genome
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.write import ANNOTATION, write_prediction
from genescribe.workflow.batches import sequences_with


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("fasta", type=Path, help="genome; plain, gzip or bgzip")
    arguments.add_argument("--model", type=Path, required=True, help="folder with config.json and model.safetensors")
    arguments.add_argument(
        "-o", "--output", type=Path, required=True, help="GFF3; proteins, CDS and rejects stand beside it"
    )
    arguments.add_argument(
        "--regions", type=comma_list, default=[], help="only sequences with these: seqid or seqid:start-end, ..."
    )
    arguments.add_argument("--workers", type=int, default=PredictConfig.workers, help="processes")
    arguments.add_argument("--device", default=PredictConfig.device, help="auto, cpu or cuda")
    args = arguments.parse_args()

    genome = Genome.open(args.fasta)
    factory = load_predictor(args.model, device=args.device)
    seqids = list(sequences_with(genome.lengths, args.regions, where=args.fasta))
    prediction = predict_genome(factory, args.fasta, seqids, PredictConfig(workers=args.workers, device=args.device))
    with tempfile.TemporaryDirectory(dir=_existing(args.output.parent)) as scratch:
        whole = Path(scratch) / "whole"
        write_prediction(whole, prediction, genome, factory.provenance(), factory.genetic_code())
        for name in ("proteins.fa", "cds.fa", "rejects.jsonl"):
            (whole / name).replace(args.output.with_suffix(f".{name}"))
        (whole / ANNOTATION).replace(args.output)
    print(f"{len(prediction.genes)} genes: {args.output}; beside it .proteins.fa, .cds.fa and .rejects.jsonl")


def _existing(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    run(main)
