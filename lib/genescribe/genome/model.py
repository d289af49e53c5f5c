"""Genes, transcripts and coding sequences, in 0-based half-open coordinates of the forward strand.

These are what passes between packages: the catalogue, the label schemes, the simulator, the decoders, the
metrics and the GFF3 writer all speak in lists of `Gene`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

Interval = tuple[int, int]
"""[start, end), 0-based half-open, forward strand."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """One transcript.

    Attributes
    ----------
    id
        Unique in its genome.
    exons
        Disjoint, in ascending order. Never empty.
    cds
        Coding part of the exons, the stop codon included; ascending, disjoint; empty for a non-coding transcript.
    phase
        GFF3 phase of the first coding base in transcript order: bases to drop before the first whole codon.
        The other phases follow from it.
    score
        Posterior probability, or None.
    canonical
        Tagged by its source as the gene's representative (MANE Select, Ensembl canonical, APPRIS principal).
    partial5, partial3
        The coding sequence continues beyond its first (last) base in transcript order: cut by a sequence's end, or
        annotated so.
    exon_scores, cds_scores
        Posterior probability of each exon (coding part), in their order, or None; written, not read back.
    attributes
        Anything else to be written in column nine of the transcript's row.
    """

    id: str
    exons: tuple[Interval, ...]
    cds: tuple[Interval, ...] = ()
    phase: int = 0
    score: float | None = None
    canonical: bool = False
    partial5: bool = False
    partial3: bool = False
    exon_scores: tuple[float | None, ...] | None = None
    cds_scores: tuple[float | None, ...] | None = None
    attributes: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def start(self) -> int:
        """First base."""
        return self.exons[0][0]

    @property
    def end(self) -> int:
        """One past the last base."""
        return self.exons[-1][1]

    @property
    def introns(self) -> tuple[Interval, ...]:
        """Gaps between the exons, ascending."""
        return gaps(self.exons)

    @property
    def cds_introns(self) -> tuple[Interval, ...]:
        """Gaps between the coding parts, ascending: the intron chain that gffcompare's `-C`-like scoring uses."""
        return gaps(self.cds)

    @property
    def coding_span(self) -> Interval:
        """First coding base and one past the last, of a coding transcript."""
        return self.cds[0][0], self.cds[-1][1]

    @property
    def utrs(self) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
        """Parts of the exons before and behind the coding sequence, ascending; of a coding transcript."""
        first, last = self.coding_span
        before = tuple((start, min(end, first)) for start, end in self.exons if start < first)
        return before, tuple((max(start, last), end) for start, end in self.exons if end > last)

    @property
    def cds_length(self) -> int:
        """Number of coding bases."""
        return sum(end - start for start, end in self.cds)


@dataclass(frozen=True, slots=True)
class Gene:
    """A gene: transcripts of one locus on one strand.

    Attributes
    ----------
    id
        Unique in its genome.
    seqid
        Name of its sequence.
    strand
        Strand of all transcripts, "+" or "-".
    transcripts
        Never empty; in the order of their (start, end, id).
    score
        Posterior probability, or None.
    biotype
        As the source says (`protein_coding`, ...); empty where it does not say.
    attributes
        Anything else to be written in column nine of the gene's row.
    """

    id: str
    seqid: str
    strand: str
    transcripts: tuple[Transcript, ...]
    score: float | None = None
    biotype: str = ""
    attributes: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def start(self) -> int:
        """First base of any transcript."""
        return min(transcript.start for transcript in self.transcripts)

    @property
    def end(self) -> int:
        """One past the last base of any transcript."""
        return max(transcript.end for transcript in self.transcripts)


def gaps(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the stretches between consecutive intervals.

    Examples
    --------
    >>> gaps([(0, 10), (20, 30), (30, 40)])
    ((10, 20),)
    """
    return tuple((a[1], b[0]) for a, b in pairwise(intervals) if a[1] < b[0])


def cds_phases(cds: tuple[Interval, ...], strand: str, phase: int = 0) -> tuple[int, ...]:
    """Return the GFF3 phase of each coding part, in the order given (ascending).

    Parameters
    ----------
    cds
        Coding parts, ascending, 0-based and half-open.
    strand
        ``+`` or ``-``.
    phase
        Bases before the first whole codon of the transcript: 0, 1 or 2.

    Examples
    --------
    >>> cds_phases(((0, 4), (10, 15)), "+")
    (0, 2)
    >>> cds_phases(((0, 4), (10, 15)), "-")
    (1, 0)
    """
    phases: list[int] = []
    for start, end in cds if strand == "+" else reversed(cds):
        phases.append(phase)
        phase = (phase - (end - start)) % 3
    return tuple(phases if strand == "+" else reversed(phases))


def mirror(gene: Gene, length: int) -> Gene:
    """Return the gene as it lies on the reverse complement of its sequence of `length` bases."""

    def flip(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
        return tuple((length - end, length - start) for start, end in reversed(intervals))

    transcripts = tuple(
        replace(
            t,
            exons=flip(t.exons),
            cds=flip(t.cds),
            exon_scores=t.exon_scores and t.exon_scores[::-1],
            cds_scores=t.cds_scores and t.cds_scores[::-1],
        )
        for t in gene.transcripts
    )
    ordered = tuple(sorted(transcripts, key=lambda t: (t.start, t.end, t.id)))
    strand = "-" if gene.strand == "+" else "+"
    return Gene(gene.id, gene.seqid, strand, ordered, gene.score, gene.biotype, dict(gene.attributes))


def shifted(gene: Gene, offset: int) -> Gene:
    """Return the gene so many bases further on."""

    def move(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
        return tuple((start + offset, end + offset) for start, end in intervals)

    transcripts = tuple(replace(t, exons=move(t.exons), cds=move(t.cds)) for t in gene.transcripts)
    return replace(gene, transcripts=transcripts)
