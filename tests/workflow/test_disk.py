"""A full disk and a read-only folder: one clear line, nothing half-written. Two workflows in one folder: no harm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tests.held import held, release
from tests.workflow.pipeline import finish, start

from genescribe.workflow.config import WorkflowConfig
from genescribe.workflow.layout import Layout

pytestmark = pytest.mark.workflow

TINY = Path("tests") / "tiny.yaml"


@pytest.fixture(scope="module")
def baked(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the tiny genome is baked."""
    folder = tmp_path_factory.mktemp("baked")
    finish(repository, folder, "bake", "--configfile", str(repository / TINY))
    return folder / "results/tiny"


def commands(repository: Path, baked: Path, out: Path) -> dict[str, list[str]]:
    """Return a script of each kind of output with its arguments, writing to `out`."""
    import yaml

    config = WorkflowConfig.load(yaml.safe_load((repository / TINY).read_text()))
    layout, scripts = Layout(config, frozenset()), repository / "scripts"
    fasta, catalogue = baked / "simulate/tiny/genome.fa", baked / "catalogue/tiny/catalogue.duckdb"
    options = json.loads(layout.train_options("tiny"))
    options["train"] |= {"max_steps": 4, "checkpoint_steps": 1, "num_workers": 0}
    sorted_gff = baked / "sort/tiny/annotation.sorted.gff3"
    arguments: dict[str, list[object]] = {
        "simulate.py": ["--total-bases", 400_000, "--n-sequences", 2, "--output-fasta", out / "g.fa",
                        "--output-gff3", out / "a.gff3", "--parameters", "arabidopsis_thaliana"],
        "fetch_input.py": ["fasta", "--source", big_fasta(out.parent), "--output", out / "genome.fa"],
        "sort_annotation.py": [big_annotation(sorted_gff, out.parent), out / "s.gff3", "--sorter", "builtin"],
        "catalogue.py": ["--fasta", fasta, "--annotation", sorted_gff, "--output", out / "c.duckdb",
                         "--stats", out / "stats.txt"],
        "bake.py": ["--fasta", fasta, "--catalogue", catalogue, "--batch", 0, "--batches", 1,
                    "--options", layout.bake_options("tiny", "tiny"), "--output", out / "batch_0"],
        "train.py": ["--data", *sorted((baked / "bake/tiny/tiny").glob("batch_*")), "--options", json.dumps(options),
                     "--output", out / "run"],
    }  # fmt: skip
    return {name: [sys.executable, str(scripts / name), *map(str, words)] for name, words in arguments.items()}


def big_fasta(folder: Path) -> Path:
    path = folder / "big.fa"
    path.write_text(">a\n" + "ACGTTGCA" * 60_000 + "\n")
    return path


def big_annotation(source: Path, folder: Path) -> Path:
    """Return a genuine annotation, many times over on as many sequences."""
    path = folder / "big.gff3"
    rows = [line for line in source.read_text().splitlines() if line and not line.startswith("#")]
    with path.open("w") as handle:
        for copy in range(20):
            for line in rows:
                handle.write(
                    f"copy{copy}{line.replace('ID=', f'ID=c{copy}.').replace('Parent=', f'Parent=c{copy}.')}\n"
                )
    return path


def fails_in_one_line(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    errors = [line for line in done.stderr.splitlines() if not line[:2].isdecimal()]  # The log begins with the hour.
    assert done.returncode == 2, done.stderr
    assert len(errors) == 1 and errors[0].startswith("genescribe: error: "), done.stderr
    return errors[0]


SCRIPTS = ["simulate.py", "fetch_input.py", "sort_annotation.py", "catalogue.py", "bake.py", "train.py"]


LOGS = {"log.csv", "training_log.csv", "eval_log.csv", "memory_0.csv"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_full_disk_is_one_line_and_leaves_nothing(
    repository: Path, baked: Path, small_disk: Path, script: str
) -> None:
    command = commands(repository, baked, small_disk)[script]
    error = fails_in_one_line(command)
    assert "o space left" in error and ".part" not in error
    named = error.removeprefix("genescribe: error: ").split(": ")[0]
    assert any(named.startswith(word) for word in command if word.startswith(str(small_disk))), "not as it was given"
    left = {path for path in small_disk.rglob("*") if path.is_file() and "tensorboard" not in path.parts}
    # Training appends to its logs as it goes, and goes on from a checkpoint.
    for path in small_disk.glob("run/checkpoints/*-*.pt"):
        torch.load(path, weights_only=True)
        left.remove(path)
    assert {path.name for path in left} <= LOGS | {".lock"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_read_only_folder_is_one_line(repository: Path, baked: Path, small_disk: Path, script: str) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    error = fails_in_one_line(commands(repository, baked, small_disk)[script])
    assert "ead-only file system" in error and str(small_disk) in error
    assert not list(small_disk.rglob("*"))


def test_a_second_workflow_in_the_folder_is_turned_away(repository: Path, tmp_path: Path) -> None:
    target, configuration = "results/tiny/bake/tiny/tiny/batch_0", ["--configfile", str(repository / TINY)]
    first = start(repository, tmp_path, target, *configuration)
    # The last of the locks, and not only its empty file.
    while not any(lock.stat().st_size for lock in tmp_path.glob(".snakemake/locks/*output*")):
        assert first.poll() is None, "it ended before the second began"
        time.sleep(0.01)
    # It would be done before the second has started where the machine is busy.
    first.send_signal(signal.SIGSTOP)
    (tmp_path / "second").mkdir()
    second = start(repository, tmp_path / "second", target, *configuration, "--directory", str(tmp_path))
    try:
        assert second.wait() != 0
    finally:
        first.send_signal(signal.SIGCONT)
    assert "Directory cannot be locked" in (tmp_path / "second" / "snakemake.log").read_text()
    assert first.wait() == 0, (tmp_path / "snakemake.log").read_text()[-4000:]
    assert "Nothing to be done" in finish(repository, tmp_path, target, *configuration)


def test_two_trainings_in_one_folder(repository: Path, baked: Path, tmp_path: Path) -> None:
    """As where Snakemake was killed and its jobs were not."""
    command = commands(repository, baked, tmp_path / "out")["train.py"]
    # In the midst of its steps.
    environment = held(tmp_path, "os.rename", "step-000000002.pt")
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    while not (tmp_path / "out/run/log.csv").exists():
        assert first.poll() is None, "it ended before the second began"
        time.sleep(0.01)
    error = fails_in_one_line(command)
    assert f"{tmp_path / 'out/run'}: another process works here" in error
    release(tmp_path)
    assert first.wait() == 0
    assert (tmp_path / "out/run/model/model.safetensors").exists()
