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
        Plain text; escaped in the page.
    kind
        "plain"; "note" for what the reader must know of the numbers beside it; "warning" for what is perhaps wrong;
        "code" for a command, its lines kept.
    """

    text: str
    kind: str = "plain"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text
        Plain text; escaped in the page.
    detail
        Smaller, behind it: an interval.
    best
        Set in bold: the best of its column.
    place
        Where a click takes the `Browser` of the page; empty: the cell is no link.
    """

    text: str
    detail: str = ""
    best: bool = False
    place: str = ""


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
        Content of the table, and how it was measured.
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
        Content of the picture.
    alt
        Description for readers who cannot see it.
    """

    name: str
    svg: str
    caption: str
    alt: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-]+", self.name):
            raise ValueError(f"{self.name!r} is no name for a figure")


@dataclass(frozen=True, slots=True)
class Facts:
    """The few numbers that a reader wants first: each large, with its name and a remark below.

    Attributes
    ----------
    items
        (number, name, remark); a remark may be empty.
    """

    items: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Particulars:
    """Names and values, one pair per line.

    Attributes
    ----------
    items
        (name, text).
    """

    items: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Track:
    """A track of a `Browser`.

    Attributes
    ----------
    name
        Label beside the track.
    kind
        "genes" (GFF3), coloured by their scores; "junctions" (BED), drawn as arcs; "features" (BED).
    data
        The compressed file, base64.
    height
        Height in pixels.
    colour
        Of what has no score.
    """

    name: str
    kind: str
    data: str
    height: int
    colour: str


@dataclass(frozen=True, slots=True)
class Browser:
    """A genome browser (igv.js) with everything that it shows; a page has one at most.

    Attributes
    ----------
    genome
        The sequences, gzipped FASTA, base64.
    tracks
        Tracks from top to bottom.
    place
        Shown first: ``name:start-end``, 1-based.
    colours
        (least score, colour) of genes, the highest first.
    caption
        Content of the browser.
    """

    genome: str
    tracks: Sequence[Track]
    place: str
    colours: Sequence[tuple[float, str]]
    caption: str


Block = Text | Table | Figure | Facts | Particulars | Browser


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page under one heading; one without blocks is left out."""

    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)

    @property
    def anchor(self) -> str:
        """The heading as an HTML id."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
