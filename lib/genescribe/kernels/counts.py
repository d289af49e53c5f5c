"""From expected counts to gradients: what the fast backends share.

The derivative of log Z in a score is the expected number of times that score is used (Sarawagi and Cohen 2004,
section 3). A fast backend computes log Z and these counts together, chain by chain; the backward pass then only
weights them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from genescribe.kernels.potentials import Potentials

FIELDS = (
    "content",
    "transition",
    "duration",
    "tail",
    "start",
    "final",
    "begin",
    "end",
    "arrive",
    "depart",
    "whole",
)
"""The floating fields of `Potentials`."""

SHARED = frozenset({"transition", "duration", "tail", "start", "final"})
"""The fields that all chains share; their counts have a leading dimension of chains."""

Counts = dict[str, Tensor]
"""Expected count of each score by field name, float64, (B, ...) also for the shared fields."""

Expectation = Callable[[Potentials, frozenset[str]], tuple[Tensor, Counts]]
"""Takes the scores and the fields wanted (none: log Z alone), returns log Z, (B,) float64, and their counts."""


def log_partition(expectation: Expectation, p: Potentials) -> Tensor:
    """Return log Z of each chain, (B,) float64, differentiable in every floating field."""
    result: Tensor = _LogPartition.apply(expectation, p, *(getattr(p, name) for name in FIELDS))  # type: ignore[no-untyped-call]
    return result


class _LogPartition(torch.autograd.Function):
    """log Z, whose gradient is the expected counts."""

    @staticmethod
    def forward(ctx: Any, expectation: Expectation, p: Potentials, *fields: Tensor | None) -> Tensor:
        wanted = [name for name, needed in zip(FIELDS, ctx.needs_input_grad[2:], strict=True) if needed]
        log_z, counts = expectation(p.detach(), frozenset(wanted))
        ctx.names, ctx.types = wanted, {name: getattr(p, name).dtype for name in wanted}
        ctx.save_for_backward(*(counts[name] for name in wanted))
        return log_z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor | None, ...]:
        gradient = {}
        for name, count in zip(ctx.names, ctx.saved_tensors, strict=True):
            if name in SHARED:
                weighted = torch.tensordot(weight.to(count.dtype), count, 1)
            else:
                weighted = count * weight.to(count.dtype).view(-1, *[1] * (count.ndim - 1))
            gradient[name] = weighted.to(ctx.types[name])
        return None, None, *(gradient.get(name) for name in FIELDS)
