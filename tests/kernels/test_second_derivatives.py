"""Second derivatives of log Z, on every backend: against finite differences and the enumeration."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.enumerate_segmentations import enumerate_chain
from tests.kernels.random_potentials import potentials, random_potentials
from torch import Tensor

from genescribe.kernels.semicrf.curvature import derivative
from genescribe.kernels.semicrf.dispatch import log_partition
from genescribe.kernels.semicrf.potentials import FIELDS, Potentials

BACKENDS = ("reference", "blocked", "native")
KINDS = [
    {},
    {"period": 3, "boundaries": True},
    {"left": True, "right": True, "boundaries": True},
    {"tail": False, "explicit": True, "right": True},
    {"explicit": True, "left": True},
]


def names_of(p: Potentials) -> list[str]:
    return [name for name in FIELDS if getattr(p, name) is not None]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind) or "plain")
def test_finite_differences_agree(backend: str, kind: dict[str, bool]) -> None:
    p = random_potentials(2, 4, 2, 2, seed=3, **kind)  # type: ignore[arg-type]
    names = names_of(p)

    def log_z(*values: Tensor) -> Tensor:
        return log_partition(replace(p, **dict(zip(names, values, strict=True))), backend)

    # -inf has no neighbours to compare with: what is forbidden stays outside.
    leaves = [torch.nan_to_num(getattr(p, name), neginf=-30.0).requires_grad_() for name in names]
    assert torch.autograd.gradcheck(log_z, leaves, atol=1e-6, fast_mode=True)
    assert torch.autograd.gradgradcheck(log_z, leaves, atol=1e-6, fast_mode=True)


@settings(max_examples=40, deadline=None)
@given(potentials(), st.integers(0, 2**16))
def test_the_curvature_is_the_covariance(p: Potentials, seed: int) -> None:
    """Also where scores are -inf: the derivative of a mean is the covariance with the score of the direction."""
    p = p.rows(torch.tensor([0])).to(dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    names = names_of(p)
    direction = {name: torch.randn(getattr(p, name).shape, generator=generator, dtype=torch.float64) for name in names}
    leaves = {name: getattr(p, name).detach().clone().requires_grad_() for name in names}
    moved = {name: leaves[name] + 0.0 * direction[name] for name in names}
    every = enumerate_chain(replace(p, **moved), 0)
    allowed = every.scores > -torch.inf
    change, counts = derivative(p, direction)
    expected = {name: torch.zeros_like(leaves[name]) for name in names}
    slope = torch.zeros((), dtype=torch.float64)
    if bool(allowed.any()):
        features = [
            torch.autograd.grad(score, list(leaves.values()), retain_graph=True, allow_unused=True)
            for score in every.scores[allowed]
        ]
        q = every.probabilities[allowed].detach()
        along = torch.stack(
            [
                sum(
                    ((x * v).sum() for x, v in zip(row, direction.values(), strict=True) if x is not None),
                    start=torch.zeros((), dtype=torch.float64),
                )
                for row in features
            ]
        )
        slope = (q * along).sum()
        for weight, row in zip(q * (along - slope), features, strict=True):
            for name, x in zip(names, row, strict=True):
                expected[name] += 0.0 if x is None else weight * x
    torch.testing.assert_close(change[0], slope, rtol=1e-8, atol=1e-8)
    for name in names:
        found = counts[name].reshape(expected[name].shape)
        torch.testing.assert_close(found, expected[name], rtol=1e-7, atol=1e-8, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("backend", BACKENDS)
def test_backends_give_the_same_second_derivatives(backend: str) -> None:
    p = random_potentials(3, 70, 20, 4, period=3, boundaries=True, explicit=True, forbidden=0.1, seed=5)
    found = []
    for name in ("reference", backend):
        leaves = {field: getattr(p, field).clone().requires_grad_() for field in names_of(p)}
        log_z = log_partition(replace(p, **leaves), name)
        gradients = torch.autograd.grad(log_z[log_z > -torch.inf].sum(), list(leaves.values()), create_graph=True)
        found.append(torch.autograd.grad(sum((g**2).sum() for g in gradients), list(leaves.values())))
    assert all(bool(x.any()) for x in found[0])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-8)


def test_a_gradient_has_a_graph_only_where_asked() -> None:
    p = random_potentials(1, 9, 3, 2)
    content = p.content.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(log_partition(replace(p, content=content)).sum(), content)
    assert not gradient.requires_grad


def test_third_derivatives_are_refused() -> None:
    p = random_potentials(1, 4, 2, 2)
    content = p.content.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(log_partition(replace(p, content=content)).sum(), content, create_graph=True)
    with pytest.raises(NotImplementedError, match="first and second derivatives only"):
        torch.autograd.grad((gradient**2).sum(), content, create_graph=True)
