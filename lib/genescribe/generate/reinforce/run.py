"""One run of training with rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genescribe.config import from_mapping
from genescribe.errors import InputError
from genescribe.generate.reinforce.config import TRAIN_DEFAULTS, GrpoConfig
from genescribe.generate.reinforce.task import GrpoTask
from genescribe.train.config import TrainConfig


def build_run(
    folders: Sequence[Path], model: Path, options: Mapping[str, Any], *, where: str
) -> tuple[GrpoTask, TrainConfig]:
    """Return the task and how to train it.

    Parameters
    ----------
    folders
        Prompts and held-out loci.
    model
        Folder of the model that training begins with.
    options
        `grpo` and `train`, each with the keys of its dataclass.
    where
        Source of the options, for messages.

    Raises
    ------
    InputError
        An option that is not known or of a wrong value.
    """
    if unknown := set(options) - {"grpo", "train"}:
        raise InputError(f"unknown key {min(unknown)!r}", where=where, remedy="known keys here: grpo, train")
    config = from_mapping(GrpoConfig, options.get("grpo", {}), where=where, key="grpo")
    usual = TrainConfig(**TRAIN_DEFAULTS, start=str(model))
    train = from_mapping(TrainConfig, options.get("train", {}), where=where, key="train", base=usual)
    return GrpoTask(config, folders, model), train
