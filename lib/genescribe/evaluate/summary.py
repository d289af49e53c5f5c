"""The scores of a results folder as a short text table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from genescribe.errors import InputError
from genescribe.files import read_json

LEVELS = ("base", "exon", "gene")


def score_table(results: str | Path) -> str:
    """Return F1 on coding sequences, in percent, one row per method and annotation; best gene F1 first.

    Raises
    ------
    InputError
        Nothing was evaluated there.
    """
    rows = []
    for path in Path(results).glob("evaluate/*/*/metrics.json"):
        scores = read_json(path)["cds"]
        rows.append((path.parent.name, path.parent.parent.name, [100 * (scores[level]["f1"] or 0) for level in LEVELS]))
    if not rows:
        raise InputError("no metrics.json below it", where=results, remedy="run the target evaluate first")
    rows.sort(key=lambda row: (row[0], -row[2][-1], row[1]))
    width = max(len(row[0]) for row in rows), max(len(row[1]) for row in rows)
    header = f"{'genome':{width[0]}}  {'method':{width[1]}}" + "".join(f"  {level:>6}" for level in LEVELS)
    lines = [f"{header}   (F1 %, coding sequences of the test regions)"]
    for annotation, method, values in rows:
        scores_text = "".join(f"  {value:6.1f}" for value in values)
        lines.append(f"{annotation:{width[0]}}  {method:{width[1]}}{scores_text}")
    return "\n".join(lines)


def merged_seeds(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the models of each run that has several seeds, in the order given.

    Examples
    --------
    >>> merged_seeds(["a-seed1", "b", "a-seed2", "c-seed1"])
    {'a': ['a-seed1', 'a-seed2']}
    """
    runs: dict[str, list[str]] = {}
    for name in names:
        if match := re.fullmatch(r"(.+)-seed\d+", name):
            runs.setdefault(match[1], []).append(name)
    return {run: models for run, models in runs.items() if len(models) > 1}
