"""Segment models loaded where strands are read: parameters chosen for a genome, one predictor or one per sequence."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from genescribe.errors import InputError
from genescribe.files import read_json, sha256
from genescribe.genome.alphabet import Codes
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.strand import StrandCodes
from genescribe.labels.gene import GeneScheme
from genescribe.predict.interface import (
    CALIBRATED,
    ByStrand,
    Halves,
    StrandPredictor,
)
from genescribe.predict.stretches import Piece
from genescribe.segment.network.model import SPECIES, STATISTICS, SegmentModel, read_config
from genescribe.segment.network.species import AUTO, EACH, POOLED, SAMPLE, STRETCH, stretches, word_counts
from genescribe.segment.prediction.choice import SCORED, SCORED_STRETCH, STRANGER, Choice, choose
from genescribe.segment.prediction.predictor import DIGITS, SegmentPredictor, grain_of
from genescribe.segment.support.strand import GenomeSupport, provenance_of
from genescribe.segment.training.temperature import is_calibrated, temperature_of
from genescribe.train.distributed import named_device
from genescribe.train.model_files import CONFIG, WEIGHTS

_NO_WORDS = word_counts(np.zeros(0, dtype=np.uint8))


class SegmentPredictorFactory:
    """The model of a folder, loaded where it is called.

    Parameters
    ----------
    folder
        `config.json` and `model.safetensors`.
    device
        auto, cpu or cuda.
    species
        Parameters to use, of a model that has those of several genomes: a name, `POOLED` or `EACH`. `for_genome`
        decides `AUTO`; until then it means the pooled ones.
    code
        NCBI table that is read by instead of the model's.
    evidence
        Folder of evidence of the genome.
    choice
        Why this model, and the parameters of this species, are used, where `AUTO` was asked for.
    """

    def __init__(
        self,
        folder: Path,
        device: str = "auto",
        species: str = AUTO,
        code: int | None = None,
        evidence: Path | None = None,
        choice: Choice | None = None,
    ) -> None:
        self.evidence, self.choice = evidence, choice
        self.folder, self.config = folder, read_config(folder)
        self._code = code
        self.device = named_device(device)
        self.grain = grain_of(self.config, self.device)
        self.both_strands = self.config.both_strands
        known = self.config.species.names if self.config.species else []
        self.species = POOLED if species == AUTO or (species == EACH and not known) else species
        self.temperature = temperature_of(folder) * (STRANGER if known and self.species == POOLED else 1.0)
        if self.species not in (POOLED, EACH, *known):
            raise InputError(
                f"no species {species!r} in this model",
                where="--species",
                remedy=f"it has {', '.join(known) or 'one set of parameters'}; or give {AUTO}, {EACH} or {POOLED}",
            )

    def __call__(self, worker: int = 0) -> StrandPredictor:
        """Load the model."""
        model = SegmentModel.load(self.folder, self._code).to(self.device_of(worker))
        support = None if self.evidence is None else GenomeSupport.load(self.evidence, self.folder)
        if self.species == EACH:
            return EachPredictor(model, self.temperature, support)
        return SegmentPredictor(model.specialised(self.species), self.temperature, support)

    def device_of(self, worker: int) -> str:
        """Return the device of a worker; workers share out the GPUs that there are."""
        return f"cuda:{worker % torch.cuda.device_count()}" if self.device == "cuda" else self.device

    def halves(self) -> Halves | None:
        """Return this reading on each GPU, and the same on the CPU to go over strands; None where there is no GPU."""
        if not self.device.startswith("cuda"):
            return None
        finisher = SegmentPredictorFactory(self.folder, "cpu", self.species, self._code, self.evidence, self.choice)
        return Halves(self, finisher, torch.cuda.device_count() if self.device == "cuda" else 1)

    def with_evidence(self, folder: Path) -> Self:
        """Return this with the evidence of a folder."""
        if self.config.scheme != GeneScheme.name or self.config.head == "pytorch-crf":
            raise InputError(
                f"a model with the labels {self.config.scheme!r} can use no evidence",
                where=self.folder,
                remedy="leave evidence out, or give a model with the labels 'gene'",
            )
        alike = copy.copy(self)
        alike.evidence = folder
        return alike

    def for_genome(self, genome: Genome, pieces: Sequence[Piece], species: str) -> SegmentPredictorFactory:
        """Return this with the parameters that were asked for; `AUTO`: those that suit these pieces.

        The choice follows from the model and the pieces alone: see `genescribe.segment.prediction.choice`.

        For the arguments see `PredictorFactory.for_genome`.

        Raises
        ------
        InputError
            The model has none of that name.
        """
        choice = None
        if species == AUTO and self.config.species is not None:
            counts = sample_words(genome, pieces)
            scored = list(sample_codes(genome, pieces, SCORED, SCORED_STRETCH))
            choice = choose(SegmentModel.load(self.folder, self._code), counts, scored)
            species = choice.species
        return SegmentPredictorFactory(self.folder, self.device, species, self._code, self.evidence, choice)

    def recoded(self, code: int) -> Self:
        """Return this reading with another genetic code."""
        alike = copy.copy(self)
        alike._code = code
        return alike

    def genetic_code(self, seqid: str = "") -> GeneticCode:
        """Return the model's genetic code."""
        del seqid
        return GeneticCode.from_table(self._code or self.config.genetic_code)

    def provenance(self) -> dict[str, Any]:
        """Return the family, the label scheme and digests of the model's two files."""
        return {
            "model": f"segment ({self.config.scheme}, {self.config.head})",
            "model-config-sha256": sha256(self.folder / CONFIG),
            "model-weights-sha256": sha256(self.folder / WEIGHTS),
            "model-temperature": round(self.temperature, DIGITS),
            **({} if is_calibrated(self.folder) else {CALIBRATED: "false"}),
            **({} if self.config.species is None else {"species": self.species}),
            **({} if self.choice is None else self.choice.provenance()),
            **({} if self._code is None else {"genetic-code": str(self._code)}),
            **({} if self.evidence is None else provenance_of(self.evidence, self.folder)),
        }

    def statistics(self) -> dict[str, Any]:
        """Return statistics of the genes of the training genomes, or of the one whose parameters are used.

        Empty where the model does not say.
        """
        path = self.folder / STATISTICS
        known = dict(read_json(path)) if path.is_file() else {}
        single = known.pop(SPECIES, {})
        return dict(single.get(self.species, known))


