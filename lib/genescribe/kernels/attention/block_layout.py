"""The pattern of block-sparse attention: a window and global blocks.

Who sees is seen (as in BigBird: Zaheer et al., 2020, "Big Bird: transformers for longer sequences"), and what a block
sees depends neither on padding nor on what comes behind it: the layout of a shorter sequence is the corner of that of
a longer one. The number of pairs grows linearly with the length.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from genescribe.config import option
from genescribe.errors import InputError

BLOCKS = (16, 32, 64, 128)
"""Sizes that a block may have."""


@dataclass(frozen=True)
class SparseConfig:
    """Options of the attention pattern: adjacent blocks, global blocks."""

    block: int = option(64, doc="steps of a block: 16, 32, 64 or 128", minimum=16, maximum=128)
    window: int = option(512, doc="steps attended to on each side; a multiple of block", minimum=0)
    global_blocks: int = option(1, doc="global first blocks, which attend to all and are attended to by all", minimum=0)

    def check(self, where: str = "sparse") -> None:
        """Raise `InputError` where no such attention can be laid out."""
        if self.block not in BLOCKS:
            raise InputError(f"blocks of {self.block}", where=f"{where}.block", remedy="give 16, 32, 64 or 128")
        if self.window % self.block:
            below = self.window // self.block * self.block
            raise InputError(
                f"a window of {self.window} is not divisible by blocks of {self.block}",
                where=f"{where}.window",
                remedy=f"give {below} or {below + self.block}",
            )


@dataclass(frozen=True, eq=False)
class BlockLayout:
    """The blocks that each block sees, ascending; a symmetric matrix in compressed rows.

    Attributes
    ----------
    block
        Steps of a block.
    starts : (n + 1,) int32
        Block i sees ``blocks[starts[i]:starts[i + 1]]``.
    blocks : int32
        Numbers of blocks.
    """

    block: int
    starts: NDArray[np.int32]
    blocks: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, i: int) -> NDArray[np.int32]:
        """Return the blocks that block i attends to."""
        return self.blocks[self.starts[i] : self.starts[i + 1]]

    def dense(self) -> NDArray[np.bool_]:
        """Return the matrix (n, n)."""
        matrix = np.zeros((len(self), len(self)), dtype=bool)
        matrix[np.repeat(np.arange(len(self)), np.diff(self.starts)), self.blocks] = True
        return matrix


@lru_cache(maxsize=64)
def block_layout(steps: int, config: SparseConfig) -> BlockLayout:
    """Return the layout of sequences of up to so many steps.

    Examples
    --------
    >>> layout = block_layout(96, SparseConfig(block=16, window=16, global_blocks=1))
    >>> [layout.row(i).tolist() for i in range(len(layout))]
    [[0, 1, 2, 3, 4, 5], [0, 1, 2], [0, 1, 2, 3], [0, 2, 3, 4], [0, 3, 4, 5], [0, 4, 5]]

    Raises
    ------
    InputError
        See `SparseConfig.check`.
    """
    config.check()
    n = -(-steps // config.block)
    number = np.arange(n)
    reach = config.window // config.block
    pairs = [np.stack([number[: n - far], number[far:]]) for far in range(min(reach + 1, n))]
    first = np.arange(min(config.global_blocks, n))
    pairs.append(np.stack([np.repeat(first, n), np.tile(number, len(first))]))
    left, right = np.concatenate(pairs, axis=1)
    # Rows first; each pair in both directions, once.
    keys = np.unique(np.concatenate([left * n + right, right * n + left]))
    starts = np.searchsorted(keys // n, np.arange(n + 1)) if n else np.zeros(1)
    return BlockLayout(config.block, starts.astype(np.int32), (keys % max(n, 1)).astype(np.int32))
