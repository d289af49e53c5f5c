"""Arithmetic on runs and intervals, against the same on single bases."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genescribe.data.runs import IGNORE, Runs, cut, ignore, labels_from_runs, runs_from_segments
from genescribe.genome.intervals import shared, union

INTERVALS = st.lists(st.tuples(st.integers(-5, 45), st.integers(0, 15)).map(lambda p: (p[0], p[0] + p[1])), max_size=8)
SEGMENTS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), min_size=1, max_size=10)


def runs_of(segments: list[tuple[int, int]]) -> Runs:
    durations, labels = zip(*segments, strict=True)
    return np.stack([np.cumsum(durations), labels], axis=1).astype(np.int32)


def depth(intervals: list[tuple[int, int]], length: int) -> np.ndarray:
    covered = np.zeros(length, dtype=int)
    for start, end in intervals:
        covered[max(0, start) : max(0, end)] += 1
    return covered


@given(INTERVALS)
def test_union_and_shared(intervals: list[tuple[int, int]]) -> None:
    moved = [(start + 5, end + 5) for start, end in intervals]
    covered = depth(moved, 80)
    for found, least in ((union(moved), 1), (shared(moved), 2)):
        assert (depth(found, 80) == (covered >= least)).all()
        assert all(left[1] < right[0] for left, right in pairwise(found))


@given(SEGMENTS, INTERVALS, st.sampled_from([None, 0, 2]))
def test_ignore(segments: list[tuple[int, int]], intervals: list[tuple[int, int]], over: int | None) -> None:
    runs = runs_of(segments)
    before, covered = labels_from_runs(runs), depth(intervals, len(labels_from_runs(runs)) + 70)[: runs[-1, 0]] > 0
    masked = covered & ((before == over) if over is not None else True)
    result = ignore(runs, intervals, over=over)
    assert np.array_equal(labels_from_runs(result), np.where(masked, IGNORE, before))
    # Segments keep their borders, also between two of one label; masked stretches are one run each.
    borders = set(runs[:-1, 0].tolist())
    kept = {end for end in borders if not (masked[end - 1] and masked[end])}
    changes = set((np.flatnonzero(np.diff(np.where(masked, IGNORE, before))) + 1).tolist())
    assert set(result[:-1, 0].tolist()) == kept | changes


@given(SEGMENTS, st.data())
def test_cut(segments: list[tuple[int, int]], data: st.DataObject) -> None:
    runs = runs_of(segments)
    length = int(runs[-1, 0])
    start = data.draw(st.integers(0, length - 1))
    end = data.draw(st.integers(start + 1, length))
    part = cut(runs, start, end)
    assert np.array_equal(labels_from_runs(part), labels_from_runs(runs)[start:end])
    assert part[:-1, 0].tolist() == [place - start for place in runs[:, 0].tolist() if start < place < end]


def test_segments_leave_the_input_alone() -> None:
    runs = runs_of([(4, 0), (4, 2)])
    cut(runs, 1, 6)
    ignore(runs, [(0, 3)])
    assert runs.tolist() == [[4, 0], [8, 2]]
    assert runs_from_segments([], 3, 7).tolist() == [[3, 7]]
