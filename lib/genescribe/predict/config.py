"""Options of genome-wide prediction: those that do not change the model's answer, and those that filter it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.config import Idle, option


@dataclass(frozen=True)
class PredictConfig:
    """Options of running over a genome, and of choosing the genes to write."""

    workers: int = option(2, doc="number of processes", minimum=1)
    device: str = option("auto", doc="auto, cpu or cuda; several GPUs are shared among the processes")
    species: str = option(
        "auto",
        doc="parameters to use, if the model has those of several genomes: a name, `pooled`, `auto` (the "
        "genome whose 6-mers and genes suit the sequence best) or `each` (per sequence, by 6-mers alone)",
    )
    genetic_code: int = option(0, doc="NCBI genetic code of the nucleus; 0: that of the model", minimum=0, maximum=33)
    chunk: int = option(1_000_000, doc="bases that a process reads at a time; does not change the result", minimum=1)
    partial: bool = option(False, doc="also write genes that are cut off by the end of a sequence")
    posteriors: bool = option(True, doc="write posterior probabilities of exons and genes in the score columns")
    min_posterior: float = option(0.0, doc="reject genes with a lower posterior probability", minimum=0.0, maximum=1.0)
    min_cds: int = option(60, doc="reject shorter coding sequences, in bases with the stop codon", minimum=6)
    opposite_strands: Literal["resolve", "allow"] = option(
        "resolve", doc="of two genes on opposite strands that overlap too much, keep the better one, or both"
    )
    max_overlap: float = option(
        0.2,
        doc="largest overlap of two genes on opposite strands, as a fraction of the shorter CDS",
        minimum=0.0,
        maximum=1.0,
    )
    isoforms: Literal["none", "supported"] = option(
        "none", doc="additional transcripts per gene: none, or those implied by introns that evidence supports"
    )
    require_evidence: bool = option(False, doc="write only transcripts that evidence supports")
    flank: int = option(20_000, doc="bases read on both sides of a region, for genes that cross its edge", minimum=0)

    def idle(self) -> Idle:
        """Return the options that have no effect with the others as they are."""
        return (
            Idle()
            .unless(self.posteriors, "posteriors", "min_posterior")
            .unless(self.opposite_strands == "resolve", "opposite_strands: resolve", "max_overlap")
        )
