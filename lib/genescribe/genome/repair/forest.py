"""The annotation in memory: loci, their transcripts and the transcripts' parts, with unique IDs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from genescribe.genome.repair.levels import LOCUS, PART, SPREAD, TRANSCRIPT
from genescribe.genome.repair.rows import MADE, Repair, Row

Parts = dict[str, list[Row]]
"""The parts of one transcript by their type in lower case."""


class Names:
    """The IDs in use. An ID that is taken is replaced by a new one, except that a spread feature may repeat its own."""

    def __init__(self) -> None:
        self._original: dict[str, str | None] = {}
        self._kind: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._spelled: dict[str, str] = {}
        self._in_two_cases: set[str] = set()
        self.made: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._original

    def original(self, name: str) -> str | None:
        """Return the ID that the file gave to the feature now called `name`."""
        return self._original.get(name)

    def note(self, name: str) -> None:
        """Note that the file has a gene or transcript of that ID."""
        if self._spelled.setdefault(name.lower(), name) != name:
            self._in_two_cases.add(name.lower())

    def meant(self, parent: str) -> str:
        """Return a key that is the same for parents whose names differ in case, unless features of the file do, too."""
        return parent if parent.lower() in self._in_two_cases else parent.lower()

    def new(self, kind: str, original: str | None = None) -> str:
        """Return an ID that nothing has."""
        while True:
            self._counts[kind] += 1
            name = f"{MADE}-{kind}-{self._counts[kind]}"
            if name not in self._original:
                break
        self._original[name] = original
        self.made.add(name)
        return name

    def claim(self, name: str, kind: str) -> str:
        """Return `name` where it is free, else a new ID of the same kind."""
        if self._original.get(name):
            if kind in SPREAD and self._kind.get(name) == kind:
                return name
            return self.new(kind, name)
        self._original[name] = name
        if kind in SPREAD:
            self._kind[name] = kind
        return name

    def release(self, name: str, original: str | None) -> None:
        """Forget an ID that was made for a row that turned out to be a duplicate."""
        if name != original:
            self._original.pop(name, None)


class Forest:
    """All rows, linked.

    Attributes
    ----------
    loci
        Level one by ID.
    transcripts
        Level two by the ID of the locus.
    parts
        Level three by the ID of the transcript, then by type.
    locus_of
        From a transcript's ID to its locus's ID.
    repairs
        Changes so far, one per input line and change.
    """

    def __init__(self) -> None:
        self.names = Names()
        self.loci: dict[str, Row] = {}
        self.transcripts: dict[str, list[Row]] = {}
        self.parts: dict[str, Parts] = {}
        self.locus_of: dict[str, str] = {}
        self.repairs: list[Repair] = []

    def log(self, row: Row, change: str) -> None:
        """Record a change to `row` (or to a row made from it)."""
        self.repairs.append(Repair(row.line, change))

    def add_transcript(self, row: Row) -> None:
        """Link a transcript to the locus that its `parent` names."""
        assert row.id is not None and row.parent is not None
        self.transcripts.setdefault(row.parent, []).append(row)
        self.locus_of[row.id] = row.parent

    def remove_transcript(self, row: Row) -> list[Row]:
        """Unlink a transcript and its parts; return the parts. A locus may be left empty."""
        assert row.id is not None and row.parent is not None
        self.transcripts[row.parent].remove(row)
        del self.locus_of[row.id]
        return [part for rows in self.parts.pop(row.id, {}).values() for part in rows]

    def reject(self, row: Row, why: str) -> None:
        """Leave out a transcript with its parts, and say why for each of their rows."""
        for part in self.remove_transcript(row):
            self.log(part, f"{part.type} of {row.id} rejected with it: {why}")
        self.log(row, f"{row.type} {row.id} rejected: {why}")

    def add_part(self, row: Row) -> None:
        """Link a part to the transcript that its `parent` names."""
        assert row.parent is not None
        self.parts.setdefault(row.parent, {}).setdefault(row.kind, []).append(row)

    def transcript(self, name: str) -> Row | None:
        """Return the transcript of that ID, where it is linked already."""
        for row in self.transcripts.get(self.locus_of.get(name, ""), ()):
            if row.id == name:
                return row
        return None

    def walk(self) -> Iterator[tuple[Row, Row, Parts]]:
        """Yield (locus, transcript, its parts)."""
        for name, locus in self.loci.items():
            for transcript in self.transcripts.get(name, ()):
                yield locus, transcript, self.parts.get(transcript.id or "", {})

    def fit_transcript(self, row: Row) -> bool:
        """Give a transcript the extent of its parts; return whether it changed."""
        rows = [part for group in self.parts.get(row.id or "", {}).values() for part in group]
        return bool(rows) and _fit(row, rows)

    def fit_locus(self, row: Row) -> bool:
        """Give a locus the extent of its transcripts on its sequence; return whether it changed."""
        rows = [t for t in self.transcripts.get(row.id or "", ()) if t.seqid == row.seqid]
        return bool(rows) and _fit(row, rows)

    def is_duplicate(self, row: Row, level: int) -> bool:
        """Whether a row repeats one that is linked already: same place, type and parent, for upper levels same ID."""
        names = self.names
        original = names.original(row.id) if row.id else None
        if level == LOCUS:
            row_there = self.loci.get(original or "")
            return row_there is not None and row_there.kind == row.kind and _same_place(row_there, row)
        assert row.parent is not None
        parent = names.original(row.parent) or row.parent
        if level == PART:
            # Two coding sequences of a transcript may share an exon: their IDs tell them apart.
            return any(
                _same_place(row_there, row) and (row.kind != "cds" or row_there.given == row.given)
                for row_there in self.parts.get(parent, {}).get(row.kind, ())
            )
        return any(
            row_there.kind == row.kind and _same_place(row_there, row) and original is not None
            and names.original(row_there.id or "") == original
            for row_there in self.transcripts.get(parent, ())
        )  # fmt: skip


def _same_place(a: Row, b: Row) -> bool:
    return a.start == b.start and a.end == b.end and a.seqid == b.seqid and a.strand == b.strand


def _fit(row: Row, children: list[Row]) -> bool:
    start, end = min(child.start for child in children), max(child.end for child in children)
    changed = (start, end) != (row.start, row.end)
    row.start, row.end = start, end
    return changed


__all__ = ["LOCUS", "PART", "TRANSCRIPT", "Forest", "Names", "Parts"]
