"""The workflow through a real Slurm on this one machine: `make test-slurm`.

Brings the cluster up by `cluster.sh`, kills a job on the way, and compares what comes out with a local run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from genescribe.files import read_json, sha256

pytestmark = pytest.mark.slurm

HERE = Path(__file__).resolve().parent
# The jobs of the tests last seconds. Each look that finds none ended puts the next off by ten seconds more.
IMPATIENT = ["--slurm-init-seconds-before-status-checks", "9"]
LIMIT = 3000
"""Seconds; SIGINT then, upon which Snakemake cancels its jobs."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Bring the cluster up; return its folder, where `log/completed.txt` tells of every job."""
    missing = [tool for tool in ("munged", "slurmctld", "slurmd", "sbatch") if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        pytest.skip("needs root and Debian's munge, slurmctld, slurmd, slurm-client")
    folder = tmp_path_factory.mktemp("slurm")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)  # Munge's daemon looks at its key as another user.
    script = str(HERE / "cluster.sh")
    try:
        subprocess.run([script, "up", str(folder)], check=True)
        yield folder
    finally:
        subprocess.run([script, "down", str(folder)], check=True)


def start(repository: Path, folder: Path, *arguments: str, home: Path | None = None) -> subprocess.Popen[bytes]:
    """Start Snakemake on the tiny configuration; its profiles are looked up under `home`."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(repository / "Snakefile")]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    if home is not None:
        environment["XDG_CONFIG_HOME"] = str(home)
    folder.mkdir(exist_ok=True)
    with (folder / "snakemake.log").open("ab") as log:
        return subprocess.Popen(
            ["timeout", "-s", "INT", "-k", "20", str(LIMIT), *command, *arguments],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def overlay(repository: Path, path: Path, **run: object) -> list[str]:
    """Return the options that run the tiny configuration with other keys of its run."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({"runs": {"tiny": run}}))
    return ["--configfile", str(repository / "tests" / "tiny.yaml"), str(path)]


def finished(process: subprocess.Popen[bytes], folder: Path) -> str:
    status = process.wait()
    said = (folder / "snakemake.log").read_text()
    assert status == 0, said[-4000:]
    return said


def running(rule: str) -> dict[str, str]:
    """Return number -> wildcards of a rule's running Slurm jobs."""
    asked = ["squeue", "--noheader", "--states=RUNNING", "--format=%i %k"]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    pairs = [line.partition(" ")[::2] for line in lines if f"rule_{rule}" in line]
    return {number: comment.rpartition("wildcards_")[2].strip() for number, comment in pairs}


def kill_a_training(snakemake: subprocess.Popen[bytes], trained: Path) -> str:
    """Wait until a training job has a checkpoint and kill it, processes and all; return its number."""
    while True:
        assert snakemake.poll() is None, "ended before the kill"
        for number, model in running("train_model").items():
            if any((trained / model / "checkpoints").glob("step-*.pt")):
                subprocess.run(["scancel", "--signal=KILL", "--full", number], check=True)
                shown = subprocess.run(["squeue", "--noheader", f"--job={number}", "--format=%T"], capture_output=True)
                assert b"COMPLETED" not in shown.stdout, "the job ended before the kill"
                return number
        time.sleep(0.05)


def results(folder: Path) -> dict[str, str]:
    wanted = [
        "train/tiny/model/model.safetensors",
        "predict/tiny/tiny/whole/annotation.gff3",
        "predict/tiny/tiny/whole/proteins.fa",
        "evaluate/tiny/tiny/metrics.json",
    ]
    shards = sorted((folder / "results/tiny/bake").rglob("*.tar"))
    assert shards
    return {str(p.relative_to(folder)): sha256(p) for p in [*(folder / "results/tiny" / n for n in wanted), *shards]}


@pytest.fixture(scope="module")
def runs(cluster: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str, str]:
    """Run the tiny workflow on the cluster, one job killed, and beside it locally.

    Returns both folders, the number of the killed job, and what Snakemake said.
    """
    base = tmp_path_factory.mktemp("runs")
    subprocess.run(["make", "profiles"], cwd=repository, env={**os.environ, "XDG_CONFIG_HOME": str(base)}, check=True)
    local = start(repository, base / "local", "--cores", "1", *overlay(repository, base / "local" / "gpu.yaml"))
    options = overlay(repository, base / "slurm" / "gpu.yaml", gpus=1)
    gpu = ["--set-resources", "train_model:slurm_partition=gpu"]
    remote = start(repository, base / "slurm", "--profile", "slurm", *IMPATIENT, *options, *gpu, home=base)
    try:
        number = kill_a_training(remote, base / "slurm/results/tiny/train")
        said = finished(remote, base / "slurm")
        finished(local, base / "local")
    finally:
        for process in (local, remote):
            if process.poll() is None:
                process.terminate()
                process.wait()
    return base / "slurm", base / "local", number, said


