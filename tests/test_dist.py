"""The package as it is given away: sources, a wheel of them, and what an installation outside the repository does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

LEFT_OUT = ("results", "build", "dist", ".*", "__pycache__", "*.so", "*.egg-info", "tests", "docs", "benchmarks")


def run(*words: str | Path, cwd: Path, **environment: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | environment
    done = subprocess.run(list(map(str, words)), cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def dist(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sources and, built from these sources, the wheel: as `make dist` does."""
    folder = tmp_path_factory.mktemp("dist")
    shutil.copytree(repository, folder / "clone", ignore=shutil.ignore_patterns(*LEFT_OUT))
    backend = "from setuptools import build_meta; build_meta.build_sdist('..')"
    run(sys.executable, "-W", "ignore", "-c", backend, cwd=folder / "clone")
    (sources,) = folder.glob("*.tar.gz")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    run(*pip, sources, cwd=folder)
    return folder


@pytest.mark.slow
def test_sources_and_wheel_hold_what_is_needed(dist: Path) -> None:
    (sources,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    with tarfile.open(sources) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Snakefile", "rules/annotate.smk", "models/yeast/config.json", "LICENSE"} <= names
    with zipfile.ZipFile(wheel) as packed:
        inside = set(packed.namelist())
    assert any(name.startswith("genescribe/kernels/_native") for name in inside), "the native code was built"
    assert "genescribe/_shipped/Snakefile" in inside


@pytest.mark.slow
def test_an_installation_annotates_outside_the_repository(dist: Path, tmp_path: Path) -> None:
    environment = tmp_path / "env"
    run(sys.executable, "-m", "venv", environment, cwd=tmp_path)
    python = environment / "bin" / "python"
    (site,) = environment.glob("lib/python*/site-packages")
    (wheel,) = dist.glob("*.whl")
    # Its own pip, before it sees other packages: nothing but this environment is changed.
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    # Dependencies are those of this Python: they come after what the wheel installs. containers/test.sh installs all.
    (site / "dependencies.pth").write_text(
        "\n".join(path for path in sys.path if path.endswith("site-packages")) + "\n"
    )
    genescribe, work = environment / "bin" / "genescribe", tmp_path / "work"
    work.mkdir()
    assert str(site) in run(genescribe, "doctor", cwd=work)
    size = ("--total-bases", "20000", "--n-sequences", "1")
    files = ("--output-fasta", "my.fa", "--output-gff3", "truth.gff3")
    run(genescribe, "simulate", "--parameters", "saccharomyces_cerevisiae", *size, *files, cwd=work)
    said = run(genescribe, "annotate", "my.fa", cwd=work)
    assert f"{site}/genescribe/_shipped/models/all_genomes" in said and "no native code" not in said
    assert (work / "my.gff3").read_text().count("\tgene\t") > 5
    planned = run(
        genescribe, "run", "annotate", "--cores", "1", "--dry-run", "--config", "genome=my.fa", cwd=work,
        PYTHONWARNINGS="ignore",
    )  # fmt: skip
    assert str(python.parents[1]) in planned and "annotate_batch" in planned
