"""Supported introns in lanes, which keep the two ends of each paired in a semi-Markov CRF.

A lane is a set of labels, copies of those of introns, that may begin at the first base of some introns and end at the
last base of some, and whose content is -inf elsewhere. The CRF cannot tell which first base belongs to which last base,
so a lane holds introns of which it need not: those that lie apart, and bundles. In a bundle every first base that lies
before some last base makes an intron of the bundle with it: alternative first or last bases, a skipped exon. Begin and
end scores add up to the score of each intron, which is possible where the introns, as edges between their ends, make a
forest. What fits in no bundle goes to the next lane. So inference is exact with the kernels as they are, on every
backend, and costs a few further labels with geometric durations, however many introns there are.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LANES = 2
"""A third lane held a few weak introns, changed no score on the parts that were tried, and cost a third more."""
BUNDLE = 16
"""Introns of a bundle, at most."""


class Ends(NamedTuple):
    """First or last bases of introns in lanes.

    Attributes
    ----------
    position : (n,) int64
        Base, ascending.
    lane : (n,) int64
        Its lane.
    owner, intron, sign : (m,) int64
        Score of `owner`, an index into the ends, is the sum of `sign` times the score of `intron`.
    sole : (n,) int64
        The only intron that has this end in the lane, or -1.
    """

    position: NDArray[np.int64]
    lane: NDArray[np.int64]
    owner: NDArray[np.int64]
    intron: NDArray[np.int64]
    sign: NDArray[np.int64]
    sole: NDArray[np.int64]


class Lanes(NamedTuple):
    """Introns laid out.

    Attributes
    ----------
    used
        Number of lanes in use.
    first, last
        Ends of the introns; `last` holds the last base itself.
    spans : (k, 3) int64
        First base, end and lane of each bundle, in which the content of a lane counts.
    lane : (introns,) int64
        Of each intron; -1: it overlaps better ones in every lane and is left out.
    """

    used: int
    first: Ends
    last: Ends
    spans: NDArray[np.int64]
    lane: NDArray[np.int64]


class _Bundle(NamedTuple):
    start: int
    end: int
    introns: tuple[int, ...]


def lay_out(
    starts: Sequence[int], ends: Sequence[int], order: Iterable[int], alone: Sequence[bool], most: int = LANES
) -> Lanes:
    """Return the lanes of introns ``[start, end)``, each at most once.

    Parameters
    ----------
    starts, ends
        Bounds of the introns, 0-based half-open.
    order
        Their indices; those that come first are placed first.
    alone
        Whether an intron may not share a bundle.
    most
        Largest number of lanes.
    """
    lanes: list[list[_Bundle]] = [[] for _ in range(most)]
    for index in order:
        for bundles in lanes:
            if _place(bundles, index, starts, ends, alone):
                break
    place = np.full(len(starts), -1, dtype=np.int64)
    for lane, bundles in enumerate(lanes):
        for bundle in bundles:
            place[list(bundle.introns)] = lane
    spans = [(bundle.start, bundle.end, lane) for lane, bundles in enumerate(lanes) for bundle in bundles]
    parts = [(lane, bundle) for lane, bundles in enumerate(lanes) for bundle in bundles]
    return Lanes(
        sum(map(bool, lanes)),
        _ends(parts, starts, ends, last=False),
        _ends(parts, starts, ends, last=True),
        np.array(sorted(spans), dtype=np.int64).reshape(-1, 3),
        place,
    )


def _place(
    bundles: list[_Bundle], index: int, starts: Sequence[int], ends: Sequence[int], alone: Sequence[bool]
) -> bool:
    """Put an intron into a lane, in a bundle of its own or one with those that it overlaps; whether it fits."""
    start, end = starts[index], ends[index]
    first = bisect_left(bundles, start, key=lambda bundle: bundle.end)
    # A bundle that ends where another begins overlaps neither, but no base would keep the lane from joining them.
    last = first
    while last < len(bundles) and bundles[last].start <= end:
        last += 1
    near = bundles[first:last]
    if not near:
        insort(bundles, _Bundle(start, end, (index,)))
        return True
    introns = (*(i for bundle in near for i in bundle.introns), index)
    if len(introns) > BUNDLE or any(alone[i] for i in introns) or not _is_bundle(introns, starts, ends):
        return False
    bundles[first:last] = [_Bundle(min(start, near[0].start), max(end, *(b.end for b in near)), introns)]
    return True


def _is_bundle(introns: Sequence[int], starts: Sequence[int], ends: Sequence[int]) -> bool:
    """Whether every first base before a last base makes one of the introns with it, and these make a forest."""
    pairs = {(starts[i], ends[i]) for i in introns}
    firsts, lasts = {a for a, _ in pairs}, {b for _, b in pairs}
    if sum(a < b for a in firsts for b in lasts) != len(pairs):
        return False
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def root(node: tuple[str, int]) -> tuple[str, int]:
        while node in parent:
            node = parent[node]
        return node

    for a, b in pairs:
        x, y = root(("first", a)), root(("last", b))
        if x == y:
            return False
        parent[x] = y
    return True


def _ends(parts: Sequence[tuple[int, _Bundle]], starts: Sequence[int], ends: Sequence[int], *, last: bool) -> Ends:
    rows: list[tuple[int, int, dict[int, int], int]] = []
    for lane, bundle in parts:
        scores = _shares(bundle.introns, starts, ends)
        for (is_last, position), terms in scores.items():
            if is_last == last:
                sole = bundle.introns[0] if len(bundle.introns) == 1 else -1
                rows.append((position - 1 if last else position, lane, terms, sole))
    rows.sort(key=lambda row: row[:2])
    terms_of = [(i, intron, sign) for i, (_, _, terms, _) in enumerate(rows) for intron, sign in terms.items()]
    terms_array = np.array(terms_of, dtype=np.int64).reshape(-1, 3)
    columns = np.array([(row[0], row[1], row[3]) for row in rows], dtype=np.int64).reshape(-1, 3)
    owner, intron, sign = terms_array.T
    return Ends(columns[:, 0], columns[:, 1], owner, intron, sign, columns[:, 2])


def _shares(
    introns: Sequence[int], starts: Sequence[int], ends: Sequence[int]
) -> dict[tuple[bool, int], dict[int, int]]:
    """Return the score of each end as signed scores of introns, so that those of both ends add up to the intron's."""
    beside: dict[tuple[bool, int], list[tuple[int, tuple[bool, int]]]] = defaultdict(list)
    for i in introns:
        a, b = (False, starts[i]), (True, ends[i])
        beside[a].append((i, b))
        beside[b].append((i, a))
    shares: dict[tuple[bool, int], dict[int, int]] = {}
    for node in sorted(beside):
        if node in shares:
            continue
        shares[node], ahead = {}, [node]
        while ahead:
            known = ahead.pop()
            for i, neighbour in beside[known]:
                if neighbour not in shares:
                    shares[neighbour] = {i: 1, **{j: -sign for j, sign in shares[known].items()}}
                    ahead.append(neighbour)
    return shares
