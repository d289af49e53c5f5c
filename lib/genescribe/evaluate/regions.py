"""Choose the genes to score when only regions are scored: test sequences, or sequences without their ends."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from genescribe.bake.config import BakeJob
from genescribe.genome.intervals import touched, union
from genescribe.genome.model import Gene, Interval

Stretch = tuple[str, int, int | None]
"""seqid, start, end (0-based half-open); an end of None is the sequence's."""

_FAR = sys.maxsize


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
    spans = _Spans((seqid, start, _FAR if end is None else end) for seqid, start, end in regions)
    touching = [gene for gene in reference if spans.touch(gene.seqid, gene)]
    scored_reference = [gene for gene in touching if spans.contain(gene.seqid, gene)]
    crossing = [gene for gene in touching if not spans.contain(gene.seqid, gene)]
    scored, cut = _Spans.of(scored_reference), _Spans.of(crossing)
    candidates = [gene for gene in predicted if spans.touch(gene.seqid, gene)]
    scored_predicted = [
        gene
        for gene in candidates
        if (not cut.overlap(gene) if spans.contain(gene.seqid, gene) else scored.overlap(gene))
    ]
    left_out = {"reference": len(crossing), "predicted": len(candidates) - len(scored_predicted)}
    return Restricted(scored_reference, scored_predicted, left_out)


def overlapping(genes: Iterable[Gene], others: Iterable[Gene]) -> list[Gene]:
    """Return the genes whose span shares a base with the span of one of the others, on its strand."""
    spans = _Spans.of(others)
    return [gene for gene in genes if spans.overlap(gene)]


def without_ends(regions: Iterable[Stretch], lengths: Mapping[str, int], bases: int) -> list[tuple[str, int, int]]:
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
    cut: list[tuple[str, int, int]] = []
    for seqid, start, end in regions:
        last = lengths[seqid] - bases
        low, high = max(start, bases), last if end is None else min(end, last)
        if low < high:
            cut.append((seqid, low, high))
    return cut


def training_regions(job: BakeJob, lengths: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Return the regions of a genome that train, without the ends that are masked."""
    parts = job.splits.regions({seqid: size for seqid, size in lengths.items() if seqid not in job.skip})
    regions = ((seqid, part.start, part.end) for seqid in parts for part in parts[seqid] if part.split == "train")
    return without_ends(regions, lengths, job.mask_ends)


class _Spans:
    """Stretches by sequence, or by sequence and strand; those that touch or overlap are one."""

    def __init__(self, spans: Iterable[tuple[Hashable, int, int]]) -> None:
        by_key: dict[Hashable, list[Interval]] = defaultdict(list)
        for key, start, end in spans:
            by_key[key].append((start, end))
        self._merged = {key: union(intervals) for key, intervals in by_key.items()}

    @classmethod
    def of(cls, genes: Iterable[Gene]) -> _Spans:
        return cls(((gene.seqid, gene.strand), gene.start, gene.end) for gene in genes)

    def touch(self, key: Hashable, gene: Gene) -> bool:
        return touched((gene.start, gene.end), self._merged.get(key, []))

    def overlap(self, gene: Gene) -> bool:
        return self.touch((gene.seqid, gene.strand), gene)

    def contain(self, key: Hashable, gene: Gene) -> bool:
        intervals = self._merged.get(key, [])
        place = bisect_right(intervals, (gene.start, _FAR)) - 1
        return place >= 0 and gene.end <= intervals[place][1]