def test_a_killed_job_is_retried_and_the_results_are_the_local_ones(runs: tuple[Path, Path, str, str]) -> None:
    remote, local, number, said = runs
    assert f"SLURM jobid {number} " in said
    assert "Trying to restart job" in said
    assert "resuming at step" in (remote / "results/tiny/logs/train_model/tiny.log").read_text()
    assert results(remote) == results(local)


def test_jobs_ran_where_and_as_they_were_asked_to(cluster: Path, runs: tuple[Path, Path, str, str]) -> None:
    said = runs[3]
    assert all(f"Group job {name}" in said for name in ("prepare", "bake", "predict"))
    jobs = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in (cluster / "log/completed.txt").read_text().splitlines()]
    number = re.findall(r"SLURM jobid (\d+) \(log: \S*rule_train_model", said)
    assert len(number) == 2, "the killed job and its second attempt"
    by_number = {job["JobId"]: job for job in jobs}
    assert {by_number[n]["Partition"] for n in number} == {"gpu"}
    assert [by_number[n]["JobState"] for n in number] != ["COMPLETED", "COMPLETED"]
    assert by_number[number[1]]["JobState"] == "COMPLETED"
    for n in number:
        shown = subprocess.run(["scontrol", "show", "job", n], capture_output=True, text=True, check=True).stdout
        assert re.search(r"TresPerJob=gres[:/]gpu:1\b", shown), shown
    assert {job["Partition"] for job in jobs if job["JobId"] not in number} == {"cpu"}


def test_a_group_reserves_what_it_uses(runs: tuple[Path, Path, str, str]) -> None:
    """Its batches run one after another: cores and memory of one, and the time of both."""
    wanted = {"bake": ("1", "2000M", "02:00:00"), "predict": ("2", "8000M", "08:00:00")}
    for name, reserved in wanted.items():
        number = re.findall(rf"SLURM jobid (\d+) \(log: \S*group_{name}_", runs[3])[0]
        shown = subprocess.run(["scontrol", "show", "job", number], capture_output=True, text=True, check=True).stdout
        found = dict(re.findall(r"(\w+)=(\S*)", shown))
        assert (found["NumCPUs"], found["MinMemoryNode"], found["TimeLimit"]) == reserved, shown


def test_three_attempts_in_all(cluster: Path, repository: Path, tmp_path: Path) -> None:
    base = tmp_path / "profiles"
    subprocess.run(["make", "profiles"], cwd=repository, env={**os.environ, "XDG_CONFIG_HOME": str(base)}, check=True)
    target = "results/tiny/simulate/tiny/genome.fa"
    nowhere = ["--set-resources", "simulate:slurm_partition=nosuch", "--groups", "sort=alone"]
    configuration = ["--configfile", str(repository / "tests" / "tiny.yaml")]
    process = start(repository, tmp_path, target, "--profile", "slurm", *IMPATIENT, *nowhere, *configuration, home=base)
    assert process.wait() == 1
    said = (tmp_path / "snakemake.log").read_text()
    assert said.count("Trying to restart job") == 2
    assert "mem_mb=6000" in said and "mem_mb=8000" not in said


def test_training_over_two_nodes(
    cluster: Path, repository: Path, runs: tuple[Path, Path, str, str], tmp_path: Path
) -> None:
    """Without a user's profile, by `--workflow-profile`; the agents meet at the first node of the job."""
    folder = tmp_path / "nodes"
    shutil.copytree(runs[1] / "results", folder / "results")
    shutil.rmtree(folder / "results/tiny/train")
    short = overlay(
        repository,
        folder / "nodes.yaml",
        launch={"nodes": 2, "nccl_ifname": "lo"},
        train={"max_steps": 12, "batch_size": 4, "micro_batch": 2, "checkpoint_steps": 10},
    )
    target = "results/tiny/train/tiny/model"
    profile = ["--workflow-profile", str(repository / "profiles" / "slurm")]
    finished(start(repository, folder, target, *profile, *IMPATIENT, *short), folder)
    assert read_json(folder / target / "provenance.json")["processes"] == 2
    assert "NodeCnt=2" in (cluster / "log/completed.txt").read_text()


@pytest.mark.slow
def test_the_default_workflow_with_a_job_killed(cluster: Path, repository: Path, tmp_path: Path) -> None:
    profile = ["--workflow-profile", str(repository / "profiles" / "slurm")]
    process = start(repository, tmp_path, *profile, *IMPATIENT)
    try:
        number = kill_a_training(process, tmp_path / "results/train")
        said = finished(process, tmp_path)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    assert f"SLURM-job '{number}' failed" in said and "Trying to restart job" in said
    assert (tmp_path / "results/report.html").exists()
