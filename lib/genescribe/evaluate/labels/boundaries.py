"""Boundaries between labels, and how many a prediction finds within a tolerance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genescribe.data.runs import IGNORE, Runs
from genescribe.evaluate.labels.agreement import merge_runs

TOLERANCES = (0, 1, 2, 5, 10)
"""Bases by which a boundary may be off."""

Boundaries = NDArray[np.int64]
"""(n, 3): position, label before, label after, in ascending order of position."""


def boundaries(runs: Runs) -> Boundaries:
    """Return the boundaries between known labels; the first of a position p lies before base p.

    Examples
    --------
    >>> boundaries(np.array([[3, 0], [5, 1], [9, -1], [12, 0]], dtype=np.int32)).tolist()
    [[3, 0, 1]]
    """
    merged = merge_runs(runs).astype(np.int64)
    borders: Boundaries = np.stack([merged[:-1, 0], merged[:-1, 1], merged[1:, 1]], axis=1)
    known: Boundaries = borders[(borders[:, 1] != IGNORE) & (borders[:, 2] != IGNORE)]
    return known


def outside_masked(predicted: Boundaries, truth: Runs) -> Boundaries:
    """Return the predicted boundaries that do not lie in or on the edge of a masked stretch of the truth."""
    ends = truth[:, 0].astype(np.int64)
    masked = truth[:, 1] == IGNORE
    before = masked[np.searchsorted(ends, predicted[:, 0], side="left")]
    behind = masked[np.minimum(np.searchsorted(ends, predicted[:, 0], side="right"), len(ends) - 1)]
    kept: Boundaries = predicted[~before & ~behind]
    return kept


def match(truth: NDArray[np.int64], predicted: NDArray[np.int64], tolerance: int) -> NDArray[np.int64]:
    """Return which positions of the truth have a partner in the largest one-to-one matching.

    Two positions may be partners where they differ by at most `tolerance`. On a line, the leftmost two that may be
    partners are so in some largest matching: any other partner lies further right and could take
    the other's partner. One pass over both is therefore optimal.

    Parameters
    ----------
    truth, predicted
        Positions, ascending.
    tolerance
        Most bases between partners.

    Returns
    -------
    (m,) int64
        Indices into `truth`.

    Examples
    --------
    >>> match(np.array([10, 12]), np.array([12, 14]), 2).tolist()
    [0, 1]
    """
    if not tolerance:
        return np.flatnonzero(np.isin(truth, predicted))
    matched, i, j = [], 0, 0
    left, right = truth.tolist(), predicted.tolist()
    while i < len(left) and j < len(right):
        if abs(left[i] - right[j]) <= tolerance:
            matched.append(i)
            i, j = i + 1, j + 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    return np.array(matched, dtype=np.int64)


def match_typed(truth: Boundaries, predicted: Boundaries, tolerance: int) -> NDArray[np.int64]:
    """Return which boundaries of the truth have a partner between the same two labels, as indices into `truth`.

    Parameters
    ----------
    truth, predicted
        Places of boundaries, with the labels on both sides.
    tolerance
        Most bases between partners.
    """
    factor = 1 + int(max((part[:, 1:].max() for part in (truth, predicted) if len(part)), default=0))
    kinds = [part[:, 1] * factor + part[:, 2] for part in (truth, predicted)]
    matched = [np.zeros(0, dtype=np.int64)]
    for kind in np.unique(kinds[0]):
        mine, theirs = (np.flatnonzero(side == kind) for side in kinds)
        matched.append(mine[match(truth[mine, 0], predicted[theirs, 0], tolerance)])
    return np.sort(np.concatenate(matched))
