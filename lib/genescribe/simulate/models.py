"""Genes of a real annotation as the simulator sees them: one transcript per gene, in transcript orientation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np

from genescribe.genome.alphabet import Codes, encode, reverse_complement, unmasked
from genescribe.genome.intervals import union
from genescribe.genome.model import Gene, Interval, gaps, mirror
from genescribe.labels.grammar import representative
from genescribe.simulate.codons import START
from genescribe.simulate.isoforms import is_valid
from genescribe.simulate.loci import CODING, Isoform, Segment, segments_of
from genescribe.simulate.parameters import SHORTEST


class Sequences(Protocol):
    """Interface of a genome; `genescribe.genome.fasta.Genome` implements it."""

    lengths: dict[str, int]

    def codes(self, seqid: str, start: int = 0, end: int | None = None) -> Codes:
        """Return the codes of an interval; see `genescribe.genome.fasta.Genome.codes`."""
        ...


class AssumedUtrs(NamedTuple):
    """Median UTR lengths of an annotation that holds none, in bases, and where they are from."""

    median5: float
    median3: float
    source: str
    spread: float = 0.5


@dataclass(frozen=True)
class GeneModel:
    """One transcript.

    Attributes
    ----------
    codes
        The whole sequence, in the transcript's orientation, without softmasking.
    isoform
        Exons and coding interval on it.
    """

    codes: Codes
    isoform: Isoform

    @property
    def cds(self) -> tuple[Interval, ...]:
        """Coding parts, start and stop codon included."""
        return self.isoform.cds

    @property
    def introns(self) -> list[tuple[Interval, bool]]:
        """Introns, and whether they lie between coding parts."""
        low, high = self.isoform.coding
        return [((a[1], b[0]), low < a[1] and b[0] < high) for a, b in pairwise(self.isoform.exons)]

    @property
    def coding(self) -> list[Segment]:
        """Coding segments without start and stop codon."""
        return [segment for segment in segments_of(self.isoform) if segment.kind in CODING]

    def utr(self, end: int) -> tuple[Interval, ...]:
        """Exonic stretches of the 5' (`end` = 5) or 3' UTR."""
        low, high = self.isoform.coding
        bounds = (0, low) if end == 5 else (high, len(self.codes))
        clipped = ((max(a, bounds[0]), min(b, bounds[1])) for a, b in self.isoform.exons)
        return tuple((a, b) for a, b in clipped if a < b)

    def fits(self) -> bool:
        """Whether the simulator could write its coding part: frame, start, stop, G[TC]-AG introns, lengths."""
        first, _ = self.isoform.coding
        if not self.cds or not np.array_equal(self.codes[first : first + 3], encode(START)):
            return False
        if any(end - start < SHORTEST[kind] for kind, start, end in self.coding):
            return False
        return all(self._splices(*intron) for intron, _ in self.introns) and is_valid(self.isoform, self.codes)

    def _splices(self, start: int, end: int) -> bool:
        codes = self.codes
        donor, acceptor = codes[start : start + 2].tolist(), codes[end - 2 : end].tolist()
        return end - start >= SHORTEST["intron"] and donor in ([2, 3], [2, 1]) and acceptor == [0, 2]


def gene_models(sequences: Sequences, genes: list[Gene]) -> Iterator[GeneModel]:
    """Yield the representative of every coding gene that the simulator could write."""
    by_sequence: dict[str, list[Gene]] = {}
    for gene in genes:
        by_sequence.setdefault(gene.seqid, []).append(gene)
    for seqid, here in by_sequence.items():
        forward = unmasked(sequences.codes(seqid))
        reverse = reverse_complement(forward)
        for gene in here:
            chosen = representative(gene, complete=True)
            if chosen is None or not chosen.cds:
                continue
            alone = replace(gene, transcripts=(chosen,))
            transcript = (alone if gene.strand == "+" else mirror(alone, len(forward))).transcripts[0]
            isoform = Isoform(transcript.exons, transcript.coding_span)
            model = GeneModel(forward if gene.strand == "+" else reverse, isoform)
            if isoform.cds == transcript.cds and model.fits():
                yield model


def spaces(genes: list[Gene]) -> Iterator[tuple[str, int, int]]:
    """Yield the stretches between two genes, coding or not: seqid, start, end."""
    spans: dict[str, list[Interval]] = {}
    for gene in genes:
        spans.setdefault(gene.seqid, []).append((gene.start, gene.end))
    for seqid, intervals in spans.items():
        yield from ((seqid, start, end) for start, end in gaps(union(intervals)))


def with_utrs(genes: list[Gene], lengths: dict[str, int], assumed: AssumedUtrs) -> list[Gene]:
    """Return the genes, each coding transcript without UTRs extended by log-normal lengths of the assumed medians.

    An extension takes at most a third of the space to the next gene.

    Parameters
    ----------
    genes
        Genes of the annotation.
    lengths
        Length of each sequence by name, in bases.
    assumed
        Medians and spreads of UTR lengths.
    """
    rng = np.random.default_rng(0)
    space: dict[str, tuple[int, int]] = {}
    ordered = sorted(genes, key=lambda g: (g.seqid, g.start))
    for i, gene in enumerate(ordered):
        before = [g.end for g in ordered[max(0, i - 5) : i] if g.seqid == gene.seqid]
        after = [g.start for g in ordered[i + 1 : i + 6] if g.seqid == gene.seqid]
        left = max(0, gene.start - max(before, default=0)) // 3
        space[gene.id] = left, max(0, min(after, default=lengths[gene.seqid]) - gene.end) // 3

    def extended(gene: Gene) -> Gene:
        medians = np.array([assumed.median5, assumed.median3])
        drawn = np.exp(np.log(medians) + assumed.spread * rng.standard_normal(2)).astype(int).tolist()
        left, right = drawn if gene.strand == "+" else drawn[::-1]
        left, right = min(left, space[gene.id][0]), min(right, space[gene.id][1])
        transcripts = []
        for t in gene.transcripts:
            if t.cds and t.coding_span == (t.start, t.end):
                exons = [list(exon) for exon in t.exons]
                exons[0][0] -= left
                exons[-1][1] += right
                t = replace(t, exons=tuple((a, b) for a, b in exons))
            transcripts.append(t)
        return replace(gene, transcripts=tuple(transcripts))

    return [extended(gene) for gene in genes]
