"""The blocked backend against the reference, across blocks and where exponentials underflow."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.backend_contract import (
    check_best_path,
    check_deterministic,
    check_gradients,
    check_refusal,
    gradients,
    hard_labels,
    wide_potentials,
)
from tests.kernels.enumerate_segmentations import enumerate_chain, expected_gradient
from tests.kernels.random_potentials import potentials, random_potentials

from genescribe.kernels.semicrf import reference
from genescribe.kernels.semicrf.blocked import dispatch as blocked
from genescribe.kernels.semicrf.blocked.layout import SIZES, Durations, growth, lay_out
from genescribe.kernels.semicrf.blocked.sum import Recurrence
from genescribe.kernels.semicrf.potentials import Potentials

NATS = (1.0, 5.0, 10.0, 20.0)
"""How much the emissions of `hard_labels` sway a base; unguarded exponentials go wrong from about 10."""


@settings(max_examples=25, deadline=None)
@given(potentials())
def test_it_sums_over_all_segmentations(p: Potentials) -> None:
    expected = torch.stack([enumerate_chain(p, chain).log_partition for chain in range(len(p.lengths))])
    torch.testing.assert_close(blocked.log_partition(p), expected, rtol=1e-10, atol=1e-9)
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
    for left, right in ((False, False), (True, False), (False, True), (True, True)):
        p = random_potentials(3, 150, 40, 4, period=3, boundaries=True, left=left, right=right, forbidden=0.05)
        found, expected = blocked.messages(p), reference.messages(p)
        for name in ("entry", "leave", "onward", "log_partition"):
            torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-11, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.one_of(wide_potentials(), potentials()))
def test_paths_are_best(p: Potentials) -> None:
    check_best_path(blocked, p)


def test_contents_too_far_apart_are_refused() -> None:
    check_refusal(blocked)


def test_gradients_are_bit_identical_from_run_to_run() -> None:
    check_deterministic(blocked)


def test_precision_does_not_depend_on_the_size_of_the_scores() -> None:
    p = random_potentials(1, 3000, 60, 4, mixed=False)
    steep = torch.arange(4, dtype=torch.float64) * -3.0
    # A label that falls behind by nine nats a base, and emissions shifted by a constant a base.
    p = replace(p, content=p.content + steep)
    moved = replace(p, content=p.content + 4096.0)
    (log_z, plain), (moved_z, shifted) = gradients(blocked, p), gradients(blocked, moved)
    torch.testing.assert_close(moved_z - 3000 * 4096.0, log_z, rtol=0, atol=1e-6)
    torch.testing.assert_close(plain["content"].sum(2), torch.ones(1, 3000, dtype=torch.float64), rtol=0, atol=1e-12)
    # Adding 4096 to a score near 1 rounds it at 5e-13.
    torch.testing.assert_close(shifted["content"], plain["content"], rtol=0, atol=1e-9)


def test_a_chain_without_a_segmentation_has_no_gradient() -> None:
    p = random_potentials(2, 100, 3, 2, mixed=False)
    p.content[1, 50] = -torch.inf
    q = replace(p, content=p.content.clone().requires_grad_())
    log_z = blocked.log_partition(q)
    assert log_z[1] == -torch.inf
    log_z.sum().backward()
    assert q.content.grad is not None
    assert torch.equal(q.content.grad[1], torch.zeros(100, 2, dtype=torch.float64))
    torch.testing.assert_close(q.content.grad[0].sum(1), torch.ones(100, dtype=torch.float64))


@pytest.mark.slow
def test_a_very_long_chain_stays_finite() -> None:
    p = random_potentials(1, 400_000, 3000, 24, mixed=False, dtype=torch.float32)
    content = p.content.requires_grad_()
    log_z = blocked.log_partition(p)
    log_z.sum().backward()
    assert bool(log_z.isfinite().all())
    assert content.grad is not None
    torch.testing.assert_close(content.grad.sum(2), torch.ones(1, 400_000), rtol=0, atol=1e-5)
