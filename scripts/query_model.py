"""Ask a codon model: what comes next after a coding sequence, what would it write, how likely is a sequence.

The prompt is taken as the beginning of a coding sequence; no end token closes it.
"""

from __future__ import annotations

import sys

from genescribe.cli import integer, number, parser, run
from genescribe.codon.generate import LONGEST, Sampling
from genescribe.codon.query import Query
from genescribe.errors import InputError
from genescribe.paths import InputPath


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("model", type=InputPath(), help="folder of the model")
    arguments.add_argument(
        "--mode", choices=("next", "generate", "score", "interactive"), default="next", help="question"
    )
    arguments.add_argument("--dna", default="", help="coding sequence, whole codons")
    arguments.add_argument("--top", type=integer(1), default=10, help="next: tokens to show")
    arguments.add_argument("--protein", help="generate: amino acids to spell, from the first codon on")
    arguments.add_argument("--count", type=integer(1), default=1, help="generate: sequences")
    arguments.add_argument("--temperature", type=number(0), default=1.0, help="generate: 0 takes the likeliest codon")
    arguments.add_argument("--top-k", type=integer(0), default=0, help="generate: draw among so many; 0: all")
    arguments.add_argument("--longest", type=integer(1), default=LONGEST, help="generate: codons at which to cut")
    arguments.add_argument("--table", type=integer(1), default=11, help="NCBI genetic code")
    arguments.add_argument("--seed", type=integer(0), default=0, help="generate")
    arguments.only(["top"], lambda args: args.mode == "next", "--mode next")
    arguments.only(["dna"], lambda args: args.mode != "interactive", "another mode than interactive")
    arguments.only(["protein", "count", "seed"], lambda args: args.mode == "generate", "--mode generate")
    arguments.only(
        ["temperature", "top_k", "longest"], lambda args: args.mode in ("generate", "interactive"), "--mode generate"
    )
    arguments.only(["top_k"], lambda args: args.temperature > 0, "--temperature above 0")
    args = arguments.parse_args()
    query = Query(args.model, args.table)
    sampling = Sampling(args.temperature, args.top_k, args.longest)
    if args.mode == "interactive":
        for line in query.interact(sys.stdin, sampling):
            print(line, flush=True)
        return
    if args.mode == "score" and not args.dna:
        raise InputError("no sequence", where="--dna", remedy="give a coding sequence")
    if args.mode == "generate":
        lines = query.generate(args.dna, sampling=sampling, count=args.count, seed=args.seed, protein=args.protein)
    else:
        lines = list(query.answer(args.mode, args.dna, sampling, top=args.top, seed=args.seed))
    print("\n".join(lines))


if __name__ == "__main__":
    run(main)
