"""The families of models. A further one is a folder of its own and a line here."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from genescribe.codon.config import CodonOptions
from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.generate.config import GenerateModelConfig
from genescribe.segment.config import SegmentModelConfig
from genescribe.sites.config import SiteModelConfig
from genescribe.train.config import TrainConfig

if TYPE_CHECKING:
    from genescribe.genome.fasta import Genome
    from genescribe.predict.config import PredictConfig
    from genescribe.predict.pieces import Piece
    from genescribe.predict.strand import PredictorFactory
    from genescribe.train.task import Task


@dataclass(frozen=True)
class Family:
    """What the scripts and the workflow know of a family; the rest is imported when it is used.

    Attributes
    ----------
    model_config, train_config
        Dataclasses of its options.
    task
        Class made from (model options, folders of shards): a `genescribe.train.task.Task`.
    predictor
        Class made from (folder of a model, device): a `genescribe.predict.strand.PredictorFactory`; None where the
        family does not annotate genomes.
    stored
        Function that returns the options of a model's folder, for training that begins with it; None where the options
        must be given.
    """

    model_config: type[Any]
    train_config: type[Any]
    task: str
    predictor: str | None = None
    stored: str | None = None

    def build_task(self, config: Any, folders: Sequence[str | Path]) -> Task:
        """Return the family at work on the shards of some folders."""
        return cast("Task", _load(self.task)(config, folders))

    def stored_options(self, folder: str | Path) -> Any:
        """Return the options of a model's folder; the usual ones where the family does not say."""
        return self.model_config() if self.stored is None else _load(self.stored)(folder)


FAMILIES = {
    "generate": Family(
        GenerateModelConfig,
        TrainConfig,
        task="genescribe.generate.task.GenerateTask",
        predictor="genescribe.generate.predictor.GeneratePredictorFactory",
        stored="genescribe.generate.model.read_config",
    ),
    "segment": Family(
        SegmentModelConfig,
        TrainConfig,
        task="genescribe.segment.task.SegmentTask",
        predictor="genescribe.segment.predictor.SegmentPredictorFactory",
    ),
    "sites": Family(
        SiteModelConfig,
        TrainConfig,
        task="genescribe.sites.task.SiteTask",
        stored="genescribe.sites.model_folder.read_config",
    ),
    "codon": Family(CodonOptions, TrainConfig, task="genescribe.codon.task.CodonTask"),
}


def family(name: str, *, where: str = "family") -> Family:
    """Return a family by its name, or raise `InputError`."""
    if name not in FAMILIES:
        raise InputError(f"no family is called {name!r}", where=where, remedy=f"known: {', '.join(sorted(FAMILIES))}")
    return FAMILIES[name]


def load_predictor(model: str | Path, *, device: str = "auto") -> PredictorFactory:
    """Return what annotates genomes with the model of a folder, whatever its family.

    Raises
    ------
    InputError
        The folder holds no model.
    """
    path = Path(model) / "config.json"
    try:
        name = read_json(path)["family"]
    except FileNotFoundError:
        raise InputError("no model here", where=model, remedy="give a folder with config.json") from None
    except (ValueError, KeyError, TypeError):
        raise InputError("not a model's configuration", where=path, remedy="train the model again") from None
    predictor = family(name, where=str(path)).predictor
    if predictor is None:
        raise InputError(
            f"a model of the family {name!r} annotates no genomes", where=model, remedy="give another model"
        )
    return cast("PredictorFactory", _load(predictor)(Path(model), device))


def predictor_for(
    model: str | Path,
    genome: Genome,
    pieces: Sequence[Piece],
    config: PredictConfig,
    evidence: Path | None = None,
) -> PredictorFactory:
    """Return what annotates pieces of a genome with the model of a folder.

    Parameters
    ----------
    model
        The folder.
    genome, pieces, config
        What is annotated, and how.
    evidence
        Folder of evidence of the genome (`genescribe.evidence.collect`).

    Raises
    ------
    InputError
        The folder holds no model, the model no such species, or it can use no evidence.
    """
    factory = load_predictor(model, device=config.device)
    if evidence is not None:
        factory = factory.with_evidence(evidence)
    elif config.require_evidence or config.isoforms != "none":
        name = "--require-evidence" if config.require_evidence else "--isoforms supported"
        raise InputError(f"{name} without evidence", where="command line", remedy="give --bam, --hints or --proteins")
    return factory.for_genome(genome, pieces, config.species)


def _load(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)
