"""Counting runs, and the log shares made from the counts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from genescribe.crf.censored import survival_tables
from genescribe.crf.config import SemiCRFConfig
from genescribe.crf.durations import DurationTable
from genescribe.crf.head import SemiCRF
from genescribe.crf.statistics import RunStatistics, duration_shares
from genescribe.kernels.potentials import Potentials


def test_only_whole_runs_are_counted() -> None:
    chains = [np.array([[3, 0], [7, 1], [12, 0], [20, -1], [25, 1], [30, 0]])]
    cut = RunStatistics.count(chains, 2)
    assert [dict(d) for d in cut.durations] == [{}, {4: 1}]
    whole = RunStatistics.count(chains, 2, whole_edges=True)
    assert [dict(d) for d in whole.durations] == [{3: 1, 5: 1}, {4: 1}]
    assert cut.transitions[0].tolist() == [[0, 1], [2, 0]]
    assert cut.first.tolist() == [1, 0]
    assert cut.segments.tolist() == [2, 1]
    phased = RunStatistics.count(chains, 2, period=3)
    assert phased.transitions[:, 1, 0].tolist() == [0, 2, 0] == [0, cut.transitions[0, 1, 0], 0]


def test_runs_of_single_bases_follow_themselves() -> None:
    chains = [np.array([[10, 0], [30, 1], [34, 0], [44, 1], [50, 0]])] * 20
    crf = SemiCRFConfig(labels=2, max_duration=1).build()
    crf.initialise_from_statistics(RunStatistics.count(chains, 2), pseudocount=1e-9)
    shares = crf.transition[0].exp()
    # Label 1: runs of 20 and 10 bases, so 14 steps to itself for each step away.
    assert shares[1].tolist() == pytest.approx([1 / 15, 14 / 15], rel=1e-5)
    assert shares[0].tolist() == pytest.approx([3 / 4, 1 / 4], rel=1e-5)


@pytest.mark.parametrize("tail", [True, False])
@pytest.mark.parametrize(("low", "high"), [(1, 40), (5, 5), (3, 200)])
def test_shares_sum_to_one(low: int, high: int, tail: bool) -> None:
    generator = np.random.default_rng(1)
    counts = {int(k): 1 for k in generator.geometric(0.03, 500) + low}
    share, slope = duration_shares(counts, low, high, tail, 1.0)
    K = torch.full((high, 1), -torch.inf, dtype=torch.float64)
    K[low - 1 :, 0] = share
    zero = torch.zeros(1)
    slopes = torch.tensor([slope if tail else -torch.inf], dtype=torch.float64)
    p = Potentials(torch.zeros(1, 1, 1), torch.tensor([1]), zero.view(1, 1, 1), K, slopes, zero, zero)
    survival, _ = survival_tables(p, 1)
    assert float(survival[0, 0].exp()) == pytest.approx(1.0)


def test_the_mean_of_a_tail_is_that_of_the_longer_runs() -> None:
    counts = dict.fromkeys(range(1, 2001), 1)
    share, slope = duration_shares(counts, 1, 100, True, 1e-9)
    assert float(share.exp().sum()) == pytest.approx(0.05, rel=0.05)
    assert -1 / slope == pytest.approx(950, rel=0.05)


def test_exact_durations_stay_exact() -> None:
    share, _ = duration_shares({4: 300}, 1, 8, False, 1.0)
    assert float(share[3].exp()) > 0.99


def test_without_data_the_prior_decides() -> None:
    share, slope = duration_shares({}, 1, 50, True, 1.0)
    assert bool(torch.isfinite(share).all()) and slope < 0


def test_knots_keep_a_smooth_table() -> None:
    table = DurationTable(SemiCRFConfig(labels=1, max_duration=1000, duration_knots=24))
    assert table.score.shape[0] < 25
    counts = {int(k): 1 for k in np.random.default_rng(0).lognormal(5, 0.5, 2000)}
    table.initialise([counts], 1.0)
    fitted, _ = table()
    share, _ = duration_shares(counts, 1, 1000, True, 1.0)
    weight = share.exp()
    error = (weight * (fitted[:, 0].detach().double() - share).abs()).sum() / weight.sum()
    assert float(error) < 0.2


def test_a_geometric_label_that_every_edge_cuts_starts_with_the_mean_of_its_bases() -> None:
    # Forty chains of 600 to 1,000 bases: background, one segment of label 1, background. No background run is whole.
    rng = np.random.default_rng(2)
    chains = [np.array([[n, 0], [n + 100, 1], [n + 100 + m, 0]]) for n, m in rng.integers(300, 500, (40, 2))]
    counted = RunStatistics.count(chains, 2)
    assert not counted.durations[0]
    bases = torch.tensor([sum(float(c[0, 0] + c[2, 0] - c[1, 0]) for c in chains), 4000.0], dtype=torch.float64)
    crf = SemiCRF(SemiCRFConfig(labels=2, max_duration=(1, 200), geometric=(0,)))
    crf.initialise_from_statistics(replace(counted, bases=bases))
    table, tail = (part.detach() for part in crf.durations())
    # 40 of some 32,000 bases are the last of their segment: the runs at the chains' ends go on beyond.
    assert -1 / float(tail[0]) == pytest.approx(float(bases[0]) / 40, rel=0.05)
    assert float(table[0, 0]) == pytest.approx(math.log(1 - math.exp(float(tail[0]))), abs=1e-4)
