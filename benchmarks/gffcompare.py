"""Compare this project's accuracy with the program gffcompare, or measure again the numbers that the tests keep.

Without options: random annotations, as many as --sets, each scored by both; prints every difference and ends with
status 1 when one is not among those that genescribe.evaluate.accuracy explains. With --write FILE: scores the kept
sets and, where $GENESCRIBE_DATA is set, the yeast sets, with the program, and writes its numbers and version.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from genescribe.cli import parser, run
from genescribe.evaluate.accuracy import compare
from genescribe.evaluate.perturb import perturb, random_genes
from genescribe.evaluate.tools.gffcompare import OPTIONS, as_reported, run_gffcompare, version
from genescribe.files import write_json
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.model import Gene

KEPT = [(seed, number, spread) for seed in range(10) for number, spread in ((5, 2000), (40, 1200), (200, 3000))]
YEAST = Path("eukaryotes/Saccharomyces.cerevisiae")
YEAST_SETS = [
    ("annotation.refseq_R64-4-1.gff3.gz", 1, 0.3),
    ("annotation.refseq_R64-4-1.gff3.gz", 2, 0.8),
    ("annotation.gtf.gz", 3, 0.5),
]


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--sets", type=int, default=500, help="random annotations to compare on")
    arguments.add_argument("--write", type=Path, help="measure the kept sets and write their numbers here")
    arguments.add_argument("--program", default="gffcompare", help="the program")
    args = arguments.parse_args()
    if args.write:
        write_json(args.write, measure(args.program))
    elif compare_randomly(args.sets, args.program):
        sys.exit(1)


def measure(program: str) -> dict[str, Any]:
    """Return the program's numbers on the kept sets."""
    sets = []
    for recipe, reference, predicted in tqdm(list(kept_sets()), disable=None):
        with tempfile.TemporaryDirectory() as folder:
            reported = run_gffcompare(reference, predicted, Path(folder), program=program)
        sets.append({**recipe, "reported": reported})
    return {"version": version(program), "options": list(OPTIONS), "sets": sets}


def kept_sets() -> Iterator[tuple[dict[str, Any], list[Gene], list[Gene]]]:
    """Yield how each kept set is made, its reference and its prediction."""
    for seed, number, spread in KEPT:
        reference = random_genes(seed, number, spread=spread)
        rate = (seed % 4 + 1) / 5
        recipe = {"genes": number, "seed": seed, "spread": spread, "rate": rate}
        yield recipe, reference, perturb(reference, seed + 1000, rate)
    data = os.environ.get("GENESCRIBE_DATA")
    for name, seed, rate in YEAST_SETS if data else []:
        reference = read_genes(Path(str(data)) / YEAST / name)
        yield {"annotation": f"{YEAST}/{name}", "seed": seed, "rate": rate}, reference, perturb(reference, seed, rate)


def compare_randomly(sets: int, program: str) -> int:
    """Print the sets on which the two differ, and how; return how many differ in another level than base or intron."""
    unexplained = 0
    for seed in tqdm(range(sets), disable=None):
        reference = random_genes(seed, (3, 10, 40, 200)[seed % 4], spread=(300, 1000, 3000)[seed % 3])
        predicted = perturb(reference, seed + 1000, (0.3, 0.6, 0.9)[seed % 3])
        with tempfile.TemporaryDirectory() as folder:
            theirs = run_gffcompare(reference, predicted, Path(folder), program=program)
        ours = as_reported(compare(reference, predicted))
        if ours["count"] != theirs["count"]:
            unexplained += 1
            print(f"set {seed}: counts {ours['count']} here, {theirs['count']} there")
        for level in theirs["percent"]:
            here, there = ours["percent"].get(level), theirs["percent"][level]
            if here != there:
                unexplained += level not in ("base", "intron")
                print(f"set {seed}: {level} {here} here, {there} there")
    print(f"{sets} sets, {unexplained} differences without an explanation")
    return unexplained


if __name__ == "__main__":
    run(main)
