"""Runs: the labels of a strand or window as segments, and arithmetic on them.

Nothing here touches single bases but the two conversions, so a chromosome costs what its segments cost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from genescribe.genome.intervals import union
from genescribe.genome.model import Interval

IGNORE = -1
"""Label of a run whose bases are not scored: summed over by the CRF, left out of metrics."""

Runs = NDArray[np.int32]
"""(n, 2): columns end and label. Run i is [end of run i-1, end), the first starts at 0, the last ends at the
window's length. Neighbouring runs may have the same label: each run is one segment."""


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


def runs_from_segments(segments: Iterable[tuple[int, int, int]], length: int, background: int) -> Runs:
    """Return runs over ``[0, length)`` from disjoint, ascending (start, end, label) and `background` between them.

    Parameters
    ----------
    segments
        (start, end, label), disjoint and ascending, 0-based and half-open.
    length
        Bases of the strand.
    background
        Label of the bases in no segment.

    Examples
    --------
    >>> runs_from_segments([(2, 5, 7), (5, 6, 9)], 10, 0).tolist()
    [[2, 0], [5, 7], [6, 9], [10, 0]]
    """
    rows: list[tuple[int, int]] = []
    position = 0
    for start, end, label in segments:
        if start > position:
            rows.append((start, background))
        rows.append((end, label))
        position = end
    if position < length:
        rows.append((length, background))
    return np.array(rows, dtype=np.int32).reshape(-1, 2)


def ignore(runs: Runs, intervals: Iterable[Interval], over: int | None = None) -> Runs:
    """Return the runs with the bases of `intervals` set to `IGNORE`.

    Parameters
    ----------
    runs
        Labels of a strand or window.
    intervals
        In any order; parts outside the runs do nothing.
    over
        Only bases of this label are masked; None: all.

    Examples
    --------
    >>> ignore(np.array([[4, 0], [8, 2], [12, 0]], dtype=np.int32), [(2, 10)], over=0).tolist()
    [[2, 0], [4, -1], [8, 2], [10, -1], [12, 0]]
    """
    length = int(runs[-1, 0])
    clipped = union((max(0, start), min(length, end)) for start, end in intervals)
    if not clipped:
        return runs
    edges = np.array(clipped, dtype=np.int64)
    ends = np.unique(np.concatenate([runs[:, 0], edges.ravel()]))
    ends = ends[ends > 0]
    # An end lies inside a masked interval exactly when an odd number of interval edges lie before it.
    masked = np.searchsorted(edges.ravel(), ends, side="left") % 2 == 1
    labels = runs[np.searchsorted(runs[:, 0], ends, side="left"), 1]
    if over is not None:
        masked &= labels == over
    labels = np.where(masked, IGNORE, labels)
    # A new edge is kept only where the label changes, an old one also between two segments of one label.
    unchanged = labels[1:] == labels[:-1]
    keep = np.append(~unchanged | (np.isin(ends[:-1], runs[:, 0]) & (labels[:-1] != IGNORE)), True)
    return np.stack([ends[keep], labels[keep]], axis=1).astype(np.int32)


def cut(runs: Runs, start: int, end: int) -> Runs:
    """Return the runs of ``[start, end)``, counted from `start`.

    Parameters
    ----------
    runs : (k, 2)
        See `Runs`.
    start, end
        Interval to keep, 0-based and half-open.

    Examples
    --------
    >>> cut(np.array([[4, 0], [8, 2], [12, 0]], dtype=np.int32), 4, 10).tolist()
    [[4, 2], [6, 0]]
    """
    first, last = runs[:, 0].searchsorted(start, side="right"), runs[:, 0].searchsorted(end, side="left")
    part = runs[first : last + 1].copy()
    part[:, 0] -= start
    part[-1, 0] = end - start
    return part


def outside(segments: list[tuple[int, int, int]], masked: Sequence[Interval]) -> list[tuple[int, int, int]]:
    """Return the parts of the segments outside the disjoint, ascending `masked` intervals."""
    left: list[tuple[int, int, int]] = []
    for start, end, label in segments:
        place = max(0, bisect_left(masked, (start, 0)) - 1)
        while place < len(masked) and masked[place][0] < end:
            mask_start, mask_end = masked[place]
            if mask_end > start:
                if mask_start > start:
                    left.append((start, mask_start, label))
                start = min(end, mask_end)
            place += 1
        if start < end:
            left.append((start, end, label))
    return left
