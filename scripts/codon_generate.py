"""Go on from the first codons of held-out genes, freely and spelling their proteins, and compare with nature.

Writes DIR/samples.csv and DIR/summary.csv: identity, synonymous rate, stops, lengths, overlap with training genes.
"""

from __future__ import annotations

from pathlib import Path

from genescribe.cli import comma_list, parser, run
from genescribe.codon.generate import LONGEST, Sampling, generate_from_prefixes
from genescribe.codon.network import Network
from genescribe.errors import InputError


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, required=True, help="folder of the model")
    arguments.add_argument("--data", type=Path, required=True, help="folder of codon_prepare.py")
    arguments.add_argument("--prefix", type=comma_list, default=["20"], help="codons that are given, as 10,20,50")
    arguments.add_argument("--samples", type=int, default=64, help="genes to go on from")
    arguments.add_argument("--temperature", type=float, default=1.0, help="0: the likeliest codon")
    arguments.add_argument("--top-k", type=int, default=0, help="draw among so many; 0: all")
    arguments.add_argument("--longest", type=int, default=LONGEST, help="codons at which to cut")
    arguments.add_argument("--seed", type=int, default=0, help="of genes and draws")
    arguments.add_argument("--output", type=Path, required=True, help="folder to write")
    args = arguments.parse_args()
    if not all(text.isdecimal() for text in args.prefix):
        raise InputError(f"not numbers: {','.join(args.prefix)}", where="--prefix", remedy="give codons, as 10,20,50")
    generate_from_prefixes(
        Network.load(args.model),
        args.data,
        args.output,
        prefixes=[int(text) for text in args.prefix],
        count=args.samples,
        sampling=Sampling(args.temperature, args.top_k, args.longest),
        seed=args.seed,
    )
    print((args.output / "summary.csv").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    run(main)
