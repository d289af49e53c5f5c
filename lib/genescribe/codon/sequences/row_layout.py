"""Tokens of many coding sequences in one row, with attention that keeps them separate.

Windows are not padded: a batch is one row of N tokens. Attention takes the coding sequences out of the row, groups
those of like length, and runs plain causal attention on each group; that is the block-diagonal mask exactly, at the
cost of the blocks alone and with the fast causal kernels of every device. No mask is ever built.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

WASTE = 1.25
"""A group holds sequences whose lengths differ by at most this factor."""


@dataclass(frozen=True)
class Layout:
    """Positions of the segments in a row of N tokens.

    Attributes
    ----------
    positions : (N,) int64
        Place of each token in its segment.
    groups : of (n, L) int64
        Segments of like length: where each of their tokens lies in the row; past a segment's end any place.
    back : (N,) int64
        Where each token lies in the groups, one after the other.
    """

    positions: Tensor
    groups: tuple[Tensor, ...]
    back: Tensor

    @classmethod
    def of(cls, lengths: Tensor) -> Layout:
        """Return the layout of segments of the given lengths, (S,) int64, that follow one another."""
        starts = torch.cumsum(lengths, 0) - lengths
        total = int(lengths.sum())
        positions = torch.arange(total) - torch.repeat_interleave(starts, lengths)
        order = torch.argsort(lengths, descending=True, stable=True)
        groups: list[Tensor] = []
        back, place = torch.zeros(total, dtype=torch.int64), 0
        sizes = lengths[order].tolist()
        first = 0
        while first < len(sizes):
            last = first
            while last < len(sizes) and sizes[last] * WASTE >= sizes[first]:
                last += 1
            members, width = order[first:last], sizes[first]
            index = starts[members][:, None] + torch.arange(width)
            inside = torch.arange(width) < lengths[members][:, None]
            index = torch.where(inside, index, starts[members][:, None])
            groups.append(index)
            slots = place + torch.arange(index.numel()).reshape(index.shape)
            back[index[inside]] = slots[inside]
            place += index.numel()
            first = last
        return cls(positions, tuple(groups), back)

    def to(self, device: torch.device | str) -> Layout:
        """Return the layout on a device."""
        positions, back = (index.to(device, non_blocking=True) for index in (self.positions, self.back))
        return Layout(positions, tuple(group.to(device, non_blocking=True) for group in self.groups), back)

    def pin(self) -> Layout:
        """Return the layout in page-locked memory."""
        groups = tuple(group.pin_memory() for group in self.groups)
        return Layout(self.positions.pin_memory(), groups, self.back.pin_memory())

    def attend(self, qkv: Tensor) -> Tensor:
        """Return causal attention within each segment.

        Parameters
        ----------
        qkv : (N, 3, H, D)
            Queries, keys and values of H heads.

        Returns
        -------
        (N, H, D)
        """
        attended = []
        for group in self.groups:
            # Padding stands behind a sequence, where causal attention never looks; its own output is dropped.
            q, k, v = qkv[group].permute(2, 0, 3, 1, 4).unbind(0)
            attended.append(_causal(q, k, v).transpose(1, 2).flatten(0, 1))
        return torch.cat(attended)[self.back]


def _causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return causal attention, (n, H, L, D).

    On CPUs the fused kernel takes twice as long in bfloat16, backward above all, as two products and a softmax.
    """
    if q.device.type != "cpu" or q.dtype != torch.bfloat16 or not q.requires_grad:
        return scaled_dot_product_attention(q, k, v, is_causal=True)
    length = q.shape[-2]
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    attended: Tensor = scores.masked_fill(future, float("-inf")).softmax(-1) @ v
    return attended
