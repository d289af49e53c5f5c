"""Several loci packed into a row, and back again, without attention between loci.

A batch of loci of different lengths is padded to the longest. Packed, the loci share rows of about one length instead,
each beginning at a step of its own, with a gap behind it that local convolutions do not cross.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genescribe.data.packing import best_fit


@dataclass
class Layout:
    """B loci of up to S steps in R rows of W steps, `fold` bases per step.

    Attributes
    ----------
    owner : (R, W) int64
        The locus of each step; -1 where there is none.
    order : (R, W) int64
        The step's number within its locus.
    bases : (R, W * fold) int64
        The base at each place, counted through all loci padded to T; -1 where there is none.
    steps_back : (B, S) int64, bases_back : (B, T) int64
        Where each step (base) of a locus lies, counted through all rows; -1 past its end.
    """

    owner: Tensor
    order: Tensor
    bases: Tensor
    steps_back: Tensor
    bases_back: Tensor

    @classmethod
    def of(cls, lengths: Tensor, width: int, fold: int, reach: int, capacity: int) -> Layout:
        """Lay loci out, best fit.

        Parameters
        ----------
        lengths : (B,) int64
            Their bases.
        width
            T, to which they are padded.
        fold
            Bases of a step.
        reach
            Bases to each side that a local feature sees: at least so many lie between two loci.
        capacity
            Bases of a row; a locus that is longer has a row to itself.
        """
        sizes, gap = lengths.cpu().numpy(), -(-reach // fold)
        counts = -(-sizes // fold)
        rows = best_fit(counts.tolist(), max(1, capacity // fold), gap)
        wide = max(int(counts[row].sum()) + gap * (len(row) - 1) for row in rows)
        owner, order = np.full((len(rows), wide), -1), np.zeros((len(rows), wide), dtype=np.int64)
        bases = np.full((len(rows), wide * fold), -1)
        steps_back = np.full((len(sizes), int(counts.max())), -1)
        bases_back = np.full((len(sizes), width), -1)
        for r, row in enumerate(rows):
            first = 0
            for locus in row:
                steps, size, there = int(counts[locus]), int(sizes[locus]), (r * wide + first) * fold
                owner[r, first : first + steps], order[r, first : first + steps] = locus, np.arange(steps)
                bases[r, first * fold : first * fold + size] = locus * width + np.arange(size)
                steps_back[locus, :steps] = r * wide + first + np.arange(steps)
                bases_back[locus, :size] = there + np.arange(size)
                first += steps + gap
        parts = (owner, order, bases, steps_back, bases_back)
        return cls(*(torch.from_numpy(part).to(lengths.device) for part in parts))

    @property
    def mask(self) -> Tensor:
        """Attention mask, (R, 1, W, W): steps attend within their locus, padding to padding."""
        return (self.owner[:, :, None] == self.owner[:, None, :]).unsqueeze(1)

    @property
    def present(self) -> Tensor:
        """True for steps, False for padding, (R, W)."""
        return self.owner >= 0

    @property
    def covered(self) -> Tensor:
        """1 for bases, 0 for padding, (R, W * fold, 1)."""
        return (self.bases >= 0).unsqueeze(-1).float()

    def pack(self, tracks: Tensor) -> Tensor:
        """Return features of bases (B, T, F) in rows, (R, W * fold, F)."""
        return _moved(tracks, self.bases)

    def bases_of(self, rows: Tensor) -> Tensor:
        """Return features of the bases of rows (R, W * fold, F) by locus, (B, T, F)."""
        return _moved(rows, self.bases_back)

    def steps_of(self, rows: Tensor) -> Tensor:
        """Return steps of rows (R, W, D) by locus, (B, S, D)."""
        return _moved(rows, self.steps_back)

    def heads_of(self, rows: Tensor) -> Tensor:
        """Return keys or values of rows (R, heads, W, d) by locus, (B, heads, S, d)."""
        moved = self.steps_of(rows.transpose(1, 2).flatten(2))
        return moved.view(*moved.shape[:2], rows.shape[1], rows.shape[3]).transpose(1, 2)


def _moved(x: Tensor, index: Tensor) -> Tensor:
    """Return the places `index` (n, m) of x (., ., F), counted through its first two dimensions; 0 where it is -1."""
    moved = x.flatten(0, 1).index_select(0, index.clamp(min=0).flatten()).view(*index.shape, x.shape[-1])
    return moved * (index >= 0).unsqueeze(-1)
