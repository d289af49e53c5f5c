"""What an installed package holds: every module, the native sources' results aside, and the workflow and models."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

LEFT_OUT = {".git", ".venv", "build", "dist", "results", ".snakemake", "__pycache__"}


@pytest.fixture(scope="module")
def clone(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what the package is made from."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("lib", "rules", "scripts", "envs", "profiles", "models"):
        ignored = shutil.ignore_patterns(*LEFT_OUT, "*.so", "*.egg-info")
        shutil.copytree(repository / name, folder / name, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "Snakefile", "config.yaml"):
        shutil.copy(repository / name, folder)
    return folder


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def setup(clone: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "setup.py", "-q", *words],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def built(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package as a wheel holds it, but for the native code."""
    folder = tmp_path_factory.mktemp("built")
    setup(clone, "build_py", "--build-lib", str(folder))
    return folder


def test_a_wheel_holds_modules_workflow_and_models(clone: Path, built: Path) -> None:
    found = files_in(built / "genescribe")
    data = {".py", ".json", ".html", ".css", ".yaml", ".typed"}
    modules = {name for name in files_in(clone / "lib" / "genescribe") if Path(name).suffix in data or "typed" in name}
    assert modules <= found
    shipped = {name.removeprefix("_shipped/") for name in found if name.startswith("_shipped/")}
    folders = ("rules", "scripts", "envs", "profiles", "models")
    assert shipped == {"Snakefile", "config.yaml"} | {f"{f}/{name}" for f in folders for name in files_in(clone / f)}


def test_an_installed_package_finds_its_models_and_its_workflow(built: Path, tmp_path: Path) -> None:
    code = (
        "from genescribe.models import available; from genescribe.shipped import shipped; from pathlib import Path\n"
        "print(*available().values(), shipped('Snakefile'), sep='\\n')"
    )
    environment = os.environ | {"PYTHONPATH": str(built)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert {"all_genomes", "yeast", "Snakefile"} <= {path.name for path in paths}
    assert all(path.exists() and path.is_relative_to(built / "genescribe") for path in paths)


@pytest.mark.workflow
def test_an_installed_workflow_runs_from_any_folder(built: Path, tmp_path: Path) -> None:
    (tmp_path / "my.fa").write_text(">a\nACGT\n")
    words = ["run", "annotate", "--dry-run", "--cores", "1", "--config", "genome=my.fa"]
    environment = os.environ | {"PYTHONPATH": str(built), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-m", "genescribe", *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown
    assert f"{built}/genescribe/_shipped/models/all_genomes" in shown and "batch_1" not in shown
    # Jobs in environments of their own find this library, and nothing that lies beside it.
    library = tmp_path / ".snakemake" / "library"
    assert [path.name for path in library.iterdir()] == ["genescribe"]
    assert (library / "genescribe").resolve() == built / "genescribe"


def test_sources_hold_what_a_wheel_is_built_from(clone: Path) -> None:
    setup(clone, "egg_info")
    listed = set((clone / "lib" / "genescribe.egg-info" / "SOURCES.txt").read_text().split("\n"))
    wanted = {name for name in files_in(clone) if ".egg-info" not in name}
    assert wanted - listed == set()


def test_the_console_script_is_there(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["scripts"]["genescribe"].partition(":")
    code = f"import {module} as module; assert callable(module.{name})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
