"""What every label scheme shares: kinds of label, the grammar, and arithmetic on runs.

A strand's labels are `Runs` (see `genescribe.data.sample`): where each segment ends and what it is. Nothing here
touches single bases, so a chromosome costs what its segments cost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genescribe.data.sample import IGNORE, Runs
from genescribe.genome.model import Gene, Interval, Transcript

CODON = 3


class Kind(IntEnum):
    """What a label means to the decoder; those of one transcript stand in ascending order, introns between."""

    INTERGENIC = 0
    UTR5 = 1
    START = 2
    CODING = 3
    STOP = 4
    UTR3 = 5
    INTRON = 6


@dataclass(frozen=True, slots=True)
class LabelPolicy:
    """What labels to give where the annotation leaves a choice.

    Attributes
    ----------
    noncoding
        Genes without a coding transcript: "ignore" masks them, "intergenic" passes over them. Neither touches the
        labels of a coding gene that they overlap.
    """

    noncoding: Literal["ignore", "intergenic"] = "ignore"


class Problem(NamedTuple):
    """A gene that the labels do not hold, or hold in part, and why."""

    gene_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """The labels of one strand.

    Attributes
    ----------
    runs
        Cover the strand, 5' to 3'; `IGNORE` where the truth is not known or has no label.
    placed
        Gene ID -> the isoform whose labels stand in `runs`, perhaps in part: see `problems`.
    problems
        At most one entry a gene, in the order of the genes given.
    """

    runs: Runs
    placed: dict[str, Transcript]
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class Grammar:
    """Which segments may stand where. C labels.

    Attributes
    ----------
    transitions : (C, C) bool
        ``[source, destination]`` between neighbouring segments; no label follows itself.
    first, last : (C,) bool
        Labels a strand may begin (end) with.
    minimum, maximum : (C,) int64
        Shortest and longest segment of each label; a maximum of 0 is no limit.
    phases : (3, C, C) bool or None
        Those of `transitions` that are allowed at boundaries of each position modulo 3; None: all.
    geometric : labels
        Labels whose durations need no table.
    tied, tied_durations : C labels or None
        The label whose transitions (durations) each label shares: labels that differ in nothing but their reading
        frame, whose scores must not depend on where a sequence begins. None: its own.
    """

    transitions: NDArray[np.bool_]
    first: NDArray[np.bool_]
    last: NDArray[np.bool_]
    minimum: NDArray[np.int64]
    maximum: NDArray[np.int64]
    phases: NDArray[np.bool_] | None = None
    geometric: tuple[int, ...] = (0,)
    tied: tuple[int, ...] | None = None
    tied_durations: tuple[int, ...] | None = None


def representative(gene: Gene) -> Transcript | None:
    """Return the isoform that stands for a gene, or None where no transcript is coding.

    A coding transcript that its source tags as canonical; else the one with the longest coding sequence; ties go to
    the first ID.
    """
    coding = [transcript for transcript in gene.transcripts if transcript.cds]
    return min(coding, key=lambda t: (not t.canonical, -t.cds_length, t.id), default=None)


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


def runs_from_segments(segments: Iterable[tuple[int, int, int]], length: int, background: int) -> Runs:
    """Return runs over ``[0, length)`` from disjoint, ascending (start, end, label) and `background` between them.

    Examples
    --------
    >>> runs_from_segments([(2, 5, 7), (5, 6, 9)], 10, 0).tolist()
    [[2, 0], [5, 7], [6, 9], [10, 0]]
    """
    rows: list[tuple[int, int]] = []
    position = 0
    for start, end, label in segments:
        if start > position:
            rows.append((start, background))
        rows.append((end, label))
        position = end
    if position < length:
        rows.append((length, background))
    return np.array(rows, dtype=np.int32).reshape(-1, 2)


def ignore(runs: Runs, intervals: Iterable[Interval], over: int | None = None) -> Runs:
    """Return the runs with the bases of `intervals` set to `IGNORE`.

    Parameters
    ----------
    runs
        Labels of a strand or window.
    intervals
        In any order; parts outside the runs do nothing.
    over
        Only bases of this label are masked; None: all.

    Examples
    --------
    >>> ignore(np.array([[4, 0], [8, 2], [12, 0]], dtype=np.int32), [(2, 10)], over=0).tolist()
    [[2, 0], [4, -1], [8, 2], [10, -1], [12, 0]]
    """
    length = int(runs[-1, 0])
    clipped = union((max(0, start), min(length, end)) for start, end in intervals)
    if not clipped:
        return runs
    edges = np.array(clipped, dtype=np.int64)
    ends = np.unique(np.concatenate([runs[:, 0], edges.ravel()]))
    ends = ends[ends > 0]
    # An end lies inside a masked interval exactly when an odd number of interval edges lie before it.
    masked = np.searchsorted(edges.ravel(), ends, side="left") % 2 == 1
    labels = runs[np.searchsorted(runs[:, 0], ends, side="left"), 1]
    if over is not None:
        masked &= labels == over
    labels = np.where(masked, IGNORE, labels)
    # A new edge is kept only where the label changes, an old one also between two segments of one label.
    same = labels[1:] == labels[:-1]
    keep = np.append(~same | (np.isin(ends[:-1], runs[:, 0]) & (labels[:-1] != IGNORE)), True)
    return np.stack([ends[keep], labels[keep]], axis=1).astype(np.int32)


def cut(runs: Runs, start: int, end: int) -> Runs:
    """Return the runs of ``[start, end)``, counted from `start`.

    Examples
    --------
    >>> cut(np.array([[4, 0], [8, 2], [12, 0]], dtype=np.int32), 4, 10).tolist()
    [[4, 2], [6, 0]]
    """
    first, last = runs[:, 0].searchsorted(start, side="right"), runs[:, 0].searchsorted(end, side="left")
    part = runs[first : last + 1].copy()
    part[:, 0] -= start
    part[-1, 0] = end - start
    return part


def unrepresentable(transcript: Transcript, length: int) -> str | None:
    """Return why labels of a strand of `length` bases cannot give this transcript back, or None."""
    cds = transcript.cds
    if transcript.start < 0 or transcript.end > length:
        return "beyond the sequence's end"
    if any(left[1] >= right[0] for left, right in pairwise(transcript.exons)):
        return "exons without an intron between them"
    first, last = cds[0][0], cds[-1][1]
    clipped = tuple((max(s, first), min(e, last)) for s, e in transcript.exons if s < last and e > first)
    if clipped != cds:
        return "coding sequence with a gap inside an exon"
    if transcript.partial5 and transcript.partial3:
        return "cut at both ends"
    if (transcript.partial5 and first != 0) or (transcript.partial3 and last != length):
        return "incomplete inside the sequence"
    if not transcript.partial5 and transcript.phase != 0:
        return "first codon incomplete"
    if not transcript.partial3 and (transcript.cds_length - transcript.phase) % CODON:
        return "coding length not a multiple of three"
    if transcript.cds_length < CODON * (2 - transcript.partial5 - transcript.partial3):
        return "coding sequence shorter than its start and stop codon"
    return None


def touched(span: Interval, intervals: Sequence[Interval]) -> bool:
    """Whether any of the disjoint, ascending intervals shares a base with the span."""
    place = bisect_left(intervals, (span[1], 0)) - 1
    return place >= 0 and intervals[place][1] > span[0]


def outside(segments: list[tuple[int, int, int]], masked: Sequence[Interval]) -> list[tuple[int, int, int]]:
    """Return what the disjoint, ascending `masked` intervals leave of the segments."""
    left: list[tuple[int, int, int]] = []
    for start, end, label in segments:
        place = max(0, bisect_left(masked, (start, 0)) - 1)
        while place < len(masked) and masked[place][0] < end:
            mask_start, mask_end = masked[place]
            if mask_end > start:
                if mask_start > start:
                    left.append((start, mask_start, label))
                start = min(end, mask_end)
            place += 1
        if start < end:
            left.append((start, end, label))
    return left
