"""A strand read 5' to 3', and the rejects on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.fasta import Genome


class StrandCodes(Protocol):
    """The bases of a strand, 5' to 3': an array of codes, or something that reads slices of them when asked."""

    def __len__(self) -> int:
        """Return the number of bases."""

    def __getitem__(self, key: slice, /) -> Codes:
        """Return the codes of a slice."""


class GenomeStrand:
    """A strand of ``[start, end)`` of a sequence, read from the genome a slice at a time.

    Parameters
    ----------
    genome, seqid, start, end
        Genome, name of the sequence, and interval, 0-based and half-open.
    strand
        Strand to read, "+" or "-".
    """

    def __init__(self, genome: Genome, seqid: str, start: int, end: int, strand: str) -> None:
        self._genome, self.seqid, self._start, self._end, self._strand = genome, seqid, start, end, strand
        self._held: Codes | None = None

    def held(self) -> GenomeStrand:
        """Return this with all bases in memory: for short strands, of which slices are asked for many times."""
        self._held = self[:]
        return self

    @property
    def place(self) -> tuple[str, int, int, str]:
        """Sequence, start, end and strand."""
        return self.seqid, self._start, self._end, self._strand

    def __len__(self) -> int:
        return self._end - self._start

    def __getitem__(self, key: slice, /) -> Codes:
        low, high, _ = key.indices(len(self))
        high = max(low, high)
        if self._held is not None:
            return self._held[low:high]
        if self._strand == "+":
            return self._genome.codes(self.seqid, self._start + low, self._start + high)
        return reverse_complement(self._genome.codes(self.seqid, self._end - high, self._end - low))


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that was predicted and could not be written.

    Attributes
    ----------
    start, end
        0-based half-open, in the coordinates of the strand until the driver turns them.
    reason
        Short and countable: `no start codon`, `in-frame stop`, ...
    """

    start: int
    end: int
    reason: str