class EachPredictor(ByStrand):
    """Genes of strands of many genomes: each with the parameters of the genome that it is most like.

    Parameters
    ----------
    model
        With parameters of several genomes.
    temperature, support
        As `SegmentPredictor`.
    """

    def __init__(self, model: SegmentModel, temperature: float = 1.0, support: GenomeSupport | None = None) -> None:
        assert model.species is not None
        self._model, self._bank, self._temperature, self._support = model, model.species, temperature, support
        self._predictors: dict[str, SegmentPredictor] = {}

    def predictor(self, codes: StrandCodes) -> SegmentPredictor:
        """Return the predictor for a strand, the same for the other strand of its stretch of sequence."""
        counts = sum((word_counts(codes[start:end]) for start, end in stretches(len(codes))), _NO_WORDS)
        name = self._bank.nearest(counts)
        if name not in self._predictors:
            temperature = self._temperature * (STRANGER if name == POOLED else 1.0)
            self._predictors[name] = SegmentPredictor(self._model.specialised(name), temperature, self._support)
        return self._predictors[name]


def sampled(pieces: Sequence[Piece], most: int, size: int) -> Iterator[tuple[str, int, int]]:
    """Yield (seqid, start, end) of the parts of the regions of pieces that a sample holds.

    Parameters
    ----------
    pieces
        Sequences or regions to annotate.
    most, size
        Bases of the sample, and of the stretches in which it is read.
    """
    regions = [(piece.seqid, start, end) for piece in pieces for start, end in piece.regions]
    ends = np.cumsum([end - start for _, start, end in regions])
    for low, high in stretches(int(ends[-1]) if len(ends) else 0, most, size):
        for (seqid, start, _), last, length in zip(regions, ends, np.diff(ends, prepend=0), strict=True):
            first = int(last - length)
            if first < high and low < last:
                yield seqid, start + max(low - first, 0), start + min(high - first, int(length))


def sample_words(genome: Genome, pieces: Sequence[Piece]) -> NDArray[np.int64]:
    """Return how often each word of six bases stands in a sample of a genome, (4^6,); see `word_counts`."""
    return sum((word_counts(codes) for codes in sample_codes(genome, pieces, SAMPLE, STRETCH)), _NO_WORDS)


def sample_codes(genome: Genome, pieces: Sequence[Piece], most: int, size: int) -> Iterator[Codes]:
    """Yield the base codes of the parts that a sample of a genome holds.

    Parameters
    ----------
    genome
        The sequences that the pieces are of.
    pieces, most, size
        As for `sampled`.
    """
    return (genome.codes(*part) for part in sampled(pieces, most, size))
