"""Counts of labels gene by gene, and the scores made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genescribe.data.runs import IGNORE, Runs, labels_from_runs, runs_from_labels
from genescribe.evaluate.labels.agreement import binned_kl, confusion, wasserstein
from genescribe.evaluate.labels.boundaries import TOLERANCES
from genescribe.evaluate.labels.counts import LabelCounts, add_up, count_labels, pool, whole_segments
from genescribe.evaluate.labels.draws import FEWEST, HEADLINES, drawn_headlines
from genescribe.evaluate.labels.scores import bootstrap, compare, durations, headlines, summarise

C = 3
NAMES = ("between", "exon", "intron")
labellings = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-1, C - 1), min_size=n, max_size=n),
        st.lists(st.integers(0, C - 1), min_size=n, max_size=n),
    )
)


def runs(*pairs: tuple[int, int]) -> Runs:
    return np.array(pairs, dtype=np.int32)


@given(labellings)
def test_units_share_out_what_the_whole_has(labels: tuple[list[int], list[int]]) -> None:
    truth, predicted = (runs_from_labels(np.array(part)) for part in labels)
    counts = count_labels(truth, predicted, C)
    assert np.array_equal(counts.bases.sum(axis=0), confusion(truth, predicted, C))
    whole = whole_segments(truth, predicted)
    assert counts.segments.sum(axis=0)[:, 0].sum() == len(whole[0]) == len(counts.true_lengths)
    assert counts.segments.sum(axis=0)[:, 1].sum() == len(whole[1]) == len(counts.predicted_lengths)
    assert (counts.segments[..., 2] <= counts.segments[..., :2].min(axis=-1)).all()
    assert (np.diff(counts.boundaries.sum(axis=0)[..., 2], axis=1) >= 0).all()
    assert (counts.boundaries[:, 1].sum(axis=0) <= counts.boundaries[:, 0].sum(axis=0)).all()


@given(labellings)
def test_the_truth_itself_is_right_everywhere(labels: tuple[list[int], list[int]]) -> None:
    truth = runs_from_labels(np.maximum(np.array(labels[0]), 0))
    counts = count_labels(truth, truth, C)
    values = dict(zip(HEADLINES, headlines(counts, NAMES), strict=True))
    assert values["position_f1"] == 1.0
    assert values["segment_f1"] == 1.0
    assert np.isnan(values["boundary_f1"]) == (len(truth) == 1)
    assert np.isnan(values["boundary_f1"]) or values["boundary_f1"] == 1.0


@given(labellings)
def test_masked_bases_count_nowhere(labels: tuple[list[int], list[int]]) -> None:
    truth, predicted = (np.array(part) for part in labels)
    other = np.where(truth == IGNORE, (predicted + 1) % C, predicted)
    one, two = (count_labels(runs_from_labels(truth), runs_from_labels(part), C) for part in (predicted, other))
    assert np.array_equal(one.bases, two.bases)
    true, guessed = whole_segments(runs_from_labels(truth), runs_from_labels(predicted))
    assert all((truth[start:end] != IGNORE).all() for start, end, _ in [*true.tolist(), *guessed.tolist()])


def test_segments_beside_masked_bases_are_cut_on_both_sides() -> None:
    truth = runs((10, 0), (20, 1), (30, IGNORE), (40, 1), (60, 0))
    predicted = runs((10, 0), (18, 1), (32, 2), (40, 1), (45, 0), (50, 2), (60, 0))
    true, guessed = whole_segments(truth, predicted)
    assert true.tolist() == [[0, 10, 0], [40, 60, 0]]
    # [10, 18) and [32, 40) share bases with exons whose other end is hidden; [18, 32) holds masked bases.
    assert guessed.tolist() == [[0, 10, 0], [40, 45, 0], [45, 50, 2], [50, 60, 0]]


def test_segments_that_go_on_beyond_the_stretch_are_left_out() -> None:
    truth = runs((10, 1), (20, 0), (30, 2))
    counts = count_labels(truth, truth, C, left_censored=True, right_censored=True)
    assert counts.segments.sum(axis=0).tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]
    assert counts.bases.sum() == 30


def test_units_meet_in_the_middle_of_the_background() -> None:
    truth = runs((100, 0), (150, 1), (250, 0), (300, 1), (400, 0))
    counts = count_labels(truth, runs((400, 0)), C)
    assert counts.bases[:, 1].sum(axis=1).tolist() == [0, 50, 50, 0]
    assert counts.bases.sum(axis=(1, 2)).tolist() == [50, 150, 150, 50]


def genes(seed: int, error: float, number: int = 60) -> tuple[Runs, Runs]:
    """Return a strand of genes of two exons, and a prediction that moves some boundaries."""
    generator = np.random.default_rng(seed)
    truth = []
    for _ in range(number):
        lengths = generator.geometric(1 / np.array([200, 60, 40, 80]))
        truth += [0] * int(lengths[0]) + [1] * int(lengths[1]) + [2] * int(lengths[2]) + [1] * int(lengths[3])
    wholly = runs_from_labels(np.array([*truth, 0]))
    moved = wholly.copy()
    shift = generator.integers(1, 9, size=len(moved)) * (generator.random(len(moved)) < error)
    moved[:-1, 0] = np.maximum.accumulate(np.minimum(moved[:-1, 0] + shift[:-1], moved[-1, 0] - 1))
    return wholly, runs_from_labels(labels_from_runs(moved[np.append(np.diff(moved[:, 0]) > 0, True)]))


def test_more_errors_are_worse_and_the_paired_interval_sees_it() -> None:
    truth, good = genes(1, 0.1)
    bad = genes(1, 0.6)[1]
    counts = {name: count_labels(truth, part, C) for name, part in (("good", good), ("bad", bad))}
    found = summarise(counts["good"], NAMES, replicates=50)
    low, high = found["intervals"]["segment_f1"]
    assert low < found["headlines"]["segment_f1"] < high
    assert found["boundary"]["0"]["f1"] < 0.95 < found["boundary"]["10"]["f1"]
    gain = compare(counts, NAMES, baseline="bad", replicates=50)["good"]["segment_f1"]
    assert gain["interval"][0] > 0 and gain["difference"] > 0.3
    assert compare(counts, NAMES, baseline="bad", replicates=50) == compare(
        counts, NAMES, baseline="bad", replicates=50
    )


def slow_distances(counts: LabelCounts, weights: np.ndarray) -> list[float]:
    """Return mean KL and relative Wasserstein distance of one draw, its segments written out one by one."""
    kls, shifts = [], []
    for label in range(C):
        sides = [side[side[:, 1] == label] for side in (counts.predicted_lengths, counts.true_lengths)]
        if len(sides[1]) < FEWEST:
            continue
        guessed, true = (np.repeat(side[:, 2], weights[side[:, 0]]) for side in sides)
        if not len(true):
            continue
        low, high = (int(np.floor(2 * np.log2(edge))) for edge in (true.min(), true.max()))
        flat = 2 ** ((np.arange(low, high + 1) + 0.5) / 2)
        kls.append(binned_kl(guessed if len(guessed) else flat, true))
        shifts.append(wasserstein(guessed if len(guessed) else [0], true) / true.mean())
    return [np.mean(kls), np.mean(shifts)] if kls else [np.nan, np.nan]


@pytest.mark.parametrize("never", [False, True])
def test_draws_are_scored_together_as_each_by_itself(never: bool) -> None:
    truth, predicted = genes(2, 0.3)
    predicted = runs((int(truth[-1, 0]) // 2, 0), (int(truth[-1, 0]), 1)) if never else predicted
    counts = count_labels(truth, predicted, C)
    weights = np.random.default_rng(0).integers(0, 3, size=(7, len(counts.bases)))
    # A draw of one unit has hardly any lengths, and another none at all.
    weights[0], weights[1] = 0, 0
    weights[0, 3] = 5
    found = drawn_headlines(counts, NAMES, weights.astype(np.float64))
    slow = [slow_distances(counts, row) for row in weights]
    np.testing.assert_allclose(found[:, 7:], slow, rtol=1e-12, atol=1e-15)
    for row, values in zip(weights, found, strict=True):
        units = np.repeat(np.arange(len(row)), row)
        parts = [part[units].sum(axis=0, keepdims=True) for part in (counts.bases, counts.segments, counts.boundaries)]
        drawn = LabelCounts(*parts, counts.true_lengths[:0], counts.predicted_lengths[:0])
        np.testing.assert_array_equal(headlines(drawn, NAMES)[:7], values[:7])


def test_all_see_the_same_draws() -> None:
    counts = count_labels(*genes(2, 0.3), C)
    draws = bootstrap([counts, counts], NAMES, 5, seed=3)
    np.testing.assert_array_equal(draws[0], draws[1])
    assert len({tuple(row) for row in draws[0].tolist()}) == 5


def test_stretches_add_up_and_seeds_pool(tmp_path: Path) -> None:
    one, two = (count_labels(*genes(seed, 0.3, number), C) for seed, number in ((3, 60), (4, 50)))
    both = add_up([one, two])
    assert len(both.bases) == len(one.bases) + len(two.bases)
    assert both.true_lengths[len(one.true_lengths) :, 0].min() >= len(one.bases)
    both.save(tmp_path / "counts.npz")
    again = LabelCounts.load(tmp_path / "counts.npz")
    assert summarise(again, NAMES, replicates=0) == summarise(both, NAMES, replicates=0)
    pooled = pool([one, one])
    np.testing.assert_allclose(headlines(pooled, NAMES)[:7], headlines(one, NAMES)[:7])
    with pytest.raises(ValueError, match="different units"):
        pool([one, two])


def test_the_floor_is_what_two_samples_of_the_truth_differ_by() -> None:
    truth, predicted = genes(5, 0.0, number=400)
    found = durations(count_labels(truth, predicted, C), NAMES)["exon"]
    assert found["kl"] == found["wasserstein"] == 0.0
    lengths = count_labels(truth, truth, C).true_lengths
    exons = lengths[lengths[:, 1] == 1, 2]
    half = np.random.default_rng(0).permutation(len(exons)) < len(exons) // 2
    # Halves are half as large as the samples of the floor, so they differ by more, but not by much more.
    assert 0 < found["floor_wasserstein"] < 3 * (wasserstein(exons[half], exons[~half]) or 0)
    assert 0 < found["floor_kl"] < 5 * (binned_kl(exons[half], exons[~half]) or 0)


def test_a_label_that_is_never_predicted_is_far_from_the_truth() -> None:
    truth, _ = genes(6, 0.0)
    nothing = runs((int(truth[-1, 0]), 0))
    values = dict(zip(HEADLINES, headlines(count_labels(truth, nothing, C), NAMES), strict=True))
    assert values["duration_distance"] > 0.9
    assert values["duration_kl"] > 0.1
    assert values["exon_f1"] == 0.0


def test_labels_with_few_segments_have_no_distance() -> None:
    truth, predicted = genes(7, 0.2, number=FEWEST // 2 - 2)
    assert np.isnan(headlines(count_labels(truth, predicted, C), NAMES)[HEADLINES.index("duration_kl")])


def test_every_tolerance_is_reported() -> None:
    found = summarise(count_labels(*genes(8, 0.3), C), NAMES, replicates=0)
    assert list(found["boundary"]) == list(found["typed_boundary"]) == [str(t) for t in TOLERANCES]
    assert "intervals" not in found
