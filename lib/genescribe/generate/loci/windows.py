"""Windows around loci, with lengths that are multiples of one step; pieces of longer loci."""

from __future__ import annotations

from genescribe.errors import InputError
from genescribe.genome.model import Interval


def place_window(start: int, end: int, bounds: Interval, *, flank: int, step: int, limit: int) -> Interval | None:
    """Return the window of a locus, or None where it needs more than `limit`.

    As many times `step` as the locus and its flanks need, the locus in its middle; at an end of the sequence the
    window is moved inwards, and where the sequence is shorter the window is all of it.

    Parameters
    ----------
    start, end
        Place of the locus, 0-based half-open.
    bounds
        Where the window may lie: the sequence, or the part of it that belongs to a split.
    flank
        Bases on both sides that it must hold, as far as there are any.
    step, limit
        Lengths of windows, in bases.

    Examples
    --------
    >>> place_window(5000, 6000, (0, 100_000), flank=100, step=6144, limit=49_152)
    (2428, 8572)
    >>> place_window(100, 6000, (0, 7000), flank=500, step=6144, limit=49_152)
    (0, 7000)
    """
    low, high = bounds
    needed = min(high, end + flank) - max(low, start - flank)
    size = -(-needed // step) * step
    if size > limit:
        if needed > limit:
            return None
        size = limit
    if size >= high - low:
        return low, high
    begin = start - (size - (end - start)) // 2
    begin = min(max(low, begin), high - size)
    return begin, begin + size


def locus_pieces(start: int, end: int, limit: int) -> list[Interval]:
    """Return a locus in pieces of at most `limit` bases, each half over the next; itself where it is short enough.

    Parameters
    ----------
    start, end
        The locus, 0-based and half-open.
    limit
        Most bases of a piece.

    Examples
    --------
    >>> locus_pieces(0, 25, 10)
    [(0, 10), (5, 15), (10, 20), (15, 25)]
    """
    if limit < 2:
        raise InputError(f"a window of {limit}", where="window_limit", remedy="make it longer")
    if end - start <= limit:
        return [(start, end)]
    begins = [*range(start, end - limit, limit // 2), end - limit]
    return [(begin, begin + limit) for begin in begins]
