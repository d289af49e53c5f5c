"""Conda environments, as far as can be known without a channel: they parse, and they hold what their rules import."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from rattler import MatchSpec
from tests.workflow.test_rules import TARGETS, rules

from genescribe.genome.repair.agat import PROGRAM as AGAT

# Conda's name -> PyPI's, where they differ.
PYPI = {"pytorch": "torch", "pytorch-gpu": "torch", "python-duckdb": "duckdb", "matplotlib-base": "matplotlib"}
CONDA = {
    "get": {"channel_priority": "strict"},
    "conda_prefix": "/x",
    "default_prefix": "/x",
    "platform": "linux-64",
    "channels": [],
    "conda_version": "25.1.0",
}
"""What a stand-in for conda answers to every question."""
# What a rule's script runs that is no Python module -> the package that brings it.
PROGRAMS = {"sort": "agat", "augustus": "augustus", "busco_proteins": "busco", "busco_genome": "busco"}
# Of a package that its metadata does not name: torch's compiler comes with its CUDA build, setuptools with Python.
BLOCKER = """
import ast, importlib.abc, inspect, json, runpy, sys
hidden = set(json.loads(sys.argv[1]))
class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in hidden:
            raise ModuleNotFoundError(f'{name} is not in this environment', name=name)
sys.meta_path.insert(0, Hide())
sys.argv = [sys.argv[2], '--help']
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
except SystemExit as end:
    assert not end.code
# What its command imports only when it does more than help.
for name, module in list(sys.modules.items()):
    if name.startswith('genescribe.commands.'):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.ImportFrom):
                importlib.import_module(node.module)
