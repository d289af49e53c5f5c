"""Balanced sampling of training windows from several genomes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genescribe.data.cursor import epoch_order


class GenomeDraw:
    """The windows of an epoch and their order, for training on genomes of very different sizes.

    A genome's share of the bases of an epoch is in proportion to its own bases to the power of 1 - `balance`. One that
    has less than its share is gone through more than once an epoch, one that has more goes on in the next epoch where
    it stopped. Windows of a genome come `block` at a time.

    Parameters
    ----------
    genomes : (n,) int
        The genome of each window, from 0.
    lengths : (n,) int
        Bases of each window.
    balance
        0: as they are; 1: all genomes alike.
    block
        Windows of a genome that stand beside each other.
    """

    def __init__(self, genomes: NDArray[np.int64], lengths: NDArray[np.int64], balance: float, block: int = 1) -> None:
        self._windows = [np.flatnonzero(genomes == genome) for genome in np.unique(genomes)]
        bases = np.array([lengths[windows].sum() for windows in self._windows], dtype=np.float64)
        share = bases ** (1 - balance) / (bases ** (1 - balance)).sum()
        passes = share * bases.sum() / bases
        self.quotas = tuple(
            max(1, round(float(p) * len(windows))) for p, windows in zip(passes, self._windows, strict=True)
        )
        self._block = block

    def __len__(self) -> int:
        """Return the windows of an epoch."""
        return sum(self.quotas)

    def order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return the windows of an epoch in their order, a function of the numbers alone."""
        blocks: list[NDArray[np.int64]] = []
        for windows, quota in zip(self._windows, self.quotas, strict=True):
            first, size = epoch * quota, len(windows)
            passes = range(first // size, (first + quota - 1) // size + 1)
            drawn = np.concatenate([windows[epoch_order(size, seed, number)] for number in passes])
            drawn = drawn[first - passes[0] * size :][:quota]
            blocks += [drawn[i : i + self._block] for i in range(0, quota, self._block)]
        return np.concatenate([blocks[i] for i in epoch_order(len(blocks), seed, epoch)])
