"""The introns that evidence supports, by window: the input of models that take introns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from genescribe.errors import InputError
from genescribe.evidence.table import INTRON, STRANDS, Collector, EvidenceTable
from genescribe.evidence.text import read_text


class Hint(NamedTuple):
    """An intron that evidence supports: [start, end), strand "." where it is not known, and how strongly."""

    start: int
    end: int
    strand: str
    score: float


class Junctions:
    """The introns of a table of evidence; None: of none."""

    def __init__(self, table: EvidenceTable | None = None) -> None:
        self._table = table

    def __len__(self) -> int:
        """Return the number of introns."""
        return 0 if self._table is None else self._table.counts().get("intron", 0)

    def within(self, seqid: str, start: int, end: int) -> tuple[Hint, ...]:
        """Return the introns that lie in ``[start, end)``, in the coordinates of the sequence.

        Parameters
        ----------
        seqid
            Name of the sequence.
        start, end
            Window, 0-based and half-open; an intron must lie in it entirely.
        """
        if self._table is None:
            return ()
        rows = self._table.on(seqid, start, end)
        rows = rows[rows["kind"] == INTRON]
        places = zip(*(rows[name].tolist() for name in ("start", "end", "strand", "weight")), strict=True)
        return tuple(sorted(Hint(a, b, STRANDS[strand + 1], weight) for a, b, strand, weight in places))


def read_junctions(path: str | Path, lengths: Mapping[str, int], origin: str | None = None) -> Junctions:
    """Return the introns of a file; see `genescribe.evidence.text.read_text`.

    Parameters
    ----------
    path
        BED, GFF hints or a table of junctions, plain or gzip.
    lengths
        Sequence -> bases, of the genome.
    origin
        Read only rows of this source (column 2 of GFF); None: all.

    Raises
    ------
    InputError
        As there; no intron.
    """
    collector = Collector(lengths)
    read_text(path, collector, origin)
    junctions = Junctions(collector.table())
    if not len(junctions):
        raise InputError("no intron", where=path, remedy="give rows of type intron, or a BED file of junctions")
    return junctions
