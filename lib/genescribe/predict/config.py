"""Options of genome-wide prediction that do not change the model's answer, and those that filter it."""

from __future__ import annotations

from dataclasses import dataclass

from genescribe.config import option


@dataclass(frozen=True)
class PredictConfig:
    """How to run over a genome."""

    workers: int = option(2, doc="processes; each takes a strand of a sequence at a time", minimum=1)
    device: str = option("auto", doc="auto, cpu or cuda")
    minimum_cds: int = option(60, doc="shorter coding sequences are rejected, in bases with the stop", minimum=6)
    maximum_overlap: float = option(
        0.2, doc="share of the shorter CDS that two genes on opposite strands may share", minimum=0.0, maximum=1.0
    )
