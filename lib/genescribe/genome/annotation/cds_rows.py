"""The CDS rows of a GFF3 file, grouped by coding sequence, with the attributes that only bacteria need.

The catalogue reads genes of one piece of one strand; here a coding sequence may pass the origin of a circular
sequence, be marked as a pseudogene, name its own genetic code, and have no gene row at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from genescribe.errors import InputError
from genescribe.genome.annotation.text import gff3_attributes, read_lines

_COLUMNS, _DIRECTIVE = 9, 4


@dataclass
class CdsRows:
    """The rows of one coding sequence.

    Attributes
    ----------
    id
        Its `ID`, or the place of its only row.
    seqid
        Name of its sequence.
    parts
        Start, end (0-based half-open; the end may lie past the end of a circular sequence), strand 1 or -1, and phase,
        as the file orders them. Rows of one `ID` and one `Parent` are parts of one coding sequence; a row without `ID`
        is one by itself.
    attributes
        Of the first row, and of its parents where it lacks them: name -> text.
    """

    id: str
    seqid: str
    parts: list[tuple[int, int, int, int]] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class Sequences:
    """Information of a GFF3 file about its sequences.

    Attributes
    ----------
    circular
        Names of those that are circular.
    ends
        Last base that `##sequence-region` or a `region` row names, by sequence.
    """

    circular: set[str] = field(default_factory=set)
    ends: dict[str, int] = field(default_factory=dict)


def read_cds_rows(path: str | Path) -> tuple[list[CdsRows], Sequences]:
    """Return the coding sequences of a GFF3 file in the order of their first rows, and facts on its sequences.

    Parameters
    ----------
    path
        Plain or gzip; an appended FASTA section is left alone.

    Raises
    ------
    InputError
        A row without nine columns or with impossible numbers, or no CDS row at all.
    """
    by_key: dict[tuple[str, ...], CdsRows] = {}
    parents: dict[str, dict[str, str]] = {}
    sequences = Sequences()
    for number, cells in _rows(path):
        if len(cells) == _DIRECTIVE:
            _note_end(sequences, unquote(cells[1]), cells[3])
            continue
        seqid, kind, attributes = unquote(cells[0]), cells[2], gff3_attributes(cells[8])
        if attributes.get("Is_circular", "").lower() == "true":
            sequences.circular.add(seqid)
        if kind == "region":
            _note_end(sequences, seqid, cells[4])
        if kind != "CDS":
            if "ID" in attributes:
                parents[attributes["ID"]] = attributes
            continue
        start, end, strand, phase = _numbers(cells, path, number)
        # A row without ID is a coding sequence by itself, also beside another at its place.
        name = attributes.get("ID")
        key = (seqid, name, attributes.get("Parent", "")) if name else (seqid, str(number))
        rows = by_key.setdefault(key, CdsRows(name or f"{seqid}:{start + 1}", seqid, [], attributes))
        rows.parts.append((start, end, strand, phase))
    if not by_key:
        raise InputError("no CDS row", where=path, remedy="give a GFF3 file with coding sequences")
    for rows in by_key.values():
        inherited: dict[str, str] = {}
        for parent in rows.attributes.get("Parent", "").split(","):
            inherited |= _ancestry(parent, parents)
        rows.attributes = inherited | rows.attributes
    return list(by_key.values()), sequences


def _note_end(sequences: Sequences, seqid: str, end: str) -> None:
    if end.isdecimal():
        sequences.ends[seqid] = max(sequences.ends.get(seqid, 0), int(end))


def _ancestry(name: str, parents: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return the attributes of a feature over those of its own parents."""
    merged: dict[str, str] = {}
    visited: set[str] = set()
    while name in parents and name not in visited:
        visited.add(name)
        merged = parents[name] | merged
        name = parents[name].get("Parent", "").split(",")[0]
    return merged


def _rows(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(read_lines(Path(path)), 1):
        words = line.split()
        if len(words) == _DIRECTIVE and words[0] == "##sequence-region":
            yield number, words
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != _COLUMNS:
            raise InputError(f"{len(cells)} columns, not nine", where=path, line=number, remedy="give GFF3")
        yield number, cells


def _numbers(cells: list[str], path: str | Path, line: int) -> tuple[int, int, int, int]:
    try:
        start, end = int(cells[3]) - 1, int(cells[4])
    except ValueError:
        start, end = 0, 0
    if not 0 <= start < end or cells[6] not in "+-" or cells[7] not in ("0", "1", "2", "."):
        problem = f"start {cells[3]}, end {cells[4]}, strand {cells[6]!r}, phase {cells[7]!r}"
        raise InputError(problem, where=path, line=line, remedy="correct the CDS row")
    return start, end, 1 if cells[6] == "+" else -1, int(cells[7].replace(".", "0"))
