"""Attention with rotary positions (Su et al., 2021, "RoFormer"), in both directions over steps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genescribe.nn.config import EncoderConfig

HEAD = 32
"""Least width of a head."""


def heads_of(width: int) -> int:
    """Return how many heads a width is divided among: a power of two, each of at least `HEAD` where it can be."""
    heads = 1
    while heads < 16 and width % (4 * heads) == 0 and width // (2 * heads) >= HEAD:
        heads *= 2
    return heads


def rotate(x: Tensor, positions: Tensor) -> Tensor:
    """Turn pairs of channels by angles that grow with the position.

    Parameters
    ----------
    x : (B, heads, n, d)
        Queries or keys, d even.
    positions : (B, n) or (n,) float
        Position of each step, in steps; the product of a query and a key depends on their distance.
    """
    turns = rotations(positions, x.shape[-1] // 2)
    return turned(x, turns.unsqueeze(1) if positions.dim() == 2 else turns)


def rotations(positions: Tensor, half: int) -> Tensor:
    """Return the cosines and sines by which `half` pairs of channels are turned.

    Parameters
    ----------
    positions : (...)
        Positions of steps, in steps.
    half
        Number of pairs of channels: half of the channels of a head.

    Returns
    -------
    (..., 2, half) float32
        Cosines, then sines; the rates fall from 1 to nearly 1 / 10,000 radians per step.
    """
    rates = 10_000.0 ** (-torch.arange(half, device=positions.device, dtype=torch.float32) / half)
    angles = positions.float().unsqueeze(-1) * rates
    return torch.stack([angles.cos(), angles.sin()], dim=-2)


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Return x with its first half of channels, as real parts, and its second, as imaginary parts, turned.

    Parameters
    ----------
    x : (..., d)
        Queries or keys.
    turns : (..., 2, d / 2)
        As `rotations` gives them; the shapes before the last two broadcast to those of `x` before its last.
    """
    cosine, sine = (part.to(x.dtype) for part in turns.unbind(-2))
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, n, heads * d) -> (B, heads, n, d)."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def gated_width(width: int) -> int:
    """Return the inner width with which gated units have about as many weights as plain ones of four times `width`."""
    return -(-8 * width // 3 // 8) * 8


def gated(x: Tensor, gelu: bool) -> Tensor:
    """Return gated units: one half of the channels, through SiLU or GELU, times the other half."""
    gate, value = x.chunk(2, dim=-1)
    return (nn.functional.gelu(gate) if gelu else nn.functional.silu(gate)) * value


class FeedForward(nn.Module):
    """SwiGLU, or GEGLU with a bias at its end (Shazeer, 2020, "GLU variants improve transformer").

    Parameters
    ----------
    width
        Channels of a step, D.
    inner
        Gated units; 0: `gated_width`.
    geglu
        GELU gates and a bias, as in DNABERT-2.
    """

    def __init__(self, width: int, inner: int = 0, *, geglu: bool = False) -> None:
        super().__init__()
        inner, self.geglu = inner or gated_width(width), geglu
        self.enter, self.leave = nn.Linear(width, 2 * inner, bias=False), nn.Linear(inner, width, bias=geglu)

    def forward(self, x: Tensor) -> Tensor:
        """Return the update of each step by itself."""
        out: Tensor = self.leave(gated(self.enter(x), self.geglu))
        return out


class AttentionLayer(nn.Module):
    """A pre-norm layer of attention among all steps, then a feed-forward network."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads_of(width)
        self.norm, self.norm_after = nn.RMSNorm(width), nn.RMSNorm(width)
        self.project, self.leave = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.feed, self.dropout = FeedForward(width), nn.Dropout(dropout)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        """Return the steps after the layer; `mask` (B, 1, 1, S) is True where a step may be seen.

        Parameters
        ----------
        x : (B, S, D)
            Steps.
        positions : (B, S) or (S,)
            Position of each step, for the rotation of queries and keys.
        mask : (B, 1, 1, S) bool or None
            True where a step may be seen.
        """
        q, k, v = (split_heads(part, self.heads) for part in self.project(self.norm(x)).chunk(3, dim=-1))
        q, k = rotate(q, positions), rotate(k, positions)
        attended = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.dropout(self.leave(attended.transpose(1, 2).flatten(2)))
        out: Tensor = x + self.dropout(self.feed(self.norm_after(x)))
        return out


class Attention(nn.Module):
    """Layers of attention in both directions; padding is not seen."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.hidden_dim
        self.layers = nn.ModuleList(AttentionLayer(width, config.dropout) for _ in range(config.num_layers))
        self.norm = nn.RMSNorm(width)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Return the features of every step."""
        positions = torch.arange(steps.shape[1], device=steps.device)
        mask = (positions < lengths[:, None])[:, None, None]
        for layer in self.layers:
            steps = layer(steps, positions, mask)
        out: Tensor = self.norm(steps)
        return out
