"""Boundaries between labels and their largest matching."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genescribe.data.runs import runs_from_labels
from genescribe.evaluate.labels.boundaries import boundaries, match, match_typed, outside_masked

positions = st.lists(st.integers(0, 40), unique=True, max_size=12).map(sorted)


def largest_matching(truth: list[int], predicted: list[int], tolerance: int) -> int:
    """Size of a largest matching, by augmenting paths (Kuhn)."""
    partner: dict[int, int] = {}

    def augment(i: int, seen: set[int]) -> bool:
        for j, place in enumerate(predicted):
            if abs(place - truth[i]) <= tolerance and j not in seen:
                seen.add(j)
                if j not in partner or augment(partner[j], seen):
                    partner[j] = i
                    return True
        return False

    return sum(augment(i, set()) for i in range(len(truth)))


@given(positions, positions, st.integers(0, 8))
def test_matching_is_as_large_as_any(truth: list[int], predicted: list[int], tolerance: int) -> None:
    found = match(np.array(truth, dtype=np.int64), np.array(predicted, dtype=np.int64), tolerance)
    assert len(found) == largest_matching(truth, predicted, tolerance)
    assert all(a < b for a, b in pairwise(found.tolist()))
    assert all(any(abs(truth[i] - place) <= tolerance for place in predicted) for i in found)


def test_a_greedy_choice_of_the_nearest_is_not_enough() -> None:
    # The nearest partner of 12 is 11; 10 would then stay alone, although 10-11 and 12-14 are possible.
    assert len(match(np.array([10, 12]), np.array([11, 14]), 2)) == 2


@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.lists(st.integers(0, 2), min_size=40, max_size=40))
def test_typed_matches_are_those_of_each_kind(one: list[int], other: list[int]) -> None:
    truth, predicted = (boundaries(runs_from_labels(np.array(labels))) for labels in (one, other[: len(one)]))
    for tolerance in (0, 2):
        expected = sum(
            largest_matching(
                *(part[(part[:, 1:] == kind).all(axis=1), 0].tolist() for part in (truth, predicted)), tolerance
            )
            for kind in {tuple(row) for row in truth[:, 1:].tolist()}
        )
        assert len(match_typed(truth, predicted, tolerance)) == expected
        assert expected <= len(match(truth[:, 0], predicted[:, 0], tolerance))


def test_masked_stretches_have_no_boundaries() -> None:
    truth = np.array([[10, 0], [20, 1], [30, -1], [40, 0], [50, 2]], dtype=np.int32)
    assert boundaries(truth).tolist() == [[10, 0, 1], [40, 0, 2]]
    predicted = np.array([[[p, 0, 1]] for p in (10, 19, 20, 25, 30, 31)]).reshape(-1, 3)
    assert outside_masked(predicted, truth)[:, 0].tolist() == [10, 19, 31]


def test_runs_of_one_label_have_no_boundary_between_them() -> None:
    assert boundaries(np.array([[3, 1], [5, 1], [9, 0]], dtype=np.int32)).tolist() == [[5, 1, 0]]
