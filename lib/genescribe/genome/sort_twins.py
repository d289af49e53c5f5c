"""One ID at several places of a sequence, and transcripts with several parents: who belongs to whom.

Results of chunks that were joined with `cat` use each ID again; each place is a feature of its own. A child belongs to
the one that it lies in; where it lies in several, to the last of them above it in the file.
"""

from __future__ import annotations

from genescribe.genome.sort_forest import Forest
from genescribe.genome.sort_levels import LOCUS, TRANSCRIPT
from genescribe.genome.sort_rows import Row


class Twins:
    """Remembers loci and transcripts by the ID that the file gives them.

    Attributes
    ----------
    several
        Transcripts with several parents.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, int], list[Row]] = {}
        self.several: list[tuple[Row, list[str]]] = []

    def note(self, row: Row, level: int) -> None:
        """Remember a locus or transcript that has an ID in the file."""
        assert row.given is not None
        self._rows.setdefault((row.given, row.seqid, level), []).append(row)

    def resolve(self, forest: Forest) -> None:
        """Give each child to the feature that it lies in."""
        for row, parents in self.several:
            self._choose_parent(forest, row, parents)
        for level in (LOCUS, TRANSCRIPT):
            for (name, _, at), rows in self._rows.items():
                present = [row for row in rows if self._linked(forest, row, level)] if at == level else []
                if len(present) > 1:
                    self._share(forest, name, present, level)

    def _linked(self, forest: Forest, row: Row, level: int) -> bool:
        """Whether a row was kept, rather than left out as a duplicate."""
        if level == LOCUS:
            return forest.loci.get(row.id or "") is row
        return forest.transcript(row.id or "") is row

    def _choose_parent(self, forest: Forest, row: Row, parents: list[str]) -> None:
        homes = [name for name in parents if name in forest.loci and forest.loci[name].contains(row)]
        home = homes[0] if homes else parents[0]
        forest.log(row, f"{row.type} has several parents: {home} is kept")
        if row.parent != home and self._linked(forest, row, TRANSCRIPT):
            forest.transcripts[row.parent or ""].remove(row)
            row.parent = home
            forest.add_transcript(row)

    def _share(self, forest: Forest, name: str, rows: list[Row], level: int) -> None:
        first = rows[0].id or ""
        if level == LOCUS:
            for child in list(forest.transcripts.get(first, ())):
                home = _home(rows, child)
                if home.id != first:
                    forest.transcripts[first].remove(child)
                    child.parent = home.id
                    forest.add_transcript(child)
        parts = [part for group in forest.parts.pop(first, {}).values() for part in group]
        for part in sorted(parts, key=lambda part: part.line):
            part.parent = _home(rows, part).id
            if part.parent != first:
                forest.log(part, f"{part.type} belongs to {part.parent}, one of {len(rows)} features with ID {name}")
            forest.add_part(part)


def _home(rows: list[Row], child: Row) -> Row:
    """Return the feature around a child; of several, or where there is none, the last above it in the file."""
    around = [row for row in rows if row.contains(child)] or rows
    above = [row for row in around if row.line < child.line]
    return above[-1] if above else around[0]
