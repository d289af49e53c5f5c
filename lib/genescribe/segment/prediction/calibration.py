"""Calibration of a model by whole annotated regions.

Training chooses a temperature from single windows of single strands (`genescribe.segment.training.temperature`). Where
genes are long or lie close, that makes a model less sure than it may be: antisense genes, which the annotation of a
genome resolves, count as wrong there, and so does every transcript but the one whose labels were learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genescribe.errors import InputError
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.stretches import pieces_of
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.segment.training.temperature import FEWEST, GRID, brier_score, vertex


class Known(NamedTuple):
    """Annotated regions of a genome that a model was not trained on.

    Attributes
    ----------
    fasta, annotation
        The genome, and its GFF3 or GTF.
    regions
        seqid or seqid:start-end.
    """

    fasta: Path
    annotation: Path
    regions: Sequence[str]


def fit_on_genomes(model: Path, known: Sequence[Known], config: PredictConfig | None = None) -> tuple[float, int]:
    """Return the temperature with the smallest Brier score of genes, and the number of genes that it is from.

    Parameters
    ----------
    model
        Folder of a segment model.
    known
        Annotated genomes, with the regions to use.
    config
        Options of prediction; default: the usual ones.

    Raises
    ------
    InputError
        Fewer than `FEWEST` genes are found.
    """
    config = config or PredictConfig()
    probabilities: list[list[float]] = [[] for _ in GRID]
    right: list[bool] = []
    # What cannot be read is told before the work begins.
    genomes = [Genome.open(genome.fasta) for genome in known]
    references = [read_genes(genome.annotation) for genome in known]
    for (fasta, _, regions), genome, reference in zip(known, genomes, references, strict=True):
        pieces = pieces_of(genome, regions, config.flank, where=fasta)
        answers = {(g.seqid, g.strand, t.cds) for g in reference for t in g.transcripts if t.cds}
        factory = SegmentPredictorFactory(model, config.device).for_genome(genome, pieces, config.species)
        for temperature, row in zip(GRID, probabilities, strict=True):
            factory.temperature = temperature
            genes = predict_genome(factory, fasta, pieces, config).genes
            row += [np.nan if gene.score is None else gene.score for gene in genes]
        right += [any((gene.seqid, gene.strand, t.cds) in answers for t in gene.transcripts) for gene in genes]
    if len(right) < FEWEST:
        raise InputError(f"{len(right)} genes are too few", where=model, remedy=f"give regions with {FEWEST} or more")
    losses = [brier_score(np.array(row), np.array(right)) for row in probabilities]
    return vertex(np.log(GRID), np.array(losses)), len(right)
