"""Dilated convolutions over steps: a context without recurrence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genescribe.nn.config import EncoderConfig


class DilatedConvolutions(nn.Module):
    """Residual dilated convolutions of kernel 3, the dilation doubling a layer: sees 2^layers steps to each side."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width, layers = config.hidden_dim, config.num_layers
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=2**i, dilation=2**i) for i in range(layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Return the features of every step."""
        mask = (torch.arange(steps.shape[1], device=steps.device) < lengths[:, None]).unsqueeze(-1)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            steps = steps * mask
            update = convolution(norm(steps).mul(mask).transpose(1, 2)).transpose(1, 2)
            steps = steps + self.dropout(nn.functional.gelu(update))
        return steps
