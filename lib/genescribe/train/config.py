"""Options of training, the same for every family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.config import option

NEUTRAL = frozenset(
    {
        "parallel",
        "micro_batch",
        "num_workers",
        "device",
        "log_every",
        "checkpoint_steps",
        "checkpoint_seconds",
        "start",
    }
)
"""Options that a resumed run may change: they do not change what is learned. Of `start` the weights count."""
Optimizer = Literal["adamw", "adafactor", "muon"]
"""Names of the optimisers in `genescribe.train.optimiser`."""
Scheduler = Literal["cosine", "plateau"]
"""Names of the schedules in `genescribe.train.schedule`."""


@dataclass(frozen=True)
class TrainConfig:
    """Options of training a model."""

    start: str | None = option(
        None, doc="folder of a trained model whose weights training starts from; none: random weights"
    )
    start_parts: list[str] = option(
        default_factory=list, doc="prefixes of the names of the weights to take from `start`; empty: all", needs="start"
    )
    freeze: list[str] = option(default_factory=list, doc="prefixes of the names of weights that are not trained")
    epochs: float = option(10.0, doc="passes over the training samples; 0: none", minimum=0.0, needs="max_steps: 0")
    max_steps: int = option(0, doc="optimiser steps; 0: from epochs", minimum=0)
    batch_size: int = option(32, doc="samples per step, over all processes", minimum=1)
    micro_batch: int = option(
        0, doc="most samples at a time on a device (gradients are accumulated); 0: no limit", minimum=0
    )
    buckets: int = option(
        0,
        doc="number of batches whose samples are sorted by length, so that a batch has samples of similar "
        "length; 0: none",
        minimum=0,
    )
    lr: float = option(1e-3, doc="highest learning rate", minimum=0.0)
    warmup: float = option(0.05, doc="fraction of the steps used for warm-up", minimum=0.0, maximum=1.0)
    final_lr: float = option(0.01, doc="last learning rate, as a fraction of the highest", minimum=0.0, maximum=1.0)
    weight_decay: float = option(1e-5, doc="weight decay of matrices; norms and biases have none", minimum=0.0)
    optimizer: Optimizer = option("adamw", doc="muon: orthogonalised momentum for hidden matrices, AdamW for the rest")
    scheduler: Scheduler = option(
        "cosine", doc="plateau: halve lr after plateau_patience validations without improvement"
    )
    plateau_patience: int = option(2, doc="validations to wait", minimum=1, needs="scheduler: plateau")
    clip: float = option(1.0, doc="largest norm of the gradient; 0: no clipping", minimum=0.0)
    precision: Literal["auto", "float32", "bf16"] = option(
        "auto", doc="bf16: autocast if the device supports bfloat16, else float32; auto: the same on GPUs only"
    )
    parallel: Literal["ddp", "fsdp"] = option(
        "ddp", doc="several processes: replicate all weights (ddp), or shard weights and optimiser (fsdp)"
    )
    compile: bool = option(False, doc="compile the expensive parts of the model with torch.compile")
    validate_epochs: float = option(1.0, doc="epochs between validations", minimum=0.001)
    patience: int = option(0, doc="validations without improvement before training stops; 0: never", minimum=0)
    log_every: int = option(10, doc="steps between rows of the log", minimum=1)
    checkpoint_steps: int = option(500, doc="most steps between checkpoints", minimum=1)
    checkpoint_seconds: float = option(120.0, doc="most seconds between checkpoints", minimum=0.0)
    num_workers: int = option(0, doc="data processes per training process; 0: read in the training process", minimum=0)
    device: str = option("auto", doc="auto, cpu, cuda, cuda:N or mps")
    seed: int = option(1, doc="seed of weights, order and dropout", minimum=0)
