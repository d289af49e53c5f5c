"""HyenaDNA: an encoder of single bases that mixes positions with implicit long convolutions.

A Hyena operator of order two (Poli et al. 2023, arXiv:2302.10866; HyenaDNA: Nguyen et al. 2023, arXiv:2306.15794)
projects its input to three streams, passes each through a short causal convolution, and returns
``x0 * (h conv (x1 * v))``. The filter ``h`` is as long as the sequence. A small network with sine activations computes
it from the position, and an exponential window with one rate per channel makes it decay. The convolution is computed by
FFT, always in float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from genescribe.errors import InputError

LETTERS = (7, 8, 9, 10, 11)
"""Tokens of A, C, G, T, N in the published vocabulary of HyenaDNA."""
_LEAST, _FAST, _SLOW, _FLOOR = 1e-2, 0.3, 1.5, 0.05
"""Window of a filter: it decays to `_LEAST` within `_FAST` to `_SLOW` times its length, and has a floor."""


@dataclass(frozen=True)
class HyenaSizes:
    """Sizes of an encoder.

    Attributes
    ----------
    vocabulary, width, inner, layers
        Rows of the embedding; width of the states and of the feed-forward networks; layers.
    longest
        Bases that the filters are defined for; it sets their time scale.
    bands
        Frequencies of the sines and cosines that tell a filter its position.
    filter_width, filter_layers
        Units of the network that computes a filter, and its linear layers but the last.
    short
        Width of the short convolution.
    frequency
        Initial factor in the sines of that network.
    """

    vocabulary: int
    width: int
    inner: int
    layers: int
    longest: int
    bands: int = 2
    filter_width: int = 64
    filter_layers: int = 3
    short: int = 3
    frequency: float = 10.0


class LongFilter(nn.Module):
    """The filters of a layer, one a channel, as a function of position."""

    rates: Tensor

    def __init__(self, sizes: HyenaSizes) -> None:
        super().__init__()
        self.sizes = sizes
        widths = [1 + 2 * sizes.bands, *[sizes.filter_width] * sizes.filter_layers]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.last = nn.Linear(sizes.filter_width, sizes.width, bias=False)
        self.frequency = nn.Parameter(torch.full((1, sizes.filter_width), float(sizes.frequency)))
        self.skip = nn.Parameter(torch.randn(sizes.width))
        self.register_buffer("rates", window_rates(sizes.width), persistent=False)

    def forward(self, length: int) -> Tensor:
        """Return the filters (D, T) of the first positions."""
        time, place = positions(self.sizes.longest, self.sizes.bands, length)
        x = place.to(self.last.weight)
        for layer in self.hidden:
            x = torch.sin(self.frequency * layer(x))
        window = torch.exp(-time.to(self.rates)[:, None] * self.rates) + _FLOOR
        taps: Tensor = (self.last(x) * window).T
        return taps


def window_rates(width: int) -> Tensor:
    """Return how fast the filter of each channel decays over the longest sequence, (D,)."""
    return torch.linspace(math.log(_LEAST) / _SLOW, math.log(_LEAST) / _FAST, width).abs()


def positions(longest: int, bands: int, length: int) -> tuple[Tensor, Tensor]:
    """Return time from 0 to 1, (T,), and the inputs of a filter at each position: time, cosines and sines, (T, 1 + 2B).

    Parameters
    ----------
    longest
        Positions from time 0 to time 1.
    bands
        Number of frequencies, B.
    length
        Positions wanted, from the first.
    """
    # In float32, as in the training of the published weights.
    time = torch.linspace(0, 1, longest)[:length]
    angle = 2 * math.pi * torch.linspace(0, longest - 1, longest)[:length, None] / longest
    angle = torch.linspace(1e-4, bands - 1, bands) * angle
    return time, torch.cat([time[:, None], torch.cos(angle), -torch.sin(angle)], dim=1)


def causal_convolution(x: Tensor, taps: Tensor) -> Tensor:
    """Return the causal convolution of (B, D, T) with filters (D, T), by FFT of twice the length."""
    length = x.shape[-1]
    product = torch.fft.rfft(x.float(), n=2 * length) * torch.fft.rfft(taps.float(), n=2 * length)
    convolved: Tensor = torch.fft.irfft(product, n=2 * length)[..., :length].to(x.dtype)
    return convolved


class HyenaLayer(nn.Module):
    """LayerNorm and Hyena operator, LayerNorm and feed-forward network, each beside a residual path."""

    def __init__(self, sizes: HyenaSizes) -> None:
        super().__init__()
        width = sizes.width
        self.norm_mix, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.enter, self.leave = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.short = nn.Conv1d(3 * width, 3 * width, sizes.short, padding=sizes.short - 1, groups=3 * width)
        self.filter = LongFilter(sizes)
        self.expand, self.shrink = nn.Linear(width, sizes.inner), nn.Linear(sizes.inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the states (B, T, D) after this layer."""
        x = x + self._mixed(self.norm_mix(x))
        left: Tensor = x + self.shrink(functional.gelu(self.expand(self.norm_feed(x)), approximate="tanh"))
        return left

    def _mixed(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        outer, inner, value = self.short(self.enter(x).transpose(1, 2))[..., :length].chunk(3, dim=1)
        value = value * inner
        value = causal_convolution(value, self.filter(length)) + value * self.filter.skip[:, None]
        mixed: Tensor = self.leave((value * outer).transpose(1, 2))
        return mixed


class HyenaEncoder(nn.Module):
    """Tokens of bases (B, T) -> states (B, T, D). Causal: a state knows the bases up to its own."""

    letters: Tensor

    def __init__(self, sizes: HyenaSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embed = nn.Embedding(sizes.vocabulary, sizes.width)
        self.layers = nn.ModuleList(HyenaLayer(sizes) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(sizes.width)
        # Codes 5 to 7 are no bases.
        self.register_buffer("letters", torch.tensor([*LETTERS, *[LETTERS[-1]] * 3]), persistent=False)
        self.checkpointing = False

    def forward(self, codes: Tensor) -> Tensor:
        """Return the states of base codes (B, T); softmasking is not seen.

        Raises
        ------
        InputError
            More bases than the filters are defined for.
        """
        if codes.shape[1] > self.sizes.longest:
            raise InputError(
                f"{codes.shape[1]:,} bases, and the encoder reads {self.sizes.longest:,} at most",
                where="window",
                remedy="make the windows shorter",
            )
        x = self.embed(self.letters[codes & 7])
        for layer in self.layers:
            if self.checkpointing and torch.is_grad_enabled():
                x = checkpoint(layer, x, use_reentrant=False)
            else:
                x = layer(x)
        states: Tensor = self.norm(x)
        return states
