"""Rows without a parent, which wait until all rows of their locus and transcript are known."""

from __future__ import annotations

from genescribe.genome.repair.levels import TRANSCRIPT
from genescribe.genome.repair.rows import Row


class Bucket:
    """Rows that wait for a transcript."""

    __slots__ = ("parts", "transcript")

    def __init__(self) -> None:
        self.transcript: Row | None = None
        self.parts: list[Row] = []


class Waiting:
    """Rows without a Parent of their own, and the known shared values.

    Attributes
    ----------
    buckets
        By locus (the shared value, or the ID of the locus), then by the transcript's ID.
    locus_id
        The ID of the locus, where one of that key was seen.
    known
        From a shared value or locus ID to the key of its buckets: the ID of the locus, once that is known.
    seen
        Transcripts without Parent by shared value, in file order; `value_of` is the way back.
    linked
        Rows that do have a parent, by shared value: the level and the transcript that further rows may join.
    attached
        Transcripts that were given to the locus above them without any other evidence.
    """

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, Bucket]] = {}
        self.locus_id: dict[str, str] = {}
        self.known: dict[str, str] = {}
        self.seen: dict[str, list[Row]] = {}
        self.value_of: dict[str, str] = {}
        self.linked: dict[str, dict[int, str | None]] = {}
        self.attached: dict[str, list[str]] = {}
        self._home: dict[str, str] = {}

    def bucket(self, locus: str, transcript: str) -> Bucket:
        """Return the bucket of a transcript, made if need be."""
        return self.buckets.setdefault(locus, {}).setdefault(transcript, Bucket())

    def shared(self, row: Row, level: int) -> str | None:
        """Return the value that groups this row with others, and remember it."""
        if not row.tags:
            return None
        value = self._on_sequence(row.tags[0][1], row)
        value = self.known.setdefault(value, value)
        if level == TRANSCRIPT and row.id is not None:
            self.seen.setdefault(value, []).append(row)
            self.value_of[row.id] = value
        return value

    def _on_sequence(self, value: str, row: Row) -> str:
        """Return a value of its own for each further sequence that uses the same one."""
        return value if self._home.setdefault(value, row.seqid) == row.seqid else f"{value}-{row.seqid}"

    def note_linked(self, row: Row, level: int) -> None:
        """Remember that a row of this shared value has a parent."""
        for _, value in row.tags:
            levels = self.linked.setdefault(self._on_sequence(value, row), {})
            if level not in levels:
                levels[level] = row.id if level == TRANSCRIPT else row.parent
                return
