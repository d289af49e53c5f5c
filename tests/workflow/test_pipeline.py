"""The whole pipeline on a small simulated genome, killed on the way again and again; then a genome of one's own."""

from __future__ import annotations

import csv
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.workflow.killer import Killer, durations, plan, running_jobs
from tests.workflow.pipeline import PRODUCTS, finish, results_of, start

from genescribe.files import read_json
from genescribe.genome.annotation.gff3 import read_genes

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def arguments(repository: Path) -> list[str]:
    return ["--configfile", str(repository / "tests" / "tiny.yaml")]


@pytest.fixture(scope="module")
def finished(repository: Path, tmp_path_factory: pytest.TempPathFactory, arguments: list[str]) -> Path:
    """Return the folder of one unbroken run."""
    folder = tmp_path_factory.mktemp("pipeline")
    finish(repository, folder, *arguments)
    return folder


def test_everything_is_there_and_scored(finished: Path) -> None:
    assert len(results_of(finished)) > len(PRODUCTS)
    metrics = read_json(finished / "results/tiny/evaluate/tiny/tiny/metrics.json")
    ceiling = read_json(finished / "results/tiny/evaluate/ceiling/tiny/metrics.json")
    assert 0 < metrics["cds"]["base"]["f1"] <= 1
    assert ceiling["cds"]["base"]["f1"] > 0.8
    assert ceiling["cds"]["base"]["f1"] > metrics["cds"]["base"]["f1"]


def test_the_report_asks_nothing_of_the_network(finished: Path) -> None:
    page = (finished / "results/tiny/report.html").read_text()
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)
    assert "ceiling" in page


def test_times_and_memory_of_every_job_are_kept(finished: Path) -> None:
    tables = list((finished / "results/tiny/benchmarks").rglob("*.tsv"))
    assert {table.relative_to(finished / "results/tiny/benchmarks").parts[0] for table in tables} >= {
        "sort",
        "bake_batch",
    }
    with tables[0].open() as handle:
        assert float(next(csv.DictReader(handle, delimiter="\t"))["s"]) > 0


def test_a_second_run_has_nothing_to_do(repository: Path, finished: Path, arguments: list[str]) -> None:
    assert "Nothing to be done" in finish(repository, finished, *arguments)


@pytest.mark.parametrize("tool", [["gt", "gff3validator"], ["gffread", "-E"]], ids=["genometools", "gffread"])
def test_the_gff3_is_valid(finished: Path, tool: list[str]) -> None:
    if shutil.which(tool[0]) is None:
        pytest.skip(f"{tool[0]} is not installed")
    for method in ("predict/tiny", "baseline/ceiling", "baseline/orf_rule"):
        path = finished / "results/tiny" / method / "tiny/whole/annotation.gff3"
        done = subprocess.run([*tool, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "warning" not in done.stderr.lower(), done.stderr


@pytest.mark.kills
def test_killed_at_random_moments_in_every_rule(
    request: pytest.FixtureRequest, repository: Path, finished: Path, tmp_path: Path, arguments: list[str]
) -> None:
    """Jobs die at random and are tried again; once Snakemake dies with them and is started anew."""
    kills = request.config.getoption("--kills") or 20
    chance = random.Random(kills)
    results = tmp_path / "results" / "tiny"
    seconds = durations(finished / "results/tiny/benchmarks")
    killer = Killer(plan(sorted(seconds), kills - 1, chance), seconds, results / "train/tiny/checkpoints", chance)
    retried = ["--retries", str(kills)]

    first = start(repository, tmp_path, *arguments, *retried, "--until", "bake_batch", "orf_rule", "ceiling")
    assert killer.watch(first) == 0, (tmp_path / "snakemake.log").read_text()[-4000:]
    second = start(repository, tmp_path, *arguments, *retried)
    while not any(killer.checkpoints.glob("step-*.pt")):
        assert second.poll() is None, "the run ended before the kill"
        time.sleep(0.02)
    assert "train_model" in dict(running_jobs(second.pid))
    os.killpg(second.pid, signal.SIGKILL)
    assert second.wait() == -signal.SIGKILL
    finish(repository, tmp_path, "--unlock", *arguments)

    before = (tmp_path / "snakemake.log").stat().st_size
    assert not (results / "report.html").exists()
    last = start(repository, tmp_path, *arguments, *retried)
    assert killer.watch(last) == 0, (tmp_path / "snakemake.log").read_text()[before:][-4000:]
    for _ in range(3):
        if killer.plan.total():  # Jobs that were quicker than before: once more, and at once.
            killer.seconds = {}
            assert killer.watch(start(repository, tmp_path, *arguments, *retried, "--forcerun", *+killer.plan)) == 0
    assert killer.hits.total() == kills - 1, f"missed: {+killer.plan}"
    assert set(killer.hits) == set(seconds), "a rule was spared"
    assert killer.in_mid_epoch >= 1, "no kill of training with a reading process"
    assert (tmp_path / "snakemake.log").read_text().count("Trying to restart job") == kills - 1
    assert results_of(tmp_path) == results_of(finished)
    print(f"{kills} kills of the workflow: {dict(killer.hits)}, the same results")


def test_annotate_a_genome_of_ones_own(repository: Path, finished: Path, tmp_path: Path) -> None:
    fasta, model = finished / "results/tiny/simulate/tiny/genome.fa", finished / "results/tiny/train/tiny/model"
    shutil.copy(fasta, tmp_path / "my.fa")
    finish(repository, tmp_path, "annotate", "--config", "genome=my.fa", f"model={model}")
    (whole,) = (tmp_path / "results/annotate/my").glob("tiny-*/whole")
    by_workflow = (whole / "annotation.gff3").read_bytes()
    script = [sys.executable, str(repository / "scripts" / "annotate.py"), "my.fa", "--model", str(model)]
    subprocess.run([*script, "-o", "own.gff3"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "own.gff3").read_bytes() == by_workflow
    assert (tmp_path / "own.proteins.fa").read_bytes() == (whole / "proteins.fa").read_bytes()
    for page in (tmp_path / "own.report.html", whole / "report.html"):
        assert "<h1>Annotation of my.fa</h1>" in page.read_text(encoding="utf-8")
    predicted = finished / "results/tiny/predict/tiny/tiny/whole/annotation.gff3"
    seqids = {gene.seqid for gene in read_genes(predicted)}
    same = [gene for gene in read_genes(tmp_path / "own.gff3") if gene.seqid in seqids]
    assert same == read_genes(predicted)
