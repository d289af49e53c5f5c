"""The numbers of an annotation: counted once over its genes, and once over the bases that were annotated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genescribe.genome.alphabet import SOFTMASK, N
from genescribe.genome.fasta import Genome
from genescribe.genome.intervals import union
from genescribe.genome.model import Gene, Interval
from genescribe.predict.stretches import Piece

BLOCK = 1 << 22
"""Bases that are counted at a time."""
_G, _C = 2, 1


@dataclass(frozen=True, slots=True)
class BaseCounts:
    """Bases of the regions that were annotated.

    Attributes
    ----------
    sequences
        Number of sequences with a region.
    total, known, gc, masked
        All bases; those that are no N; of these, G or C; soft-masked ones.
    """

    sequences: int
    total: int
    known: int
    gc: int
    masked: int


def count_bases(genome: Genome, pieces: Iterable[Piece]) -> BaseCounts:
    """Count the bases of all regions of some pieces, in blocks."""
    counts, seqids = np.zeros(16, dtype=np.int64), set()
    for piece in pieces:
        seqids.add(piece.seqid)
        for start, end in piece.regions:
            for low in range(start, end, BLOCK):
                counts += np.bincount(genome.codes(piece.seqid, low, min(low + BLOCK, end)), minlength=16)
    plain = counts[:SOFTMASK] + counts[SOFTMASK:]
    total = int(counts.sum())
    return BaseCounts(
        len(seqids), total, total - int(plain[N]), int(plain[_G] + plain[_C]), int(counts[SOFTMASK:].sum())
    )


@dataclass(frozen=True, slots=True)
class GeneNumbers:
    """Numbers of the genes of an annotation, each gene by its first transcript.

    Attributes
    ----------
    spans, coding, exons : (genes,) int64
        Bases from start to stop codon, introns included; coding bases; coding exons.
    exon_lengths, intron_lengths : (n,) int64
        Of coding exons, and of the introns between them.
    scores : (genes,) float64
        Probability that the coding sequence is exactly right; NaN where there is none.
    coding_bases
        Bases of the genome that any transcript codes with, on either strand.
    transcripts
        Number of transcripts of all genes.
    partial
        Genes that an end of a sequence cuts.
    empty
        Sequences on which no gene was found.
    """

    spans: NDArray[np.int64]
    coding: NDArray[np.int64]
    exons: NDArray[np.int64]
    exon_lengths: NDArray[np.int64]
    intron_lengths: NDArray[np.int64]
    scores: NDArray[np.float64]
    coding_bases: int
    transcripts: int
    partial: int
    empty: int

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def known_scores(self) -> NDArray[np.float64]:
        """The probabilities that there are."""
        return self.scores[~np.isnan(self.scores)]

    def expected_right(self, least: float = 0.0) -> tuple[int, float]:
        """Return how many genes have a probability of `least` or more, and how many of them to expect to be right."""
        chosen = self.known_scores[self.known_scores >= least]
        return len(chosen), float(chosen.sum())


def count_genes(genes: Sequence[Gene], pieces: Iterable[Piece]) -> GeneNumbers:
    """Count the genes of some pieces in one pass.

    Parameters
    ----------
    genes
        Of the annotation, those of a sequence one after the other.
    pieces
        Stretches that were annotated.
    """
    first = [gene.transcripts[0] for gene in genes]
    coding: dict[str, list[Interval]] = defaultdict(list)
    for gene in genes:
        coding[gene.seqid].extend(part for transcript in gene.transcripts for part in transcript.cds)
    seqids = {piece.seqid for piece in pieces}
    return GeneNumbers(
        spans=_integers(t.cds[-1][1] - t.cds[0][0] if t.cds else t.end - t.start for t in first),
        coding=_integers(transcript.cds_length for transcript in first),
        exons=_integers(len(transcript.cds) for transcript in first),
        exon_lengths=_integers(end - start for transcript in first for start, end in transcript.cds),
        intron_lengths=_integers(end - start for transcript in first for start, end in transcript.cds_introns),
        scores=np.array([np.nan if gene.score is None else gene.score for gene in genes], dtype=np.float64),
        coding_bases=sum(end - start for parts in coding.values() for start, end in union(parts)),
        transcripts=sum(len(gene.transcripts) for gene in genes),
        partial=sum(transcript.partial5 or transcript.partial3 for transcript in first),
        empty=len(seqids - coding.keys()),
    )


def masked_genes(genes: Iterable[Gene], genome: Genome) -> int:
    """Return how many genes have at least half of their coding bases soft-masked: perhaps those of transposons.

    Parameters
    ----------
    genes
        Each is judged by its first transcript.
    genome
        On which they lie.
    """
    number = 0
    for gene in genes:
        transcript = gene.transcripts[0]
        masked = sum(int((genome.codes(gene.seqid, *part) >= SOFTMASK).sum()) for part in transcript.cds)
        number += bool(transcript.cds) and 2 * masked >= transcript.cds_length
    return number


def _integers(values: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(values, dtype=np.int64)
