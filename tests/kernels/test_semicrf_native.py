"""The native backend against the reference, with every instruction set of this processor."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.backend_contract import (
    MESSAGES,
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
from tests.kernels.random_potentials import potentials, random_potentials

from genescribe.kernels.semicrf import native, reference
from genescribe.kernels.semicrf.dispatch import log_partition
from genescribe.kernels.semicrf.potentials import Potentials

pytestmark = pytest.mark.skipif(
    native.library() is None, reason="the native library was not built: `pip install -e .` with a C++17 compiler"
)

EXAMPLES = settings(max_examples=25, deadline=None)


@EXAMPLES
@given(potentials(longest=9))
def test_short_chains_agree_with_the_reference(isa: str, p: Potentials) -> None:
    check_gradients(native, p)


@EXAMPLES
@given(wide_potentials())
def test_it_agrees_with_the_reference(isa: str, p: Potentials) -> None:
    check_gradients(native, p)


@pytest.mark.parametrize("nats", [1.0, 5.0, 10.0, 20.0])
def test_labels_of_hard_durations_do_not_underflow(isa: str, nats: float) -> None:
    p = hard_labels(nats)
    check_gradients(native, p)
    found, expected = native.messages(p), reference.messages(p.expanded())
    for name in MESSAGES:
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-12, atol=1e-9)


def test_messages_agree_with_the_reference() -> None:
    check_messages(native)


@settings(max_examples=60, deadline=None)
@given(st.one_of(wide_potentials(), potentials()))
def test_paths_are_best(p: Potentials) -> None:
    check_best_path(native, p)


def test_contents_too_far_apart_are_refused() -> None:
    check_refusal(native)


def test_gradients_are_bit_identical_from_run_to_run_and_for_any_threads() -> None:
    check_deterministic(native)
    p = random_potentials(5, 100, 40, 5, seed=2)
    _, one = gradients(native, p)
    torch.set_num_threads(3)
    try:
        _, three = gradients(native, p)
    finally:
        torch.set_num_threads(1)
    assert all(torch.equal(one[name], three[name]) for name in one)


def test_precision_does_not_depend_on_the_length() -> None:
    check_shifted_scores(native, 20_000)


def test_a_chain_without_a_segmentation_has_no_gradient() -> None:
    check_impossible_chain(native)


def test_without_the_library_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "library", lambda: None)
    reason = native.supports(random_potentials(1, 4, 2, 2))
    assert reason is not None and "C++17 compiler" in reason


@pytest.mark.slow
def test_a_very_long_chain_stays_finite() -> None:
    check_very_long_chain(native)


@EXAMPLES
@given(st.integers(0, 1000), st.sampled_from([5, 20, 35]), st.integers(50, 90), st.booleans())
def test_labels_that_are_forbidden_for_long_change_nothing(
    isa: str, seed: int, labels: int, step: int, regular: bool
) -> None:
    """Whole blocks without the last labels are stepped through without them."""
    p = random_potentials(1, 400, 40, labels, seed=seed, period=3, boundaries=True, mixed=False, explicit=True)
    content, first = p.content.clone(), 2 if regular else labels - 3
    content[:, :, first:] = -torch.inf
    for low, high, label in ((10, 45, first), (90, 160, first), (130, 135, labels - 1), (224, 256, labels - 2)):
        content[:, low:high, label] = p.content[:, low:high, label]
    p = replace(p, content=content)
    check_best_path(native, p)
    boundaries = torch.arange(step, 400, step)
    found, expected = native.boundary_messages(p, boundaries), reference.messages(p.expanded())
    for name in ("entry", "onward"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name)[0][boundaries], atol=1e-9, rtol=1e-11)
    torch.testing.assert_close(log_partition(p, "native"), expected.log_partition, atol=1e-9, rtol=1e-12)


@EXAMPLES
@given(wide_potentials(), st.integers(1, 9))
def test_messages_at_some_boundaries_are_those_of_all(isa: str, p: Potentials, step: int) -> None:
    one = p.rows(torch.tensor([0]))
    boundaries = torch.arange(0, int(one.lengths[0]) + 1, step)
    found, whole = native.boundary_messages(one, boundaries), native.messages(one)
    for name in ("entry", "onward"):
        torch.testing.assert_close(getattr(found, name), getattr(whole, name)[0][boundaries], atol=1e-9, rtol=1e-12)
    torch.testing.assert_close(found.log_partition, whole.log_partition[0], atol=1e-9, rtol=1e-12)
