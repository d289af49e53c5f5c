"""Bootstrap intervals: seeded, covering, and sharper for pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from genescribe.evaluate.accuracy import LEVELS, compare, tally
from genescribe.evaluate.bootstrap import intervals, paired_intervals
from genescribe.evaluate.perturb import perturb, random_genes
from genescribe.genome.model import Gene, Transcript


def singles(number: int) -> list[Gene]:
    return [
        Gene(f"g{i}", "s", "+", (Transcript(f"t{i}", (span,), (span,)),))
        for i in range(number)
        for span in [(1000 * i, 1000 * i + 300)]
    ]


def test_the_width_is_that_of_the_binomial() -> None:
    reference = singles(400)
    counts = tally(reference, reference[:300])[0]
    low, high = intervals(counts, 4000, seed=1)["gene"]["sensitivity"] or [0.0, 0.0]
    expected = 1.96 * math.sqrt(0.75 * 0.25 / 400)
    assert low == pytest.approx(0.75 - expected, abs=0.006)
    assert high == pytest.approx(0.75 + expected, abs=0.006)


def test_the_seed_decides() -> None:
    reference = random_genes(1, 100)
    counts = tally(reference, perturb(reference, 2))[0]
    assert intervals(counts, 200, seed=3) == intervals(counts, 200, seed=3)
    assert intervals(counts, 200, seed=3) != intervals(counts, 200, seed=4)


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = random_genes(1, 50)
    counts = tally(reference, perturb(reference, 2))[0]
    whole = intervals(counts, 100, seed=3)
    monkeypatch.setattr("genescribe.evaluate.bootstrap._BLOCK", 7 * len(counts))
    assert intervals(counts, 100, seed=3) == whole


def test_the_observed_value_lies_inside() -> None:
    reference = random_genes(5, 300)
    predicted = perturb(reference, 6)
    metrics, found = compare(reference, predicted), intervals(tally(reference, predicted)[0], 500)
    for level in LEVELS:
        for metric in ("sensitivity", "precision", "f1"):
            low, high = found[level][metric] or [0.0, 0.0]
            assert low <= metrics[level][metric] <= high


def test_pairs_are_sharper_than_two_intervals() -> None:
    reference = random_genes(7, 400, spread=6000)
    first = perturb(reference, 8, 0.4)
    known = {id(g) for g in first}
    second = [g for i, g in enumerate(first) if i % 20 or id(g) not in known]
    one, other = tally(reference, second, first)
    paired = paired_intervals(one, other, 1000, seed=1)["gene"]["sensitivity"]
    assert paired["difference"] == pytest.approx(
        compare(reference, first)["gene"]["sensitivity"] - compare(reference, second)["gene"]["sensitivity"]
    )
    assert paired["interval"][0] <= paired["difference"] <= paired["interval"][1]
    alone = intervals(one, 1000, seed=1)["gene"]["sensitivity"] or [0.0, 0.0]
    assert np.ptp(paired["interval"]) < np.ptp(alone)
    assert paired["not_better"] < 0.01


def test_a_prediction_is_never_better_than_itself() -> None:
    reference = random_genes(7, 40)
    predicted = perturb(reference, 8, 0.4)
    paired = paired_intervals(*tally(reference, predicted, predicted), 100)
    for level in LEVELS:
        assert paired[level]["f1"]["difference"] == 0.0
        assert paired[level]["f1"]["interval"] == [0.0, 0.0]
        assert paired[level]["f1"]["not_better"] == 1.0


def test_undefined_metrics_have_no_interval() -> None:
    counts = tally([], [])[0]
    assert intervals(counts, 10)["gene"]["f1"] is None


def test_tables_of_different_calls_are_refused() -> None:
    reference = singles(3)
    with pytest.raises(ValueError, match="one call"):
        paired_intervals(tally(reference, reference)[0], tally(reference[:2], reference[:2])[0])
