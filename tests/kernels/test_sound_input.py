"""What no backend may be given, what every backend must take, and scores at the edge of what float64 holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.backend_contract import check_gradients
from tests.kernels.random_potentials import random_potentials
from torch import Tensor

from genescribe.errors import InputError
from genescribe.kernels import native_library
from genescribe.kernels.semicrf import dispatch as semicrf
from genescribe.kernels.semicrf import native as semicrf_native
from genescribe.kernels.semicrf.blocked import dispatch as semicrf_blocked
from genescribe.kernels.semicrf.potentials import FIELDS, Potentials
from genescribe.kernels.semicrf.viterbi_stream import ViterbiStream

BACKENDS = ("auto", "reference", "blocked", "native")
TASKS: dict[str, Callable[[Potentials, str], Any]] = {
    "log_partition": semicrf.log_partition,
    "viterbi": semicrf.viterbi,
    "messages": semicrf.messages,
    "boundary_messages": lambda p, backend: semicrf.boundary_messages(p, torch.tensor([0, 2]), backend),
}
needs_native = pytest.mark.skipif(native_library.library() is None, reason="the native kernels were not built here")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_nan_and_plus_infinity_are_refused(field: str, bad: float) -> None:
    p = random_potentials(1, 4, 2, 2, boundaries=True, left=True, right=True)
    getattr(p, field).view(-1)[-1] = bad
    for backend in BACKENDS:
        for task in TASKS.values():
            with pytest.raises(InputError, match=rf"potentials\.{field}: a score is NaN or \+inf"):
                task(p, backend)


@pytest.mark.parametrize("backend", ["auto", "reference", "blocked", pytest.param("native", marks=needs_native)])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stream_refuses_them_at_once(backend: str, bad: float, dtype: type) -> None:
    two = torch.zeros(2)
    for field in ("content", "begin", "end"):
        stream = ViterbiStream(-torch.ones(1, 2, 2), torch.zeros(3, 2), two - torch.inf, two, two, backend=backend)
        rows = {name: np.zeros((8, 2), dtype=dtype) for name in ("content", "begin", "end")}
        stream.push(**rows)
        rows[field][3, 1] = bad
        with pytest.raises(InputError, match=rf"push\.{field}: a score is NaN or \+inf"):
            stream.push(**rows)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_of_no_chains_has_results_of_no_chains(backend: str) -> None:
    p = random_potentials(2, 6, 3, 2, period=3, boundaries=True, right=True).rows(torch.zeros(0, dtype=torch.int64))
    content = p.content.clone().requires_grad_()
    p = replace(p, content=content, transition=p.transition.requires_grad_())
    log_z = semicrf.log_partition(p, backend)
    assert log_z.shape == (0,)
    log_z.sum().backward()
    assert p.transition.grad is not None and not p.transition.grad.any()
    best, paths = semicrf.viterbi(p, backend)
    assert best.shape == (0,) and paths == []
    assert semicrf.messages(p, backend).entry.shape == (0, 7, 2)


def zeros(labels: int, durations: int, **changed: Tensor) -> Potentials:
    def z(*shape: int) -> Tensor:
        return torch.zeros(*shape, dtype=torch.float64)

    values = {
        "content": z(1, 6, labels),
        "lengths": torch.tensor([6]),
        "transition": z(1, labels, labels),
        "duration": z(durations, labels),
        "tail": z(labels) - 1,
        "start": z(labels),
        "final": z(labels),
    }
    return Potentials(**{**values, **changed})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: zeros(0, 3), "no labels"),
        (lambda: zeros(2, 0), "no durations"),
        (lambda: zeros(2, 3, transition=torch.zeros(2, 2, 2)), "period 2"),
        (lambda: zeros(2, 3, transition=torch.zeros(0, 2, 2)), "period 0"),
        (lambda: zeros(2, 3, tail=torch.zeros(3)), r"potentials\.tail: shape \(3,\); give \(2,\)"),
        (lambda: zeros(2, 3, content=torch.zeros(6, 2)), r"potentials\.content: shape \(6, 2\); give \(B, T, C\)"),
        (lambda: zeros(2, 3, duration=torch.zeros(3)), r"potentials\.duration: shape \(3,\); give \(K, C\)"),
        (lambda: zeros(2, 3, spanning=torch.zeros(1, 2)), "given alone or lacking"),
        (lambda: semicrf.log_partition(zeros(2, 3, lengths=torch.tensor([7]))), r"a length outside 1\.\.T"),
        (lambda: semicrf.log_partition(zeros(2, 3, lengths=torch.tensor([0]))), r"a length outside 1\.\.T"),
        (lambda: semicrf.log_partition(zeros(2, 3, content=torch.zeros(1, 0, 2))), r"a length outside 1\.\.T"),
        (lambda: semicrf.viterbi(zeros(2, 3, explicit=torch.tensor([0, 4]))), r"a count outside 1\.\.K"),
    ],
)
def test_scores_that_do_not_fit_together_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_far_apart_scores_that_blocks_sum_in_the_log_domain_have_gradients() -> None:
    """A pair that is no segment has an exponential out of range, times zero."""
    none = -torch.inf
    p = Potentials(
        content=torch.tensor([[[14e3, 0], [none, -500], [5e3, 4e3], [-6e3, -2e4], [2e4, 0], [5e3, -6e3]]]).double(),
        lengths=torch.tensor([6]),
        transition=torch.tensor([[[none, -4e3], [0, none]]]).double(),
        duration=torch.tensor([[none, 1300], [-9e3, -12e3], [none, none], [none, -18e3]]).double(),
        tail=torch.tensor([none, none]).double(),
        start=torch.zeros(2).double(),
        final=torch.zeros(2).double(),
    )
    check_gradients(semicrf_blocked, p)


@st.composite
def extreme(draw: st.DrawFn) -> Potentials:
    """Draw scores of which a few are of thousands of nats and many are forbidden."""
    flag = st.booleans()
    p = random_potentials(
        B=draw(st.integers(1, 2)),
        T=draw(st.sampled_from([6, 20, 40, 70])),
        K=draw(st.sampled_from([1, 4, 17, 40])),
        C=draw(st.integers(1, 4)),
        seed=draw(st.integers(0, 2**20)),
        period=draw(st.sampled_from([1, 3])),
        scale=draw(st.sampled_from([300.0, 3e3, 2e4])),
        tail=draw(flag),
        boundaries=draw(flag),
        left=draw(flag),
        right=draw(flag),
        explicit=draw(flag),
        forbidden=draw(st.sampled_from([0.05, 0.3, 0.6])),
    )
    # Whole numbers of nats: sums are exact, and so ties are ties on every backend.
    return p._mapped(lambda x: x.round() if x.is_floating_point() else x)


@settings(max_examples=60, deadline=None)
@given(extreme())
def test_extreme_scores_have_the_gradients_of_the_reference(p: Potentials) -> None:
    check_gradients(semicrf_blocked, p)
    if native_library.library() is not None:
        check_gradients(semicrf_native, p)
