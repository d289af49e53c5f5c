"""Join the batches of a genome into one annotation with its proteins and coding sequences."""

from __future__ import annotations

from pathlib import Path

from genescribe.cli import parser, run
from genescribe.families import load_predictor
from genescribe.genome.fasta import Genome
from genescribe.predict.write import join_parts, write_prediction


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("parts", type=Path, nargs="+", help="folders that predict.py wrote")
    arguments.add_argument("--model", type=Path, required=True, help="the model that predicted them")
    arguments.add_argument("--fasta", type=Path, required=True, help="genome")
    arguments.add_argument("--output", type=Path, required=True, help="folder to write")
    args = arguments.parse_args()

    factory = load_predictor(args.model)
    genome = Genome.open(args.fasta)
    joined = join_parts(args.parts, genome)
    write_prediction(args.output, joined, genome, factory.provenance(), factory.genetic_code())
    print(f"{len(joined.genes)} genes: {args.output / 'annotation.gff3'}")


if __name__ == "__main__":
    run(main)
