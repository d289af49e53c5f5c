"""The recurrences of selective state-space models, in plain PyTorch.

With a state h of N numbers per channel, a step size dt, a decay A < 0 and input x (Gu and Dao 2023, arXiv:2312.00752,
equations 2 and 4, the input by Euler's rule as their code has it):

    h[t] = exp(dt[t] A) h[t-1] + dt[t] B[t] x[t]        y[t] = C[t] h[t] + D x[t]

Mamba-1 has an A a channel and state; `selective_scan` walks its steps one by one, which on a CPU is faster than an
associative scan. Mamba-2 has one A a head; `chunked_scan` is then matrix multiplication inside chunks and a short
recurrence between them (Dao and Gu 2024, arXiv:2405.21060, section 6). On a CUDA GPU where `mamba-ssm` is installed,
both call its kernels instead.
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
"""Steps of Mamba-1 whose states are held at a time; they are computed again for the gradient."""
CHUNK = 64
"""Steps of a chunk of Mamba-2."""


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
    """Return y of Mamba-1's recurrence.

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
        y = _kernel("mamba_ssm.ops.selective_scan_interface", "selective_scan_fn")(*first, A, *last, D)
        return cast(Tensor, y.transpose(1, 2))
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


def chunked_scan(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, chunk: int = CHUNK) -> Tensor:
    """Return y of Mamba-2's recurrence.

    Parameters
    ----------
    x : (B, T, H, P)
        Input of H heads of P channels.
    dt : (B, T, H)
        Step sizes, > 0.
    A, D : (H,)
        Decay rate, negative, and weight of the input itself.
    B, C : (B, T, N)
        Input and output weights, shared by the heads.
    chunk
        Steps that are multiplied out at once.

    Returns
    -------
    (B, T, H, P)
    """
    if x.is_cuda and _installed():
        scan = _kernel("mamba_ssm.ops.triton.ssd_combined", "mamba_chunk_scan_combined")
        return cast(Tensor, scan(x, dt, A, B.unsqueeze(2), C.unsqueeze(2), chunk_size=chunk, D=D))
    T = x.shape[1]
    # Steps of size zero neither decay nor add.
    xs, dts, Bs, Cs = (_in_chunks(part, chunk) for part in (x * dt.unsqueeze(-1), dt, B, C))
    passed = (dts * A).cumsum(dim=2).transpose(2, 3)  # (B, chunks, H, Q): log decay from the chunk's start.
    causal = torch.ones(chunk, chunk, dtype=torch.bool, device=x.device).tril()
    decay = (passed.unsqueeze(-1) - passed.unsqueeze(-2)).masked_fill(~causal, -torch.inf).exp()
    weights = (Cs @ Bs.transpose(-1, -2)).unsqueeze(2) * decay  # (B, chunks, H, Q, Q)
    heads = xs.transpose(2, 3)  # (B, chunks, H, Q, P)
    inside = weights @ heads
    # What each chunk leaves behind, (B, chunks, H, N, P), and what all those before it left.
    left = (Bs.transpose(-1, -2).unsqueeze(2) * (passed[..., -1:] - passed).exp().unsqueeze(-2)) @ heads
    states = recurrence(
        passed[..., -1].exp()[..., None, None].expand_as(left).transpose(0, 1).contiguous(),
        left.transpose(0, 1).contiguous(),
        torch.zeros_like(left[:, 0]),
    )
    before = torch.nn.functional.pad(states.transpose(0, 1)[:, :-1], (0, 0) * 3 + (1, 0))
    across = passed.exp().unsqueeze(-1) * (Cs.unsqueeze(2) @ before)
    y = (inside + across).transpose(2, 3).flatten(1, 2)[:, :T]
    return y + D.unsqueeze(-1) * x


def _in_chunks(part: Tensor, chunk: int) -> Tensor:
    """(B, T, ...) -> (B, chunks, chunk, ...), zeros behind."""
    part = torch.nn.functional.pad(part, (0, 0) * (part.ndim - 2) + (0, -part.shape[1] % chunk))
    return part.reshape(len(part), -1, chunk, *part.shape[2:])


@cache
def _installed() -> bool:
    return importlib.util.find_spec("mamba_ssm") is not None


def _kernel(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)
