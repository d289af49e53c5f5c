"""Arithmetic on half-open intervals."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from genescribe.genome.model import Interval


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Return disjoint, ascending intervals over the same bases; touching ones become one.

    Examples
    --------
    >>> union([(5, 9), (0, 3), (3, 4), (7, 12), (20, 20)])
    [(0, 4), (5, 12)]
    """
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def shared(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the bases that two or more of the intervals hold.

    Examples
    --------
    >>> shared([(0, 10), (8, 20), (9, 12), (20, 30)])
    [(8, 12)]
    """
    twice: list[Interval] = []
    reach = -1
    for start, end in sorted(intervals):
        twice.append((start, min(end, reach)))
        reach = max(reach, end)
    return union(twice)


def shared_length(first: Sequence[Interval], second: Sequence[Interval]) -> int:
    """Return the number of bases that both hold; each is disjoint and ascending.

    Examples
    --------
    >>> shared_length([(0, 10), (20, 30)], [(5, 25)])
    10
    """
    total, i, j = 0, 0, 0
    while i < len(first) and j < len(second):
        total += max(0, min(first[i][1], second[j][1]) - max(first[i][0], second[j][0]))
        if first[i][1] <= second[j][1]:
            i += 1
        else:
            j += 1
    return total


def touched(span: Interval, intervals: Sequence[Interval]) -> bool:
    """Whether any of the disjoint, ascending intervals shares a base with the span."""
    place = bisect_left(intervals, (span[1], 0)) - 1
    return place >= 0 and intervals[place][1] > span[0]
