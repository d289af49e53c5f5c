"""The registry of families of models.

A further family is a package of its own and a line here, or an installed package whose entry points of the group
`genescribe.families` each name a `Family`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from genescribe.codon.config import CodonOptions
from genescribe.errors import InputError
from genescribe.evidence.collect import EVIDENCE_OPTIONS
from genescribe.files import read_json
from genescribe.generate.config import GenerateModelConfig
from genescribe.models import no_model
from genescribe.segment.config import SegmentModelConfig
from genescribe.sites.config import SiteModelConfig
from genescribe.train.config import TrainConfig

if TYPE_CHECKING:
    from genescribe.bake.batch import SequenceBaker
    from genescribe.genome.fasta import Genome
    from genescribe.predict.config import PredictConfig
    from genescribe.predict.interface import PredictorFactory
    from genescribe.predict.stretches import Piece
    from genescribe.train.task import Task


@dataclass(frozen=True)
class Family:
    """The interface of a family for scripts and workflow; everything else is imported when used.

    Attributes
    ----------
    model_config, train_config
        Dataclasses of its options.
    task
        Class made from (model options, folders of shards): a `genescribe.train.task.Task`.
    predictor
        Class made from (folder of a model, device): a `genescribe.predict.interface.PredictorFactory`; None where the
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


ENTRY_POINTS = "genescribe.families"
"""Group of the entry points by which other packages add a family: its name = "package.module:object", a `Family`."""

_FAMILIES: dict[str, Family] = {
    "generate": Family(
        GenerateModelConfig,
        TrainConfig,
        task="genescribe.generate.training.task.GenerateTask",
        predictor="genescribe.generate.annotation.predictor.GeneratePredictorFactory",
        stored="genescribe.generate.model.read_config",
    ),
    "segment": Family(
        SegmentModelConfig,
        TrainConfig,
        task="genescribe.segment.training.task.SegmentTask",
        predictor="genescribe.segment.prediction.factory.SegmentPredictorFactory",
    ),
    "sites": Family(
        SiteModelConfig,
        TrainConfig,
        task="genescribe.sites.task.SiteTask",
        stored="genescribe.sites.model_folder.read_config",
    ),
    "codon": Family(CodonOptions, TrainConfig, task="genescribe.codon.training.task.CodonTask"),
}


@functools.cache
def known_families() -> Mapping[str, Family]:
    """Return the families by name: those of this library, and those that installed packages add."""
    # Not when this module is imported: a package that adds a family imports it too.
    return _FAMILIES | {point.name: point.load() for point in entry_points(group=ENTRY_POINTS)}


_CHOOSERS = {"auto": "genescribe.segment.prediction.auto.AutoPredictorFactory"}
"""Family of a folder without weights -> the class that hands over to the model that suits a genome."""

_BAKERS = {
    "labels": "genescribe.bake.baker.Baker",
    "sentences": "genescribe.generate.loci.bake.SentenceBaker",
}
"""Target of baking -> the class that writes it, a `genescribe.bake.batch.SequenceBaker`."""


def baker_class(target: str) -> type[SequenceBaker]:
    """Return the baker of a target: `labels` or `sentences`."""
    return cast("type[SequenceBaker]", _load(_BAKERS[target]))


def family(name: str, *, where: str = "family") -> Family:
    """Return a family by its name, or raise `InputError`."""
    known = known_families()
    if name not in known:
        raise InputError(f"no family is called {name!r}", where=where, remedy=f"known: {', '.join(sorted(known))}")
    return known[name]


def load_predictor(model: str | Path, *, device: str = "auto") -> PredictorFactory:
    """Return the predictor factory of a model's folder, for a model of any family.

    Raises
    ------
    InputError
        The folder holds no model.
    """
    path = Path(model) / "config.json"
    try:
        name = read_json(path)["family"]
    except (FileNotFoundError, NotADirectoryError):
        raise no_model(model) from None
    except (ValueError, KeyError, TypeError):
        raise InputError("not the configuration of a model", where=path, remedy="train the model again") from None
    predictor = _CHOOSERS.get(name) or family(name, where=str(path)).predictor
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
    """Return the predictor factory of a model's folder for pieces of a genome.

    Parameters
    ----------
    model
        Folder of the model.
    genome, pieces, config
        The genome, the stretches of it to annotate, and the options of prediction.
    evidence
        Folder of evidence of the genome (`genescribe.evidence.collect`).

    Raises
    ------
    InputError
        The folder holds no model, the model no such species, or it can use no evidence.
    """
    factory = load_predictor(model, device=config.device)
    if config.genetic_code:
        factory = factory.recoded(config.genetic_code)
    if evidence is not None:
        factory = factory.with_evidence(evidence)
    elif config.require_evidence or config.isoforms != "none":
        name = "--require-evidence" if config.require_evidence else "--isoforms supported"
        raise InputError(f"{name} without evidence", where="command line", remedy=f"give {EVIDENCE_OPTIONS}")
    return factory.for_genome(genome, pieces, config.species)


def _load(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)
