"""Check an annotation against the rules that NCBI's table2asn applies to a submission.

The exit status is 1 if a rule is broken. docs/submit.md says how to write such an annotation and what follows.

    genescribe check submit.gff3 --fasta genome.fa
"""

from __future__ import annotations

import argparse
import sys

from genescribe.cli import Parser
from genescribe.paths import InputPath


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    parser.add_argument("annotation", type=InputPath(), help="GFF3 with locus tags")
    parser.add_argument("--fasta", type=InputPath(), required=True, help="genome: FASTA, plain, gzip or bgzip")


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    from genescribe.genome.fasta import Genome
    from genescribe.genome.submission import Problem, check_submission

    problems: dict[str, list[Problem]] = {}
    for problem in check_submission(args.annotation, Genome.open(args.fasta)):
        problems.setdefault(problem.rule, []).append(problem)
    if not problems:
        print(f"{args.annotation}: no rule is broken")
        return
    print(f"{'rule':<26}{'times':>7}  first")
    for rule, broken in sorted(problems.items(), key=lambda item: -len(item[1])):
        print(f"{rule:<26}{len(broken):>7}  {broken[0].where}: {broken[0].what}")
    sys.exit(1)
