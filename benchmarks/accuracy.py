"""The accuracy of models and baselines, from the results folders of the examples: one table of all.

    python benchmarks/accuracy.py results/yeast results/celegans_small results/all_genomes

Reads RESULTS/evaluate/*/*/metrics.json, which `snakemake --configfile examples/NAME.yaml` writes (the target
`baselines` writes those of the baselines alone), and writes benchmarks/results/accuracy.json and accuracy.md. Rows of
folders and methods that are not there now are kept as they were.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.evaluate.summary import merged_seeds
from genescribe.files import read_json, write_text

TARGET = Path(__file__).resolve().parent / "results" / "accuracy"
LEVELS = ("base", "exon", "intron_chain", "gene")
KEPT = ("reference", "predicted", "tp", "fp", "sensitivity", "precision", "f1", "interval")
TITLES = {"orf_rule": "ORF rule", "augustus": "AUGUSTUS, stock", "augustus_retrained": "AUGUSTUS, retrained"}
HEAD = (
    "| method | base | exon | gene | genes with introns | over AUGUSTUS retrained: exon, gene | over ORF rule: gene |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def read_row(path: Path) -> dict[str, Any]:
    """Return what the table keeps of a metrics.json."""
    found = read_json(path)
    levels = {name: {key: found["cds"][name].get(key) for key in KEPT} for name in LEVELS}
    spliced = {name: {key: found["spliced"][name].get(key) for key in KEPT} for name in ("exon", "gene")}
    groups = {
        group: {name: {key: level[name].get(key) for key in KEPT} for name in ("base", "exon", "gene")}
        for group, level in found.get("groups", {}).items()
    }
    paired = {
        rival: {
            **{name: levels_of[name]["f1"] for name in ("base", "exon", "gene")},
            "spliced": found["paired_spliced"][rival]["gene"]["f1"],
        }
        for rival, levels_of in found.get("paired", {}).items()
    }
    return {"cds": levels, "spliced": spliced, "paired": paired, "groups": groups, "left_out": found["left_out"]}


def read_rows(folders: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Return the rows of some results folders, by FOLDER/ANNOTATION/METHOD."""
    rows = {}
    for folder in folders:
        paths = sorted(folder.glob("evaluate/*/*/metrics.json"))
        if not paths:
            raise InputError("no metrics.json below it", where=folder, remedy="run the target evaluate or baselines")
        rows |= {f"{folder.name}/{path.parent.name}/{path.parent.parent.name}": read_row(path) for path in paths}
    return rows


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the rows as Markdown, a table for each folder and annotation."""
    tasks: dict[str, dict[str, Mapping[str, Any]]] = {}
    for key, row in sorted(rows.items()):
        task, _, method = key.rpartition("/")
        tasks.setdefault(task, {})[method] = row
    lines = [
        "# Accuracy",
        "",
        "F1 in percent on coding sequences of the test parts, 95% bootstrap intervals in brackets; differences in",
        "points of F1 with paired 95% intervals. Written by `benchmarks/accuracy.py`; explained in docs/accuracy.md.",
    ]
    for task, methods in tasks.items():
        example = next(iter(methods.values()))
        genes, spliced = (example[part]["gene"]["reference"] for part in ("cds", "spliced"))
        lines += ["", f"## {task}", "", f"{genes:,} genes, {spliced:,} of them with introns.", "", *HEAD]
        ordered = sorted(methods, key=lambda name: (name in TITLES, list(TITLES).index(name) if name in TITLES else 0))
        lines += [_line(TITLES.get(name, name), methods[name]) for name in ordered]
        for name, seeds in merged_seeds(methods).items():
            lines.append(_mean_line(f"{name}, mean of {len(seeds)} seeds (range)", [methods[seed] for seed in seeds]))
        if any(row["groups"] for row in methods.values()):
            lines += ["", "| method and group | genes | base | exon | gene |", "| --- | --- | --- | --- | --- |"]
            for name in ordered:
                lines += [_group_line(TITLES.get(name, name), *pair) for pair in methods[name]["groups"].items()]
    return "\n".join(lines) + "\n"


def _line(title: str, row: Mapping[str, Any]) -> str:
    retrained, orf = (row["paired"].get(name) for name in ("augustus_retrained", "orf_rule"))
    cells = [_score(row["cds"][name]) for name in ("base", "exon", "gene")]
    cells.append(_score(row["spliced"]["gene"]))
    cells.append(", ".join(_gain(retrained[name]) for name in ("exon", "gene")) if retrained else "")
    cells.append(_gain(orf["gene"]) if orf else "")
    return f"| {title} | {' | '.join(cells)} |"


def _mean_line(title: str, rows: list[Mapping[str, Any]]) -> str:
    parts = [[row["cds"][name]["f1"] for row in rows] for name in ("base", "exon", "gene")]
    parts.append([row["spliced"]["gene"]["f1"] for row in rows])
    known = [[100 * value for value in part if value is not None] for part in parts]
    cells = [f"{sum(p) / len(p):.1f} ({min(p):.1f} to {max(p):.1f})" if p else "" for p in known]
    return f"| {title} | {' | '.join(cells)} | | |"


def _group_line(title: str, group: str, levels: Mapping[str, Any]) -> str:
    cells = " | ".join(_score(levels[name]) for name in ("base", "exon", "gene"))
    return f"| {title}: {group} | {levels['gene']['reference']} | {cells} |"


def _score(one: Mapping[str, Any]) -> str:
    if one["f1"] is None:
        return ""
    ends = (one.get("interval") or {}).get("f1")
    return f"{100 * one['f1']:.1f}" + (f" [{100 * ends[0]:.1f}-{100 * ends[1]:.1f}]" if ends else "")


def _gain(one: Mapping[str, Any]) -> str:
    if one["difference"] is None:
        return "-"
    low, high = one["interval"]
    return f"{100 * one['difference']:+.1f} [{100 * low:+.1f} to {100 * high:+.1f}]"


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("folders", type=Path, nargs="+", help="results folders of the examples")
    arguments.add_argument("--output", type=Path, default=TARGET, help="file to write, without .json and .md")
    args = arguments.parse_args()

    path = args.output.with_suffix(".json")
    rows = {**(read_json(path) if path.exists() else {}), **read_rows(args.folders)}
    write_text(path, json.dumps(rows, sort_keys=True) + "\n")  # Thousands of numbers: on one line.
    write_text(args.output.with_suffix(".md"), table(rows))
    print(table(rows))


if __name__ == "__main__":
    run(main)
