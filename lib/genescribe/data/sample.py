"""One window as stored in a shard: written by `bake`, read by `data`.

A sample of key K is three members of the tar file, in this order: ``K.seq.npy`` (uint8 codes, see
`genescribe.genome.alphabet`), ``K.runs.npy`` (int32, see `Runs`), ``K.json`` (`WindowMeta`). The window is in
transcript orientation: on strand "-" the sequence is the reverse complement and the runs follow it.
"""

from __future__ import annotations

from dataclasses import dataclass

from genescribe.data.runs import Runs
from genescribe.genome.alphabet import Codes
from genescribe.genome.model import Interval


@dataclass(frozen=True, slots=True)
class WindowMeta:
    """Origin of a window.

    Attributes
    ----------
    genome, seqid, strand
        Its source. Strand "+" or "-".
    start, end
        On the forward strand, 0-based half-open, for both strands.
    split
        "train", "validation" or "test".
    left_censored, right_censored
        The window's first (last) edge, in its orientation, is not an end of the sequence: what is beyond it is not
        known, and the first (last) run may go on there.
    genes
        IDs of the genes whose labels the window holds.
    core
        The part of ``[start, end)`` that no other window of this strand counts: windows overlap, their cores do not,
        and together the cores are every base once. None: the whole window. With a `sentence`: given where all of it
        is read, None where a gene and its flanks are.
    sentence
        Of a locus: all its transcripts, see `genescribe.generate.text.sentence`; empty where the runs are the target.
    hints
        Introns that evidence supports: (start, end, strand, score) relative to the window, forward strand.
    """

    genome: str
    seqid: str
    strand: str
    start: int
    end: int
    split: str
    left_censored: bool
    right_censored: bool
    genes: tuple[str, ...] = ()
    core: Interval | None = None
    sentence: str = ""
    hints: tuple[tuple[int, int, str, float], ...] = ()

    @property
    def core_slice(self) -> slice:
        """Return the core in the window's own positions and orientation."""
        start, end = self.core or (self.start, self.end)
        if self.strand == "+":
            return slice(start - self.start, end - self.start)
        return slice(self.end - end, self.end - start)


@dataclass(frozen=True, slots=True)
class Sample:
    """A window: its bases, their labels as runs, and its origin."""

    key: str
    codes: Codes
    runs: Runs
    meta: WindowMeta
