"""Best-fit packing of items of different lengths into bins of one size."""

from __future__ import annotations

import bisect
from collections.abc import Sequence


def best_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Return the numbers of the items in each bin: longest items first, each into the bin that it leaves fullest.

    Best fit decreasing (Johnson, 1973): at most 11/9 of the fewest bins there could be, and one more. The answer is a
    function of the arguments alone; of equal items the earlier goes first, of equal bins the older is filled.

    Parameters
    ----------
    lengths
        Of the items, at least 1 each.
    capacity
        Size of a bin. An item that is longer has a bin to itself.

    Examples
    --------
    >>> best_fit([5, 3, 8, 2, 4], capacity=10)
    [[2, 3], [0, 4], [1]]
    """
    bins: list[list[int]] = []
    spaces: list[tuple[int, int]] = []  # (what is left, bin), ascending
    for item in sorted(range(len(lengths)), key=lambda item: -lengths[item]):
        place = bisect.bisect_left(spaces, (lengths[item], -1))
        if place == len(spaces):
            bins.append([item])
            left, number = capacity - lengths[item], len(bins) - 1
        else:
            left, number = spaces.pop(place)
            bins[number].append(item)
            left -= lengths[item]
        bisect.insort(spaces, (left, number))
    return bins
