"""Bidirectional Mamba over steps.

A block has the parameters of `mamba_ssm.Mamba` under the same names, in the same shapes and with the same initial
values on every device: a laptop can use what a GPU has trained.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from genescribe.nn.bilstm import reorder, reversal
from genescribe.nn.config import EncoderConfig
from genescribe.nn.scan import selective_scan

DT_RANGE = (0.001, 0.1)
"""Step sizes at the start are drawn log-uniformly from here."""


class Block(nn.Module):
    """Shared part of the blocks: a causal convolution per channel, followed by SiLU.

    Parameters
    ----------
    width
        Of input and output, D.
    d_state
        Numbers of state per channel, N.
    d_conv
        Steps that the convolution sees.
    expand
        The inner width is this times D.
    """

    def __init__(self, width: int, d_state: int, d_conv: int, expand: int) -> None:
        super().__init__()
        self.width, self.d_state, self.inner = width, d_state, expand * width
        self.d_conv = d_conv

    def _convolution(self, channels: int) -> nn.Conv1d:
        return nn.Conv1d(channels, channels, self.d_conv, groups=channels, padding=self.d_conv - 1)

    @staticmethod
    def _convolved(convolution: nn.Conv1d, x: Tensor) -> Tensor:
        return functional.silu(convolution(x.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))


class Mamba(Block):
    """Mamba-1 (Gu and Dao 2023): step sizes, B and C from the input, an A a channel and state."""

    def __init__(self, width: int, d_state: int, d_conv: int, expand: int) -> None:
        super().__init__(width, d_state, d_conv, expand)
        self.rank = math.ceil(width / 16)
        self.in_proj = nn.Linear(width, 2 * self.inner, bias=False)
        self.conv1d = self._convolution(self.inner)
        self.x_proj = nn.Linear(self.inner, self.rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(self.rank, self.inner)
        self.A_log = nn.Parameter(torch.arange(1, d_state + 1).float().log().repeat(self.inner, 1))
        self.A_log._no_weight_decay = True  # type: ignore[attr-defined]
        self.D = nn.Parameter(torch.ones(self.inner))
        self.out_proj = nn.Linear(self.inner, width, bias=False)
        nn.init.uniform_(self.dt_proj.weight, -(self.rank**-0.5), self.rank**-0.5)
        with torch.no_grad():
            self.dt_proj.bias.copy_(_initial_steps(self.inner))

    def forward(self, steps: Tensor) -> Tensor:
        """Map (B, S, D) to (B, S, D); a step sees itself and those before."""
        x, gate = self.in_proj(steps).chunk(2, dim=-1)
        x = self._convolved(self.conv1d, x)
        rank, B, C = self.x_proj(x).split([self.rank, self.d_state, self.d_state], dim=-1)
        # Sums over thousands of steps are no place for half precision.
        with torch.autocast(steps.device.type, enabled=False):
            dt = functional.softplus(functional.linear(_single(rank), self.dt_proj.weight, self.dt_proj.bias))
            y = selective_scan(_single(x), dt, -self.A_log.exp(), _single(B), _single(C), self.D)
        out: Tensor = self.out_proj(y * functional.silu(gate))
        return out


class Stub(Block):
    """A Mamba block without a state, its gated convolution alone, for tests of the layers around it."""

    def __init__(self, width: int, d_state: int, d_conv: int, expand: int) -> None:
        super().__init__(width, d_state, d_conv, expand)
        self.in_proj = nn.Linear(width, 2 * self.inner, bias=False)
        self.conv1d = self._convolution(self.inner)
        self.out_proj = nn.Linear(self.inner, width, bias=False)

    def forward(self, steps: Tensor) -> Tensor:
        """Map (B, S, D) to (B, S, D); a step sees itself and the d_conv - 1 before."""
        x, gate = self.in_proj(steps).chunk(2, dim=-1)
        out: Tensor = self.out_proj(self._convolved(self.conv1d, x) * functional.silu(gate))
        return out


BLOCKS: dict[str, type[Mamba] | type[Stub]] = {"mamba": Mamba, "mamba_stub": Stub}


class BidirectionalMamba(nn.Module):
    """Layers of LayerNorm, a block in each direction, and a residual; LayerNorm at the end.

    The second direction runs on sequences reversed within their own lengths: padding follows the sequence in both,
    where a causal block cannot see it.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width, layers, sizes = config.hidden_dim, config.num_layers, (config.d_state, config.d_conv, config.expand)
        block = BLOCKS[config.kind]
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.forwards = nn.ModuleList(block(width, *sizes) for _ in range(layers))
        self.backwards = nn.ModuleList(block(width, *sizes) for _ in range(layers))
        self.dropout = nn.Dropout(config.dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Return the features of every step."""
        order = reversal(lengths, steps.shape[1])
        for norm, forwards, backwards in zip(self.norms, self.forwards, self.backwards, strict=True):
            x = norm(steps)
            update = forwards(x) + reorder(backwards(reorder(x, order)), order)
            steps = steps + self.dropout(update)
        out: Tensor = self.norm(steps)
        return out


def _initial_steps(size: int) -> Tensor:
    """Return the inverse softplus of step sizes in `DT_RANGE`."""
    low, high = (math.log(limit) for limit in DT_RANGE)
    dt = torch.exp(torch.rand(size) * (high - low) + low).clamp(min=1e-4)
    return dt + torch.log(-torch.expm1(-dt))


def _single(x: Tensor) -> Tensor:
    """Return x in single precision; double stays."""
    return x if x.dtype == torch.float64 else x.float()
