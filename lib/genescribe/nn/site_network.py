"""A residual dilated network that reads DNA and scores sites: splice sites, starts and stops.

Architecture: Jaganathan et al., Cell 2019 (SpliceAI), with the leaky ReLU of OpenSpliceAI (Chao et al. 2025), whose
published weights `genescribe.nn.site_checkpoints` reads. Units of two (batch norm, leaky ReLU, dilated convolution)
stand on a residual stream; a skip leaves it before the first and after every fourth.

A dilated convolution is a plain one on each of `dilation` interleaved strands of bases. The bases of each lie next to
each other here, channels last: what processors' libraries compute fastest. Convolutions read no padding: a score needs
all bases of its context, N where there are none, and is the same wherever a tile begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from genescribe.genome.alphabet import SOFTMASK, N
from genescribe.nn.site_config import GROUP, UNITS, SiteNetworkConfig

SLOPE = 0.1
"""Of the leaky ReLU below zero."""
TILE, TILE_ON_GPU = 16_384, 1 << 18
"""Bases that are scored at a time: few enough that they stay in a processor's caches, enough to keep a GPU busy."""


class ResidualUnit(nn.Module):
    """Two of (batch norm, leaky ReLU, convolution), added to their input.

    Parameters
    ----------
    width
        Channels that it reads and writes.
    kernel
        Bases that a convolution reads; odd.
    """

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.conv1, self.conv2 = nn.Conv1d(width, width, kernel), nn.Conv1d(width, width, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """(B, d, L, C) -> (B, d, L - 2 (kernel - 1), C): d interleaved strands."""
        if self.training:
            y = _convolved(_leaky(_normed(x, self.norm1)), self.conv1.weight, self.conv1.bias)
            y = _leaky(_normed(y, self.norm2))
        else:
            # A batch norm that only scales is folded into the convolution before it.
            scale, shift = _affine(self.norm1)
            inner_scale, inner_shift = _affine(self.norm2)
            assert self.conv1.bias is not None
            weight = self.conv1.weight * inner_scale[:, None, None]
            bias = self.conv1.bias * inner_scale + inner_shift
            y = _leaky(_convolved(_leaky(torch.addcmul(shift, x, scale)), weight, bias))
        y = _convolved(y, self.conv2.weight, self.conv2.bias)
        edge = self.kernel - 1
        return x[:, :, edge : x.shape[2] - edge] + y


class SiteNetwork(nn.Module):
    """Codes of bases -> logits of `none` and of each class.

    Parameters
    ----------
    config
        Channels, kernels and dilations of its layers, and its classes.
    """

    def __init__(self, config: SiteNetworkConfig) -> None:
        super().__init__()
        self.context = config.context
        shapes = UNITS[config.context]
        self.dilations = [dilation for _, dilation in shapes]
        self.entry = nn.Conv1d(N, config.width, 1)
        self.units = nn.ModuleList(ResidualUnit(config.width, k) for k, _ in shapes for _ in range(GROUP))
        self.skips = nn.ModuleList(nn.Conv1d(config.width, config.width, 1) for _ in range(len(shapes) + 1))
        self.head = nn.Conv1d(config.width, 1 + len(config.classes), 1)

    def forward(self, codes: Tensor) -> Tensor:
        """Return logits, (B, T, 1 + classes) float32.

        Parameters
        ----------
        codes : (B, context + T) integer
            As `genescribe.genome.alphabet` says, softmasked or not: the T bases, and half the context on both sides.
        """
        table = torch.cat([self.entry.weight[:, :, 0].T, torch.zeros_like(self.entry.weight[:, :1, 0].T)])
        table = table + cast(Tensor, self.entry.bias)
        x = nn.functional.embedding((codes & (SOFTMASK - 1)).long(), table).unsqueeze(1)
        margin = self.context // 2
        total = self._skipped(x, 0, margin)
        for group, dilation in enumerate(self.dilations):
            x = self._group(x, group, dilation)
            margin -= self._reach(group)
            total = total + self._skipped(x, group + 1, margin)
        return nn.functional.linear(total[:, 0], self.head.weight[:, :, 0], self.head.bias)

    def _group(self, x: Tensor, group: int, dilation: int) -> Tensor:
        """Return the residual stream behind the units of a group, (B, 1, L - 2 reach, C)."""
        bases = x.shape[2] - 2 * self._reach(group)
        x = _interleaved(x, dilation)
        for unit in self.units[GROUP * group : GROUP * (group + 1)]:
            x = unit(x)
        return _joined(x)[:, :, :bases]

    def _reach(self, group: int) -> int:
        """Return the bases to each side that the units of a group look at."""
        kernel = cast(ResidualUnit, self.units[GROUP * group]).kernel
        return GROUP * (kernel - 1) * self.dilations[group]

    def _skipped(self, x: Tensor, number: int, margin: int) -> Tensor:
        skip = cast(nn.Conv1d, self.skips[number])
        inside = x[:, :, margin : x.shape[2] - margin]
        return nn.functional.linear(inside, skip.weight[:, :, 0], skip.bias)


class SiteEnsemble(nn.Module):
    """Networks of one shape that read the same; the mean of their probabilities counts.

    Parameters
    ----------
    config
        Shape that all networks have.
    replicates
        Number of networks in the ensemble.
    """

    def __init__(self, config: SiteNetworkConfig, replicates: int = 1) -> None:
        super().__init__()
        self.config = config
        self.networks = nn.ModuleList(SiteNetwork(config) for _ in range(replicates))

    @property
    def margin(self) -> int:
        """Bases to each side that a score depends on."""
        return self.config.context // 2

    @torch.no_grad()
    def probabilities(self, codes: Tensor) -> Tensor:
        """Return the probability of `none` and of each class, (B, T, 1 + classes) float32.

        Parameters
        ----------
        codes : (B, context + T) integer
            See `SiteNetwork`. Tiles begin at the first of the T bases.
        """
        return torch.cat([self._tile(part) for part in self._tiles(codes)], dim=1).exp()

    @torch.no_grad()
    def log_odds(self, codes: Tensor) -> Tensor:
        """Return the log odds of each class against `none`, (B, T, classes) float32; see `probabilities`."""
        tiles = []
        for part in self._tiles(codes):
            mean = self._tile(part)
            tiles.append(mean[..., 1:] - mean[..., :1])
        return torch.cat(tiles, dim=1)

    def _tiles(self, codes: Tensor) -> Iterator[Tensor]:
        tile = TILE_ON_GPU if codes.is_cuda else TILE
        for start in range(0, codes.shape[1] - self.config.context, tile):
            yield codes[:, start : start + tile + self.config.context]

    def _tile(self, codes: Tensor) -> Tensor:
        each = [cast(SiteNetwork, network)(codes).log_softmax(-1) for network in self.networks]
        return each[0] if len(each) == 1 else torch.stack(each).logsumexp(0) - torch.tensor(float(len(each))).log()


def _interleaved(x: Tensor, dilation: int) -> Tensor:
    """(B, 1, L, C) -> (B, d, ceil(L / d), C): row j holds the bases j, j + d, ...; zeros at the end."""
    B, _, L, C = x.shape
    if dilation == 1:
        return x
    x = nn.functional.pad(x, (0, 0, 0, -L % dilation))
    return x.reshape(B, -1, dilation, C).transpose(1, 2).contiguous()


def _joined(x: Tensor) -> Tensor:
    """(B, d, M, C) -> (B, 1, M d, C): the other way round."""
    B, d, M, C = x.shape
    return x if d == 1 else x.transpose(1, 2).reshape(B, 1, M * d, C)


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve along L: (B, d, L, C) -> (B, d, L - kernel + 1, C)."""
    rows = weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    y = nn.functional.conv2d(x.permute(0, 3, 1, 2), rows, bias)
    return y.permute(0, 2, 3, 1)


def _normed(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Batch norm of the last dimension."""
    y: Tensor = norm(x.permute(0, 3, 1, 2))
    return y.permute(0, 2, 3, 1)


def _affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return a batch norm in evaluation as factor and summand, (C,) each."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def _leaky(x: Tensor) -> Tensor:
    return nn.functional.leaky_relu(x, SLOPE)
