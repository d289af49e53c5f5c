"""Go on from the first codons of held-out genes, freely and spelling their proteins, and compare with nature.

Writes DIR/samples.csv and DIR/summary.csv: identity, synonymous rate, stops, lengths, overlap with training genes.
"""

from __future__ import annotations

from genescribe.cli import integer, list_of, number, parser, run
from genescribe.codon.generate import LONGEST, Sampling, generate_from_prefixes
from genescribe.codon.network import Network
from genescribe.paths import InputPath, RunFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=InputPath(), required=True, help="folder of the model")
    arguments.add_argument("--data", type=InputPath(), required=True, help="folder of codon_prepare.py")
    arguments.add_argument(
        "--prefix", type=list_of(integer(1)), default=[20], help="codons that are given, as 10,20,50"
    )
    arguments.add_argument("--samples", type=integer(1), default=64, help="genes to go on from")
    arguments.add_argument("--temperature", type=number(0), default=1.0, help="0: the likeliest codon")
    arguments.add_argument("--top-k", type=integer(0), default=0, help="draw among so many; 0: all")
    arguments.add_argument("--longest", type=integer(1), default=LONGEST, help="codons at which to cut")
    arguments.add_argument("--seed", type=integer(0), default=0, help="of genes and draws")
    arguments.add_argument(
        "--output", type=RunFolder("samples.csv", "summary.csv"), required=True, help="folder to write"
    )
    arguments.only(["top_k"], lambda args: args.temperature > 0, "--temperature above 0")
    args = arguments.parse_args()
    generate_from_prefixes(
        Network.load(args.model),
        args.data,
        args.output,
        prefixes=args.prefix,
        count=args.samples,
        sampling=Sampling(args.temperature, args.top_k, args.longest),
        seed=args.seed,
    )
    print((args.output / "summary.csv").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    run(main)
