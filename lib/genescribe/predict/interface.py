"""The interface between a family and genome-wide prediction: the genes on one strand of one region."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Transcript
from genescribe.genome.strand import Reject, StrandCodes
from genescribe.predict.config import PredictConfig
from genescribe.predict.stretches import Piece

EVIDENCE = "evidence-sha256"
"""Key of what a prediction rests on (`PredictorFactory.provenance`) where there is evidence."""
CALIBRATED = "calibrated"
"""Key of it that is `false` where a model should have a fitted temperature for its probabilities, and has none."""
CHOICE, SCORES, DOUBT = "species-choice", "species-scores", "species-doubt"
"""Keys of it where the species was chosen by the sequence: why, the scores of the candidates, and a warning."""
Rows = NDArray[np.float32]
"""Scores of n bases, (n, columns of the model)."""


@dataclass(frozen=True, slots=True)
class PredictedTranscript:
    """A transcript in the coordinates of its strand, with its scores.

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


@dataclass(slots=True)
class StrandPrediction:
    """All that was found on one strand, in its own 5' to 3' coordinates."""

    transcripts: list[PredictedTranscript] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


class StrandRows(Protocol):
    """Scores of a model for every base of a strand: an array, or an object that reads slices of it on demand."""

    def __getitem__(self, key: slice, /) -> Rows:
        """Return the rows of a slice."""


class StrandPredictor(Protocol):
    """Anything that reads genes from one strand, in two steps: bases chunk by chunk, then the strand as a whole."""

    def read(self, codes: StrandCodes, start: int, end: int) -> Rows:
        """Return the scores of the bases ``[start, end)``, which do not depend on other calls.

        Parameters
        ----------
        codes : (n,) uint8
            Base codes of the whole strand, 5' to 3'.
        start, end
            Bases to read, 0-based and half-open.
        """

    def finish(self, codes: StrandCodes, rows: StrandRows, config: PredictConfig) -> StrandPrediction:
        """Return the genes of a strand of which all bases were read.

        Parameters
        ----------
        codes : (n,) uint8
            Base codes of the whole strand, 5' to 3'.
        rows
            Scores of all its bases, as `read` returned them.
        config
            Options that choose among genes.
        """


class PairPredictor(StrandPredictor, Protocol):
    """A predictor that can finish both strands of a stretch together."""

    def finish_both(
        self, codes: Sequence[StrandCodes], rows: Sequence[StrandRows], config: PredictConfig
    ) -> list[StrandPrediction]:
        """Return the genes of the plus and the minus strand, of which all bases were read.

        Parameters
        ----------
        codes
            Base codes of the plus and the minus strand, each 5' to 3'.
        rows
            Scores of all bases of each strand, as `read` returned them.
        config
            Options that choose among genes.
        """


def read_all(predictor: StrandPredictor, strands: Sequence[StrandCodes]) -> list[Rows]:
    """Return the scores that `read` gives all bases of each of some short strands, to the bit.

    A predictor that reads many in less time than one by one has a method of this name, which takes them at once.

    Parameters
    ----------
    predictor
        Predictor that reads them.
    strands
        Base codes of whole strands, 5' to 3'.
    """
    at_once: Callable[[Sequence[StrandCodes]], list[Rows]] | None = getattr(predictor, "read_all", None)
    return at_once(strands) if at_once else [predictor.read(codes, 0, len(codes)) for codes in strands]


class ByStrand(ABC):
    """A predictor that hands each strand to the predictor that suits it."""

    @abstractmethod
    def predictor(self, codes: StrandCodes) -> StrandPredictor:
        """Return the predictor of a strand: one object for all that share it, as both strands of a stretch do."""

    def read(self, codes: StrandCodes, start: int, end: int) -> Rows:
        """Return the scores of the bases ``[start, end)``; see `StrandPredictor.read`."""
        return self.predictor(codes).read(codes, start, end)

    def read_all(self, strands: Sequence[StrandCodes]) -> list[Rows]:
        """Return the scores of all bases of some strands; see `genescribe.predict.interface.read_all`."""
        shares: dict[int, tuple[StrandPredictor, list[int]]] = {}
        for index, codes in enumerate(strands):
            predictor = self.predictor(codes)
            shares.setdefault(id(predictor), (predictor, []))[1].append(index)
        rows_of: dict[int, Rows] = {}
        for predictor, indices in shares.values():
            rows_of |= zip(indices, read_all(predictor, [strands[index] for index in indices]), strict=True)
        return [rows_of[index] for index in range(len(strands))]

    def finish(self, codes: StrandCodes, rows: StrandRows, config: PredictConfig) -> StrandPrediction:
        """Return the genes of a strand of which all bases were read; see `StrandPredictor.finish`."""
        return self.predictor(codes).finish(codes, rows, config)

    def finish_both(
        self, codes: Sequence[StrandCodes], rows: Sequence[StrandRows], config: PredictConfig
    ) -> list[StrandPrediction]:
        """Return the genes of both strands of a stretch; see `PairPredictor.finish_both`."""
        return cast(PairPredictor, self.predictor(codes[0])).finish_both(codes, rows, config)


class BatchWriter(Protocol):
    """A predictor that makes genes of proposals, of several strands at a time."""

    def write(self, strands: Sequence[StrandCodes], proposed: Sequence[StrandPrediction]) -> list[StrandPrediction]:
        """Return the genes of each strand.

        Parameters
        ----------
        strands
            Base codes of whole strands, each 5' to 3'.
        proposed
            Proposals on each of them.
        """


class PredictorFactory(Protocol):
    """A model's folder: it travels to the workers, each of which loads the model once. Must be picklable.

    Attributes
    ----------
    grain
        Chunks begin at multiples of so many bases, so that the scores of a base do not depend on the chunk.
    """

    @property
    def folder(self) -> Path:
        """Return the folder of the model."""

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
        """Return the factory for these pieces of a genome, given the requested species.

        Parameters
        ----------
        genome
            Genome that is annotated.
        pieces
            Sequences or regions to annotate.
        species
            Name of a set of parameters, or `auto`.
        """

    def recoded(self, code: int) -> PredictorFactory:
        """Return the same model reading with another genetic code, an NCBI table: for organelles."""

    def genetic_code(self, seqid: str = "") -> GeneticCode:
        """Return the code that coding sequences are read with, those of a sequence."""

    def provenance(self) -> dict[str, Any]:
        """Return the provenance for the header of its GFF3: model and digest."""

    def statistics(self) -> dict[str, Any]:
        """Return statistics of the training genomes' genes (`genescribe.predict.summary`), and their lengths."""


def finishes_both_strands(factory: PredictorFactory) -> bool:
    """Return whether a factory, by its attribute `both_strands`, gives predictors of the kind `PairPredictor`."""
    return bool(getattr(factory, "both_strands", False))


class Halves(NamedTuple):
    """A model that reads on GPUs and goes over strands on the CPU at the same time.

    Attributes
    ----------
    reader, finisher
        Factories of predictors of which only `read` (and `write`), or only `finish`, is called.
    readers
        Processes that read: one a GPU.
    writes
        The finisher only proposes loci: the reader, a `BatchWriter`, makes genes of them.
    """

    reader: PredictorFactory
    finisher: PredictorFactory
    readers: int
    writes: bool = False


def halves_of(factory: PredictorFactory) -> Halves | None:
    """Return the halves of a factory that has a method `halves`; None: the same processes do both."""
    halves: Callable[[], Halves | None] | None = getattr(factory, "halves", None)
    return None if halves is None else halves()
