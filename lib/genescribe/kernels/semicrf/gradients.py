"""From expected counts to gradients and second derivatives, for all backends.

The derivative of log Z in a score is the expected number of times that score is used (Sarawagi and Cohen 2004,
section 3). A backend computes log Z and these counts together, chain by chain; the backward pass then only weights
them. Where the gradient is differentiated again (``create_graph``), the product of the Hessian with a direction is the
derivative of the counts in that direction: `genescribe.kernels.semicrf.curvature`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from genescribe.kernels.semicrf.curvature import derivative
from genescribe.kernels.semicrf.potentials import FIELDS, SHARED, Counts, Potentials

Expectation = Callable[[Potentials, frozenset[str]], tuple[Tensor, Counts]]
"""Takes the scores and the fields wanted (none: log Z alone), returns log Z, (B,) float64, and their counts."""


def log_partition(expectation: Expectation, p: Potentials) -> Tensor:
    """Return log Z of each chain, (B,) float64, differentiable twice in every floating field."""
    result: Tensor = _LogPartition.apply(expectation, p, *(getattr(p, name) for name in FIELDS))  # type: ignore[no-untyped-call]
    return result


def expected_score(expectation: Expectation, p: Potentials, q: Potentials) -> tuple[Tensor, Tensor]:
    """Return log Z of p, and the mean score that q gives to p's segmentations; (B,) float64, differentiable in both.

    `q` has the fields and shapes of `p`; where it forbids what p may do, the mean is -inf. The pass back is one for all
    chains.

    Parameters
    ----------
    expectation
        Function of a backend that gives log Z and expected counts.
    p, q
        Scores of two models of the same batch.
    """
    names = [name for name in FIELDS if getattr(p, name) is not None]
    fields = [getattr(x, name) for x in (p, q) for name in names]
    log_z, mean = _ExpectedScore.apply(expectation, p, q, names, *fields)  # type: ignore[no-untyped-call]
    return log_z, mean


def weighted(name: str, count: Tensor, weight: Tensor) -> Tensor:
    """Return the counts of a field weighted by chain, (B,), in the shape of the field.

    Parameters
    ----------
    name
        Field of `Potentials`; says whether chains share it.
    count
        Expected counts of this field, by chain.
    weight : (B,)
        Weight of each chain.
    """
    weight = weight.to(count.dtype)
    if name in SHARED:
        total: Tensor = torch.tensordot(weight, count, 1)
        return total
    return count * weight.view(-1, *[1] * (count.ndim - 1))


class _LogPartition(torch.autograd.Function):
    """log Z, whose gradient is the expected counts."""

    @staticmethod
    def forward(ctx: Any, expectation: Expectation, p: Potentials, *fields: Tensor | None) -> Tensor:
        wanted = [name for name, needed in zip(FIELDS, ctx.needs_input_grad[2:], strict=True) if needed]
        log_z, counts = expectation(p.detach(), frozenset(wanted))
        ctx.names = wanted
        ctx.save_for_backward(p.lengths, p.phase_offset, p.explicit, *fields, *(counts[name] for name in wanted))
        return log_z

    @staticmethod
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor | None, ...]:
        lengths, phase_offset, explicit, *tensors = ctx.saved_tensors
        fields, counts = dict(zip(FIELDS, tensors, strict=False)), tensors[len(FIELDS) :]
        p = Potentials(lengths=lengths, phase_offset=phase_offset, explicit=explicit, **fields)
        gradients = _Gradient.apply(p, ctx.names, counts, weight, *(fields[name] for name in ctx.names))  # type: ignore[no-untyped-call]
        by_name = dict(zip(ctx.names, gradients, strict=True))
        return None, None, *(by_name.get(name) for name in FIELDS)


class _Gradient(torch.autograd.Function):
    """The weighted counts as a function of the weights and the scores; no work is done twice without need."""

    @staticmethod
    def forward(
        ctx: Any, p: Potentials, names: Sequence[str], counts: Sequence[Tensor], weight: Tensor, *fields: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.p, ctx.names = p.detach(), names
        ctx.save_for_backward(weight, *fields)
        pairs = zip(names, counts, fields, strict=True)
        return tuple(weighted(name, count, weight).to(field.dtype) for name, count, field in pairs)

    @staticmethod
    def backward(ctx: Any, *directions: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise NotImplementedError("log Z has first and second derivatives only: drop create_graph of the second")
        weight, *fields = ctx.saved_tensors
        p = replace(ctx.p, **{name: field.detach() for name, field in zip(ctx.names, fields, strict=True)})
        log_z, counts = derivative(p, dict(zip(ctx.names, directions, strict=True)))
        pairs = zip(ctx.names, fields, strict=True)
        products = (weighted(name, counts[name], weight).to(field.dtype) for name, field in pairs)
        return None, None, None, log_z.to(weight.dtype), *products


class _ExpectedScore(torch.autograd.Function):
    """log Z and a mean score. The mean's derivative by p is that of the counts in the direction of q."""

    @staticmethod
    def forward(
        ctx: Any, expectation: Expectation, p: Potentials, q: Potentials, names: Sequence[str], *fields: Tensor
    ) -> tuple[Tensor, Tensor]:
        log_z, counts = expectation(p.detach(), frozenset(names))
        mean = torch.zeros_like(log_z)
        for name in names:
            value, count = getattr(q, name).detach(), counts[name]
            forbidden = value == -torch.inf
            mean += (value.masked_fill(forbidden, 0.0) * count).flatten(1).sum(1)
            mean = mean.masked_fill(((count > 0) & forbidden).flatten(1).any(1), -torch.inf)
        ctx.p, ctx.names = p.detach(), names
        ctx.save_for_backward(*fields, *(counts[name] for name in names))
        return log_z, mean

    @staticmethod
    def backward(ctx: Any, of_log_z: Tensor, of_mean: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise NotImplementedError("mean scores have first derivatives only: drop create_graph")
        size = len(ctx.names)
        mine, theirs, counts = (ctx.saved_tensors[i * size : (i + 1) * size] for i in range(3))
        results: list[Tensor | None] = [None] * (2 * size)
        if any(ctx.needs_input_grad[4 : 4 + size]):
            direction = {
                name: value.masked_fill(value == -torch.inf, 0.0) for name, value in zip(ctx.names, theirs, strict=True)
            }
            _, changes = derivative(ctx.p, direction)
            for i, (name, field) in enumerate(zip(ctx.names, mine, strict=True)):
                gradient = weighted(name, counts[i], of_log_z) + weighted(name, changes[name], of_mean)
                results[i] = gradient.to(field.dtype)
        for i, (name, field) in enumerate(zip(ctx.names, theirs, strict=True)):
            results[size + i] = weighted(name, counts[i], of_mean).to(field.dtype)
        return None, None, None, None, *results
