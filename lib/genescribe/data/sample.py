"""One window as it stands in a shard: what `bake` writes and `data` reads.

A sample of key K is three members of the tar file, in this order: ``K.seq.npy`` (uint8 codes, see
`genescribe.genome.alphabet`), ``K.runs.npy`` (int32, see `Runs`), ``K.json`` (`WindowMeta`). The window is in
transcript orientation: on strand "-" the sequence is the reverse complement and the runs follow it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genescribe.genome.alphabet import Codes
from genescribe.genome.model import Interval

IGNORE = -1
"""Label of a run whose bases are not scored: summed over by the CRF, left out of metrics."""

Runs = NDArray[np.int32]
"""(n, 2): columns end and label. Run i is [end of run i-1, end), the first starts at 0, the last ends at the
window's length. Neighbouring runs may have the same label: each run is one segment."""


@dataclass(frozen=True, slots=True)
class WindowMeta:
    """Where a window comes from.

    Attributes
    ----------
    genome, seqid, strand
        Its source. Strand "+" or "-".
    start, end
        On the forward strand, 0-based half-open, whatever the strand.
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
        Of a locus: all its transcripts, see `genescribe.generate.sentence`; empty where the runs are the target.
    hints
        Introns that evidence speaks for: (start, end, strand, score) relative to the window, forward strand.
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


def runs_from_labels(labels: NDArray[np.integer]) -> Runs:
    """Return the maximal runs of equal labels.

    Examples
    --------
    >>> runs_from_labels(np.array([0, 0, 2, 2, 2, 0])).tolist()
    [[2, 0], [5, 2], [6, 0]]
    """
    ends = np.append(np.flatnonzero(np.diff(labels)) + 1, len(labels))
    return np.stack([ends, labels[ends - 1]], axis=1).astype(np.int32)


def labels_from_runs(runs: Runs) -> NDArray[np.int32]:
    """Return the label of every base.

    Examples
    --------
    >>> labels_from_runs(np.array([[2, 0], [5, 2]], dtype=np.int32)).tolist()
    [0, 0, 2, 2, 2]
    """
    return np.repeat(runs[:, 1], np.diff(runs[:, 0], prepend=0)).astype(np.int32)
