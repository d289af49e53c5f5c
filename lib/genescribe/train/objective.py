"""The loss of a task as a module, and sums of its counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from genescribe.train.task import Counts, Task


class Objective(nn.Module):
    """The loss as a module, so that DistributedDataParallel sees one forward pass."""

    def __init__(self, task: Task, model: nn.Module, parts: Sequence[str]) -> None:
        super().__init__()
        self.task, self.model, self.parts = task, model, tuple(parts)

    def forward(self, batch: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Return the summed loss of a batch, its weight, and the parts of the loss by themselves, (parts,)."""
        loss = self.task.loss(self.model, batch)
        parts = [loss.parts[name].detach().to(loss.total.dtype) for name in self.parts]
        return loss.total, loss.weight, torch.stack(parts) if parts else loss.total.new_zeros(0)


def add_counts(sums: Counts, counts: Counts) -> None:
    """Add the counts of a batch, in double precision on the CPU, to the sums of those before."""
    for name, value in counts.items():
        sums[name] = sums[name] + value.cpu().double() if name in sums else value.cpu().double()
