"""The loop: resume to the bit, division of batches, logs, early stopping, averaging, refusals."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.train.toy_task import ToyTask

from genescribe.config import to_mapping
from genescribe.errors import InputError
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train

PROGRAM = Path(__file__).with_name("toy_task.py")
CONFIG = TrainConfig(max_steps=30, batch_size=8, lr=0.02, log_every=3, validate_epochs=1.5, checkpoint_steps=4)


def weights(directory: Path) -> dict[str, torch.Tensor]:
    return load_file(directory / "model" / "model.safetensors")


def same(first: Path, second: Path) -> bool:
    return (first / "model" / "model.safetensors").read_bytes() == (second / "model" / "model.safetensors").read_bytes()


def rows(directory: Path) -> list[dict[str, str]]:
    """Return the log without what the clock and the machine decide."""
    with (directory / "log.csv").open() as handle:
        found = list(csv.DictReader(handle))
    return [{k: v for k, v in row.items() if k not in ("seconds", "memory_mb")} for row in found]


def launch(directory: Path, task: dict[str, Any], config: TrainConfig, *prefix: str) -> subprocess.Popen[bytes]:
    options = directory.with_suffix(".json")
    options.write_text(json.dumps({"task": task, "train": to_mapping(config)}))
    command = [*(prefix or (sys.executable,)), str(PROGRAM), str(directory), str(options)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    # Not a pipe: reading processes of a killed run hold it open until they notice.
    with directory.with_suffix(".log").open("w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def test_it_learns_and_leaves_a_model_with_its_provenance(tmp_path: Path) -> None:
    model = train(ToyTask(), replace(CONFIG, max_steps=200), tmp_path)
    assert sorted(path.name for path in model.iterdir()) == ["config.json", "model.safetensors", "provenance.json"]
    log = rows(tmp_path)
    losses = [float(row["loss"]) for row in log if row["split"] == "train"]
    assert losses[-1] < 0.3 * losses[0]
    accuracy = {int(row["step"]): float(row["accuracy"]) for row in log if row["split"] == "validation"}
    provenance = json.loads((model / "provenance.json").read_text())
    assert provenance["best"]["accuracy"] == max(accuracy.values()) == accuracy[provenance["best_step"]]
    assert provenance["fingerprint"]["train"]["lr"] == 0.02
    assert provenance["versions"]["torch"] == version("torch")
    assert not (tmp_path / "checkpoints").exists()
    assert list((tmp_path / "tensorboard").iterdir())


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_any_step_it_ends_with_the_same_bits(tmp_path: Path, workers: int) -> None:
    """SIGKILL, twice, at random moments, in mid-epoch, with and without reading processes."""
    config = replace(CONFIG, max_steps=60, num_workers=workers, checkpoint_seconds=0.2)
    task = ToyTask(pause=0.02)
    train(replace(task, pause=0.0), replace(config, num_workers=0), tmp_path / "unbroken")
    broken, chance = tmp_path / "broken", random.Random(workers)
    # It comes to the next checkpoint, and not to the end.
    stalled = replace(task, stall=12)
    checkpoints = broken / "checkpoints"
    for kill in (1, 2):
        process = launch(broken, vars(stalled), config)
        seen = len(list(checkpoints.glob("step-*.pt"))) and max(checkpoints.glob("step-*.pt")).name
        deadline = time.monotonic() + 300
        while not [path for path in checkpoints.glob("step-*.pt") if not seen or path.name > seen]:
            assert process.poll() is None and time.monotonic() < deadline, f"no checkpoint before kill {kill}"
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.returncode == -signal.SIGKILL
    assert not (broken / "model").exists()
    last = launch(broken, vars(task), config)
    last.wait()
    log = broken.with_suffix(".log").read_text()
    assert last.returncode == 0, log
    assert "resuming at step" in log
    assert same(tmp_path / "unbroken", broken)
    assert rows(tmp_path / "unbroken") == rows(broken)


def test_rows_after_the_checkpoint_are_written_again(tmp_path: Path) -> None:
    """The file may have been removed or have grown past the checkpoint: the log is what the checkpoint says."""
    train(ToyTask(), CONFIG, tmp_path / "whole")
    broken = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        train(_Interrupted(step=17), CONFIG, broken)
    (broken / "log.csv").unlink()
    train(ToyTask(), CONFIG, broken)
    assert rows(broken) == rows(tmp_path / "whole")
    assert same(broken, tmp_path / "whole")


class _Interrupted(ToyTask):
    """Stops at a step, as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.left = step

    def loss(self, model: torch.nn.Module, batch: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().loss(model, batch)


@pytest.mark.parametrize("micro", [1, 2, 3, 4])
def test_accumulation_does_not_change_what_is_learned(tmp_path: Path, micro: int) -> None:
    task, config = ToyTask(dropout=0.0), replace(CONFIG, max_steps=10)
    train(task, config, tmp_path / "whole")
    train(task, replace(config, micro_batch=micro), tmp_path / "parts")
    for name, weight in weights(tmp_path / "whole").items():
        torch.testing.assert_close(weights(tmp_path / "parts")[name], weight, atol=1e-6, rtol=1e-5)


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    """Under torchrun, with gloo; micro-batches of two make even the dropout the same."""
    task, config = ToyTask(), replace(CONFIG, micro_batch=2, max_steps=12)
    train(task, config, tmp_path / "one")
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    process = launch(tmp_path / "two", vars(task), config, *torchrun)
    assert process.wait(timeout=600) == 0, (tmp_path / "two.log").read_text()
    for name, weight in weights(tmp_path / "one").items():
        torch.testing.assert_close(weights(tmp_path / "two")[name], weight, atol=1e-6, rtol=1e-5)
    assert [row["accuracy"] for row in rows(tmp_path / "one")] == [row["accuracy"] for row in rows(tmp_path / "two")]
    assert json.loads((tmp_path / "two" / "model" / "provenance.json").read_text())["processes"] == 2


def test_seeds_decide(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(ToyTask(), replace(CONFIG, seed=seed, max_steps=5), tmp_path / name)
    assert same(tmp_path / "a", tmp_path / "b")
    assert not same(tmp_path / "a", tmp_path / "c")


def test_a_changed_run_does_not_resume(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(_Interrupted(step=17), CONFIG, tmp_path)
    with pytest.raises(InputError, match=r"step-0000000\d\d.pt: the run has changed since: train.lr was 0.02, is 0.5;"):
        train(ToyTask(), replace(CONFIG, lr=0.5), tmp_path)
    with pytest.raises(InputError, match=r"task\.data was toy, is other"):
        train(ToyTask(data="other"), CONFIG, tmp_path)
    train(ToyTask(), replace(CONFIG, num_workers=1, log_every=5), tmp_path)


def test_a_finished_run_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = replace(CONFIG, max_steps=3)
    train(ToyTask(), config, tmp_path)
    before = (tmp_path / "model" / "provenance.json").stat().st_mtime_ns
    train(ToyTask(), config, tmp_path)
    assert (tmp_path / "model" / "provenance.json").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="holds a model of other options or data"):
        train(ToyTask(), replace(config, seed=9), tmp_path)


def test_patience_ends_a_run_that_no_longer_gains(tmp_path: Path) -> None:
    config = replace(CONFIG, max_steps=400, validate_epochs=0.4, patience=3, lr=0.0)
    train(ToyTask(), config, tmp_path)
    validated = [int(row["step"]) for row in rows(tmp_path) if row["split"] == "validation"]
    assert validated == [2, 4, 6, 8]


def test_without_validation_the_last_weights_are_kept(tmp_path: Path) -> None:
    train(ToyTask(validation=0), replace(CONFIG, max_steps=5), tmp_path)
    assert [row["split"] for row in rows(tmp_path)] == ["train"] * 2
    assert json.loads((tmp_path / "model" / "provenance.json").read_text())["best_step"] == -1


def test_a_loss_that_is_not_finite_stops_with_the_batch_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"step-\d-process-0.pt: loss nan and gradient norm nan at step") as caught:
        train(ToyTask(poison=5), CONFIG, tmp_path)
    stored = torch.load(caught.value.where, weights_only=True)
    targets = torch.cat([batch[1] for batch in stored["batches"]])
    assert len(targets) == 8
    assert not (tmp_path / "model").exists()


def test_the_model_is_compiled_where_asked(tmp_path: Path) -> None:
    class Watched(ToyTask):
        compiled = False

        def compile(self, model: torch.nn.Module) -> None:
            super().compile(model)
            self.compiled = model._compiled_call_impl is not None

    task = Watched(dropout=0.0)
    train(task, replace(CONFIG, max_steps=3, compile=True), tmp_path / "compiled")
    assert task.compiled
    train(ToyTask(dropout=0.0), replace(CONFIG, max_steps=3), tmp_path / "plain")
    for name, weight in weights(tmp_path / "plain").items():
        torch.testing.assert_close(weights(tmp_path / "compiled")[name], weight)


@pytest.mark.parametrize(
    ("task", "changes", "message"),
    [
        (ToyTask(count=0), {}, "data: no training sample"),
        (ToyTask(), {"device": "tpu"}, "device: no device is called 'tpu'; give auto, cpu, cuda, cuda:N or mps"),
        (ToyTask(), {"device": "cuda:99"}, "device: cuda:99 is not there"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    tmp_path: Path, task: ToyTask, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        train(task, replace(CONFIG, **changes), tmp_path)
    assert not (tmp_path / "model").exists()


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(_Interrupted(step=9), CONFIG, tmp_path)
    newest = max((tmp_path / "checkpoints").glob("step-*.pt"))
    newest.write_bytes(newest.read_bytes()[:100])
    with pytest.raises(InputError, match=f"{newest.name}: not a readable checkpoint"):
        train(ToyTask(), CONFIG, tmp_path)


@pytest.mark.parametrize("instructions", [True, False])
def test_bf16_is_used_where_the_device_computes_in_it(
    instructions: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []

    class Watched(ToyTask):
        def loss(self, model: torch.nn.Module, batch: Any) -> Any:
            seen.append(torch.is_autocast_enabled("cpu"))
            return super().loss(model, batch)

    monkeypatch.setattr("genescribe.train.engine.computes_in_bf16", lambda device: instructions)
    with caplog.at_level("INFO", "genescribe.train"):
        train(Watched(), replace(CONFIG, max_steps=2, precision="bf16"), tmp_path)
    assert seen and all(enabled is instructions for enabled in seen)
    assert ("no instructions for bfloat16" in caplog.text) is not instructions
