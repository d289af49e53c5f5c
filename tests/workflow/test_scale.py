"""The plan of 200 genomes of 1,000 sequences: batches are jobs, sequences are not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.workflow

GENOMES, SEQUENCES, BATCHES = 200, 1000, 8
SECONDS, MEGABYTES = 60, 2048
USAGE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
sys.exit(status)
"""
"""Runs a command, and writes its CPU seconds and kilobytes to stderr."""


def configuration(folder: Path, genomes: int) -> dict[str, object]:
    """Return a configuration of many genomes: half train one model, the others test it."""
    (folder / "genome.fa").write_text("".join(f">s{i}\nACGT\n" for i in range(SEQUENCES)))
    (folder / "genes.gff3").write_text("##gff-version 3\n")
    files = {"fasta": str(folder / "genome.fa"), "annotation": str(folder / "genes.gff3"), "batches": BATCHES}
    names = [f"g{i:03}" for i in range(genomes)]
    splits = [{"train": ["*"]} if i % 2 else {"test": ["*"]} for i in range(genomes)]
    return {
        "genomes": {name: {**files, "splits": split} for name, split in zip(names, splits, strict=True)},
        "bakes": {"gene": {"scheme": "gene"}},
        "runs": {"all": {"genomes": names, "bake": "gene", "model": {"scheme": "gene", "head": "semicrf"}}},
        "select": ["all"],
    }


@pytest.mark.parametrize("genomes", [10, pytest.param(GENOMES, marks=pytest.mark.slow)])
def test_the_plan_of_many_genomes_is_made_quickly(repository: Path, tmp_path: Path, genomes: int) -> None:
    (tmp_path / "many.yaml").write_text(yaml.safe_dump(configuration(tmp_path, genomes)))
    # Of a process of its own: this one has had other children.
    command = [
        sys.executable,
        "-c",
        USAGE,
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(repository / "Snakefile"),
        "--dry-run",
    ]
    done = subprocess.run(
        [*command, "--quiet", "rules", "--configfile", str(tmp_path / "many.yaml")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seconds, kilobytes = map(float, done.stderr.splitlines()[-1].split())
    jobs = re.search(r"^total\s+(\d+)", done.stdout + done.stderr, re.MULTILINE)
    print(f"{jobs and jobs[1]} jobs, {seconds:.1f} CPU s, {kilobytes / 1024:.0f} MiB")
    assert jobs and genomes * BATCHES <= int(jobs[1]) < genomes * SEQUENCES
    assert seconds < SECONDS
    assert kilobytes / 1024 < MEGABYTES
