"""What carries context along a sequence of steps: (B, S, D) -> (B, S, D), in both directions, padding unseen.

A further kind is one more module with `register`; `genescribe.nn.encoder` does the rest.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Context = Callable[[int, int, float], nn.Module]
"""(width, layers, dropout) -> a module with forward(steps (B, S, D), lengths (B,)) -> (B, S, D)."""

CONTEXTS: dict[str, Context] = {}


def register(name: str) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Return a class decorator that makes a context available as `EncoderConfig.kind`."""

    def add(cls: type[nn.Module]) -> type[nn.Module]:
        CONTEXTS[name] = cls
        return cls

    return add


@register("bilstm")
class BiLSTM(nn.Module):
    """Bidirectional LSTM; each direction has half the width.

    The two directions run as separate left-to-right networks, the second on sequences reversed within their own
    lengths. Padding then follows the sequence in both, where it cannot reach it, and the fast unpacked LSTM serves.
    """

    def __init__(self, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        sizes = (width - width // 2, width // 2)
        self.forwards = nn.ModuleList(nn.LSTM(width, sizes[0], batch_first=True) for _ in range(layers))
        self.backwards = nn.ModuleList(nn.LSTM(width, sizes[1], batch_first=True) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Return the states of every step."""
        order = reversal(lengths, steps.shape[1])
        for i, (forwards, backwards) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            if i:
                steps = self.dropout(steps)
            right, _ = forwards(steps)
            left, _ = backwards(_reorder(steps, order))
            steps = torch.cat([right, _reorder(left, order)], dim=-1)
        return steps


@register("conv")
class DilatedConvolutions(nn.Module):
    """Residual dilated convolutions of kernel 3, the dilation doubling a layer: sees 2^layers steps to each side."""

    def __init__(self, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=2**i, dilation=2**i) for i in range(layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Return the features of every step."""
        mask = (torch.arange(steps.shape[1], device=steps.device) < lengths[:, None]).unsqueeze(-1)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            steps = steps * mask
            update = convolution(norm(steps).mul(mask).transpose(1, 2)).transpose(1, 2)
            steps = steps + self.dropout(nn.functional.gelu(update))
        return steps


def reversal(lengths: Tensor, S: int) -> Tensor:
    """Return (B, S) indices that reverse each sequence within its length and leave its padding in place."""
    position = torch.arange(S, device=lengths.device).expand(len(lengths), S)
    return torch.where(position < lengths[:, None], lengths[:, None] - 1 - position, position)


def _reorder(x: Tensor, order: Tensor) -> Tensor:
    return x.gather(1, order.unsqueeze(-1).expand_as(x))
