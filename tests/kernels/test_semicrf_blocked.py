"""The blocked backend against the reference, across blocks and where exponentials underflow."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.backend_contract import (
    check_best_path,
    check_deterministic,
    check_gradients,
    check_impossible_chain,
    check_messages,
    check_refusal,
    check_shifted_scores,
    check_very_long_chain,
    gradients,
    hard_labels,
    wide_potentials,
)
from tests.kernels.enumerate_segmentations import enumerate_chain, expected_gradient
from tests.kernels.random_potentials import potentials

from genescribe.kernels.semicrf import reference
from genescribe.kernels.semicrf.blocked import dispatch as blocked
from genescribe.kernels.semicrf.blocked.layout import SIZES, Durations, growth, lay_out
from genescribe.kernels.semicrf.blocked.sum import Recurrence
from genescribe.kernels.semicrf.dispatch import log_partition
from genescribe.kernels.semicrf.potentials import Potentials

NATS = (1.0, 5.0, 10.0, 20.0)
"""How much the emissions of `hard_labels` sway a base; unguarded exponentials go wrong from about 10."""


@settings(max_examples=25, deadline=None)
@given(potentials())
def test_it_sums_over_all_segmentations(p: Potentials) -> None:
    expected = torch.stack([enumerate_chain(p, chain).log_partition for chain in range(len(p.lengths))])
    torch.testing.assert_close(log_partition(p, "blocked"), expected, rtol=1e-10, atol=1e-9)
    tolerance = 1e-9 if p.content.dtype == torch.float64 else 2e-6
    _, found = gradients(blocked, p)
    alone = expected_gradient(p) if len(p.lengths) == 1 else None
    for name, gradient in (alone or {}).items():
        torch.testing.assert_close(found[name].double(), gradient, rtol=tolerance, atol=tolerance)


@settings(max_examples=60, deadline=None)
@given(wide_potentials())
def test_it_agrees_with_the_reference(p: Potentials) -> None:
    check_gradients(blocked, p)


@pytest.mark.parametrize("nats", NATS)
def test_labels_of_hard_durations_do_not_underflow(nats: float) -> None:
    check_gradients(blocked, hard_labels(nats))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("nats", NATS)
def test_every_block_size_gives_the_same_scores(size: int, nats: float) -> None:
    p = hard_labels(nats, T=400)
    durations = Durations.of(p)
    layout = lay_out(p, durations.order, size, both=False)
    scores = Recurrence(layout, durations, growth(p, durations)).run()
    offset = scores.offset.repeat_interleave(size, 0).unsqueeze(2)
    leave = scores.leave.flatten(0, 1) + offset + layout.shift.cumsum(0).unsqueeze(2)
    leave = leave[:400, 0, torch.argsort(durations.order)]
    expected = reference.messages(p.expanded()).leave[0, 1:]
    torch.testing.assert_close(leave, expected, rtol=1e-12, atol=1e-9)


def test_messages_agree_with_the_reference() -> None:
    check_messages(blocked)


@settings(max_examples=40, deadline=None)
@given(st.one_of(wide_potentials(), potentials()))
def test_paths_are_best(p: Potentials) -> None:
    check_best_path(blocked, p)


def test_contents_too_far_apart_are_refused() -> None:
    check_refusal(blocked)


def test_gradients_are_bit_identical_from_run_to_run() -> None:
    check_deterministic(blocked)


def test_precision_does_not_depend_on_the_size_of_the_scores() -> None:
    check_shifted_scores(blocked, 3000)


def test_a_chain_without_a_segmentation_has_no_gradient() -> None:
    check_impossible_chain(blocked)


@pytest.mark.slow
def test_a_very_long_chain_stays_finite() -> None:
    check_very_long_chain(blocked)
