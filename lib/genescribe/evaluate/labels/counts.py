"""Counts of a label prediction, gene by gene, so that genes can be resampled.

A unit is a stretch of a strand that holds one gene, or several with no base between them: strands are divided in the
middle of each true background segment. Bases, segments, boundaries and lengths are counted in the unit where they lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genescribe.data.runs import IGNORE, Runs
from genescribe.evaluate.labels.agreement import merge_runs, segments
from genescribe.evaluate.labels.boundaries import TOLERANCES, boundaries, match, match_typed, outside_masked
from genescribe.files import atomic_path

Segments = NDArray[np.int64]
"""(n, 3): start, end, label."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelCounts:
    """Counts of U units and C labels.

    Attributes
    ----------
    bases : (U, C, C) int64
        By true (row) and predicted (column) label.
    segments : (U, C, 3) int64
        In the truth, in the prediction, in both with the same start, end and label.
    boundaries : (U, 2, tolerances, 3) int64
        Untyped and typed (between the same two labels): in the truth, in the prediction, matched, at each of
        `TOLERANCES`.
    true_lengths, predicted_lengths : (n, 3) int64
        Unit, label and length of each whole segment.
    """

    bases: NDArray[np.int64]
    segments: NDArray[np.int64]
    boundaries: NDArray[np.int64]
    true_lengths: NDArray[np.int64]
    predicted_lengths: NDArray[np.int64]

    def save(self, path: str | Path) -> None:
        """Write all counts into an `.npz` file."""
        with atomic_path(Path(path)) as temporary, temporary.open("wb") as handle:
            np.savez_compressed(handle, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: str | Path) -> LabelCounts:
        """Return the counts that `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(**{field.name: stored[field.name] for field in fields(cls)})


def count_labels(
    truth: Runs,
    predicted: Runs,
    labels: int,
    *,
    background: int = 0,
    left_censored: bool = False,
    right_censored: bool = False,
) -> LabelCounts:
    """Count one stretch of a strand.

    Parameters
    ----------
    truth, predicted
        Runs that end at the same base; neighbours of one label are joined for every head.
    labels
        Number of labels, C.
    background
        The label between genes.
    left_censored, right_censored
        The stretch's first (last) segment continues beyond it and is left out as a segment.

    Notes
    -----
    What the truth masks counts nowhere. A true segment beside masked bases is cut: it is no whole segment, and
    neither are predicted segments of its label that share a base with it.
    """
    truth, predicted = merge_runs(truth), merge_runs(predicted)
    if truth[-1, 0] != predicted[-1, 0]:
        raise ValueError(f"the truth ends at base {truth[-1, 0]}, the prediction at {predicted[-1, 0]}")
    edges = _edges(truth, background)
    cut = {"left_censored": left_censored, "right_censored": right_censored}
    complete = whole_segments(truth, predicted, **cut)
    return LabelCounts(
        _bases(truth, predicted, edges, labels),
        _segments(*complete, edges, labels),
        _boundaries(truth, predicted, edges),
        *(_lengths(part, edges) for part in complete),
    )


def add_up(parts: Iterable[LabelCounts]) -> LabelCounts:
    """Return the counts of several stretches as those of one, their units one after another."""
    counts = list(parts)
    offsets = np.cumsum([0, *(len(part.bases) for part in counts[:-1])])
    lengths = [
        np.concatenate(
            [np.add(getattr(part, name), [offset, 0, 0]) for part, offset in zip(counts, offsets, strict=True)]
        )
        for name in ("true_lengths", "predicted_lengths")
    ]
    stacked = [np.concatenate([getattr(part, name) for part in counts]) for name in ("bases", "segments", "boundaries")]
    return LabelCounts(*stacked, *lengths)


def pool(parts: Iterable[LabelCounts]) -> LabelCounts:
    """Return the sum of several predictions of the same units, such as those of several seeds.

    Raises
    ------
    ValueError
        The units differ.
    """
    counts = list(parts)
    check_same_truth(counts)
    summed = [sum(getattr(part, name) for part in counts) for name in ("bases", "segments", "boundaries")]
    lengths = [
        np.concatenate([getattr(part, name) for part in counts]) for name in ("true_lengths", "predicted_lengths")
    ]
    return LabelCounts(*summed, *lengths)


def check_same_truth(parts: Sequence[LabelCounts]) -> None:
    """Raise `ValueError` where some counts are not of the same units."""
    first = parts[0].segments[..., 0]
    if not all(np.array_equal(part.segments[..., 0], first) for part in parts[1:]):
        raise ValueError("predictions of different units have nothing in common")


def whole_segments(
    truth: Runs, predicted: Runs, *, left_censored: bool = False, right_censored: bool = False
) -> tuple[Segments, Segments]:
    """Return the true and the predicted segments that are whole: see the notes of `count_labels`.

    Parameters
    ----------
    truth, predicted : (k, 2)
        Runs of the same stretch.
    left_censored, right_censored
        Whether a segment may go on beyond that end of the stretch.
    """
    cut = {"left_censored": left_censored, "right_censored": right_censored}
    true, guessed = segments(truth, **cut), segments(predicted, **cut)
    everything = segments(truth)
    masked = everything[:, 2] == IGNORE
    beside = np.zeros(len(everything), dtype=bool)
    beside[:-1] |= masked[1:]
    beside[1:] |= masked[:-1]
    halves = everything[beside & ~masked]
    kept = (true[:, 2] != IGNORE) & ~np.isin(true[:, 0], halves[:, 0])
    hidden = _share_a_base(guessed, everything[masked])
    for label in np.unique(halves[:, 2]):
        of_label = guessed[:, 2] == label
        hidden[of_label] |= _share_a_base(guessed[of_label], halves[halves[:, 2] == label])
    return true[kept], guessed[~hidden]


def _share_a_base(some: Segments, others: Segments) -> NDArray[np.bool_]:
    """Whether each segment shares a base with any of the disjoint, ascending `others`."""
    begun = np.searchsorted(others[:, 0], some[:, 1], side="left")
    ended = np.searchsorted(others[:, 1], some[:, 0], side="right")
    shared: NDArray[np.bool_] = begun > ended
    return shared


def _edges(truth: Runs, background: int) -> NDArray[np.int64]:
    """Return the positions where units meet."""
    spans = segments(truth)
    middles: NDArray[np.int64] = (spans[:, 0] + spans[:, 1])[spans[:, 2] == background] // 2
    return middles


def _unit(positions: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(edges, positions, side="right").astype(np.int64)


def _bases(truth: Runs, predicted: Runs, edges: NDArray[np.int64], labels: int) -> NDArray[np.int64]:
    ends = np.unique(np.concatenate([truth[:, 0], predicted[:, 0], edges[edges > 0]]))
    lengths = np.diff(ends, prepend=0)
    true, guessed = (side[np.searchsorted(side[:, 0], ends), 1] for side in (truth, predicted))
    counts = np.zeros((len(edges) + 1, labels, labels), dtype=np.int64)
    known = true != IGNORE
    np.add.at(counts, (_unit(ends - 1, edges)[known], true[known], guessed[known]), lengths[known])
    return counts


def _segments(true: Segments, guessed: Segments, edges: NDArray[np.int64], labels: int) -> NDArray[np.int64]:
    counts = np.zeros((len(edges) + 1, labels, 3), dtype=np.int64)
    both = {tuple(row) for row in true.tolist()} & {tuple(row) for row in guessed.tolist()}
    right = np.array(sorted(both), dtype=np.int64).reshape(-1, 3)
    for column, part in enumerate((true, guessed, right)):
        # A segment lies where its middle is; equal segments lie in one unit.
        np.add.at(counts[..., column], (_unit((part[:, 0] + part[:, 1]) // 2, edges), part[:, 2]), 1)
    return counts


def _boundaries(truth: Runs, predicted: Runs, edges: NDArray[np.int64]) -> NDArray[np.int64]:
    true, guessed = boundaries(truth), outside_masked(boundaries(predicted), truth)
    counts = np.zeros((len(edges) + 1, 2, len(TOLERANCES), 3), dtype=np.int64)
    for place, tolerance in enumerate(TOLERANCES):
        matched = (match(true[:, 0], guessed[:, 0], tolerance), match_typed(true, guessed, tolerance))
        for kind, places in enumerate(matched):
            for column, positions in enumerate((true[:, 0], guessed[:, 0], true[places, 0])):
                np.add.at(counts[:, kind, place, column], _unit(positions, edges), 1)
    return counts


def _lengths(segments: Segments, edges: NDArray[np.int64]) -> NDArray[np.int64]:
    middles = (segments[:, 0] + segments[:, 1]) // 2
    return np.stack([_unit(middles, edges), segments[:, 2], segments[:, 1] - segments[:, 0]], axis=1)
