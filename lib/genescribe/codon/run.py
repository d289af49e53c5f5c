"""The options of one codon language model, from its data to its evaluation, in sections."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from genescribe.codon.config import (
    CodonModelConfig,
    CodonOptions,
    CodonTrainSection,
    DataConfig,
    EvaluationConfig,
    OutputsConfig,
    ScheduleConfig,
    SystemConfig,
)
from genescribe.config import from_mapping, option
from genescribe.errors import InputError
from genescribe.files import parse_yaml
from genescribe.train.config import TrainConfig

_logger = logging.getLogger("genescribe.codon")


@dataclass(frozen=True)
class CodonRunConfig:
    """A codon language model: all of its options."""

    data: DataConfig = option(doc="genomes, splits, packing")
    model: CodonModelConfig = option(default_factory=CodonModelConfig, doc="the network")
    train: CodonTrainSection = option(default_factory=CodonTrainSection, doc="optimiser, loss, passes")
    schedule: ScheduleConfig = option(default_factory=ScheduleConfig, doc="learning rate, early stopping")
    system: SystemConfig = option(default_factory=SystemConfig, doc="device, precision, reading")
    outputs: OutputsConfig = option(default_factory=OutputsConfig, doc="folders, seed")
    evaluate: EvaluationConfig = option(default_factory=EvaluationConfig, doc="evaluation and interpretation")

    def __post_init__(self) -> None:
        names = [dataset.name for dataset in self.data.datasets]
        bad = [name for name in names if not re.fullmatch(r"[\w.-]+", name)]
        if bad or len(set(names)) != len(names) or not names:
            raise InputError(
                "names of datasets are missing, repeated or hold other characters",
                where="data.datasets",
                remedy="use letters, digits, dot, - and _",
            )

    def options(self) -> CodonOptions:
        """Return the model options of the family `codon`."""
        values = vars(self.model) | vars(self.train) | vars(self.system)
        return CodonOptions(**{field.name: values[field.name] for field in fields(CodonOptions)})

    def training(self, *, windows: int, tokens: int, parameters: int) -> TrainConfig:
        """Return the options of the engine.

        Parameters
        ----------
        windows, tokens
            Of the training split.
        parameters
            Of the network; `epochs: auto` derives the passes from tokens_per_param x parameters / tokens, and logs it.
        """
        train, schedule = self.train, self.schedule
        epochs = train.epochs
        if isinstance(epochs, str):
            epochs = train.tokens_per_param * parameters / tokens
            derivation = (
                f"{train.tokens_per_param:g} tokens a parameter x {parameters:,} parameters / {tokens:,} tokens"
            )
            _logger.info("epochs: auto = %s = %.3f", derivation, epochs)
        batch = train.batch_size * train.grad_accum_steps
        steps = max(1, -(-round(epochs * windows) // batch))
        translated = {
            "epochs": epochs,
            "batch_size": batch,
            "micro_batch": train.batch_size,
            "warmup": min(1.0, schedule.warmup_steps / (steps if schedule.warmup_steps >= 1 else 1)),
            "final_lr": min(1.0, schedule.min_lr / train.lr) if train.lr else 0.0,
            "precision": "bf16" if train.amp else "float32",
            "patience": schedule.early_stop_patience,
        }
        values = {
            name: value for part in (train, schedule, self.system, self.outputs) for name, value in vars(part).items()
        }
        shared = {field.name: values[field.name] for field in fields(TrainConfig) if field.name in values}
        return TrainConfig(**shared | translated)


def run_name(name: str, config: CodonRunConfig) -> str:
    """Return the name of a run's folder; the date is provenance, not part of it.

    Examples
    --------
    >>> from genescribe.codon.config import DatasetConfig
    >>> run_name("tiny", CodonRunConfig(DataConfig([DatasetConfig("e.coli", gbff="e.gbff")])))
    'tiny_4L4H_d128_e5'
    """
    epochs = config.train.epochs
    passes = epochs if isinstance(epochs, str) else f"{epochs:g}"
    return f"{name}_{config.model.n_layer}L{config.model.n_head}H_d{config.model.n_embd}_e{passes}"


def with_starts(
    runs: Mapping[str, CodonRunConfig], select: Collection[str], *, where: str = "codon"
) -> dict[str, CodonRunConfig]:
    """Return the selected runs (all, where none is) and those that they begin with, in their order.

    Parameters
    ----------
    runs
        Name -> run, all of the configuration.
    select
        Names of the wanted runs; empty: all.
    where
        Source of the configuration, for messages.

    Raises
    ------
    InputError
        Runs that begin with each other in a circle.
    """
    wanted: set[str] = set()
    for name in runs if not select else [name for name in runs if name in select]:
        chain = [name]
        while (start := runs[chain[-1]].train.start) in runs:
            if start in chain:
                problem = f"`codon.{name}.train.start` leads back to {start!r}"
                raise InputError(problem, where=where, remedy="start one of them from random weights")
            chain.append(str(start))
        wanted |= set(chain)
    return {name: run for name, run in runs.items() if name in wanted}


def load_run(path: str | Path | None, text: str | None = None) -> CodonRunConfig:
    """Return the options of a YAML (or JSON) file, or of text.

    Raises
    ------
    InputError
        It cannot be parsed, or holds unknown keys or values.
    """
    where = str(path or "--options")
    if (path is None) == (text is None):
        raise InputError(
            "neither a file nor text" if path is None else "a file and text",
            where="options of the run",
            remedy="give either --config or --options",
        )
    return from_mapping(CodonRunConfig, parse_yaml(text or "" if path is None else Path(path), where), where=where)
