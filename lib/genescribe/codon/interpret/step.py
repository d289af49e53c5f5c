"""Output of one interpretation step: measures with their nulls, tables, figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genescribe.figures.blocks import Block, Cell, Figure, Row, Table, Text
from genescribe.files import atomic_directory, read_json, write_json, write_table

_NONE = "–"


@dataclass(frozen=True)
class Measure:
    """One number of the trained model, beside its value if nothing had been learned.

    Attributes
    ----------
    name
        Name of the quantity, as the report shows it.
    value
        Of the trained model.
    nulls
        Name of the null (untrained, permuted labels, majority, ...) -> value.
    p
        Share of permutations that reach the value, where labels were permuted.
    """

    name: str
    value: float
    nulls: Mapping[str, float]
    p: float | None = None


@dataclass(frozen=True)
class Step:
    """One step of an interpretation.

    The functions that make one take `label`, which stands in front of the names of figures; `network` and
    `untrained`, the model and the same network with fresh weights; `genes`, test genes; and `seed`, of all draws.

    Attributes
    ----------
    name, title
        For its folder and its heading.
    text
        Method in a sentence or two.
    measures
        The numbers to read first.
    tables
        File name -> (head, rows).
    figures
        Pictures, in the order of the report.
    """

    name: str
    title: str
    text: str
    measures: Sequence[Measure]
    tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence[Any]]]] = field(default_factory=dict)
    figures: Sequence[Figure] = ()


def write_step(step: Step, folder: str | Path) -> None:
    """Write a step: `summary.json`, a CSV per table, an SVG per picture."""
    with atomic_directory(folder) as out:
        for name, (head, rows) in step.tables.items():
            cells = ([f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in rows)
            write_table(out / f"{name}.csv", head, cells)
        for figure in step.figures:
            (out / f"{figure.name}.svg").write_text(figure.svg, encoding="utf-8")
        write_json(
            out / "summary.json",
            {
                "title": step.title,
                "text": step.text,
                "measures": [
                    {"name": measure.name, "value": measure.value, "nulls": dict(measure.nulls), "p": measure.p}
                    for measure in step.measures
                ],
                "figures": [{"name": f.name, "caption": f.caption, "alt": f.alt} for f in step.figures],
                "tables": list(step.tables),
            },
        )


def read_blocks(folder: str | Path) -> tuple[str, list[Block]]:
    """Return a written step's title and its blocks for the report."""
    folder = Path(folder)
    stored = read_json(folder / "summary.json")
    blocks: list[Block] = [Text(stored["text"])]
    if stored["measures"]:
        blocks.append(measure_table(stored["measures"]))
    for figure in stored["figures"]:
        svg = (folder / f"{figure['name']}.svg").read_text(encoding="utf-8")
        blocks.append(Figure(figure["name"], svg, figure["caption"], figure["alt"]))
    return str(stored["title"]), blocks


def measure_table(measures: Sequence[Mapping[str, Any]]) -> Table:
    """Return measures beside their nulls."""
    names = list(dict.fromkeys(name for measure in measures for name in measure["nulls"]))
    with_p = any(measure["p"] is not None for measure in measures)
    rows = []
    for measure in measures:
        cells = [Cell(plain(measure["value"])), *(Cell(plain(measure["nulls"].get(name))) for name in names)]
        if with_p:
            cells.append(Cell(_NONE if measure["p"] is None else f"{measure['p']:.3g}"))
        rows.append(Row(measure["name"], cells))
    columns = ["trained", *names, *(["p"] if with_p else [])]
    return Table("The trained model beside what it would be if nothing had been learned.", "measure", columns, rows)


def permutation_p(value: float, permuted: Iterable[float]) -> float:
    """Return the share of permutations that reach a value, itself among them (Phipson and Smyth 2010).

    Examples
    --------
    >>> permutation_p(3.0, [1.0, 2.0, 3.0])
    0.5
    """
    others = list(permuted)
    return (1 + sum(drawn >= value for drawn in others)) / (1 + len(others))


def plain(value: float | None) -> str:
    """Return a number as tables show it."""
    return _NONE if value is None else f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
