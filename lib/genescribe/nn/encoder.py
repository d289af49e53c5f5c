"""From tracks along a sequence to per-base features: local convolutions, then context on folded steps.

A recurrent network over single bases is slow and forgets; over `fold` bases at a time it is `fold` times shorter.
(Folding nine bases, three codons, into a step is what Gabriel et al. describe for Tiberius, Bioinformatics 2024.)
What folding blurs the local features keep: the context is unfolded again and joined with them base by base.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genescribe.kernels.cpu import local_features, lstm
from genescribe.kernels.cpu.linear_map import linear
from genescribe.kernels.cpu.local_features import layer
from genescribe.nn.config import CONTEXTS, EncoderConfig


class LocalFeatures(nn.Module):
    """Residual convolutions with LayerNorm over the channels; steps past a sequence's end are zero in each."""

    def __init__(self, channels: int, width: int, kernel: int, layers: int) -> None:
        super().__init__()
        sizes = [channels] + [width] * (layers - 1)
        self.convolutions = nn.ModuleList(nn.Conv1d(size, width, kernel, padding=kernel // 2) for size in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes)

    def forward(self, tracks: Tensor, mask: Tensor | None) -> Tensor:
        """Map (B, T, F) to (B, T, W); `mask` (B, T, 1) is 1 on bases, None where all positions are."""
        x = tracks
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = layer(x, convolution, norm, mask, residual=i > 0)  # type: ignore[arg-type]
        return x


class Encoder(nn.Module):
    """(B, T, F) tracks -> (B, T, D) features, D being `width`.

    The features of a base depend on its own sequence alone: neither on how far the batch is padded nor on what else
    is in it. Without `context` it has none of its own: the caller of `enter` and `leave` supplies it. Without
    `fold` its steps are made elsewhere too.
    """

    def __init__(self, config: EncoderConfig, channels: int, *, context: bool = True, fold: bool = True) -> None:
        super().__init__()
        self.config, self.width = config, config.conv_width
        self.local = LocalFeatures(channels, config.conv_width, config.conv_kernel, config.conv_layers)
        if fold:
            self.fold = nn.Linear(config.fold * config.conv_width, config.hidden_dim)
            self.fold_norm = nn.LayerNorm(config.hidden_dim)
        if context:
            module, _, name = CONTEXTS[config.kind].rpartition(".")
            build = getattr(importlib.import_module(module), name)
            self.context = build(config)
        self.unfold = nn.Linear(config.hidden_dim, config.fold * config.conv_width)
        self.join = nn.Linear(config.conv_width, config.conv_width)
        self.norm = nn.LayerNorm(config.conv_width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tracks: Tensor, lengths: Tensor) -> Tensor:
        """Return the features of every base; zero past a sequence's end.

        Parameters
        ----------
        tracks : (B, T, F) float
            Zero past a sequence's end.
        lengths : (B,) int64
            Bases of each sequence, 1..T.
        """
        return self.both(tracks, lengths)[0]

    def both(self, tracks: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of every base, and the context of every step, (B, ceil(T / fold), hidden_dim)."""
        local, steps = self.enter(tracks, lengths)
        steps = self.context(self.dropout(steps), self.held(lengths))
        return self.leave(local, steps, lengths)[:, : tracks.shape[1]], steps

    def is_batch_invariant(self) -> bool:
        """Return whether the bits of a sequence's features are independent of the rest of its batch.

        They do not where native code works out every row by itself; elsewhere the last ones may.
        """
        if self.config.kind != "bilstm":
            return False
        weight, pairs = self.join.weight, zip(self.context.forwards, self.context.backwards, strict=True)
        layers = (*self.local.convolutions, self.join)
        return all(local_features.takes(weight, layer) for layer in layers) and all(
            lstm.takes(weight, pair) for pair in pairs
        )

    def tiled(self, tracks: Tensor, tiles: Sequence[tuple[int, int]], halo: int) -> Tensor:
        """Return the features of the bases of neighbouring tiles of one sequence, (1, n, D).

        What is local is worked out once for all; context is read tile by tile with a halo, side by side.

        Parameters
        ----------
        tracks : (1, T, F) float
            Of the tiles and their halos.
        tiles
            First base of each and the base behind its last; multiples of the fold but for the sequence's end.
        halo
            Bases to both sides that the context of a tile reads, where there are any; a multiple of the fold.
        """
        fold, T = self.config.fold, tracks.shape[1]
        local, steps = self.enter(tracks, torch.tensor([T], device=tracks.device))
        held = [(max(0, start - halo) // fold, -(-min(T, end + halo) // fold)) for start, end in tiles]
        batch = nn.utils.rnn.pad_sequence([steps[0, low:high] for low, high in held], batch_first=True)
        lengths = torch.tensor([high - low for low, high in held], device=steps.device)
        context = self.context(self.dropout(batch), lengths)
        inside = [
            context[row, start // fold - held[row][0] : -(-end // fold) - held[row][0]]
            for row, (start, end) in enumerate(tiles)
        ]
        joined = torch.cat(inside).unsqueeze(0)
        first, bases = tiles[0][0], tiles[-1][1] - tiles[0][0]
        part = local[:, first : first + joined.shape[1] * fold]
        return self.leave(part, joined, torch.tensor([bases], device=part.device))[:, :bases]

    def tiled_rows(self, tracks: Tensor, lengths: Tensor, tile: int, halo: int) -> Tensor:
        """Return the features of whole sequences, (B, T, D), whose context is read tile by tile as by `tiled`.

        Parameters
        ----------
        tracks : (B, T, F) float
            Zero past a sequence's end.
        lengths : (B,) int64
            Bases of each sequence, 1..T.
        tile, halo
            Bases of a tile, and on both sides of it, that its context reads; multiples of the fold.
        """
        local, steps = self.enter(tracks, lengths)
        B, S, _ = steps.shape
        size, beside = tile // self.config.fold, halo // self.config.fold
        first = torch.arange(0, S, size, device=steps.device)
        low = (first - beside).clamp(min=0)
        last = (first + size + beside).clamp(max=S)
        held = torch.minimum(self.held(lengths)[:, None], last) - low
        places = (low[:, None] + torch.arange(int((last - low).max()), device=steps.device)).clamp(max=S - 1)
        # A tile past a sequence's end is read too, so that no shape depends on the lengths.
        batch = steps[:, places].flatten(0, 1)
        context = self.context(self.dropout(batch), held.clamp(min=1).flatten()).unflatten(0, (B, len(first)))
        step = torch.arange(S, device=steps.device)
        joined = context[:, step // size, step - low[step // size]]
        return self.leave(local, joined, lengths)[:, : tracks.shape[1]]

    def held(self, lengths: Tensor) -> Tensor:
        """Return how many steps sequences of these lengths have."""
        return -(-lengths // self.config.fold)

    def enter(self, tracks: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return local features of every base, to whole steps (B, S * fold, W), and the steps that they fold to."""
        B, T, _ = tracks.shape
        steps = -(-T // self.config.fold)
        tracks = nn.functional.pad(tracks, (0, 0, 0, steps * self.config.fold - T))
        local = self.local(tracks, padding_mask(lengths, tracks.shape[1]))
        return local, self.fold_norm(linear(local.reshape(B, steps, -1), self.fold))

    def leave(self, local: Tensor, steps: Tensor, lengths: Tensor) -> Tensor:
        """Return the features of every base from the result of `enter` and the context of its steps.

        Parameters
        ----------
        local : (B, T, W)
            Features of bases, from `enter`.
        steps : (B, S, D)
            Context of each step.
        lengths : (B,) int64
            Bases of each sequence.
        """
        context = linear(self.dropout(steps), self.unfold).reshape(len(local), -1, self.width)
        return self.joined(local, context, padding_mask(lengths, local.shape[1]))

    def joined(self, local: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        """Return the features of every base from local ones and context, both (B, T, W).

        Parameters
        ----------
        local, context : (B, T, W)
            Features of bases, and the context of their steps.
        mask : (B, T, 1) bool or None
            Bases that are no padding.
        """
        return layer(local, self.join, self.norm, mask, before=context)


def padding_mask(lengths: Tensor, T: int) -> Tensor | None:
    """Return (B, T, 1) float, 1 on the bases of each sequence and 0 past its end; None where nothing is past it."""
    if int(lengths.min()) == T:
        return None
    return (torch.arange(T, device=lengths.device) < lengths[:, None]).unsqueeze(-1).float()
