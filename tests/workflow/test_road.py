"""The whole road on a small simulated genome, killed on the way and run again; then a genome of one's own."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from genescribe.files import read_json, sha256
from genescribe.genome.gff import read_genes

pytestmark = pytest.mark.workflow

PRODUCTS = (
    "train/tiny/model/config.json",
    "train/tiny/model/model.safetensors",
    "predict/tiny/tiny/whole/annotation.gff3",
    "predict/tiny/tiny/whole/proteins.fa",
    "predict/tiny/tiny/whole/cds.fa",
    "predict/tiny/tiny/whole/rejects.jsonl",
    "evaluate/tiny/tiny/metrics.json",
    "evaluate/ceiling/tiny/metrics.json",
)
SHARDS = "bake/tiny/tiny/batch_*/*.tar"


def start(repository: Path, folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start Snakemake in a folder, in a process group of its own, so that a kill reaches its jobs."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(repository / "Snakefile"), "--cores", "2"]
    with (folder / "snakemake.log").open("ab") as log:
        return subprocess.Popen(
            [*command, *arguments],
            cwd=folder,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish(repository: Path, folder: Path, *arguments: str) -> str:
    """Run Snakemake to its end and return what it said of this run."""
    log = folder / "snakemake.log"
    before = log.stat().st_size if log.exists() else 0
    status = start(repository, folder, *arguments).wait()
    said = log.read_bytes()[before:].decode()
    assert status == 0, said[-4000:]
    return said


def kill_once(repository: Path, folder: Path, reached: Callable[[], bool], *arguments: str) -> None:
    """Start Snakemake and kill it and all its jobs as soon as `reached` says so."""
    process = start(repository, folder, *arguments)
    while not reached():
        assert process.poll() is None, "the run ended before the kill"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def results_of(folder: Path) -> dict[str, str]:
    results = folder / "results" / "tiny"
    paths = [results / name for name in PRODUCTS] + sorted(results.glob(SHARDS))
    return {str(path.relative_to(results)): sha256(path) for path in paths}


@pytest.fixture(scope="module")
def arguments(repository: Path) -> list[str]:
    return ["--configfile", str(repository / "tests" / "tiny.yaml")]


@pytest.fixture(scope="module")
def road(repository: Path, tmp_path_factory: pytest.TempPathFactory, arguments: list[str]) -> Path:
    """Return the folder of one unbroken run."""
    folder = tmp_path_factory.mktemp("road")
    finish(repository, folder, *arguments)
    return folder


def test_everything_is_there_and_scored(road: Path) -> None:
    assert len(results_of(road)) > len(PRODUCTS)
    metrics = read_json(road / "results/tiny/evaluate/tiny/tiny/metrics.json")
    ceiling = read_json(road / "results/tiny/evaluate/ceiling/tiny/metrics.json")
    assert 0 < metrics["cds"]["base"]["f1"] <= 1
    assert ceiling["cds"]["base"]["f1"] > 0.8
    assert ceiling["cds"]["base"]["f1"] > metrics["cds"]["base"]["f1"]


def test_the_report_asks_nothing_of_the_network(road: Path) -> None:
    page = (road / "results/tiny/report.html").read_text()
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)
    assert "ceiling" in page


def test_times_and_memory_of_every_job_are_kept(road: Path) -> None:
    tables = list((road / "results/tiny/benchmarks").rglob("*.tsv"))
    assert {table.relative_to(road / "results/tiny/benchmarks").parts[0] for table in tables} >= {"sort", "bake_batch"}
    with tables[0].open() as handle:
        assert float(next(csv.DictReader(handle, delimiter="\t"))["s"]) > 0


def test_a_second_run_has_nothing_to_do(repository: Path, road: Path, arguments: list[str]) -> None:
    assert "Nothing to be done" in finish(repository, road, *arguments)


@pytest.mark.parametrize("tool", [["gt", "gff3validator"], ["gffread", "-E"]], ids=["genometools", "gffread"])
def test_the_gff3_is_valid(road: Path, tool: list[str]) -> None:
    if shutil.which(tool[0]) is None:
        pytest.skip(f"{tool[0]} is not installed")
    for method in ("predict/tiny", "baseline/ceiling", "baseline/orf_rule"):
        path = road / "results/tiny" / method / "tiny/whole/annotation.gff3"
        done = subprocess.run([*tool, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "warning" not in done.stderr.lower(), done.stderr


@pytest.mark.parametrize("stage", ["train", "predict"])
def test_killed_and_run_again_gives_the_same_bytes(
    repository: Path, road: Path, tmp_path: Path, arguments: list[str], stage: str
) -> None:
    results = tmp_path / "results" / "tiny"
    marks: dict[str, Callable[[], bool]] = {
        # A checkpoint is there: the kill falls in mid-training, and the next run resumes.
        "train": lambda: any((results / "train/tiny/checkpoints").glob("*")),
        "predict": lambda: any((results / "logs/predict_batch").rglob("*.log")),
    }
    kill_once(repository, tmp_path, marks[stage], *arguments)
    assert not (results / "report.html").exists()
    finish(repository, tmp_path, "--unlock", *arguments)
    finish(repository, tmp_path, *arguments)
    assert results_of(tmp_path) == results_of(road)


def test_annotate_a_genome_of_ones_own(repository: Path, road: Path, tmp_path: Path) -> None:
    fasta, model = road / "results/tiny/simulate/tiny/genome.fa", road / "results/tiny/train/tiny/model"
    shutil.copy(fasta, tmp_path / "my.fa")
    finish(repository, tmp_path, "annotate", "--config", "genome=my.fa", f"model={model}")
    whole = tmp_path / "results/annotate/my/whole"
    by_workflow = (whole / "annotation.gff3").read_bytes()
    script = [sys.executable, str(repository / "scripts" / "annotate.py"), "my.fa", "--model", str(model)]
    subprocess.run([*script, "-o", "own.gff3"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "own.gff3").read_bytes() == by_workflow
    assert (tmp_path / "own.proteins.fa").read_bytes() == (whole / "proteins.fa").read_bytes()
    predicted = road / "results/tiny/predict/tiny/tiny/whole/annotation.gff3"
    seqids = {gene.seqid for gene in read_genes(predicted)}
    same = [gene for gene in read_genes(tmp_path / "own.gff3") if gene.seqid in seqids]
    assert same == read_genes(predicted)
