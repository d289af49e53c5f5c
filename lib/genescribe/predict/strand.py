"""What a family must give the genome-wide driver: the genes of one strand of one sequence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from genescribe.genome.alphabet import Codes
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Transcript


@dataclass(frozen=True, slots=True)
class PredictedTranscript:
    """A transcript in the coordinates of the strand it was read from, with what it is worth.

    Attributes
    ----------
    transcript
        Its ID is a placeholder; the driver names it.
    log_odds
        Log score of the transcript's bases as labelled, minus their score as intergenic. Orders rival genes.
    gene
        Number of the gene on its strand, the same for its isoforms; None: a gene of its own.
    """

    transcript: Transcript
    log_odds: float
    gene: int | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that was predicted and could not be written.

    Attributes
    ----------
    start, end
        0-based half-open, in the coordinates of the strand until the driver turns them.
    reason
        Short and countable: `no start codon`, `in-frame stop`, ...
    """

    start: int
    end: int
    reason: str


@dataclass(slots=True)
class StrandPrediction:
    """All that was found on one strand, in its own 5' to 3' coordinates."""

    transcripts: list[PredictedTranscript] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


class StrandPredictor(Protocol):
    """Anything that reads genes from one strand."""

    def predict_strand(self, codes: Codes) -> StrandPrediction:
        """Return the genes on `codes`, the whole strand 5' to 3'."""


class PredictorFactory(Protocol):
    """A model's folder: it travels to the workers, each of which loads the model once. Must be picklable."""

    def __call__(self) -> StrandPredictor:
        """Load the model."""

    def genetic_code(self) -> GeneticCode:
        """Return the code that its coding sequences are read with."""

    def provenance(self) -> dict[str, Any]:
        """Return what stands in the header of its GFF3: which model, which digest."""
