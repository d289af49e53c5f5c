"""Two processes train the segment model as one does: DDP and FSDP2, and a run that goes on with another number."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.segment.toy_shards import bake_toy

from genescribe.config import to_mapping
from genescribe.nn.config import EncoderConfig
from genescribe.segment.config import SegmentModelConfig
from genescribe.train.config import TrainConfig
from genescribe.train.launch import LaunchConfig, agent
from genescribe.train.launch import environment as launch_environment

PROGRAM = Path(__file__).with_name("cut_training.py")
ENCODER = EncoderConfig(hidden_dim=16, conv_width=12, conv_kernel=5, fold=3, dropout=0.2)
MODEL = SegmentModelConfig(encoder=ENCODER, max_duration=80, duration_knots=8, tile=90, halo=30, feature_cap=300)
# Micro-batches of one: then the dropout of a sample is the same, whichever process draws it.
TRAIN = TrainConfig(max_steps=6, batch_size=4, micro_batch=1, lr=0.01, log_every=1, checkpoint_steps=2)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake_toy(tmp_path_factory.mktemp("shards") / "batch_0")


def run(shards: Path, directory: Path, config: TrainConfig, processes: int, until: str = "-") -> str:
    """Train to the end, or until a checkpoint of that name stands; return what was said."""
    options = directory.with_suffix(".json")
    options.write_text(json.dumps({"model": to_mapping(MODEL), "train": to_mapping(config)}))
    start = [sys.executable] if processes == 1 else agent(LaunchConfig(restarts=0), processes)
    checkpoint = until if until == "-" else str(directory / "checkpoints" / until)
    done = subprocess.run(
        [*start, str(PROGRAM), str(shards), str(directory), str(options), checkpoint],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | launch_environment(LaunchConfig()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == (until == "-"), done.stderr[-4000:]
    return done.stderr


@pytest.fixture(scope="module")
def alone(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone") / "run"
    run(shards, folder, TRAIN, 1)
    return folder


def losses(directory: Path) -> list[float]:
    with (directory / "log.csv").open() as handle:
        return [float(row["loss"]) for row in csv.DictReader(handle) if row["split"] == "train"]


def agree(one: Path, other: Path) -> None:
    """Assert equal losses to 1e-5 at every step, and equal final weights to 1e-4."""
    assert len(losses(one)) == TRAIN.max_steps
    assert losses(other) == pytest.approx(losses(one), abs=1e-5, rel=0)
    first, second = (load_file(d / "model" / "model.safetensors") for d in (one, other))
    assert first.keys() == second.keys()
    for name, weight in first.items():
        torch.testing.assert_close(second[name], weight, atol=1e-4, rtol=0)


@pytest.mark.parametrize("parallel", [pytest.param("ddp", marks=pytest.mark.slow), "fsdp"])
def test_two_processes_learn_what_one_does(shards: Path, alone: Path, tmp_path: Path, parallel: Any) -> None:
    run(shards, tmp_path / "run", replace(TRAIN, parallel=parallel), 2)
    assert json.loads((tmp_path / "run/model/provenance.json").read_text())["processes"] == 2
    agree(alone, tmp_path / "run")


@pytest.mark.parametrize(("before", "after"), [(2, 1), pytest.param(1, 2, marks=pytest.mark.slow)])
def test_another_number_of_processes_goes_on_with_the_same_samples(
    shards: Path, alone: Path, tmp_path: Path, before: int, after: int
) -> None:
    """Every step after the change has the loss of the unbroken run, so it saw the same windows and dropout."""
    directory, config = tmp_path / "run", replace(TRAIN, parallel="fsdp")
    run(shards, directory, config, before, until="step-000000004.pt")
    assert not (directory / "model").exists()
    assert "resuming at step 4 of 6" in run(shards, directory, config, after)
    agree(alone, directory)
