"""The shipped model that suits a genome, used where no model is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.genome.fasta import Genome
from genescribe.models import model_folder
from genescribe.predict.stretches import Piece
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.network.species import POOLED, divergence
from genescribe.segment.prediction.choice import FEW, SCORED, SCORED_STRETCH, Choice, gene_score, outdone
from genescribe.segment.prediction.factory import SegmentPredictorFactory, sample_codes, sample_words
from genescribe.segment.prediction.predictor import SegmentPredictor
from genescribe.train.model_files import CONFIG

NEAR = 0.01
"""Nats by which the words of three bases may differ from those of a genome that was no candidate. Two chromosomes of
Plasmodium that its words are not from differ by 0.0016, the nearest other genome of the data and of G3PO, that of a
microsporidium, by 0.031."""


class AutoPredictorFactory(SegmentPredictorFactory):
    """A model of several genomes, which hands over to the model that knows the genes of the chosen one better.

    Parameters
    ----------
    folder
        Its `config.json` names the model of several genomes (`chooser`), and better ones for some of these, or in place
        of its pooled parameters (`models`).
        `words` names models of genomes that the chooser has no parameters for, with the share of each word of three
        bases in the genome of each.
    device
        auto, cpu or cuda.

    Raises
    ------
    InputError
        The file does not say these.
    """

    def __init__(self, folder: Path, device: str = "auto") -> None:
        options = read_json(folder / CONFIG)
        try:
            chooser, models = str(options["chooser"]), {str(k): str(v) for k, v in options["models"].items()}
            words = {str(k): np.array(v, dtype=np.float64).reshape(64) for k, v in options.get("words", {}).items()}
        except (KeyError, AttributeError, TypeError, ValueError):
            raise InputError(
                "names no model to choose with, or none to choose from",
                where=folder / CONFIG,
                remedy="give `chooser`, the name of a model, and `models`, from its species to names of models",
            ) from None
        super().__init__(model_folder(chooser), device)
        self._models, self.words = models, words

    def for_genome(self, genome: Genome, pieces: Sequence[Piece], species: str) -> SegmentPredictorFactory:
        """Return the model for the species that was asked for, or that the pieces are most like.

        For the arguments see `PredictorFactory.for_genome`.
        """
        chosen = super().for_genome(genome, pieces, species)
        choice = None if chosen.choice is None else self._reconsidered(chosen.choice, genome, pieces)
        name = self._models.get(chosen.species if choice is None else choice.species)
        if choice is not None and choice.species == POOLED:
            known = alike(sample_words(genome, pieces), self.words)
            if known is not None:
                name = known
                choice = replace(choice, species=name, reason="its words are those of this model's genome", warning="")
        if name is None:
            return chosen
        return SegmentPredictorFactory(
            model_folder(name), self.device, code=self._code, evidence=self.evidence, choice=choice
        )

    def _reconsidered(self, choice: Choice, genome: Genome, pieces: Sequence[Piece]) -> Choice:
        """Return the choice, or that of the pooled parameters if the model in their place explains genes far better."""
        if choice.species == POOLED or POOLED not in self._models:
            return choice
        sample = list(sample_codes(genome, pieces, SCORED // 2, SCORED_STRETCH))
        scores = []
        for species in (choice.species, POOLED):
            known = self._models.get(species)
            folder, entry = (self.folder, species) if known is None else (model_folder(known), POOLED)
            model = SegmentModel.load(folder, self._code).specialised(entry)
            scores.append(gene_score(SegmentPredictor(model), sample))
        return outdone(choice, *scores)


def alike(counts: NDArray[np.int64], words: Mapping[str, NDArray[np.float64]]) -> str | None:
    """Return the genome whose words of three bases are nearest to those of a sequence; None where none is near.

    Parameters
    ----------
    counts : (4^6,)
        Words of the sequence: `genescribe.segment.network.species.word_counts`.
    words
        Name -> share of each word of three bases, (4^3,).
    """
    if not words or counts.sum() < 2 * FEW:
        return None
    nats = divergence(counts, np.stack(list(words.values())))
    return list(words)[int(nats.argmin())] if nats.min() <= NEAR else None