"""


def pairs(repository: Path) -> list[tuple[str, str, str]]:
    """Return rule, script, environment of every working rule; both environments where a rule chooses."""
    found = []
    for name, body in rules(repository).items():
        if name not in TARGETS:
            script = re.search(r'script=script\("([\w.]+)"\)', body)
            assert script, f"rule {name} calls no script"
            environments = re.findall(r'"(\.\./envs/[\w.-]+)"', body)
            assert environments, f"rule {name} names no environment"
            found += [(name, script[1], environment) for environment in environments]
    return found


def packages(repository: Path, environment: str) -> dict[str, MatchSpec]:
    content = yaml.safe_load((repository / "rules" / environment).read_text())
    specs = [MatchSpec(text, strict=True) for text in content["dependencies"]]
    return {text.partition("=")[0]: spec for text, spec in zip(content["dependencies"], specs, strict=True)}


@cache
def brought(names: frozenset[str]) -> frozenset[str]:
    """Return the PyPI distributions, installed here, that some bring with them, themselves among them."""
    found: set[str] = set()
    waiting = [PYPI.get(name, name) for name in names]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        waiting += [re.split(r"[\s<>=!~;\[(]", text)[0] for text in requirements if "extra ==" not in text]
    return frozenset(found)


def modules_outside(names: frozenset[str]) -> list[str]:
    """Return the importable top-level modules of this interpreter that such an environment would not have."""
    inside = brought(names) | {"setuptools", "genescribe"}
    return sorted(
        module
        for module, owners in metadata.packages_distributions().items()
        if not {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners} & inside
    )


def test_every_specification_parses_and_is_pinned(repository: Path) -> None:
    files = sorted((repository / "envs").glob("*.yaml"))
    assert {"agat", "busco", "augustus", "gffcompare", "torch", "torch-cuda"} <= {file.stem for file in files}
    for file in files:
        content = yaml.safe_load(file.read_text())
        assert content["channels"] == ["conda-forge", "bioconda"], file
        for name, spec in packages(repository, f"../envs/{file.name}").items():
            assert spec.version, f"{file.name}: {name} is not pinned"
    assert "mamba-ssm" in packages(repository, "../envs/torch-cuda.yaml")


def test_one_version_of_a_package_everywhere(repository: Path) -> None:
    found: dict[str, set[str]] = {}
    for file in (repository / "envs").glob("*.yaml"):
        for name, spec in packages(repository, f"../envs/{file.name}").items():
            found.setdefault(PYPI.get(name, name), set()).add(str(spec.version))
    assert not {name: versions for name, versions in found.items() if len(versions) > 1}


def test_rules_find_the_programs_that_they_call(repository: Path) -> None:
    for rule, _, environment in pairs(repository):
        if rule in PROGRAMS:
            assert PROGRAMS[rule] in packages(repository, environment), f"{environment} for rule {rule}"
    # The environment without a rule is for benchmarks/gffcompare.py.
    assert "gffcompare" in packages(repository, "../envs/gffcompare.yaml")
    assert AGAT.startswith("agat_")


def test_the_library_is_importable_inside_every_rule_s_environment(repository: Path) -> None:
    """Each rule's script starts with the modules hidden that its environment does not bring."""
    done: set[tuple[str, str]] = set()
    for rule, script, environment in pairs(repository):
        if (script, environment) in done:
            continue
        done.add((script, environment))
        hidden = modules_outside(frozenset(packages(repository, environment)))
        assert ("torch" in hidden) == {"pytorch", "pytorch-gpu"}.isdisjoint(packages(repository, environment))
        run = subprocess.run(
            [sys.executable, "-c", BLOCKER, json.dumps(hidden), str(repository / "scripts" / script)],
            env=os.environ | {"PYTHONPATH": str(repository / "lib")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0 and "usage:" in run.stdout, f"{rule} in {environment}: {run.stderr[-600:]}"


@pytest.fixture
def stand_ins(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which conda answers questions and apptainer runs commands outside of any image.

    It is called as `apptainer exec OPTIONS IMAGE COMMAND`, and keeps its calls in `calls`.
    """
    tools = tmp_path / "bin"
    tools.mkdir()
    apptainer = f"""echo "$@" >> {tmp_path}/calls
while [ $# -gt 0 ]; do case "$1" in *.sif) shift; exec "$@";; esac; shift; done
echo apptainer version 1.3.0"""
    for name, text in {
        "conda": f"echo '{json.dumps(CONDA)}'",
        "apptainer": apptainer,
        "singularity": apptainer,
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    (tmp_path / "image.sif").touch()
    path = f"{tools}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path}


def snakemake(repository: Path, folder: Path, environment: dict[str, str], *words: str) -> str:
    """Run Snakemake on the tiny configuration, trained on a GPU; return what it said."""
    configuration = folder / "gpu.yaml"
    configuration.write_text(yaml.safe_dump({"runs": {"tiny": {"gpus": 1}}}))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(repository / "Snakefile"), "--cores", "1", *words]
    command += ["--configfile", str(repository / "tests" / "tiny.yaml"), str(configuration)]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


@pytest.mark.workflow
def test_conda_makes_each_rule_s_environment(repository: Path, tmp_path: Path, stand_ins: dict[str, str]) -> None:
    said = snakemake(repository, tmp_path, stand_ins, "--dry-run", "--sdm", "conda")
    assert set(re.findall(r"envs/([\w-]+)\.yaml will be created", said)) == {
        "agat",
        "genescribe",
        "torch",
        "torch-cuda",
    }


@pytest.mark.workflow
def test_one_image_holds_every_environment(repository: Path, tmp_path: Path, stand_ins: dict[str, str]) -> None:
    """`snakemake --containerize` writes its recipe; with the image named, no environment is made outside of it."""
    recipe = snakemake(repository, tmp_path, stand_ins, "--containerize")
    used = {Path(environment).stem for _, _, environment in pairs(repository)}
    assert set(re.findall(r"^COPY \S*/envs/([\w-]+)\.yaml", recipe, re.MULTILINE)) == used
    container = ["--sdm", "conda", "apptainer", "--config", "container=image.sif"]
    assert "will be created" not in snakemake(repository, tmp_path, stand_ins, "--dry-run", *container)


@pytest.mark.workflow
def test_jobs_run_inside_the_image(repository: Path, tmp_path: Path, stand_ins: dict[str, str]) -> None:
    genome = "results/tiny/simulate/tiny/genome.fa"
    snakemake(repository, tmp_path, stand_ins, genome, "--sdm", "apptainer", "--config", "container=image.sif")
    assert (tmp_path / genome).exists()
    (call,) = [line for line in (tmp_path / "calls").read_text().splitlines() if "simulate.py" in line]
    assert re.match(r"exec .*\bimage\.sif ", call)
