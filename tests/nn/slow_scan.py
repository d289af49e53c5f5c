"""The recurrences of state-space models, written down step by step."""

from __future__ import annotations

import torch
from torch import Tensor

TOLERANCE = 1e-4


def slow_selective(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Mamba-1, one step and sample after another."""
    outputs = []
    for i in range(len(x)):
        state = torch.zeros_like(A)
        for t in range(x.shape[1]):
            state = torch.exp(dt[i, t, :, None] * A) * state + dt[i, t, :, None] * B[i, t] * x[i, t, :, None]
            outputs.append(state @ C[i, t] + D * x[i, t])
    return torch.stack(outputs).reshape(x.shape)


def slow_heads(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Mamba-2 as Mamba-1 whose channels of a head share step size and decay."""
    P, N = x.shape[-1], B.shape[-1]
    flat = slow_selective(
        x.flatten(2),
        dt.repeat_interleave(P, dim=2),
        A.repeat_interleave(P)[:, None].repeat(1, N),
        B,
        C,
        D.repeat_interleave(P),
    )
    return flat.reshape(x.shape)
