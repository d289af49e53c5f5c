"""Select the transcripts that belong to a locus: those of one gene, on its strand and overlapping it."""

from __future__ import annotations

from dataclasses import replace

from genescribe.generate.annotation.annotate import LocusResult, LocusWindow
from genescribe.generate.loci.tiles import genes_apart
from genescribe.genome.model import Gene

OUTSIDE, OTHER_STRAND, OTHER_GENE = "outside the locus", "on the other strand", "of another gene"


def gene_of_locus(result: LocusResult, locus: LocusWindow, *, several: bool = False) -> LocusResult:
    """Return a result with only the transcripts that belong to its locus.

    They overlap the locus and are on its strand, if that is known. Transcripts without a common exon base are different
    genes: the gene with the most exon bases in the locus is kept, the first one in a tie.

    Parameters
    ----------
    result
        Result of an annotator.
    locus
        The locus as it was given.
    several
        Keep all genes that overlap the locus.
    """
    gene = result.gene
    if gene is None:
        return result
    if locus.strand in "+-" and gene.strand != locus.strand:
        return replace(result, gene=None, status="rejected", reason=OTHER_STRAND)
    reasons = []
    inside = tuple(t for t in gene.transcripts if t.start < locus.end and locus.start < t.end)
    if len(inside) < len(gene.transcripts):
        reasons.append(OUTSIDE)
    if not inside:
        return replace(result, gene=None, status="rejected", reason=OUTSIDE)
    parts = genes_apart(replace(gene, transcripts=inside))
    if len(parts) > 1 and not several:
        reasons.append(OTHER_GENE)
        best = max(parts, key=lambda part: _held(part, locus))
        chosen = {(t.exons, t.cds, t.phase) for t in best.transcripts}
        inside = tuple(t for t in inside if (t.exons, t.cds, t.phase) in chosen)
    if not reasons:
        return result
    reason = "; ".join(dict.fromkeys([*reasons, *filter(None, [result.reason])]))
    return replace(result, gene=replace(gene, transcripts=inside), status="repaired", reason=reason)


def _held(gene: Gene, locus: LocusWindow) -> int:
    """Return how many bases of a gene's exons lie in the locus."""
    exons = sorted({exon for transcript in gene.transcripts for exon in transcript.exons})
    return sum(max(0, min(end, locus.end) - max(start, locus.start)) for start, end in exons)
