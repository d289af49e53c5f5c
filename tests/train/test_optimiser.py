"""The optimisers learn, resume to the same weights, and the learning rate falls where nothing gets better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.train.toy_task import ToyTask

from genescribe.errors import InputError
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train
from genescribe.train.optimiser import build_optimiser
from genescribe.train.schedule import learning_rate

CONFIG = TrainConfig(max_steps=40, batch_size=8, lr=0.02, log_every=5, validate_epochs=1, checkpoint_steps=4)


class Interrupted(ToyTask):
    left = 0

    def loss(self, model: torch.nn.Module, batch: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().loss(model, batch)


@pytest.mark.parametrize("optimizer", ["adafactor", "muon"])
def test_an_interrupted_run_ends_with_the_same_bits(tmp_path: Path, optimizer: Any) -> None:
    config = replace(CONFIG, optimizer=optimizer, scheduler="plateau", plateau_patience=1)
    train(ToyTask(), config, tmp_path / "whole")
    task = Interrupted()
    task.left = 22
    with pytest.raises(KeyboardInterrupt):
        train(task, config, tmp_path / "broken")
    train(ToyTask(), config, tmp_path / "broken")
    name = "model/model.safetensors"
    assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "broken" / name).read_bytes()


@pytest.mark.parametrize("optimizer", ["adamw", "adafactor", "muon"])
def test_every_optimiser_lowers_a_loss(optimizer: Any) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    x = torch.randn(64, 4)
    optimiser = build_optimiser(replace(CONFIG, optimizer=optimizer, weight_decay=0.0), model)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = (model(x).squeeze(1) - x.mean(1)).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("size", [0.02, 0.5])
def test_adafactor_steps_are_of_the_learning_rate_not_of_the_weights(size: float) -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(32, 32, bias=False)
    torch.nn.init.normal_(model.weight, std=size)
    before = model.weight.detach().clone()
    optimiser = build_optimiser(replace(CONFIG, optimizer="adafactor", lr=0.01, weight_decay=0.0), model)
    model(torch.randn(64, 32)).square().sum().backward()
    optimiser.step()
    assert (model.weight - before).square().mean().sqrt().item() == pytest.approx(0.01, rel=0.2)


def test_muon_takes_hidden_matrices_only() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 8))
    optimiser = build_optimiser(replace(CONFIG, optimizer="muon"), model, adamw_only=("0.",))
    muon, *rest = optimiser.param_groups
    assert [tuple(p.shape) for p in muon["params"]] == [(8, 8)]
    assert sum(len(group["params"]) for group in rest) == 3
    with pytest.raises(InputError, match="no hidden matrix"):
        build_optimiser(replace(CONFIG, optimizer="muon"), model, adamw_only=("0.", "1."))


def test_plateau_lowers_the_rate_and_stops_at_the_last_one() -> None:
    config = replace(CONFIG, scheduler="plateau", warmup=0.1, final_lr=0.1)
    assert learning_rate(config, 20, 40) == 0.02
    assert learning_rate(config, 20, 40, 0.5) == 0.01
    assert learning_rate(config, 39, 40, 0.001) == pytest.approx(0.002)
