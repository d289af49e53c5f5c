"""Exact second derivatives of log Z: the change of expected counts when scores move in a direction.

The Hessian of log Z at scores x, times a direction V, is the derivative of the expected counts, the gradient of log Z,
along V:

    H(x) V = d/de gradient(x + e V)  at e = 0

It is also the covariance of each count with the score that V gives to a segmentation. The recurrence of the reference,
which computes the counts, is run on dual numbers, as the first-order expectation semiring does (Li and Eisner 2009,
EMNLP); its memory stays O(T C), where differentiating it step by step would keep O(T K C).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.autograd import forward_ad

from genescribe.kernels.semicrf import reference as semicrf_reference
from genescribe.kernels.semicrf.potentials import Counts, Potentials

STAND_IN = -1e30
"""Stands for -inf, where a log-sum has no derivative. Its exponential is 0, and so is what it passes on."""


def derivative(p: Potentials, direction: Mapping[str, Tensor]) -> tuple[Tensor, Counts]:
    """Return the derivatives of log Z, (B,), and of the expected counts in a direction of the scores.

    Parameters
    ----------
    p
        Potentials: the log scores of a batch of chains.
    direction
        By field, in its shape; fields that are not named stay. The counts are those of the named fields. What a
        forbidden score does is not looked at.

    Returns
    -------
    tuple
        As `genescribe.kernels.semicrf.gradients.Expectation` returns values.
    """
    names = frozenset(direction)
    with forward_ad.dual_level(), warnings.catch_warnings():
        # The first dual number of a process makes torch compile its own formulas with what it calls deprecated.
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", DeprecationWarning)
        moved = {name: _dual(_values(p, name), v.double()) for name, v in direction.items()}
        q = replace(p.to(dtype=torch.float64), **moved).expanded()
        log_z, counts = semicrf_reference.expectation(q, names | ({"duration"} if "tail" in names else set()), STAND_IN)
        changes = {name: _tangent(value) for name, value in counts.items()}
        change = _tangent(log_z)
    if p.explicit is not None and "duration" in changes:
        # Rows past a label's table are made of its last row and the tail: their counts belong to these.
        rows = _pulled_back(p, changes["duration"])
        changes["duration"] = rows[0]
        if "tail" in names:
            changes["tail"] = changes["tail"] + rows[1]
    return change, {name: changes[name] for name in names}


def _values(p: Potentials, name: str) -> Tensor:
    value: Tensor = getattr(p, name).detach().double()
    return value.clamp(min=STAND_IN)


def _dual(value: Tensor, tangent: Tensor) -> Tensor:
    dual: Tensor = forward_ad.make_dual(value, tangent)  # type: ignore[no-untyped-call]
    return dual


def _tangent(value: Tensor) -> Tensor:
    tangent: Tensor | None = forward_ad.unpack_dual(value).tangent  # type: ignore[no-untyped-call]
    return torch.zeros_like(value) if tangent is None else tangent


def _pulled_back(p: Potentials, change: Tensor) -> tuple[Tensor, Tensor]:
    """Return the change of the table's and the tail's counts, given that of the expanded table's, (B, K, C)."""
    assert p.explicit is not None
    excess = (torch.arange(1, change.shape[1] + 1, device=change.device).unsqueeze(1) - p.explicit).clamp(min=0)
    past = change * (excess > 0) * (p.tail > -torch.inf)
    last = (p.explicit - 1).expand(len(change), 1, -1)
    rows = (change * (excess == 0)).scatter_add(1, last, past.sum(1, keepdim=True))
    return rows, (past * excess).sum(1)
