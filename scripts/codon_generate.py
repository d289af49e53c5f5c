"""Continue the first codons of held-out genes, freely and given their proteins, and compare with the natural genes.

Writes DIR/samples.csv and DIR/summary.csv: identity, synonymous rate, stops, lengths, overlap with training genes.
"""

from __future__ import annotations

from genescribe.cli import integer, list_of, number, parser, run
from genescribe.codon.network.predictor import Network
from genescribe.codon.use.generate import LONGEST, Sampling, generate_from_prefixes
from genescribe.paths import InputPath, RunFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=InputPath(), required=True, help="folder of the model")
    arguments.add_argument("--data", type=InputPath(), required=True, help="folder of codon_prepare.py")
    arguments.add_argument(
        "--prefix", type=list_of(integer(1)), default=[20], help="number of given codons, such as 10,20,50"
    )
    arguments.add_argument("--samples", type=integer(1), default=64, help="number of genes to continue")
    arguments.add_argument(
        "--temperature", type=number(0), default=1.0, help="sampling temperature; 0: the most probable codon"
    )
    arguments.add_argument(
        "--top-k", type=integer(0), default=0, help="sample from this many most probable codons; 0: all"
    )
    arguments.add_argument("--longest", type=integer(1), default=LONGEST, help="largest number of codons")
    arguments.add_argument("--seed", type=integer(0), default=0, help="seed of genes and samples")
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
