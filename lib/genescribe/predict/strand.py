"""What a family must give the genome-wide driver: the genes of one strand of one stretch of sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Transcript
from genescribe.predict.config import PredictConfig
from genescribe.predict.pieces import Piece

EVIDENCE = "evidence-sha256"
"""Key of what a prediction rests on (`PredictorFactory.provenance`) where there is evidence."""
Rows = NDArray[np.float32]
"""What a model says of bases, (n, anything)."""


@dataclass(frozen=True, slots=True)
class PredictedTranscript:
    """A transcript in the coordinates of the strand it was read from, with what it is worth.

    Attributes
    ----------
    transcript
        Its ID is a placeholder; the driver names it. Its scores are posterior probabilities.
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


class StrandCodes(Protocol):
    """The bases of a strand, 5' to 3': an array of codes, or something that reads slices of them when asked."""

    def __len__(self) -> int:
        """Return the number of bases."""

    def __getitem__(self, key: slice, /) -> Codes:
        """Return the codes of a slice."""


class StrandRows(Protocol):
    """What a model says of every base of a strand: an array, or something that reads slices of it when asked."""

    def __getitem__(self, key: slice, /) -> Rows:
        """Return the rows of a slice."""


class GenomeStrand:
    """A strand of ``[start, end)`` of a sequence, read from the genome a slice at a time.

    Parameters
    ----------
    genome, seqid, start, end
        The stretch.
    strand
        "+" or "-".
    """

    def __init__(self, genome: Genome, seqid: str, start: int, end: int, strand: str) -> None:
        self._genome, self.seqid, self._start, self._end, self._strand = genome, seqid, start, end, strand

    @property
    def place(self) -> tuple[str, int, int, str]:
        """Sequence, start, end and strand."""
        return self.seqid, self._start, self._end, self._strand

    def __len__(self) -> int:
        return self._end - self._start

    def __getitem__(self, key: slice, /) -> Codes:
        low, high, _ = key.indices(len(self))
        high = max(low, high)
        if self._strand == "+":
            return self._genome.codes(self.seqid, self._start + low, self._start + high)
        return reverse_complement(self._genome.codes(self.seqid, self._end - high, self._end - low))


class StrandPredictor(Protocol):
    """Anything that reads genes from one strand, in two steps: bases chunk by chunk, then the strand as a whole."""

    def read(self, codes: StrandCodes, start: int, end: int) -> Rows:
        """Return what the model says of the bases ``[start, end)``, whatever else is asked."""

    def finish(self, codes: StrandCodes, rows: StrandRows, config: PredictConfig) -> StrandPrediction:
        """Return the genes of a strand of which all bases were read."""


class PairPredictor(StrandPredictor, Protocol):
    """A predictor that can finish both strands of a stretch together."""

    def finish_both(
        self, codes: Sequence[StrandCodes], rows: Sequence[StrandRows], config: PredictConfig
    ) -> list[StrandPrediction]:
        """Return the genes of the plus and the minus strand, of which all bases were read."""


class PredictorFactory(Protocol):
    """A model's folder: it travels to the workers, each of which loads the model once. Must be picklable.

    Attributes
    ----------
    grain
        Chunks begin at multiples of so many bases: what is said of a base is then the same in all chunks.
    """

    grain: int

    def __call__(self, worker: int = 0) -> StrandPredictor:
        """Load the model into the worker of this number."""

    def with_evidence(self, folder: Path) -> PredictorFactory:
        """Return this with the evidence of a folder (`genescribe.evidence.table.EvidenceTable`).

        Raises
        ------
        InputError
            The model can use none.
        """

    def for_genome(self, genome: Genome, pieces: Sequence[Piece], species: str) -> PredictorFactory:
        """Return what annotates these pieces of a genome, given the species that was asked for."""

    def recoded(self, code: int) -> PredictorFactory:
        """Return the same model reading with another genetic code, an NCBI table: for organelles."""

    def genetic_code(self, seqid: str = "") -> GeneticCode:
        """Return the code that coding sequences are read with, those of a sequence."""

    def provenance(self) -> dict[str, Any]:
        """Return what stands in the header of its GFF3: which model, which digest."""

    def statistics(self) -> dict[str, float]:
        """Return what the genes of the training genomes were like, as `genescribe.predict.summary` names it."""


def finishes_together(factory: PredictorFactory) -> bool:
    """Return whether a factory gives predictors of the kind `PairPredictor`: its attribute `together` is then true."""
    return bool(getattr(factory, "together", False))
