"""Scores of labels for many draws of the units at once, for the bootstrap intervals of `scores`.

A draw is how often each unit was taken, and all counts of a draw are sums over units: products with the sparse table of
how many segments of each length each unit has. A draw's distribution of lengths is a running sum of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from genescribe.evaluate.labels.agreement import BINS_PER_DOUBLING, PSEUDOCOUNT
from genescribe.evaluate.labels.boundaries import TOLERANCES
from genescribe.evaluate.labels.counts import LabelCounts

FEWEST = 20
"""True segments that a label must have for its lengths to be compared."""
HEADLINES = (
    "position_f1",
    "boundary_f1",
    "boundary_f1_10",
    "typed_boundary_f1",
    "segment_f1",
    "exon_f1",
    "intron_f1",
    "duration_kl",
    "duration_distance",
)
"""Scores that are compared between heads; see `genescribe.evaluate.labels.scores.headlines`."""
_BLOCK = 1 << 19
"""Numbers of segments that are held at a time, a length and draw each: they stay in the processor's cache."""

Array = NDArray[np.float64]


def drawn_headlines(counts: LabelCounts, names: Sequence[str], weights: Array) -> Array:
    """Return the values of `HEADLINES` of each draw, (R, headlines), NaN where there is nothing to score.

    Parameters
    ----------
    counts, names
        As in `genescribe.evaluate.labels.scores.summarise`.
    weights : (R, U)
        How often each draw took each unit.
    """
    bases, matched, edges = (
        (weights @ part.reshape(len(part), -1).astype(np.float64)).reshape(len(weights), *part.shape[1:])
        for part in (counts.bases, counts.segments, counts.boundaries)
    )
    position = f1(np.diagonal(bases, axis1=1, axis2=2), bases.sum(axis=2), bases.sum(axis=1))
    groups = [np.array([word in name.lower() for name in names]) for word in ("", "exon", "intron")]
    segment_f1 = [_f1_of(matched[:, group].sum(axis=1)) for group in groups]
    kinds = [(0, 0), (0, TOLERANCES.index(10)), (1, 0)]
    borders = [_f1_of(edges[:, kind, place]) for kind, place in kinds]
    mean = _mean_where(position, bases.sum(axis=2) > 0)
    return np.column_stack([mean, *borders, *segment_f1, _distances(counts, len(names), weights)])


def f1(right: Any, true: Any, predicted: Any) -> Array:
    """Return F1 of counts; NaN where there is nothing.

    Parameters
    ----------
    right, true, predicted
        Numbers, or arrays of one shape.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * right / (np.asarray(true) + predicted), dtype=np.float64)


def _f1_of(counts: Array) -> Array:
    """Return F1 of (R, 3) true, predicted and matched."""
    return f1(counts[:, 2], counts[:, 0], counts[:, 1])


def _mean_where(values: Array, there: NDArray[np.bool_]) -> Array:
    """Return the mean of each row where `there`; NaN where nowhere."""
    with np.errstate(invalid="ignore"):
        mean: Array = np.where(there, values, 0.0).sum(axis=1) / there.sum(axis=1)
    return mean


def _distances(counts: LabelCounts, labels: int, weights: Array) -> Array:
    """Return the mean KL and the mean relative Wasserstein distance over labels with enough true segments, (R, 2).

    A label that a draw never predicts counts as if all its lengths were 0, and as the flat histogram in the KL.
    """
    nothing = np.zeros((2, len(weights), 0))
    distances = np.stack([_of_label(counts, label, weights) for label in range(labels)], axis=2) if labels else nothing
    there = ~np.isnan(distances[0])
    return np.column_stack([_mean_where(part, there) for part in distances])


def _of_label(counts: LabelCounts, label: int, weights: Array) -> Array:
    """Return KL and relative distance of a label, (2, R); NaN for a draw without a true segment."""
    sides = [side[side[:, 1] == label] for side in (counts.predicted_lengths, counts.true_lengths)]
    if len(sides[1]) < FEWEST:
        return np.full((2, len(weights)), np.nan)
    values = np.unique(np.concatenate([side[:, 2] for side in sides]))
    tables = [_table(side, values, weights.shape[1]) for side in sides]
    rows, blocks = max(1, _BLOCK // len(values)), []
    for low in range(0, len(weights), rows):
        # How many segments of each draw are no longer than each length, (values, R): draws lie side by side in memory.
        guessed, true = (np.cumsum(table @ weights[low : low + rows].T, axis=0) for table in tables)
        blocks.append(np.stack([_kl(guessed, true, values), _relative_distance(guessed, true, values)]))
    return np.concatenate(blocks, axis=1)


def _table(side: NDArray[np.int64], values: NDArray[np.int64], units: int) -> csr_array:
    """Return how many segments of each length each unit has, (values, units)."""
    places = np.searchsorted(values, side[:, 2]), side[:, 0]
    return csr_array((np.ones(len(side)), places), shape=(len(values), units))


def _relative_distance(guessed: Array, true: Array, values: NDArray[np.int64]) -> Array:
    """Return the Wasserstein-1 distance over the mean true length, (R,); see `agreement.wasserstein`."""
    steps = np.diff(values).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = [side / side[-1] for side in (guessed, true)]
        # The mean is the last length less what the others fall short of it.
        mean = values[-1] - steps @ shares[1][:-1]
        relative: Array = (steps @ np.abs(shares[0] - shares[1])[:-1]) / mean
    return np.where(true[-1] == 0, np.nan, np.where(guessed[-1] == 0, 1.0, relative))


def _kl(guessed: Array, true: Array, values: NDArray[np.int64]) -> Array:
    """Return KL(guessed || true) in logarithmic bins, (R,); see `agreement.binned_kl`."""
    bins = np.floor(np.log2(values.astype(np.float64)) * BINS_PER_DOUBLING).astype(np.int64)
    last = np.searchsorted(bins, np.arange(bins[0], bins[-1] + 1), side="right") - 1
    sides = [np.diff(running[last], axis=0, prepend=0.0) for running in (guessed, true)]
    inside = _between(sides[1] > 0)
    never = guessed[-1] == 0
    sides[0] = np.where(never, inside, sides[0])
    inside = _between((sides[0] > 0) | (sides[1] > 0))
    shares = [np.where(inside, side + PSEUDOCOUNT, 0.0) for side in sides]
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = (share / share.sum(axis=0) for share in shares)
        divergence: Array = np.where(inside, p * np.log(p / q), 0.0).sum(axis=0)
    return np.where(true[-1] == 0, np.nan, divergence)


def _between(there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return True from the first to the last True of each column."""
    forwards = np.logical_or.accumulate(there, axis=0)
    backwards: NDArray[np.bool_] = np.logical_or.accumulate(there[::-1], axis=0)[::-1]
    return forwards & backwards
