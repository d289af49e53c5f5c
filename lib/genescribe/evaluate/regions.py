"""Choose the genes to score when only regions are scored: test sequences, or sequences without their ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from genescribe.evaluate.structures import IntArray, merge
from genescribe.genome.model import Gene

Stretch = tuple[str, int, int | None]
"""seqid, start, end (0-based half-open); an end of None is the sequence's."""

_FAR = np.iinfo(np.int64).max


class Restricted(NamedTuple):
    """The genes that are scored, and how many of each side that touch a region are not."""

    reference: list[Gene]
    predicted: list[Gene]
    left_out: dict[str, int]


def restrict(reference: Sequence[Gene], predicted: Sequence[Gene], regions: Iterable[Stretch]) -> Restricted:
    """Return the genes that are scored when only `regions` are.

    The rule: a reference gene is scored when it lies whole inside a region. A predicted gene is scored when it lies
    whole inside a region and overlaps no reference gene of its strand that crosses an edge (what is left of such a
    gene inside the region is not a fair task), or when it crosses an edge itself but overlaps a scored reference gene
    of its strand (it is an answer to that gene, and a wrong one). All others are left out on both sides.

    Parameters
    ----------
    reference, predicted
        Genes of the reference annotation and of the prediction.
    regions
        (seqid, start, end); an end of None is the end of the sequence.
    """
    inside = _Regions(regions)
    scored_reference = [gene for gene in reference if inside.contains(gene)]
    crossing = [gene for gene in reference if not inside.contains(gene) and inside.touched(gene)]
    scored, cut = _Spans(scored_reference), _Spans(crossing)
    scored_predicted = [
        gene
        for gene in predicted
        if (not cut.overlap(gene) if inside.contains(gene) else inside.touched(gene) and scored.overlap(gene))
    ]
    left_out = {
        "reference": len(crossing),
        "predicted": sum(inside.touched(gene) for gene in predicted) - len(scored_predicted),
    }
    return Restricted(scored_reference, scored_predicted, left_out)


def overlapping(genes: Iterable[Gene], others: Iterable[Gene]) -> list[Gene]:
    """Return the genes whose span shares a base with the span of one of the others, on its strand."""
    spans = _Spans(others)
    return [gene for gene in genes if spans.overlap(gene)]


def without_ends(regions: Iterable[Stretch], lengths: Mapping[str, int], bases: int) -> list[Stretch]:
    """Return the regions less the first and last `bases` of each sequence; a region inside them is gone.

    Parameters
    ----------
    regions
        (seqid, start, end); an end of None is the end of the sequence.
    lengths
        Length of each sequence by name, in bases.
    bases
        Bases to leave out at each end of a sequence.

    Examples
    --------
    >>> without_ends([("a", 0, None), ("a", 0, 10)], {"a": 100}, 20)
    [('a', 20, 80)]
    """
    cut: list[Stretch] = []
    for seqid, start, end in regions:
        last = lengths[seqid] - bases
        low, high = max(start, bases), last if end is None else min(end, last)
        if low < high:
            cut.append((seqid, low, high))
    return cut


class _Regions:
    """Disjoint regions of each sequence; those that touch or overlap are one."""

    def __init__(self, regions: Iterable[Stretch]) -> None:
        spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for seqid, start, end in regions:
            spans[seqid].append((start, _FAR if end is None else end))
        self._merged = {seqid: _merged(pairs) for seqid, pairs in spans.items()}

    def contains(self, gene: Gene) -> bool:
        starts, ends = self._merged.get(gene.seqid, _merged([]))
        index = int(np.searchsorted(starts, gene.start, side="right")) - 1
        return index >= 0 and gene.end <= int(ends[index])

    def touched(self, gene: Gene) -> bool:
        starts, ends = self._merged.get(gene.seqid, _merged([]))
        return bool(np.searchsorted(starts, gene.end) > np.searchsorted(ends, gene.start, side="right"))


class _Spans:
    """Spans of genes by sequence and strand, for asking whether another gene overlaps any of them."""

    def __init__(self, genes: Iterable[Gene]) -> None:
        spans: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        for gene in genes:
            spans[gene.seqid, gene.strand].append((gene.start, gene.end))
        self._merged = {key: _merged(pairs) for key, pairs in spans.items()}

    def overlap(self, gene: Gene) -> bool:
        starts, ends = self._merged.get((gene.seqid, gene.strand), _merged([]))
        return bool(np.searchsorted(starts, gene.end) > np.searchsorted(ends, gene.start, side="right"))


def _merged(pairs: Sequence[tuple[int, int]]) -> tuple[IntArray, IntArray]:
    array = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return merge(array[:, 0], array[:, 1])
