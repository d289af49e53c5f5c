"""Divide a genome without splits among training, validation and test."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from genescribe.bake.splits import Region, SplitRegion, Splits, show_region
from genescribe.data.cursor import hash64
from genescribe.data.shards import SPLITS
from genescribe.errors import InputError

SHARES = (75, 10, 15)
"""Training, validation and test: shares of the loci, or of the bases where none are known."""
SHORTEST_WINDOW = 20_000
"""Bases of a window of a sequence that is divided: shorter ones would cut most loci."""


def by_shares(
    lengths: Mapping[str, int],
    seed: int = 1,
    loci: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, list[SplitRegion]]:
    """Return a genome divided among training, validation and test by chance, in `SHARES` of its loci.

    Whole sequences go to a part, where there are enough of them. A sequence longer than half of the smallest part is
    first cut into windows of like lengths, which go to different parts: at most a fifth of the smallest part long, and
    not shorter than `SHORTEST_WINDOW`.

    Parameters
    ----------
    lengths
        Length of each sequence by name, in bases.
    seed
        Seed of the choice.
    loci
        Places of genes by sequence; without any, the shares are of the bases.

    Raises
    ------
    InputError
        The genome is too small for all parts: one of them would be empty.

    Examples
    --------
    >>> found = by_shares({str(i): 10 for i in range(20)})
    >>> [sum(r[0].split == split for r in found.values()) for split in SPLITS]
    [15, 2, 3]
    >>> found = by_shares({"I": 5_000_000, "II": 2_000_000})
    >>> [sum(r.end - r.start for rs in found.values() for r in rs if r.split == split) for split in SPLITS]
    [5205556, 694445, 1099999]
    """
    total = sum(lengths.values())
    smallest = total * min(SHARES) / sum(SHARES)
    pieces: list[tuple[str, int, int]] = []
    for seqid, length in lengths.items():
        window = max(SHORTEST_WINDOW, smallest / 5)
        count = max(1, math.ceil(length / window)) if length > smallest / 2 else 1
        edges = [length * i // count for i in range(count + 1)]
        pieces += [(seqid, start, end) for start, end in pairwise(edges)]
    hashed = np.array([_hash(seqid, start) for seqid, start, _ in pieces], np.uint64)
    order = np.argsort(hash64(hashed ^ np.uint64(seed)), kind="stable")
    sizes = np.array([pieces[i][2] - pieces[i][1] for i in order], dtype=np.int64)
    if loci and any(loci.values()):
        places = {seqid: np.sort(loci.get(seqid, ())) for seqid in lengths}
        sizes = np.array([_within(places[seqid], start, end) for seqid, start, end in (pieces[i] for i in order)])
        total = int(sizes.sum())
    # A piece belongs where its middle lies.
    middles = np.cumsum(sizes) - sizes / 2
    parts = np.searchsorted(np.cumsum(SHARES)[:-1] * total / sum(SHARES), middles, side="right")
    names: dict[str, list[str]] = {split: [] for split in SPLITS}
    for place, part in zip(order.tolist(), parts.tolist(), strict=True):
        seqid, start, end = pieces[place]
        names[SPLITS[part]].append(show_region(Region(seqid, start, end), lengths))
    if empty := [split for split in SPLITS if not names[split]]:
        raise InputError(
            f"{sum(lengths.values())} bases in {len(lengths)} sequences are too few to divide: nothing is left for "
            f"{', '.join(empty)}",
            where="splits",
            remedy="name the regions of each split",
        )
    return Splits(**{split: sorted(regions) for split, regions in names.items()}).regions(lengths)


def _within(places: NDArray[np.int64], start: int, end: int) -> int:
    """Return how many of some ascending places lie in a piece."""
    first, last = np.searchsorted(places, (start, end))
    return int(last - first)


def _hash(seqid: str, start: int) -> int:
    text = f"{seqid}:{start}" if start else seqid
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
