"""Write one vector per coding sequence, from the states of a codon model, as .npz with ids, labels and their origin."""

from __future__ import annotations

from genescribe.cli import integer, list_of, parser, run
from genescribe.codon.classify.embeddings import extract_embeddings
from genescribe.paths import InputPath, OutputFile


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=InputPath(), required=True, help="folder of the model")
    source = arguments.add_mutually_exclusive_group(required=True)
    source.add_argument("--fasta", type=InputPath(), help="coding sequences; label=... in the headers")
    source.add_argument("--csv", type=InputPath(), help="CSV with the column seq, and optionally id and label")
    arguments.add_argument(
        "--layers", type=list_of(integer()), default=[-1], help="0: embedding, 1: first block, -1: last"
    )
    arguments.add_argument("--label", default="label", help="name of the label")
    arguments.add_argument("--untrained", action="store_true", help="use untrained weights, as a control")
    arguments.add_argument("--seed", type=integer(0), default=0, help="seed of untrained weights")
    arguments.add_argument("--output", "--out", type=OutputFile(), required=True, help=".npz file to write")
    arguments.only(["seed"], lambda args: args.untrained, "--untrained")
    args = arguments.parse_args()
    vectors = extract_embeddings(
        args.model,
        args.fasta or args.csv,
        args.output,
        layers=args.layers,
        untrained=args.untrained,
        label=args.label,
        seed=args.seed,
    )
    print(f"{args.output}: {len(vectors):,} sequences")


if __name__ == "__main__":
    run(main)
