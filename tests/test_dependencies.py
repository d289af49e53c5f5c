"""What is imported is declared, what is declared is imported, and the environments hold what is declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = {
    "Bio": "biopython",
    "sklearn": "scikit-learn",
    "torchcrf": "pytorch-crf",
    "xgboost": "xgboost-cpu",
    "yaml": "pyyaml",
    "mamba_ssm": "mamba-ssm",
}
"""Module -> the package that brings it, where the names differ."""
CONDA = {
    "pytorch": "torch",
    "pytorch-gpu": "torch",
    "python-duckdb": "duckdb",
    "matplotlib-base": "matplotlib",
    "py-xgboost": "xgboost-cpu",
}
NOT_PYTHON = {"python", "agat", "augustus", "busco", "gffcompare", "gffread", "cxx-compiler", "cuda-version"}
UNSEEN = {"tensorboard": "torch.utils.tensorboard imports it", "mamba-ssm": "found by name, where it is installed"}
"""Declared, and imported by another package for us."""
TEST_ONLY = "test"


@cache
def declared() -> dict[str, dict[str, Requirement]]:
    """Return extra (empty: always) -> package -> its requirement."""
    project: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {
        extra: {requirement.name.lower(): requirement for requirement in map(Requirement, texts)}
        for extra, texts in groups.items()
    }


def imported(*folders: str) -> Iterator[tuple[str, str, bool]]:
    """Yield package, file and whether it is imported when its module is, for every import of something not ours."""
    for file in sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        lazy = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.If | ast.Try) for n in ast.walk(f)}
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in {name.split(".")[0] for name in names}:
                if name not in sys.stdlib_module_names and name not in ("genescribe", "tests"):
                    yield PACKAGE.get(name, name).lower(), str(file.relative_to(REPOSITORY)), id(node) not in lazy


def test_what_is_imported_is_declared() -> None:
    always = declared()[""]
    optional = {name for extra, found in declared().items() if extra != TEST_ONLY for name in found}
    for package, file, at_once in imported("lib", "scripts"):
        # The kernels' modules of Triton are themselves imported where Triton is; PyTorch brings it.
        at_once = at_once and not Path(file).name.startswith("triton_")
        known = set(always) if at_once else optional | {"triton"}
        assert package in known, f"{file} imports {package}: add it to pyproject.toml"


def test_what_is_declared_is_imported() -> None:
    used = {package for package, _, _ in imported("lib", "scripts")}
    idle = set(declared()[""]) - used - set(UNSEEN)
    assert not idle, f"pyproject.toml asks everyone for {sorted(idle)}, which nothing imports"


@pytest.mark.parametrize("file", sorted((REPOSITORY / "envs").glob("*.yaml")), ids=lambda file: file.stem)
def test_environments_hold_what_is_declared(file: Path) -> None:
    wanted = {name: requirement for found in declared().values() for name, requirement in found.items()}
    for spec in yaml.safe_load(file.read_text(encoding="utf-8"))["dependencies"]:
        name, version = spec.split("=")
        if name in NOT_PYTHON:
            continue
        package = CONDA.get(name, name)
        assert package in wanted, f"{file.name}: pyproject.toml does not know {name}"
        # A pin of fewer numbers stands for the first release of them.
        assert wanted[package].specifier.contains(Version(version), prereleases=True), (
            f"{file.name}: {spec} is not what pyproject.toml asks for ({wanted[package]})"
        )


def test_the_lock_holds_what_is_declared() -> None:
    locked = dict(line.split("==") for line in (REPOSITORY / "requirements.lock").read_text().split())
    versions = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in locked.items()}
    for found in declared().values():
        for name, requirement in found.items():
            if name not in ("torch", "mamba-ssm"):
                assert name in versions, f"requirements.lock lacks {name}"
                assert requirement.specifier.contains(versions[name], prereleases=True), requirement
