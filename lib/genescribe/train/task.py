"""The interface between a family and the training engine: a model, its data, a loss and a validation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genescribe.data.cursor import Cursor

Counts = dict[str, Tensor]
"""Sums of validation over batches and processes: float64 tensors of fixed shapes."""


@dataclass(frozen=True)
class Loss:
    """The loss of one micro-batch.

    Attributes
    ----------
    total : () float
        Sum over the micro-batch; its gradient is taken.
    weight : () float
        Number of terms in `total` (bases, tokens). A step minimises the sum of totals over the sum of weights, so that
        how a batch is divided among processes and micro-batches does not matter.
    parts
        Sums over the micro-batch, like `total`, of what the log shows beside the loss: () tensors, one for each name
        of the task's `parts`. The log has them over `weight`.
    """

    total: Tensor
    weight: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)


class Task(ABC):
    """A family at work on its data.

    Attributes
    ----------
    name
        Name of the family.
    metrics
        Names of the metrics that `summarise` returns, in the order of the log's columns.
    best
        The metric that decides which weights are kept; larger is better.
    no_decay
        Beginnings of the names of parameters that weight decay must leave alone.
    remedy
        Advice for a loss that is not finite, in the names of the family's options.
    adamw_only
        Beginnings of the names of matrices that the optimiser `muon` leaves to AdamW.
    parts
        Names of `Loss.parts`, the log's columns after the common ones.
    repeats
        Optimiser steps for which a batch is used, one after another.
    judges_start
        Validate before the first step, so that the log says what training began with.
    """

    name: str
    metrics: tuple[str, ...]
    best: str
    no_decay: tuple[str, ...]
    remedy: str
    adamw_only: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    repeats: int = 1
    judges_start: bool = False

    @abstractmethod
    def fingerprint(self) -> Mapping[str, Any]:
        """Return all that the result depends on, as JSON values: the model's options and digests of the data."""

    @abstractmethod
    def build(self) -> nn.Module:
        """Return the model with fresh weights."""

    @abstractmethod
    def samples(self) -> int:
        """Return the number of training samples."""

    @abstractmethod
    def batches(self, cursor: Cursor) -> Iterator[Any]:
        """Yield this process's training micro-batches from `cursor` on, without end."""

    @abstractmethod
    def validation_batches(self, rank: int, world: int, size: int, workers: int) -> Iterator[Any]:
        """Yield this process's share of the validation samples, up to `size` at a time.

        Parameters
        ----------
        rank, world
            Number of this process, from 0, and number of processes.
        size
            Most samples per batch.
        workers
            Processes that read data; 0: this one.
        """

    @abstractmethod
    def to_device(self, batch: Any, device: torch.device) -> Any:
        """Return the batch on a device."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: Any) -> Loss:
        """Return the loss of a micro-batch."""

    @abstractmethod
    def validate(self, model: nn.Module, batch: Any) -> Counts:
        """Return the sums of one batch that `summarise` reads."""

    @abstractmethod
    def summarise(self, counts: Counts) -> dict[str, float]:
        """Return the metrics from the sums over all validation batches."""

    @abstractmethod
    def diagnose(self, model: nn.Module, batch: Any) -> list[str]:
        """Return lines for the log about the first batch: scales, backends, memory."""

    @abstractmethod
    def compile(self, model: nn.Module) -> None:
        """Compile the model's heavy parts in place."""

    @abstractmethod
    def save(self, model: nn.Module, directory: Path) -> None:
        """Write `config.json` and `model.safetensors`."""

    def prepare(self, model: nn.Module, batch: Any) -> Any:
        """Return a micro-batch as its losses are taken of it.

        Called once for each, without gradients; a task that writes the samples whose rewards it learns from does so
        here.
        """
        return batch
