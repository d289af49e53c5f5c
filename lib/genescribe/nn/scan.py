"""The recurrence of selective state-space models, in plain PyTorch.

With a state h of N numbers per channel, a step size dt, a decay A < 0 and input x (Gu and Dao 2023, arXiv:2312.00752,
equations 2 and 4, the input by Euler's rule as their code has it):

    h[t] = exp(dt[t] A) h[t-1] + dt[t] B[t] x[t]        y[t] = C[t] h[t] + D x[t]

The steps are walked one by one, which on a CPU is faster than an associative scan. On a CUDA GPU where `mamba-ssm` is
installed, its kernel is called instead.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

STEPS = 256
"""Steps whose states are held at a time; they are computed again for the gradient."""


class _Recurrence(torch.autograd.Function):
    """h[t] = decay[t] * h[t-1] + gain[t] along the first dimension; all T states and their gradients."""

    @staticmethod
    def forward(ctx: Any, decay: Tensor, gain: Tensor, first: Tensor) -> Tensor:
        """Return the states (T, ...) from decay and gain (T, ...) and the state before the first step (...)."""
        states = torch.empty_like(gain)
        before = first
        for a, b, state in zip(decay.unbind(0), gain.unbind(0), states.unbind(0), strict=True):
            torch.addcmul(b, a, before, out=state)
            before = state
        ctx.save_for_backward(decay, states, first)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Walk back: the gradient of h[t] is its own and decay[t+1] times that of h[t+1]."""
        decay, states, first = ctx.saved_tensors
        carried = torch.empty_like(states)
        decays, parts, after = decay.unbind(0), carried.unbind(0), grad[-1]
        parts[-1].copy_(after)
        for t in range(len(parts) - 2, -1, -1):
            torch.addcmul(grad[t], decays[t + 1], parts[t + 1], out=parts[t])
        before = torch.cat([first.unsqueeze(0), states[:-1]])
        return carried * before, carried, decays[0] * parts[0]


def recurrence(decay: Tensor, gain: Tensor, first: Tensor) -> Tensor:
    """Return all states (T, ...) from decay and gain (T, ...) and the state before the first step (...).

    Parameters
    ----------
    decay, gain : (T, ...)
        Coefficients of ``h[t] = decay[t] h[t-1] + gain[t]``.
    first : (...)
        State before the first step.
    """
    return cast(Tensor, _Recurrence.apply(decay, gain, first))  # type: ignore[no-untyped-call]


def selective_scan(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Return y of the recurrence.

    Parameters
    ----------
    x, dt : (B, T, d)
        Input and step sizes, dt > 0.
    A : (d, N)
        Decay rates, negative.
    B, C : (B, T, N)
        How each input enters the state, and how the state is read.
    D : (d,)
        Weight of the input itself.

    Returns
    -------
    (B, T, d) float32, or float64 where the arguments are
    """
    if x.is_cuda and _installed():
        first = (part.transpose(1, 2).contiguous() for part in (x, dt))
        last = (part.transpose(1, 2).contiguous() for part in (B, C))
        kernels = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
        return cast(Tensor, kernels.selective_scan_fn(*first, A, *last, D).transpose(1, 2))
    return cast(Tensor, _walk(x, dt, A, B, C)) + D * x


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _walk(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """Return C h of every step; time stands first inside, so that a step's states lie side by side."""
    state = x.new_zeros(len(x), *A.shape)
    outputs = []
    parts = [torch.split(part.transpose(0, 1), STEPS) for part in (x, dt, B, C)]
    for x_part, dt_part, B_part, C_part in zip(*parts, strict=True):
        arguments = (x_part, dt_part, A, B_part, C_part, state)
        if torch.is_grad_enabled():
            y, state = checkpoint(_walk_part, *arguments, use_reentrant=False, preserve_rng_state=False)
        else:
            y, state = _walk_part(*arguments)
        outputs.append(y)
    return torch.cat(outputs).transpose(0, 1)


def _walk_part(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    decay = torch.exp(dt.unsqueeze(-1) * A)
    gain = (dt * x).unsqueeze(-1) * B.unsqueeze(-2)
    states = recurrence(decay, gain, state)
    return (states @ C.unsqueeze(-1)).squeeze(-1), states[-1]


@cache
def _installed() -> bool:
    return importlib.util.find_spec("mamba_ssm") is not None
