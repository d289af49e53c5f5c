"""Write loci by sequence and position, each with its transcripts and their parts, as valid GFF3."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from genescribe.files import atomic_path
from genescribe.genome.repair.forest import Forest
from genescribe.genome.repair.levels import SEQUENCE_WIDE
from genescribe.genome.repair.rows import Repair, Row, encode

_DIGITS = re.compile(r"(\d+)")
_REGION = re.compile(r"##sequence-region[ \t]+(\S+)[ \t]+(\d+)[ \t]+(\d+)\s*$", re.ASCII)
_IN_SEQID = re.compile(r"^>|[\x00-\x20\x7f]|%(?![0-9A-Fa-f]{2})")
_ORDER = {"exon": "0", "cds": "1"}


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Return a sort key that puts chr2 before chr10.

    Examples
    --------
    >>> sorted(["chr10", "chr2", "chrX"], key=natural)
    ['chr2', 'chr10', 'chrX']
    """
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in _DIGITS.split(name) if part)


def _seqid(name: str) -> str:
    """Return a sequence name as the file had it, but for characters that GFF3 cannot hold."""
    return _IN_SEQID.sub(lambda match: f"%{ord(match[0]):02X}", name) if _IN_SEQID.search(name) else name


def ordered(forest: Forest) -> Iterator[Row]:
    """Yield all rows: sequence-wide features first on their sequence, then loci by place, children after parents."""
    keys = {seqid: natural(seqid) for seqid in {row.seqid for row in forest.loci.values()}}
    loci = sorted(
        forest.loci.values(),
        key=lambda row: (keys[row.seqid], row.kind not in SEQUENCE_WIDE, row.start, -row.end, row.line, row.id or ""),
    )
    for locus in loci:
        yield locus
        transcripts = forest.transcripts.get(locus.id or "", ())
        for transcript in sorted(transcripts, key=lambda row: (row.start, row.end, row.line, row.id or "")):
            yield transcript
            parts = forest.parts.get(transcript.id or "", {})
            for kind in sorted(parts, key=lambda kind: _ORDER.get(kind, kind)):
                yield from sorted(parts[kind], key=lambda row: (row.start, row.end))


class Writer:
    """Formats rows; sees to it that an ID belongs to one feature and that a Parent exists."""

    def __init__(self, forest: Forest) -> None:
        self.forest = forest
        self._owner: dict[str, tuple[str | None, str]] = {}
        self._first: dict[str, tuple[str, str]] = {}

    def line(self, row: Row) -> str:
        """Return the row as a line of GFF3."""
        attributes = []
        source, rest = row.source or ".", row.rest
        if self._keeps_id(row):
            attributes.append(f"ID={encode(row.id or '')}")
            source, rest = self._as_first(row, source, rest)
        if row.parent is not None and self._parent_exists(row):
            attributes.append(f"Parent={encode(row.parent)}")
        if rest:
            attributes.append(rest)
        columns = (_seqid(row.seqid), source, row.type, row.start, row.end, row.score, row.strand, row.phase)
        return "\t".join(map(str, columns)) + "\t" + (";".join(attributes) or ".") + "\n"

    def _keeps_id(self, row: Row) -> bool:
        """Whether the ID stays: rows may share one only as pieces of one feature of one transcript."""
        if row.id is None:
            return False
        if row.id in self.forest.loci or row.id in self.forest.locus_of:
            return row is self.forest.loci.get(row.id) or self.forest.locus_of.get(row.id) == row.parent
        owner = (row.parent, row.kind)
        if self._owner.setdefault(row.id, owner) == owner:
            return True
        self.forest.log(row, f"ID {row.id} belongs to another feature: removed here")
        return False

    def _as_first(self, row: Row, source: str, rest: str) -> tuple[str, str]:
        """Return source and attributes with the source and the Name that the first row of this feature has."""
        name = next((pair for pair in rest.split(";") if pair.startswith("Name=")), "")
        first, first_name = self._first.setdefault(row.id or "", (source, name))
        if first != source and not row.made:
            self.forest.log(row, f"source {source} written as {first}, that of the first row with ID {row.id}")
        if first_name != name:
            rest = ";".join(filter(None, [first_name, *(pair for pair in rest.split(";") if pair != name)]))
            self.forest.log(
                row, f"{name or 'no Name'} made {first_name or 'none'}, as in the first row with ID {row.id}"
            )
        return first, rest

    def _parent_exists(self, row: Row) -> bool:
        parent = row.parent or ""
        # A locus below a transcript could be its own descendant.
        is_locus = row is self.forest.loci.get(row.id or "")
        if parent in self.forest.loci or (parent in self.forest.locus_of and not is_locus):
            return True
        self.forest.log(
            row, f"Parent {parent} {'is no locus' if parent in self.forest.locus_of else 'does not exist'}: removed"
        )
        return False


def _directives(forest: Forest, pragmas: Iterable[tuple[int, str]]) -> list[str]:
    """Return the header lines that may stay: a sequence-region is well-formed, the only one, and holds all rows."""
    reach: dict[str, tuple[int, int]] = {}
    for row in ordered(forest):
        start, end = reach.get(row.seqid, (row.start, row.end))
        reach[row.seqid] = min(start, row.start), max(end, row.end)
    lines: list[str] = []
    seen: set[str] = set()
    for line, text in pragmas:
        if not text.startswith("##sequence-region"):
            lines.append(text)
            continue
        region = _REGION.match(text)
        if region is None or not 1 <= int(region[2]) <= int(region[3]):
            forest.repairs.append(
                Repair(line, f"{text!r} is no sequence-region with a name, a start and an end: left out")
            )
            continue
        name, low, high = region[1], int(region[2]), int(region[3])
        start, end = reach.get(name, (low, high))
        if name in seen or start < low or end > high:
            why = "is a second one" if name in seen else f"does not hold the rows of {start}-{end}"
            forest.repairs.append(Repair(line, f"{text!r} {why}: left out"))
            continue
        seen.add(name)
        lines.append(f"##sequence-region {_seqid(name)} {low} {high}")
    return lines


def write(target: Path, forest: Forest, pragmas: Iterable[tuple[int, str]]) -> int:
    """Write the forest to `target` in one step; return the number of rows.

    Parameters
    ----------
    target
        GFF3 file to write.
    forest
        All rows, linked to their parents.
    pragmas
        Line number and text of the pragmas of the input.
    """
    writer = Writer(forest)
    directives = _directives(forest, pragmas)
    count = 0
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8") as handle:
        handle.write("##gff-version 3\n")
        handle.writelines(f"{line}\n" for line in directives)
        for row in ordered(forest):
            handle.write(writer.line(row))
            count += 1
    return count


def repairs_path(target: Path) -> Path:
    """Return where the list of repairs stands: beside the sorted file."""
    return target.with_name(f"{target.name}.repairs.tsv")


def write_repairs(target: Path, repairs: list[Repair]) -> None:
    """Write the repairs beside `target`, by input line."""
    with atomic_path(repairs_path(target)) as temporary, temporary.open("w", encoding="utf-8") as handle:
        handle.write("line\twhat\n")
        handle.writelines(f"{line}\t{change}\n" for line, change in repairs)
