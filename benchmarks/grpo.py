"""One table of training with rewards: reward and divergence of the samples, F1 before and after, a row per seed.

    snakemake eval_f1 --cores 2 --configfile examples/grpo_pombe.yaml
    python benchmarks/grpo.py --results results/grpo_pombe --run pombe_grpo --genome pombe \
        --output benchmarks/results/grpo_pombe

Reward and KL divergence are means over the samples of each quarter of the batches. F1 is that of coding sequences on
the loci that `eval_f1` of the configuration names, greedy, of the model that training began with and of the weights
that were kept; the change is paired by locus, with its 95% bootstrap interval.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from genescribe.cli import parser, run
from genescribe.files import read_json, read_table, write_json, write_text

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
    steps = read_table(folder / "training_log.csv")
    found = read_json(scores / "eval_f1.json")
    curves = {
        name: [round(float(part.mean()), 4) for part in np.array_split([float(row[name]) for row in steps], PARTS)]
        for name in ("reward", "kl")
    }
    levels = {
        level: {
            "before": found["against"]["levels"][level]["f1"],
            "after": found["levels"][level]["f1"],
            "change": found["gain"][level]["f1"],
        }
        for level in SHOWN
    }
    return {
        **curves,
        "batches": len(steps),
        "loci": found["loci"]["total"],
        "split": found["options"]["split"],
        **levels,
    }


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Return the table in Markdown."""
    heads = ["seed", "reward", "KL, nats a sample", *(f"{level} F1" for level in SHOWN)]
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join(['---'] * len(heads))} |"]
    for seed, row in rows.items():
        cells = [seed, ", ".join(f"{x:.2f}" for x in row["reward"]), ", ".join(f"{x:.2f}" for x in row["kl"])]
        for level in SHOWN:
            before, after, change = (row[level][name] for name in ("before", "after", "change"))
            low, high = change["interval"]
            cells.append(f"{before:.3f} to {after:.3f}, {change['difference']:+.3f} ({low:+.3f} to {high:+.3f})")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run(main)
