"""A bidirectional LSTM over steps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genescribe.kernels.cpu import lstm
from genescribe.nn.config import EncoderConfig


class BiLSTM(nn.Module):
    """Bidirectional LSTM; each direction has half the width.

    The two directions run as separate left-to-right networks, the second on sequences reversed within their own
    lengths. Padding then follows the sequence in both, where it cannot reach it, and the fast unpacked LSTM serves.
    Without gradients on the CPU native code reads both directions as they lie.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width, layers = config.hidden_dim, config.num_layers
        sizes = (width - width // 2, width // 2)
        self.forwards = nn.ModuleList(nn.LSTM(width, sizes[0], batch_first=True) for _ in range(layers))
        self.backwards = nn.ModuleList(nn.LSTM(width, sizes[1], batch_first=True) for _ in range(layers))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Return the states of every step."""
        order = reversal(lengths, steps.shape[1])
        for i, (forwards, backwards) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            if i:
                steps = self.dropout(steps)
            if lstm.takes(steps, (forwards, backwards)):  # type: ignore[arg-type]
                steps = lstm.both_ways(steps, (forwards, backwards), lengths)  # type: ignore[arg-type]
                continue
            right, _ = forwards(steps)
            left, _ = backwards(reorder(steps, order))
            steps = torch.cat([right, reorder(left, order)], dim=-1)
        return steps


def reversal(lengths: Tensor, S: int) -> Tensor:
    """Return (B, S) indices that reverse each sequence within its length and leave its padding in place."""
    position = torch.arange(S, device=lengths.device).expand(len(lengths), S)
    return torch.where(position < lengths[:, None], lengths[:, None] - 1 - position, position)


def reorder(x: Tensor, order: Tensor) -> Tensor:
    """Return (B, S, D) with the steps in the order of `reversal`."""
    B, S, D = x.shape
    # Whole steps are copied: several times faster than gathering number by number, on the way back too.
    rows = order + S * torch.arange(B, device=order.device).unsqueeze(1)
    return x.reshape(B * S, D).index_select(0, rows.reshape(-1)).view(B, S, D)
