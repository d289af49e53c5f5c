"""Genomes of different sizes in one epoch: shares, order, and every window in its turn."""

from __future__ import annotations

import numpy as np
import pytest

from genescribe.data.balance import GenomeDraw
from genescribe.data.cursor import Cursor, micro_batches

GENOMES = np.repeat([0, 1, 2], [90, 9, 1])
LENGTHS = np.full(100, 1000)


def test_without_balance_an_epoch_holds_every_window_once() -> None:
    draw = GenomeDraw(GENOMES, LENGTHS, 0.0)
    assert draw.quotas == (90, 9, 1)
    assert sorted(draw.order(1, 0).tolist()) == list(range(100))


def test_a_genomes_share_grows_with_a_power_of_its_bases() -> None:
    draw = GenomeDraw(GENOMES, LENGTHS, 0.5)
    roots = np.sqrt([90, 9, 1])
    assert draw.quotas == tuple(np.round(100 * roots / roots.sum()).astype(int))
    assert GenomeDraw(GENOMES, LENGTHS, 1.0).quotas == (33, 33, 33)
    # Bases count, not windows.
    assert GenomeDraw(GENOMES[:99], np.where(GENOMES[:99] == 1, 10_000, 1000), 1.0).quotas == (90, 9)


def test_every_window_has_its_turn_as_often_as_the_others_of_its_genome() -> None:
    draw = GenomeDraw(GENOMES, LENGTHS, 0.5)
    # After so many epochs each genome was gone through a whole number of times.
    seen = np.bincount(np.concatenate([draw.order(3, epoch) for epoch in range(90)]), minlength=100)
    for genome, quota in enumerate(draw.quotas):
        counts = seen[genome == GENOMES]
        assert set(counts.tolist()) == {90 * quota // len(counts)}


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    draw = GenomeDraw(GENOMES, LENGTHS, 0.5)
    assert draw.order(1, 4).tolist() == draw.order(1, 4).tolist()
    assert draw.order(1, 4).tolist() != draw.order(2, 4).tolist() != draw.order(1, 5).tolist()


def test_windows_of_a_genome_come_in_blocks() -> None:
    draw = GenomeDraw(GENOMES[:99], LENGTHS[:99], 0.0, block=3)
    for three in draw.order(1, 0).reshape(-1, 3):
        assert len(set(GENOMES[three].tolist())) == 1


@pytest.mark.parametrize("step", [0, 7, 31])
def test_batches_go_on_wherever_a_run_stopped(step: int) -> None:
    draw = GenomeDraw(GENOMES, LENGTHS, 0.5, block=2)
    stream = np.concatenate([draw.order(1, epoch) for epoch in range(4)])
    batches = micro_batches(Cursor(1, step, 8, 8), len(draw), order=draw.order)
    assert next(batches) == stream[8 * step : 8 * step + 8].tolist()
