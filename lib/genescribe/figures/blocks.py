"""The elements of a report: sections of text, tables and figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph of plain text.

    Attributes
    ----------
    text
        What it says.
    kind
        "plain", or "note" for what the reader must know of the numbers beside it.
    """

    text: str
    kind: str = "plain"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text
        What stands there.
    detail
        Smaller, behind it: an interval.
    best
        Set in bold: the best of its column.
    """

    text: str
    detail: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its name, its cells, and whether a line sets it off from the row above."""

    name: str
    cells: Sequence[Cell]
    first_of_group: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a named row each.

    Attributes
    ----------
    caption
        What it shows and how it was measured.
    corner
        Heading of the names of the rows.
    columns
        Headings of the cells.
    rows
        Each with as many cells as there are columns.
    folded
        Shown only when asked for.
    """

    caption: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[Row]
    folded: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"row {row.name!r} has {len(row.cells)} cells for {len(self.columns)} columns")


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture.

    Attributes
    ----------
    name
        For file names and anchors: letters, digits, - and _.
    svg
        The whole element, its ids unique to this figure (`genescribe.figures.style.to_svg`).
    caption
        What it shows.
    alt
        What a reader who cannot see it is told.
    """

    name: str
    svg: str
    caption: str
    alt: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-]+", self.name):
            raise ValueError(f"{self.name!r} is no name for a figure")


Block = Text | Table | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page under one heading; one without blocks is left out."""

    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)

    @property
    def anchor(self) -> str:
        """The heading as an HTML id."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
