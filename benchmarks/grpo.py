"""One table of training with rewards: reward and divergence of the samples, F1 before and after, a row per seed.

    snakemake eval_f1 --cores 2 --configfile examples/grpo_pombe.yaml
    python benchmarks/grpo.py --results results/grpo_pombe --run pombe_grpo --genome pombe \
        --output benchmarks/results/grpo_pombe

Reward and KL divergence are means over the samples of each quarter of the batches. F1 of coding sequences, greedy: on
the held-out loci before and after training, and on the test loci the change by the weights that were kept, paired by
locus, with its 95% bootstrap interval.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from genescribe.cli import parser, run
from genescribe.files import read_json, write_json, write_text

PARTS, SHOWN = 4, ("exon", "gene")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--results", type=Path, required=True, help="folder of the workflow's results")
    arguments.add_argument("--run", required=True, help="name of the run with `grpo`")
    arguments.add_argument("--genome", required=True, help="genome with the test loci")
    arguments.add_argument("--output", type=Path, required=True, help="JSON and table to write, without suffix")
    args = arguments.parse_args()
    rows = {
        folder.name.rpartition("-seed")[2]: seed_of(folder, args.results / "eval_f1" / folder.name / args.genome)
        for folder in sorted((args.results / "train").glob(f"{args.run}-seed*"))
    }
    write_json(f"{args.output}.json", rows)
    write_text(f"{args.output}.md", table(rows))
    print(table(rows))


def seed_of(folder: Path, scores: Path) -> dict[str, Any]:
    """Return what the logs of a run and the scores of its model say."""
    steps, held_out = (rows_of(folder / name) for name in ("training_log.csv", "eval_log.csv"))
    found = read_json(scores / "eval_f1.json")
    curves = {
        name: [round(float(part.mean()), 4) for part in np.array_split([float(row[name]) for row in steps], PARTS)]
        for name in ("reward", "kl")
    }
    levels = {
        level: {
            "held_out": [round(float(row[f"{level}_f1"]), 4) for row in (held_out[0], held_out[-1])],
            "test": [found["against"]["levels"][level]["f1"], found["levels"][level]["f1"]],
            "change": found["gain"][level]["f1"],
        }
        for level in SHOWN
    }
    return {**curves, "batches": len(steps), "test_loci": found["loci"]["total"], **levels}


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a log."""
    with path.open() as handle:
        return list(csv.DictReader(handle))


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Return the table in Markdown."""
    heads = ["seed", "reward", "KL, nats a sample", *(f"held out, {level}" for level in SHOWN)]
    heads += [f"test, {level}" for level in SHOWN]
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join(['---'] * len(heads))} |"]
    for seed, row in rows.items():
        cells = [seed, ", ".join(f"{x:.2f}" for x in row["reward"]), ", ".join(f"{x:.2f}" for x in row["kl"])]
        cells += [" to ".join(f"{x:.3f}" for x in row[level]["held_out"]) for level in SHOWN]
        for level in SHOWN:
            (before, after), change = row[level]["test"], row[level]["change"]
            low, high = change["interval"]
            cells.append(f"{before:.3f} to {after:.3f}, {change['difference']:+.3f} ({low:+.3f} to {high:+.3f})")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run(main)
