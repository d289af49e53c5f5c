"""A small annotation with everything that its report can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from genescribe.evaluate.perturb import random_genes
from genescribe.evidence.table import CDSPART, EXONPART, INTRON, PROTEIN, RNA, Collector
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene
from genescribe.models import model_folder
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import GenomePrediction
from genescribe.predict.stretches import pieces_of
from genescribe.predict.support import with_support
from genescribe.report.annotation.finished import Annotation

SEQIDS = {"s0": "chr1", "s1": "2L:1-3000"}
"""Names as genomes have them; the second has a colon."""
PROVENANCE = {
    "model": "segment (gene, semicrf)",
    "species": "drosophila",
    "species-choice": "its words and genes are most like the sequence's",
    "model-weights-sha256": "a" * 64,
}
TRAINED = {"genes_per_mb": 107.66, "mean_cds_length": 1791.6, "mean_exons": 3.67}


def scored(genes: Sequence[Gene]) -> list[Gene]:
    """Return the genes on their named sequences, the n-th of them with a probability of 1 / (n mod 7 + 1)."""
    found = []
    for number, gene in enumerate(genes):
        score = 1 / (number % 7 + 1)
        transcripts = tuple(
            replace(t, score=score, cds_scores=(score,) * len(t.cds), exon_scores=(score,) * len(t.exons))
            for t in gene.transcripts
        )
        found.append(replace(gene, seqid=SEQIDS[gene.seqid], score=score, transcripts=transcripts))
    return sorted(found, key=lambda gene: (gene.seqid, gene.start, gene.id))


def annotation(folder: Path, number: int = 40, evidence: bool = False, **given: Any) -> Annotation:
    """Return an annotation of a genome that is written into a folder.

    Parameters
    ----------
    folder
        Where to.
    number
        Of genes.
    evidence
        Introns of every other gene, a protein on every fourth.
    given
        Fields of `Annotation`.
    """
    genes = scored(random_genes(5, number, spread=4_000))
    length = max((gene.end for gene in genes), default=0) + 5_000
    draw = np.random.default_rng(1)
    codes = draw.integers(0, 4, (2, length), dtype=np.uint8)
    codes[0, :1_000] |= 8  # soft-masked
    codes[1, -500:] = 4  # N
    write_fasta(folder / "my.fa", list(zip(SEQIDS.values(), codes, strict=True)))
    genome = Genome.open(folder / "my.fa")
    pieces = pieces_of(genome, [], 0, where=genome.path)
    config = PredictConfig()
    table = _evidence(folder / "evidence", genes, genome) if evidence else None
    genes = with_support(GenomePrediction(genes, []), table, config).genes
    rejects = [{"reason": "overlaps a better gene"}, {"reason": "short coding sequence"}] * 2
    known = {"model": model_folder("all_genomes"), "provenance": PROVENANCE, "trained": TRAINED, "config": config}
    return Annotation(
        **{"genome": genome, "pieces": pieces, "genes": genes, "rejects": rejects, "evidence": table} | known | given
    )


def _evidence(folder: Path, genes: Sequence[Gene], genome: Genome) -> Path:
    collector = Collector(genome.lengths)
    protein = collector.protein("P1", 0.8)
    for number, gene in enumerate(genes):
        strand = 1 if gene.strand == "+" else -1
        for start, end in gene.transcripts[0].introns if number % 2 == 0 else ():
            collector.add(gene.seqid, start, end, INTRON, strand, RNA, 7.0)
        for start, end in gene.transcripts[0].cds if number % 4 == 0 else ():
            collector.add(gene.seqid, start, end, CDSPART, strand, PROTEIN, 1.0, protein)
            collector.add(gene.seqid, start, end, EXONPART, 0, RNA, 3.0)
    collector.table().save(folder)
    return folder
