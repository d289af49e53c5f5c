"""Censored edges against sums over every unseen duration, written out."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.enumerate_segmentations import enumerate_chain
from tests.kernels.random_potentials import random_potentials

from genescribe.crf.censored import censored, duration_table, survival_tables
from genescribe.errors import InputError
from genescribe.kernels.semicrf.dispatch import log_partition
from genescribe.kernels.semicrf.potentials import Potentials

FAR = 4000


def model(seed: int, *, K: int = 4, C: int = 2, T: int = 5, B: int = 4, **kwargs: object) -> Potentials:
    p = random_potentials(B, T, K, C, seed=seed, boundaries=True, **kwargs)  # type: ignore[arg-type]
    return replace(p, tail=-p.tail.abs() - 0.05)


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.5, 1.0]), st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_survival_is_the_sum_over_longer_durations(seed: int, forbidden: float, n: int) -> None:
    p = model(seed, forbidden=forbidden)
    table = duration_table(p, FAR)
    places = torch.arange(1.0, FAR + 1, dtype=torch.float64)
    survival, area = survival_tables(p, n)
    for k in range(n):
        torch.testing.assert_close(survival[k].exp(), table[k:].exp().sum(0), rtol=1e-9, atol=1e-300)
        weighted = table[k:].exp() * places[: FAR - k].unsqueeze(1)
        torch.testing.assert_close(area[k].exp(), weighted.sum(0), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("left", [None, [True, False, True, False]])
@pytest.mark.parametrize("right", [None, [True, False, False, True]])
@pytest.mark.parametrize("explicit", [False, True])
def test_window_of_a_longer_chain(left: list[bool] | None, right: list[bool] | None, explicit: bool) -> None:
    """Enumerate what is outside: a cut first segment may begin up to R bases before, a cut last one end R after."""
    p = model(7, T=4, mixed=True, explicit=explicit)
    enter, leave = torch.tensor([0.3, -0.2]).double(), torch.tensor([-0.4, 0.1]).double()
    flags = [None if x is None else torch.tensor(x) for x in (left, right)]
    got = log_partition(censored(p, flags[0], flags[1], enter, leave))
    plain = p.expanded()
    table = duration_table(plain, FAR)
    assert p.begin is not None and p.end is not None
    for b in range(len(p.lengths)):
        cut_left, cut_right = bool(left and left[b]), bool(right and right[b])
        total = torch.tensor(-torch.inf).double()
        for path in enumerate_chain(p, b).paths:
            value = torch.zeros((), dtype=torch.float64)
            last = len(path.ends) - 1
            for i, (s, t, c) in enumerate(zip(path.starts, path.ends, path.labels, strict=True)):
                k = int(t - s)
                opens, closes = i == 0 and cut_left, i == last and cut_right
                value = value + p.content[b, s:t, c].sum()
                value = value + (p.transition[0, path.labels[i - 1], c] if i else 0.0)
                value = value + (enter[c] if opens else p.begin[b, s, c] + (p.start[c] if i == 0 else 0.0))
                value = value + (leave[c] if closes else p.end[b, t - 1, c] + (p.final[c] if i == last else 0.0))
                if opens and closes:
                    weight = torch.arange(1.0, FAR - k + 2, dtype=torch.float64).log()
                    value = value + torch.logsumexp(table[k - 1 :, c] + weight, 0)
                elif opens or closes:
                    value = value + torch.logsumexp(table[k - 1 :, c], 0)
                else:
                    value = value + table[k - 1, c]
            total = torch.logaddexp(total, value)
        torch.testing.assert_close(got[b], total, rtol=1e-9, atol=1e-9)


def test_nothing_censored_changes_nothing() -> None:
    p = model(1)
    assert censored(p, None, None) is p
    assert censored(p, torch.zeros(4, dtype=torch.bool), None) is p


def test_uncensored_rows_of_a_mixed_batch_are_ordinary() -> None:
    p = model(3, T=12, mixed=True)
    flags = torch.tensor([True, False, True, False]), torch.tensor([True, True, False, False])
    torch.testing.assert_close(log_partition(censored(p, *flags))[3], log_partition(p)[3])


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3]))
@settings(max_examples=15, deadline=None)
def test_gradients_are_finite_and_right(seed: int, forbidden: float) -> None:
    p = model(seed, T=4, forbidden=forbidden, mixed=False, B=2)
    names = ["duration", "tail", "start", "final", "begin", "end", "content"]
    leaves = {name: getattr(p, name).clone().requires_grad_() for name in names}
    edges = {name: torch.zeros(2, dtype=torch.float64, requires_grad=True) for name in ("enter", "leave")}
    flags = torch.tensor([True, False]), torch.tensor([True, True])

    def value(leaves: dict[str, torch.Tensor]) -> torch.Tensor:
        q = censored(replace(p, **leaves), *flags, edges["enter"], edges["leave"])
        z = log_partition(q)
        return z[z > -torch.inf].sum()

    out = value(leaves)
    if not out.requires_grad:
        return
    gradient = torch.autograd.grad(out, [leaves["duration"], leaves["tail"]], allow_unused=True)
    for name, g in zip(("duration", "tail"), gradient, strict=True):
        assert g is not None and bool(torch.isfinite(g).all())
        base = getattr(p, name)
        for index in torch.ones_like(base).nonzero()[:6]:
            place = tuple(index.tolist())
            if base[place] == -torch.inf:
                assert g[place] == 0
                continue
            moved = []
            for step in (1e-5, -1e-5):
                x = base.clone()
                x[place] += step
                moved.append(float(value({name: x}).detach()))
            assert float(g[place]) == pytest.approx((moved[0] - moved[1]) / 2e-5, rel=1e-5, abs=1e-6)


def test_a_growing_tail_is_refused() -> None:
    p = replace(model(0), tail=torch.tensor([-1.0, 0.0]).double())
    with pytest.raises(InputError, match="a tail of 0 or more"):
        censored(p, torch.ones(4, dtype=torch.bool), None)


def test_float32_fields_are_summed_in_float64() -> None:
    p = model(2)
    half = p.to(dtype=torch.float32)
    q = censored(half, torch.ones(4, dtype=torch.bool), torch.ones(4, dtype=torch.bool))
    assert {getattr(q, f.name).dtype for f in fields(q) if f.name in ("arrive", "depart", "spanning")} == {
        torch.float64
    }
