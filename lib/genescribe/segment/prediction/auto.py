"""The shipped model that suits a genome, used where no model is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.genome.fasta import Genome
from genescribe.models import model_folder
from genescribe.predict.stretches import Piece
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.train.model_files import CONFIG


class AutoPredictorFactory(SegmentPredictorFactory):
    """A model of several genomes, which hands over to the model that knows the genes of the chosen one better.

    Parameters
    ----------
    folder
        Its `config.json` names the model of several genomes (`chooser`), and better ones for some of these (`models`).
    device
        auto, cpu or cuda.

    Raises
    ------
    InputError
        The file does not say both.
    """

    def __init__(self, folder: Path, device: str = "auto") -> None:
        options = read_json(folder / CONFIG)
        try:
            chooser, models = str(options["chooser"]), {str(k): str(v) for k, v in options["models"].items()}
        except (KeyError, AttributeError):
            raise InputError(
                "names no model to choose with, or none to choose from",
                where=folder / CONFIG,
                remedy="give `chooser`, the name of a model, and `models`, from its species to names of models",
            ) from None
        super().__init__(model_folder(chooser), device)
        self._models = models

    def for_genome(self, genome: Genome, pieces: Sequence[Piece], species: str) -> SegmentPredictorFactory:
        """Return the model for the species that was asked for, or that the pieces are most like.

        For the arguments see `PredictorFactory.for_genome`.
        """
        chosen = super().for_genome(genome, pieces, species)
        name = self._models.get(chosen.species)
        if name is None:
            return chosen
        return SegmentPredictorFactory(model_folder(name), self.device, evidence=self.evidence, choice=chosen.choice)
