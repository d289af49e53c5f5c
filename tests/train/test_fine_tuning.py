"""Beginning with trained weights, batches that are prepared and used several times, parts of the loss, tables."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.train.toy_task import ToyTask
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train
from genescribe.train.memory import COLUMNS, MemoryWatch
from genescribe.train.task import Loss

CONFIG = TrainConfig(max_steps=9, batch_size=8, micro_batch=4, lr=0.01, log_every=3, checkpoint_steps=4)


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as handle:
        return list(csv.DictReader(handle))


def weights(directory: Path) -> dict[str, Tensor]:
    return load_file(directory / "model" / "model.safetensors")


@dataclass
class PreparedTask(ToyTask):
    """Targets are noised once a batch; each batch is learned from several times."""

    parts: tuple[str, ...] = ("error", "drawn")
    repeats: int = 3
    prepared: int = 0
    seen: int = 0

    def prepare(self, model: nn.Module, batch: Any) -> Any:
        assert not torch.is_grad_enabled()
        self.prepared += 1
        x, y = batch
        return [x, y + 0.1 * torch.randn(y.shape)]

    def loss(self, model: nn.Module, batch: Any) -> Loss:
        self.seen += 1
        loss = super().loss(model, batch)
        return Loss(loss.total, loss.weight, {"error": loss.total, "drawn": batch[1].sum()})


def test_a_batch_is_prepared_once_and_learned_from_several_times(tmp_path: Path) -> None:
    task = PreparedTask(dropout=0.0)
    train(task, CONFIG, tmp_path)
    assert task.prepared == 9 * 2
    assert task.seen == 3 * task.prepared
    rows = table(tmp_path / "training_log.csv")
    assert [row["step"] for row in rows] == ["3", "6", "9"]
    for row in rows:
        assert float(row["error"]) == pytest.approx(float(row["loss"]))
        assert float(row["drawn"]) != 0
    assert "accuracy" not in rows[0]


def test_a_killed_run_of_prepared_batches_ends_as_an_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(PreparedTask(), CONFIG, tmp_path / "whole")
    broken = PreparedTask()
    loss = broken.loss

    def killed(model: nn.Module, batch: Any) -> Loss:
        if broken.seen == 6 * 6 + 3:
            raise KeyboardInterrupt
        return loss(model, batch)

    monkeypatch.setattr(broken, "loss", killed)
    with pytest.raises(KeyboardInterrupt):
        train(broken, CONFIG, tmp_path / "broken")
    train(PreparedTask(), CONFIG, tmp_path / "broken")
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(value, weights(tmp_path / "broken")[name])
    for name in ("training_log.csv", "eval_log.csv"):
        rows = [
            [{k: v for k, v in row.items() if k not in ("seconds", "memory_mb", "validation_seconds")} for row in part]
            for part in (table(tmp_path / "whole" / name), table(tmp_path / "broken" / name))
        ]
        assert rows[0] == rows[1]
        assert rows[0]


def test_training_begins_with_the_weights_of_a_folder(tmp_path: Path) -> None:
    first = train(ToyTask(), CONFIG, tmp_path / "first")
    still = replace(CONFIG, start=str(first), max_steps=1, lr=0.0)
    train(ToyTask(), still, tmp_path / "still")
    for name, value in weights(tmp_path / "first").items():
        assert torch.equal(value, weights(tmp_path / "still")[name])
    # The same weights elsewhere are the same run; other weights are another.
    moved = tmp_path / "moved"
    first.rename(moved)
    train(ToyTask(), replace(still, start=str(moved)), tmp_path / "still")
    changed = load_file(moved / "model.safetensors")
    save_file({name: value + 1 for name, value in changed.items()}, moved / "model.safetensors")
    with pytest.raises(InputError, match="other options"):
        train(ToyTask(), replace(still, start=str(moved)), tmp_path / "still")


def test_some_parts_begin_with_a_folder_and_stay_frozen(tmp_path: Path) -> None:
    first = train(ToyTask(), CONFIG, tmp_path / "first")
    kept = {name: value for name, value in load_file(first / "model.safetensors").items() if name.startswith("0.")}
    other = {"3.weight": torch.zeros(2, 8), "5.bias": torch.zeros(1)}  # of another head
    (tmp_path / "encoder").mkdir()
    save_file(kept | other, tmp_path / "encoder" / "model.safetensors")
    config = replace(CONFIG, start=str(tmp_path / "encoder"), start_parts=["0."], freeze=["0."])
    train(ToyTask(), config, tmp_path / "second")
    fresh = ToyTask().build().state_dict()
    for name, value in weights(tmp_path / "second").items():
        assert torch.equal(value, kept[name]) if name in kept else not torch.equal(value, fresh[name])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze": ["encoder."]}, r"train\.freeze: no weight begins with 'encoder\.'"),
        ({"start_parts": ["0."]}, r"train\.start_parts: given without `start`"),
        ({"freeze": ["0.", "3."]}, "every weight is frozen"),
    ],
    ids=str,
)
def test_parts_that_are_not_there_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(ToyTask(), replace(CONFIG, **options), tmp_path / "run")


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_file({"0.weight": torch.zeros(8, 4), "0.bias": torch.zeros(8)}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"lacks 3\.bias"):
        train(ToyTask(), replace(CONFIG, start=str(tmp_path)), tmp_path / "run")
    with pytest.raises(InputError, match="no weights in this folder"):
        train(ToyTask(), replace(CONFIG, start=str(tmp_path / "none")), tmp_path / "run")


def test_memory_is_watched(tmp_path: Path) -> None:
    with MemoryWatch(torch.device("cpu"), tmp_path / "memory_0.csv", seconds=0.05) as watch:
        held = torch.ones(20_000_000)
        while not (tmp_path / "memory_0.csv").exists() or len(table(tmp_path / "memory_0.csv")) < 3:
            pass
        assert watch.megabytes() > 80
    rows = table(tmp_path / "memory_0.csv")
    assert tuple(rows[0]) == COLUMNS
    assert float(rows[-1]["host_mb"]) > held.nbytes / 1e6
    assert rows[0]["gpu_mb"] == ""
    with MemoryWatch(torch.device("cpu"), tmp_path / "memory_0.csv", seconds=60):
        pass
    assert len(table(tmp_path / "memory_0.csv")) == len(rows) + 1
