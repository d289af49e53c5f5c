"""Pack sequences into a fixed number of batches of similar size, so that there is one job per batch."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
MAX_BATCHES = 32


def balance(lengths: Mapping[Key, int], batches: int) -> list[list[Key]]:
    """Pack sequences, or anything that has a size, into exactly `batches` lists of nearly equal total length.

    Longest first, each into the lightest batch; the result is a function of the lengths and names alone. A batch
    may be empty: the number of batches is known before the sequences are.

    Parameters
    ----------
    lengths
        Length of each sequence by name, in bases.
    batches
        1 to `MAX_BATCHES`.

    Examples
    --------
    >>> balance({"I": 5, "II": 4, "III": 3, "IV": 3}, 2)
    [['I', 'IV'], ['II', 'III']]
    """
    if not 1 <= batches <= MAX_BATCHES:
        raise ValueError(f"batches must lie in 1..{MAX_BATCHES}, not {batches}")
    packed: list[list[Key]] = [[] for _ in range(batches)]
    heap = [(0, index) for index in range(batches)]
    order = {name: position for position, name in enumerate(lengths)}
    for name in sorted(lengths, key=lambda n: (-lengths[n], order[n])):
        total, index = heapq.heappop(heap)
        packed[index].append(name)
        heapq.heappush(heap, (total + lengths[name], index))
    return [sorted(batch, key=order.__getitem__) for batch in packed]


def batch_of(lengths: Mapping[str, int], index: int, batches: int) -> list[str]:
    """Return the names in batch `index` (0-based) of `batches`.

    Parameters
    ----------
    lengths
        Length of each sequence by name, in bases.
    index
        Number of the batch, from 0.
    batches
        Number of batches, in all.
    """
    return balance(lengths, batches)[index]
