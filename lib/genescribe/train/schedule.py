"""The schedule of training: learning rate, division of a batch, seeds."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from genescribe.errors import InputError
from genescribe.train.config import TrainConfig

PLATEAU_FACTOR = 0.5
"""Factor of the learning rate in the scheduler `plateau`."""


def learning_rate(config: TrainConfig, step: int, total: int, scale: float = 1.0) -> float:
    """Return the learning rate of a step (from 0) of `total`: linear warm-up, then half a cosine down.

    With the scheduler `plateau` the rate stays, times `scale`, which the engine lowers; never below the last rate.

    Parameters
    ----------
    config
        Options of training: peak, warm-up, end.
    step
        Number of the step, from 0.
    total
        Number of steps of the run.
    scale
        Factor of the scheduler `plateau`.

    Examples
    --------
    >>> config = TrainConfig(lr=1.0, warmup=0.2, final_lr=0.0)
    >>> [round(learning_rate(config, step, 10), 2) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.04]
    """
    warm = round(config.warmup * total)
    if step < warm:
        return config.lr * (step + 1) / warm
    if config.scheduler == "plateau":
        return config.lr * max(config.final_lr, scale)
    progress = (step - warm) / max(1, total - warm)
    return config.lr * (config.final_lr + (1 - config.final_lr) * 0.5 * (1 + math.cos(math.pi * progress)))


def micro_batch(config: TrainConfig, world: int) -> int:
    """Return how many samples a process takes at a time: the most that divide the batch evenly and are allowed.

    Raises
    ------
    InputError
        The batch cannot be divided among the processes.
    """
    share, left = divmod(config.batch_size, world)
    if left:
        raise InputError(
            f"{config.batch_size} samples among {world} processes",
            where="batch_size",
            remedy=f"give a multiple of {world}",
        )
    limit = min(config.micro_batch or share, share)
    return next(size for size in range(limit, 0, -1) if share % size == 0)


def reseed(*key: object) -> None:
    """Seed torch, NumPy and Python from a key, such as (seed, step, sample): randomness then follows the sample.

    It depends neither on the process that draws nor on what was drawn before.
    """
    digest = hashlib.sha256(repr(key).encode()).digest()
    value = int.from_bytes(digest[:8], "little") >> 1
    torch.manual_seed(value)
    np.random.seed(value % 2**32)  # noqa: NPY002
    random.seed(value)


def parameter_groups(model: nn.Module, weight_decay: float, exempt: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the optimiser's groups: matrices decay; the rest does not.

    That is vectors (norms, biases), names that begin with an `exempt`, and parameters that say so of themselves by the
    attribute `_no_weight_decay`, as state-space models do.

    Parameters
    ----------
    model
        Model whose parameters are grouped.
    weight_decay
        Weight decay of matrices.
    exempt
        Prefixes of the names of parameters that do not decay.
    """
    parameters = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    spared = {
        name
        for name, parameter in parameters
        if parameter.ndim <= 1 or name.startswith(tuple(exempt)) or getattr(parameter, "_no_weight_decay", False)
    }
    return [
        {"params": [parameter for name, parameter in parameters if name not in spared], "weight_decay": weight_decay},
        {"params": [parameter for name, parameter in parameters if name in spared], "weight_decay": 0.0},
    ]
