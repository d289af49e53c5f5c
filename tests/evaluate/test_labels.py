"""Label metrics against counts made base by base, and the two distances of durations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from genescribe.data.runs import IGNORE, Runs, labels_from_runs, runs_from_labels
from genescribe.evaluate.labels.agreement import (
    binned_kl,
    confusion,
    merge_runs,
    position_f1,
    segment_counts,
    segment_f1,
    segments,
    wasserstein,
)

LABELS = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(IGNORE, 2), min_size=n, max_size=n), st.lists(st.integers(0, 2), min_size=n, max_size=n)
    )
)
NAMES = ("a", "b", "c")


def split(runs: Runs) -> Runs:
    """Cut every run of two or more bases in two, as a semi-Markov path may."""
    starts = np.append(0, runs[:-1, 0])
    middle = np.stack([(starts + runs[:, 0]) // 2, runs[:, 1]], axis=1)[runs[:, 0] - starts > 1]
    both = np.concatenate([runs, middle])
    return both[np.argsort(both[:, 0])].astype(np.int32)


@given(LABELS)
def test_confusion_equals_a_count_of_bases(pair: tuple[list[int], list[int]]) -> None:
    truth, predicted = (np.array(one) for one in pair)
    expected = np.zeros((3, 3), dtype=int)
    for t, p in zip(*pair, strict=True):
        if t != IGNORE:
            expected[t, p] += 1
    found = confusion(runs_from_labels(truth), split(runs_from_labels(predicted)), 3)
    assert np.array_equal(found, expected)


@given(LABELS)
def test_merging_undoes_splitting(pair: tuple[list[int], list[int]]) -> None:
    runs = runs_from_labels(np.array(pair[1]))
    assert np.array_equal(merge_runs(split(runs)), runs)
    assert np.array_equal(labels_from_runs(split(runs)), pair[1])


@given(LABELS)
def test_segments_that_are_right(pair: tuple[list[int], list[int]]) -> None:
    truth, predicted = (segments(runs_from_labels(np.array(one))) for one in pair)
    ignored = np.array(pair[0]) == IGNORE
    kept = [row for row in predicted.tolist() if not ignored[row[0] : row[1]].any()]
    counts = segment_counts(truth, predicted, 3)
    assert counts[:, 0].sum() == (truth[:, 2] != IGNORE).sum()
    assert counts[:, 1].sum() == len(kept)
    assert counts[:, 2].sum() == sum(row in truth.tolist() for row in kept)


def test_position_f1_by_hand() -> None:
    scores = position_f1(np.array([[8, 2, 0], [1, 4, 0], [0, 0, 0]]), NAMES)
    assert scores["classes"]["a"] == {
        "sensitivity": 0.8,
        "precision": pytest.approx(8 / 9),
        "f1": pytest.approx(16 / 19),
        "bases": 10,
    }
    assert scores["classes"]["c"]["f1"] is None
    assert scores["macro"] == pytest.approx((16 / 19 + 8 / 11) / 2)
    assert scores["accuracy"] == pytest.approx(12 / 15)


def test_a_wrong_border_costs_both_segments() -> None:
    truth = segments(np.array([[10, 0], [20, 1], [30, 0]], dtype=np.int32))
    predicted = segments(np.array([[11, 0], [20, 1], [30, 0]], dtype=np.int32))
    scores = segment_f1(segment_counts(truth, predicted, 3), NAMES)
    assert scores["classes"]["b"]["f1"] == 0.0
    assert scores["classes"]["a"]["f1"] == 0.5
    assert scores["micro"] == pytest.approx(1 / 3)
    assert scores["macro"] == 0.25


def test_censored_segments_are_left_out() -> None:
    runs = np.array([[10, 0], [20, 1], [30, 0]], dtype=np.int32)
    assert segments(runs, left_censored=True).tolist() == [[10, 20, 1], [20, 30, 0]]
    assert segments(runs, left_censored=True, right_censored=True).tolist() == [[10, 20, 1]]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=30), st.integers(1, 5), st.integers(0, 50))
def test_wasserstein_of_a_shift_is_the_shift(lengths: list[int], times: int, shift: int) -> None:
    assert wasserstein(lengths, np.repeat(lengths, times) + shift) == pytest.approx(shift)


@given(st.lists(st.integers(1, 500), min_size=5, max_size=5), st.lists(st.integers(1, 500), min_size=5, max_size=5))
def test_wasserstein_of_equal_sizes_pairs_the_sorted(first: list[int], second: list[int]) -> None:
    assert wasserstein(first, second) == pytest.approx(np.abs(np.sort(first) - np.sort(second)).mean())


def samples(mean: float, seed: int, size: int = 300) -> NDArray[np.int64]:
    return np.random.default_rng(seed).geometric(1 / mean, size)


def test_kl_is_small_for_one_distribution_and_large_for_two() -> None:
    same = binned_kl(samples(200, 1), samples(200, 2))
    other = binned_kl(samples(200, 1), samples(800, 2))
    assert same is not None
    assert other is not None
    assert 0 <= same < 0.1
    assert other > 5 * same
    assert binned_kl(samples(200, 1), samples(200, 1)) == pytest.approx(0)


def test_distances_without_segments_are_undefined() -> None:
    assert wasserstein([], [1]) is None
    assert binned_kl([1], []) is None


def test_windows_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="ends at base"):
        confusion(np.array([[5, 0]]), np.array([[6, 0]]), 1)
