"""Options of training with rewards. Imports no torch, so that reading a configuration is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from genescribe.config import option

TRAIN_DEFAULTS: dict[str, Any] = {"epochs": 1.0, "batch_size": 8, "lr": 3e-4, "weight_decay": 0.0, "log_every": 1}
"""Options of the engine that this stage has other defaults for."""


@dataclass(frozen=True)
class RewardConfig:
    """The reward of a generated gene: a weighted mean of terms, each between 0 and 1."""

    exon: float = option(1.0, doc="weight of the F1 of coding exons", minimum=0.0)
    gene: float = option(1.0, doc="weight of the gene: 1 if the coding sequence of an isoform is right", minimum=0.0)
    transcript: float = option(0.0, doc="weight of the F1 of coding sequences, all isoforms", minimum=0.0)


@dataclass(frozen=True)
class GrpoConfig:
    """Group relative policy optimisation: samples of a locus are compared with each other."""

    group: int = option(8, doc="samples per prompt", minimum=2)
    temperature: float = option(1.0, doc="sampling temperature", minimum=0.01)
    max_length: int = option(256, doc="largest number of steps in a sample", minimum=1)
    updates: int = option(2, doc="optimiser steps per batch of samples", minimum=1)
    clip: float = option(0.2, doc="probability ratios are clipped to 1 - clip and 1 + clip", minimum=0.0, maximum=1.0)
    kl: float = option(0.02, doc="weight of the KL divergence from the initial model", minimum=0.0)
    reward: RewardConfig = option(default_factory=RewardConfig, doc="terms of the reward")


@dataclass(frozen=True)
class PromptConfig:
    """Loci to be written for rewards, and loci held out from them."""

    genomes: list[str] = option(default_factory=list, doc="genomes of the prompts; empty: all with a training split")
    held_out: int = option(0, doc="validation loci per genome, chosen at random; 0: all", minimum=0)
    homologues: Literal["drop", "keep"] = option(
        "drop", doc="prompts whose protein has a homologue among validation and test loci"
    )
    longest: int = option(0, doc="longest gene of a prompt, in bases; 0: no limit", minimum=0)
    seed: int = option(1, doc="seed of the choice", minimum=0)
