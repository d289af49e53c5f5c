"""What a family gives the engine: a model, its data, a loss and a validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from genescribe.data.cursor import Cursor

Counts = dict[str, Tensor]
"""What validation adds up over batches and processes: float64 tensors of fixed shapes."""


@dataclass(frozen=True)
class Loss:
    """The loss of one micro-batch.

    Attributes
    ----------
    total : () float
        Sum over the micro-batch; its gradient is taken.
    weight : () float
        What `total` is a sum of (bases, tokens). A step minimises the sum of totals over the sum of weights, so that
        how a batch is divided among processes and micro-batches does not matter.
    parts
        Sums over the micro-batch, like `total`, of what the log shows beside the loss: () tensors, one for each name
        of the task's `parts`. The log has them over `weight`.
    """

    total: Tensor
    weight: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)


class Task(Protocol):
    """A family at work on its data.

    Attributes
    ----------
    name
        Of the family.
    metrics
        What `summarise` returns, in the order of the log's columns.
    best
        The metric that decides which weights are kept; larger is better.
    no_decay
        Beginnings of the names of parameters that weight decay must leave alone.
    remedy
        What the user can do about a loss that is not finite, in the names of the family's options.
    adamw_only
        Optional: beginnings of the names of matrices that the optimiser `muon` leaves to AdamW.
    parts
        Optional: names of `Loss.parts`, the log's columns behind the common ones.
    repeats
        Optional: optimiser steps that a batch is used for, one after another; 1 where it is not set.
    judges_start
        Optional: validate before the first step, so that the log says what training began with.
    prepare
        Optional method, (model, batch) -> batch: what is done to a micro-batch once, without gradients, before its
        losses are taken, such as writing the samples whose rewards are learned from.
    """

    name: str
    metrics: tuple[str, ...]
    best: str
    no_decay: tuple[str, ...]
    remedy: str

    def fingerprint(self) -> Mapping[str, Any]:
        """Return what the result depends on, as JSON values: the model's options and digests of the data."""

    def build(self) -> nn.Module:
        """Return the model with fresh weights."""

    def samples(self) -> int:
        """Return the number of training samples."""

    def batches(self, cursor: Cursor) -> Iterator[Any]:
        """Yield this process's training micro-batches from `cursor` on, without end."""

    def validation_batches(self, rank: int, world: int, size: int, workers: int) -> Iterator[Any]:
        """Yield this process's share of the validation samples, up to `size` at a time."""

    def to_device(self, batch: Any, device: torch.device) -> Any:
        """Return the batch on a device."""

    def loss(self, model: nn.Module, batch: Any) -> Loss:
        """Return the loss of a micro-batch."""

    def validate(self, model: nn.Module, batch: Any) -> Counts:
        """Return what `summarise` needs of one batch."""

    def summarise(self, counts: Counts) -> dict[str, float]:
        """Return the metrics from the sums over all validation batches."""

    def diagnose(self, model: nn.Module, batch: Any) -> list[str]:
        """Return lines for the log about the first batch: scales, backends, memory."""

    def compile(self, model: nn.Module) -> None:
        """Compile the model's heavy parts in place."""

    def save(self, model: nn.Module, directory: Path) -> None:
        """Write `config.json` and `model.safetensors`."""
