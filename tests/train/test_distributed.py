"""Several processes learn what one does: DDP and FSDP2, killed, resumed with another number, over two hosts."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file
from tests.train.toy_task import ToyTask

from genescribe.config import to_mapping
from genescribe.errors import InputError
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train
from genescribe.train.launch import LaunchConfig, agent
from genescribe.train.launch import environment as launch_environment

PROGRAM = Path(__file__).with_name("toy_task.py")
# Micro-batches of two: then the dropout of a sample is the same, whichever process draws it.
CONFIG = TrainConfig(
    max_steps=12, batch_size=8, micro_batch=2, lr=0.02, log_every=1, validate_epochs=1.0, checkpoint_steps=3
)


def start(directory: Path, task: ToyTask, config: TrainConfig, *prefix: str) -> subprocess.Popen[bytes]:
    options = directory.with_suffix(".json")
    options.write_text(json.dumps({"task": vars(task), "train": to_mapping(config)}))
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | launch_environment(LaunchConfig())
    with directory.with_suffix(".log").open("a") as log:
        return subprocess.Popen(
            [*prefix, str(PROGRAM), str(directory), str(options)], stdout=log, stderr=log, env=environment
        )


def processes(count: int, restarts: int = 0) -> list[str]:
    return [sys.executable] if count == 1 else agent(LaunchConfig(restarts=restarts), count)


def finish(process: subprocess.Popen[bytes], directory: Path) -> str:
    status = process.wait(timeout=600)
    log = directory.with_suffix(".log").read_text()
    assert status == 0, log[-4000:]
    return log


def losses(directory: Path) -> dict[int, float]:
    with (directory / "log.csv").open() as handle:
        return {int(row["step"]): float(row["loss"]) for row in csv.DictReader(handle) if row["split"] == "train"}


def agree(one: Path, other: Path) -> None:
    """Assert equal losses to 1e-5 at every step, and equal final weights to 1e-4."""
    assert losses(one).keys() == losses(other).keys() == set(range(1, CONFIG.max_steps + 1))
    for step, loss in losses(one).items():
        assert losses(other)[step] == pytest.approx(loss, abs=1e-5), f"step {step}"
    first, second = (load_file(d / "model" / "model.safetensors") for d in (one, other))
    for name, weight in first.items():
        torch.testing.assert_close(second[name], weight, atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone") / "run"
    train(ToyTask(), CONFIG, folder)
    return folder


@pytest.mark.parametrize(
    ("parallel", "count"), [("ddp", 2), ("ddp", 4), ("fsdp", 2), pytest.param("fsdp", 4, marks=pytest.mark.slow)]
)
def test_several_processes_learn_what_one_does(alone: Path, tmp_path: Path, parallel: Any, count: int) -> None:
    directory = tmp_path / "run"
    finish(start(directory, ToyTask(), replace(CONFIG, parallel=parallel), *processes(count)), directory)
    agree(alone, directory)
    assert json.loads((directory / "model" / "provenance.json").read_text())["processes"] == count


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_one_process_killed_all_go_on_from_the_checkpoint(alone: Path, tmp_path: Path, parallel: Any) -> None:
    directory = tmp_path / "run"
    # Never at its end before the kill, but after it: no more than 18 losses are left.
    task = ToyTask(pause=0.1, stall=20)
    run = start(directory, task, replace(CONFIG, parallel=parallel), *processes(2, restarts=2))
    victim = wait_for_checkpoint(run, directory)[-1]
    victim.kill()
    log = finish(run, directory)
    assert "resuming at step" in log
    agree(alone, directory)


@pytest.mark.parametrize(
    ("before", "after"), [((2, "ddp"), (1, "ddp")), ((1, "ddp"), (2, "fsdp")), ((2, "fsdp"), (4, "ddp"))]
)
def test_another_number_of_processes_goes_on_with_the_same_samples(
    alone: Path, tmp_path: Path, before: tuple[int, Any], after: tuple[int, Any]
) -> None:
    directory = tmp_path / "run"
    task = ToyTask(pause=0.1, stall=20)
    run = start(directory, task, replace(CONFIG, parallel=before[1]), *processes(before[0]))
    workers = wait_for_checkpoint(run, directory)
    run.send_signal(signal.SIGKILL)
    for worker in workers:
        worker.kill()
    run.wait()
    assert psutil.wait_procs(workers, timeout=300)[1] == []
    assert not (directory / "model").exists()
    log = finish(start(directory, ToyTask(), replace(CONFIG, parallel=after[1]), *processes(after[0])), directory)
    assert "resuming at step" in log
    agree(alone, directory)


def wait_for_checkpoint(run: subprocess.Popen[bytes], directory: Path) -> list[psutil.Process]:
    """Wait until there is a checkpoint; return the processes that train."""
    deadline = time.monotonic() + 600
    while not list((directory / "checkpoints").glob("step-*.pt")):
        assert run.poll() is None and time.monotonic() < deadline, directory.with_suffix(".log").read_text()[-3000:]
        time.sleep(0.02)
    mine = psutil.Process(run.pid)
    found = [p for p in mine.children(recursive=True) if str(directory) in words_of(p)] or [mine]
    assert all(p.is_running() for p in found)
    return found


def words_of(process: psutil.Process) -> list[str]:
    """Return the command line of a process that may have ended."""
    with suppress(psutil.Error):
        return process.cmdline()
    return []


def test_fsdp_is_for_adamw(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="adafactor does not divide its state"):
        train(ToyTask(), replace(CONFIG, parallel="fsdp", optimizer="adafactor"), tmp_path)


# -- two hosts -------------------------------------------------------------------------------------------------------
@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Return the addresses of two network namespaces joined by a veth pair, and a shell that runs commands in them."""
    mark = uuid.uuid4().hex[:6]
    left, right = f"gs{mark}a", f"gs{mark}b"
    try:
        done = subprocess.run(["ip", "netns", "add", left], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no `ip` (iproute2)")
    if done.returncode:
        pytest.skip(f"network namespaces are not allowed here: {done.stderr.strip()}")
    shell = tmp_path / "shell"
    shell.write_text(
        f"#!/bin/sh\ncase $1 in 10.213.7.1) name={left};; *) name={right};; esac\nshift\n"
        'exec ip netns exec $name sh -c "$*"\n'
    )
    shell.chmod(0o755)
    try:
        for line in (
            f"ip netns add {right}",
            f"ip link add v{mark}a netns {left} type veth peer name v{mark}b netns {right}",
            *(
                f"ip -n {name} {what}"
                for name, end, address in ((left, "a", "10.213.7.1"), (right, "b", "10.213.7.2"))
                for what in (f"addr add {address}/24 dev v{mark}{end}", f"link set v{mark}{end} name eth7",
                             "link set eth7 up", "link set lo up")
            ),
        ):  # fmt: skip
            done = subprocess.run(line.split(), capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"no veth pair here: {line}: {done.stderr.strip()}")
        yield "10.213.7.1,10.213.7.2", shell
    finally:
        for name in (left, right):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@pytest.mark.parametrize("by_hand", [False, True])
def test_two_hosts_learn_what_one_process_does(
    repository: Path, alone: Path, tmp_path: Path, hosts: tuple[str, Path], by_hand: bool
) -> None:
    """By the launcher's remote shell, and by one command typed on each host."""
    addresses, shell = hosts
    launcher = [sys.executable, str(repository / "scripts" / "launch.py"), "--hosts", addresses]
    launcher += ["--nccl-ifname", "eth7", "--remote-shell", str(shell)]
    directory = tmp_path / "run"
    if by_hand:
        parts = [
            start(directory, ToyTask(), CONFIG, str(shell), address, *launcher, "--node-rank", str(rank), "--")
            for rank, address in enumerate(addresses.split(","))
        ]
    else:
        parts = [start(directory, ToyTask(), CONFIG, *launcher, "--")]
    for part in parts:
        finish(part, directory)
    agree(alone, directory)
    assert json.loads((directory / "model" / "provenance.json").read_text())["processes"] == 2
