"""Number of introns of an annotation that evidence supports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from genescribe.evaluate.regions import Stretch
from genescribe.evidence.table import INTRON, EvidenceTable
from genescribe.genome.model import Gene


def intron_support(genes: Sequence[Gene], table: EvidenceTable, regions: Iterable[Stretch]) -> dict[str, float]:
    """Return the number of introns between coding parts, each once, within regions, and how many have support.

    Parameters
    ----------
    genes
        Genes of one annotation.
    table
        Evidence of the genome; strands must agree where evidence has one.
    regions
        Introns outside are not counted.
    """
    bounds: dict[str, list[tuple[int, float]]] = {}
    for seqid, start, end in regions:
        bounds.setdefault(seqid, []).append((start, float("inf") if end is None else end))
    introns = {
        (gene.seqid, start, end, gene.strand)
        for gene in genes
        for transcript in gene.transcripts
        for start, end in transcript.cds_introns
        if any(low <= start and end <= high for low, high in bounds.get(gene.seqid, ()))
    }
    known: set[tuple[str, int, int, str]] = set()
    for seqid in bounds:
        rows = table.on(seqid)
        rows = rows[rows["kind"] == INTRON]
        for start, end, strand in zip(*(rows[name].tolist() for name in ("start", "end", "strand")), strict=True):
            known |= {(seqid, start, end, sign) for sign, number in (("+", 1), ("-", -1)) if strand in (number, 0)}
    supported = len(introns & known)
    return {"introns": len(introns), "supported": supported, "share": round(supported / max(len(introns), 1), 4)}
