"""Transcripts reduced to positions and strand of exons or CDS parts, on which accuracy is measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genescribe.genome.intervals import union
from genescribe.genome.model import Gene, Interval, gaps

Level = Literal["cds", "exon"]
IntArray = NDArray[np.int64]

GROUP_SHIFT = 40
"""A position is stored as `group << GROUP_SHIFT | base`, so that one sorted array holds every sequence and strand."""

FUZZY_OVERLAP = 0.8
"""Share of the longer single-exon transcript that another must cover to be its duplicate (gffcompare's constant)."""


@dataclass(frozen=True, slots=True)
class Structure:
    """One transcript as the metrics see it.

    Attributes
    ----------
    group
        Number of its (sequence, strand).
    exons
        Its exons or coding parts, ascending; parts that touch are joined, as gffcompare joins them.
    gene
        Position of its gene in the list it came from.
    """

    group: int
    exons: tuple[Interval, ...]
    gene: int

    @property
    def start(self) -> int:
        """First base."""
        return self.exons[0][0]

    @property
    def end(self) -> int:
        """One past the last base."""
        return self.exons[-1][1]

    @property
    def key(self) -> tuple[int, tuple[Interval, ...]]:
        """Key by which two transcripts are equal."""
        return self.group, self.exons

    @property
    def chain(self) -> tuple[int, tuple[Interval, ...]]:
        """Group and intron chain; the chain is empty for a single exon."""
        return self.group, gaps(self.exons)


class Groups(dict[tuple[str, str], int]):
    """Numbers for (seqid, strand) in the order of their first use."""

    def __missing__(self, key: tuple[str, str]) -> int:
        self[key] = len(self)
        return self[key]


def structures(genes: Iterable[Gene], level: Level, groups: Groups) -> list[Structure]:
    """Return the structures of all coding transcripts, sorted by group, start and end.

    Parameters
    ----------
    genes
        Genes of one annotation.
    level
        "cds" takes the coding parts, "exon" the exons.
    groups
        Shared by all annotations that are compared with each other.
    """
    records = []
    for number, gene in enumerate(genes):
        group = groups[gene.seqid, gene.strand]
        for transcript in gene.transcripts:
            if transcript.cds:
                parts = transcript.cds if level == "cds" else transcript.exons
                records.append(Structure(group, tuple(union(parts)), number))
    return sorted(records, key=lambda s: (s.group, s.start, s.end, s.exons))


def drop_duplicates(sorted_structures: Sequence[Structure]) -> list[Structure]:
    """Return the structures without those that gffcompare's reading of a reference takes for duplicates.

    A transcript is dropped when an earlier one (by start, then end) contains it and has the same intron chain;
    for a single exon, when an earlier single exon contains it and is at most 1 / 0.8 times as long.
    """
    distinct: list[Structure] = []
    spliced: dict[tuple[int, tuple[Interval, ...]], list[Structure]] = defaultdict(list)
    single: list[Structure] = []
    for candidate in sorted_structures:
        if len(candidate.exons) > 1:
            family = spliced[candidate.chain]
            duplicate = any(other.end >= candidate.end for other in family)
        else:
            family = single
            duplicate = _single_exon_duplicate(candidate, single)
        if not duplicate:
            family.append(candidate)
            distinct.append(candidate)
    return distinct


def loci(sorted_structures: Sequence[Structure]) -> list[int]:
    """Return the number of each structure's locus: structures of a group joined wherever their exons share a base."""
    parent = list(range(len(sorted_structures)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    exons = sorted((s.group, *exon, i) for i, s in enumerate(sorted_structures) for exon in s.exons)
    last_group, reach, last = -1, -1, -1
    for group, start, end, index in exons:
        if group == last_group and start < reach:
            parent[root(index)] = root(last)
            reach = max(reach, end)
        else:
            last_group, reach = group, end
        last = index
    return [root(i) for i in range(len(parent))]


def covered(some: Iterable[Structure]) -> tuple[IntArray, IntArray]:
    """Return starts and ends, ascending and disjoint, of the bases that any exon covers (see `GROUP_SHIFT`)."""
    exons = np.array([(s.group, *exon) for s in some for exon in s.exons], dtype=np.int64).reshape(-1, 3)
    starts, ends = exons[:, 0] << GROUP_SHIFT | exons[:, 1], exons[:, 0] << GROUP_SHIFT | exons[:, 2]
    order = np.argsort(starts)
    return merge(starts[order], ends[order])


def merge(starts: IntArray, ends: IntArray) -> tuple[IntArray, IntArray]:
    """Return the union of intervals given in the order of their starts; those that touch become one.

    Examples
    --------
    >>> [a.tolist() for a in merge(np.array([0, 2, 9]), np.array([3, 5, 10]))]
    [[0, 9], [5, 10]]
    """
    if not len(starts):
        return starts, ends
    reach = np.maximum.accumulate(ends)
    first = np.append(True, starts[1:] > reach[:-1])
    last = np.append(first[1:], True)
    return starts[first], reach[last]


def shared_bases(starts: IntArray, ends: IntArray, other_starts: IntArray, other_ends: IntArray) -> IntArray:
    """Return how many bases of each interval the other (ascending, disjoint) intervals cover.

    Parameters
    ----------
    starts, ends : (n,)
        Intervals, 0-based and half-open.
    other_starts, other_ends : (m,)
        Ascending, disjoint intervals.
    """

    def bases_before(position: IntArray) -> IntArray:
        index = np.searchsorted(other_starts, position, side="right")
        overhang = np.maximum(np.append(0, other_ends)[index] - position, 0)
        return total[index] - np.where(index > 0, overhang, 0)

    total = np.append(0, np.cumsum(other_ends - other_starts))
    return bases_before(ends) - bases_before(starts)


def _single_exon_duplicate(candidate: Structure, single: Sequence[Structure]) -> bool:
    length = candidate.end - candidate.start
    # An exon that is at most 1 / 0.8 times as long and contains the candidate starts no earlier than this.
    earliest = candidate.end - length / FUZZY_OVERLAP - 1
    for other in reversed(single):
        if other.group != candidate.group or other.start < earliest:
            return False
        if other.end >= candidate.end and length >= FUZZY_OVERLAP * (other.end - other.start):
            return True
    return False
