"""Shared parts of all label schemes: kinds of label, the grammar, and arithmetic on runs.

A strand's labels are `Runs` (see `genescribe.data.sample`): where each segment ends and what it is. Nothing here
touches single bases, so a chromosome costs what its segments cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genescribe.data.runs import Runs
from genescribe.genome.model import Gene, Transcript

CODON = 3


class Kind(IntEnum):
    """Meaning of a label for the decoder; those of one transcript are in ascending order, with introns between."""

    INTERGENIC = 0
    UTR5 = 1
    START = 2
    CODING = 3
    STOP = 4
    UTR3 = 5
    INTRON = 6


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
        At most one entry per gene, in the order of the genes given.
    """

    runs: Runs
    placed: dict[str, Transcript]
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class Grammar:
    """The grammar of C labels: which segments are allowed where.

    Attributes
    ----------
    transitions : (C, C) bool
        ``[source, destination]`` between neighbouring segments; no label follows itself.
    first, last : (C,) bool
        Labels a strand may begin (end) with.
    minimum, maximum : (C,) int64
        Shortest and longest segment of each label; a maximum of 0 is no limit.
    phases : (3, C, C) bool or None
        Members of `transitions` that are allowed at boundaries of each position modulo 3; None: all.
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


def representative(gene: Gene, *, complete: bool = False) -> Transcript | None:
    """Return the representative isoform of a gene, or None if no transcript is coding.

    A coding transcript that its source tags as canonical; else the one with the longest coding sequence; ties go to
    the first ID. `complete`: only among those with both ends of their coding sequence, ties to the longest transcript,
    since what is then counted includes UTRs.
    """
    coding = [t for t in gene.transcripts if t.cds and not (complete and (t.partial5 or t.partial3))]
    ties = (lambda t: (t.start - t.end, "")) if complete else (lambda t: (0, t.id))
    return min(coding, key=lambda t: (not t.canonical, -t.cds_length, *ties(t)), default=None)


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
