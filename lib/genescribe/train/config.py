"""Options of training, the same for every family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.config import Idle, option

NEUTRAL = frozenset(
    {
        "parallel",
        "micro_batch",
        "num_workers",
        "device",
        "log_every",
        "checkpoint_steps",
        "checkpoint_seconds",
        "keep_checkpoints",
        "memory_seconds",
        "start",
    }
)
"""Options that a resumed run may change: they do not change what is learned. Of `start` the weights count."""

RECENT = frozenset({"optimizer", "scheduler", "plateau_patience", "plateau_factor", "buckets", "start_parts", "freeze"})
"""Options that older runs did not know: at their defaults they stay out of the fingerprint, so that those resume."""


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained."""

    start: str | None = option(
        None, doc="folder of a trained model whose weights training begins with; none: fresh weights"
    )
    start_parts: list[str] = option(
        default_factory=list, doc="beginnings of the names of the weights that `start` gives; empty: all"
    )
    freeze: list[str] = option(
        default_factory=list, doc="beginnings of the names of weights that stay what they are when training begins"
    )
    epochs: float = option(10.0, doc="passes over the training samples, where max_steps is 0; 0: none", minimum=0.0)
    max_steps: int = option(0, doc="optimiser steps; 0: as many as epochs give", minimum=0)
    batch_size: int = option(32, doc="samples of a step, over all processes together", minimum=1)
    micro_batch: int = option(0, doc="most samples at a time on a device; 0: no limit. More are accumulated", minimum=0)
    buckets: int = option(
        0,
        doc="batches whose samples are sorted by length together, so that a batch is of like lengths; 0: none",
        minimum=0,
    )
    lr: float = option(1e-3, doc="highest learning rate", minimum=0.0)
    warmup: float = option(0.05, doc="share of the steps in which the learning rate rises", minimum=0.0, maximum=1.0)
    final_lr: float = option(0.01, doc="last learning rate, as a share of the highest", minimum=0.0, maximum=1.0)
    weight_decay: float = option(1e-5, doc="weight decay of matrices; norms and biases have none", minimum=0.0)
    optimizer: Literal["adamw", "adafactor", "muon"] = option(
        "adamw", doc="muon: orthogonalised momentum for hidden matrices, AdamW for the rest"
    )
    scheduler: Literal["cosine", "plateau"] = option(
        "cosine", doc="plateau: lr times plateau_factor after plateau_patience validations without a better result"
    )
    plateau_patience: int = option(2, doc="scheduler plateau: validations to wait", minimum=1)
    plateau_factor: float = option(0.5, doc="scheduler plateau: what lr is multiplied by", minimum=0.01, maximum=1.0)
    clip: float = option(1.0, doc="largest norm of the gradient; 0: unclipped", minimum=0.0)
    precision: Literal["auto", "float32", "bf16"] = option(
        "auto", doc="bf16: autocast where the device computes in bfloat16, else float32; auto: so on GPUs alone"
    )
    parallel: Literal["ddp", "fsdp"] = option(
        "ddp", doc="several processes: each with all weights (ddp), or with a share of weights and optimiser (fsdp)"
    )
    compile: bool = option(False, doc="compile the model's heavy parts with torch.compile")
    ema: float = option(
        0.0, doc="decay of the averaged weights that are validated and kept; 0: none", minimum=0.0, maximum=0.9999
    )
    validate_epochs: float = option(1.0, doc="epochs between validations", minimum=0.001)
    patience: int = option(0, doc="validations without a better result before training stops; 0: never", minimum=0)
    log_every: int = option(10, doc="steps between rows of the log", minimum=1)
    checkpoint_steps: int = option(500, doc="most steps between checkpoints", minimum=1)
    checkpoint_seconds: float = option(120.0, doc="most seconds between checkpoints", minimum=0.0)
    keep_checkpoints: int = option(2, doc="newest checkpoints kept", minimum=1)
    memory_seconds: float = option(30.0, doc="seconds between rows of memory_<process>.csv", minimum=0.1)
    num_workers: int = option(0, doc="processes that read data, a training process; 0: none of their own", minimum=0)
    device: str = option("auto", doc="auto, cpu, cuda, cuda:N or mps")
    seed: int = option(1, doc="seed of weights, order and dropout", minimum=0)

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return (
            Idle()
            .unless(self.start is not None, "start", "start_parts")
            .unless(not self.max_steps, "max_steps: 0", "epochs")
            .unless(self.scheduler == "plateau", "scheduler: plateau", "plateau_patience", "plateau_factor")
        )
