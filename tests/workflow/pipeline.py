"""Running Snakemake on the tiny configuration in a folder, killing it, and what must come out all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb

from genescribe.files import sha256

PRODUCTS = (
    "train/tiny/model/config.json",
    "train/tiny/model/model.safetensors",
    "predict/tiny/tiny/whole/annotation.gff3",
    "predict/tiny/tiny/whole/proteins.fa",
    "predict/tiny/tiny/whole/cds.fa",
    "predict/tiny/tiny/whole/rejects.jsonl",
    "evaluate/tiny/tiny/metrics.json",
    "evaluate/ceiling/tiny/metrics.json",
    "evaluate/orf_rule/tiny/metrics.json",
)
SHARDS = "bake/tiny/tiny/batch_*/*.tar"
CATALOGUE = "catalogue/tiny/catalogue.duckdb"


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


def results_of(folder: Path) -> dict[str, object]:
    """Return what law 7 of docs/architecture.md holds fixed: digests of files, and the rows of the catalogue."""
    results = folder / "results" / "tiny"
    paths = [results / name for name in PRODUCTS] + sorted(results.glob(SHARDS))
    found: dict[str, object] = {str(path.relative_to(results)): sha256(path) for path in paths}
    with duckdb.connect(str(results / CATALOGUE), read_only=True) as catalogue:
        for (table,) in catalogue.execute("select table_name from duckdb_tables() order by 1").fetchall():
            found[table] = catalogue.execute(f'select * from "{table}" order by all').fetchall()
    return found
