"""Write one vector a coding sequence, from the states of a codon model, as .npz with ids, labels and their origin."""

from __future__ import annotations

from pathlib import Path

from genescribe.cli import comma_list, parser, run
from genescribe.codon.classify.embeddings import POOLINGS, extract_embeddings
from genescribe.errors import InputError


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, required=True, help="folder of the model")
    source = arguments.add_mutually_exclusive_group(required=True)
    source.add_argument("--fasta", type=Path, help="coding sequences; label=... in the headers")
    source.add_argument("--csv", type=Path, help="columns seq, and id and label where there are")
    arguments.add_argument("--layers", type=comma_list, default=["-1"], help="0: embedding, 1: first block, -1: last")
    arguments.add_argument("--pooling", choices=POOLINGS, default="mean", help="over codons")
    arguments.add_argument("--label", default="label", help="name of the label")
    arguments.add_argument("--untrained", action="store_true", help="fresh weights: the control")
    arguments.add_argument("--seed", type=int, default=0, help="of fresh weights")
    arguments.add_argument("--output", "--out", type=Path, required=True, help=".npz file to write")
    args = arguments.parse_args()
    try:
        layers = [int(layer) for layer in args.layers]
    except ValueError:
        raise InputError(",".join(args.layers), where="--layers", remedy="give numbers, as 1,-1") from None
    found = extract_embeddings(
        args.model,
        args.fasta or args.csv,
        args.output,
        layers=layers,
        pooling=args.pooling,
        untrained=args.untrained,
        label=args.label,
        seed=args.seed,
    )
    print(f"{args.output}: {len(found):,} sequences")


if __name__ == "__main__":
    run(main)
