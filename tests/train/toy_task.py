"""A family as small as can be: a network with dropout that learns y = mean(x), on samples made from their numbers.

Also a program: ``python toy_task.py DIRECTORY OPTIONS.json`` trains it, for tests that kill it.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from genescribe.config import from_mapping
from genescribe.data.cursor import Cursor, micro_batches
from genescribe.files import read_json, write_json
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train
from genescribe.train.task import Counts, Loss, Task


class Samples(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, count: int, offset: int = 0) -> None:
        self.count, self.offset = count, offset

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        x = torch.randn(4, generator=torch.Generator().manual_seed(i + self.offset))
        return x, x.mean()


@dataclass
class ToyTask(Task):
    """`pause` slows each step down, so that a kill hits the run in its midst; `poison` is a sample of NaN.

    After `stall` losses it waits to be killed, which comes in time so; 0: it does not.
    """

    count: int = 37
    validation: int = 11
    dropout: float = 0.2
    pause: float = 0.0
    stall: int = 0
    poison: int = -1
    data: str = "toy"
    name: str = "toy"
    metrics: tuple[str, ...] = ("accuracy",)
    best: str = "accuracy"
    no_decay: tuple[str, ...] = ()
    remedy = "give the toy a lower lr"

    def fingerprint(self) -> Mapping[str, Any]:
        return {"dropout": self.dropout, "data": self.data}

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(self.dropout), nn.Linear(8, 1))

    def samples(self) -> int:
        return self.count

    def batches(self, cursor: Cursor) -> Iterator[Any]:
        loader = DataLoader(
            Samples(self.count), batch_sampler=micro_batches(cursor, self.count), num_workers=cursor.workers
        )
        return iter(loader)

    def validation_batches(self, rank: int, world: int, size: int, workers: int) -> Iterator[Any]:
        data = Samples(self.validation, 10_000)
        batches = [list(range(i, min(i + size, len(data)))) for i in range(0, len(data), size)]
        return iter(DataLoader(data, batch_sampler=batches[rank::world]))

    def to_device(self, batch: Any, device: torch.device) -> Any:
        return [part.to(device) for part in batch]

    def loss(self, model: nn.Module, batch: Any) -> Loss:
        self.stall -= 1
        time.sleep(self.pause if self.stall else 600)
        x, y = batch
        total = (model(x).squeeze(1) - y).square().sum()
        if self.poison >= 0 and (y == Samples(self.count)[self.poison][1]).any():
            total = total * torch.nan
        return Loss(total, torch.tensor(float(len(y))))

    def validate(self, model: nn.Module, batch: Any) -> Counts:
        x, y = batch
        return {"near": ((model(x).squeeze(1) - y).abs() < 0.2).sum(), "all": torch.tensor(len(y))}

    def summarise(self, counts: Counts) -> dict[str, float]:
        return {"accuracy": float(counts["near"] / counts["all"])}

    def diagnose(self, model: nn.Module, batch: Any) -> list[str]:
        return [f"first batch of {len(batch[1])}"]

    def compile(self, model: nn.Module) -> None:
        model.compile(backend="eager")

    def save(self, model: nn.Module, directory: Path) -> None:
        write_json(directory / "config.json", {"dropout": self.dropout})
        save_file(model.state_dict(), directory / "model.safetensors")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    torch.set_num_threads(1)
    options = read_json(sys.argv[2])
    train(ToyTask(**options["task"]), from_mapping(TrainConfig, options["train"], where=sys.argv[2]), sys.argv[1])
