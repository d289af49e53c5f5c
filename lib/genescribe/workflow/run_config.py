"""Options of the models of the workflow's configuration: the sections `inits` and `runs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genescribe.config import option
from genescribe.generate.config import InitConfig
from genescribe.generate.reinforce.config import GrpoConfig, PromptConfig
from genescribe.train.launch import LaunchConfig


@dataclass(frozen=True)
class InitRunConfig(InitConfig):
    """An untrained model that runs may begin with."""

    model: dict[str, Any] = option(default_factory=dict, doc="options of the family generate")


@dataclass(frozen=True)
class RunConfig:
    """One run: a model, its training and its data."""

    genomes: list[str] = option(doc="names under `genomes:`")
    family: str = option("segment", doc="model family")
    bake: str = option("default", doc="name under `bakes:`")
    model: dict[str, Any] = option(default_factory=dict, doc="options of the model")
    train: dict[str, Any] = option(default_factory=dict, doc="options of the training engine")
    seeds: list[int] = option(default_factory=lambda: [1], doc="one model per seed")
    start: str | None = option(
        None, doc="initial model: a name under `runs:` or `inits:`, or the folder of a model; with its `model` options"
    )
    scored: bool = option(True, doc="false: only a starting point of other runs, neither scored nor reported")
    grpo: GrpoConfig | None = option(None, doc="family generate: train with rewards, starting from `start`")
    prompts: PromptConfig = option(
        default_factory=PromptConfig, doc="loci for prompts, and held-out loci", needs="grpo"
    )
    trained: str | None = option(None, doc="folder or name of a trained model to score; nothing is baked or trained")
    threads: int = option(2, doc="CPU threads of the training job", minimum=1)
    gpus: int = option(0, doc="GPUs of the training job, on each of its hosts", minimum=0)
    launch: LaunchConfig = option(default_factory=LaunchConfig, doc="hosts and processes of the training job")
