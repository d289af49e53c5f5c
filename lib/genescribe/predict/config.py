"""Options of genome-wide prediction: those that do not change the model's answer, and those that filter it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.config import Idle, option


@dataclass(frozen=True)
class PredictConfig:
    """How to run over a genome, and which genes to write."""

    workers: int = option(2, doc="processes; each takes a chunk of a strand at a time", minimum=1)
    device: str = option("auto", doc="auto, cpu or cuda; with several GPUs the workers share them out")
    species: str = option(
        "auto",
        doc="of a model with parameters of several genomes, those to use: a name, `pooled`, `auto` (of the genome "
        "whose words are most like the sequence's) or `each` (the same, for every sequence by itself)",
    )
    chunk: int = option(1_000_000, doc="bases that a process reads at a time; changes no gene", minimum=1)
    partial: bool = option(False, doc="also genes that a sequence's end cuts")
    posteriors: bool = option(True, doc="posterior probabilities of exons and genes in the score columns")
    minimum_posterior: float = option(
        0.0, doc="genes of a lower posterior probability are rejected", minimum=0.0, maximum=1.0
    )
    minimum_cds: int = option(60, doc="shorter coding sequences are rejected, in bases with the stop", minimum=6)
    opposite_strands: Literal["resolve", "allow"] = option(
        "resolve", doc="genes on opposite strands that overlap by more than maximum_overlap: the better alone, or both"
    )
    maximum_overlap: float = option(
        0.2, doc="share of the shorter CDS that two genes on opposite strands may share", minimum=0.0, maximum=1.0
    )
    isoforms: Literal["none", "supported"] = option(
        "none", doc="further transcripts of a gene: none, or those that introns with support by evidence ask for"
    )
    require_evidence: bool = option(False, doc="only transcripts that evidence supports")
    flank: int = option(
        20_000, doc="bases beside a region that are read with it, for genes that reach over its edge", minimum=0
    )

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return (
            Idle()
            .unless(self.posteriors, "posteriors", "minimum_posterior")
            .unless(self.opposite_strands == "resolve", "opposite_strands: resolve", "maximum_overlap")
        )
