"""Windows at regular steps, each with all genes on one strand, for models that read sequences instead of loci.

A gene stands in its window as a whole or not at all: an edge that would cut one is moved inwards, to the gene's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from genescribe.genome.model import Gene, Interval

SHORTEST = 4
"""A window that its edges leave with less than one part in so many of its length is left out."""


class TileWindow(NamedTuple):
    """A window and the places of the genes that it holds, ascending."""

    start: int
    end: int
    members: tuple[int, ...]


def tile_windows(region: Interval, genes: Sequence[Interval], size: int, step: int) -> list[TileWindow]:
    """Return the windows of a region, each once.

    Parameters
    ----------
    region
        The part of a sequence that belongs to a split; windows begin at multiples of `step` from its start, and one
        ends where it ends.
    genes
        Of one strand. Those that reach beyond the region are in no window.
    size, step
        Bases of a window, and between the beginnings of two.

    Examples
    --------
    >>> tile_windows((0, 300), [(80, 120), (150, 210)], 100, 50)
    [TileWindow(start=0, end=80, members=()), TileWindow(start=50, end=150, members=(0,)), \
TileWindow(start=120, end=150, members=()), TileWindow(start=150, end=250, members=(1,)), \
TileWindow(start=210, end=300, members=())]
    """
    low, high = region
    begins = sorted({*range(low, max(high - size, low) + 1, step), max(high - size, low)})
    windows: dict[Interval, TileWindow] = {}
    for begin in begins:
        start, end = _without_cut_genes(begin, min(begin + size, high), genes)
        if (end - start) * SHORTEST < min(size, high - low):
            continue
        members = tuple(i for i, (a, b) in enumerate(genes) if start <= a and b <= end)
        windows[start, end] = TileWindow(start, end, members)
    return [windows[window] for window in sorted(windows)]


def _without_cut_genes(start: int, end: int, genes: Sequence[Interval]) -> Interval:
    """Return the window with its edges moved inwards until they cut no gene."""
    while start < end:
        moved = max((b for a, b in genes if a < start < b), default=start)
        if moved == start:
            break
        start = moved
    while start < end:
        # A gene that spans the window has moved the start beyond it.
        moved = min((a for a, b in genes if a < end < b), default=end)
        if moved == end:
            break
        end = moved
    return start, max(start, end)


def genes_apart(gene: Gene) -> list[Gene]:
    """Return the genes that a gene's transcripts make: those that share a base of an exon belong together.

    A single one keeps its name; several are NAME.1, NAME.2, ... in the order of their places, their transcripts
    NAME.1.t1, ...
    """
    groups: list[list[int]] = []
    for number, transcript in enumerate(gene.transcripts):
        near = [group for group in groups if any(_overlap(transcript.exons, gene.transcripts[i].exons) for i in group)]
        groups = [group for group in groups if group not in near]
        groups.append(sorted([number, *(i for group in near for i in group)]))
    if len(groups) < 2:
        return [gene]
    parts = []
    placed = sorted(groups, key=lambda group: min(gene.transcripts[i].start for i in group))
    for part, group in enumerate(placed, 1):
        name = f"{gene.id}.{part}"
        transcripts = [replace(gene.transcripts[i], id=f"{name}.t{n}") for n, i in enumerate(group, 1)]
        parts.append(replace(gene, id=name, transcripts=tuple(transcripts)))
    return parts


def distinct(genes: Sequence[Gene]) -> list[Gene]:
    """Return genes without those that have place, strand and transcripts of one before."""
    first_of: dict[tuple[object, ...], Gene] = {}
    for gene in genes:
        structure = frozenset((t.exons, t.cds, t.phase) for t in gene.transcripts)
        first_of.setdefault((gene.seqid, gene.strand, structure), gene)
    return list(first_of.values())


def _overlap(left: Sequence[Interval], right: Sequence[Interval]) -> bool:
    return any(a < d and c < b for a, b in left for c, d in right)
