"""The recurrence of state-space models, written down step by step."""

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
