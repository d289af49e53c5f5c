"""The paths of four kinds of users, each a script that runs from a fresh checkout; every command of the tutorial."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
SLOW = {"researcher"}
"""Their workflow starts a dozen programs."""
JOURNEYS = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in SLOW else [])
    for path in sorted(FOLDER.glob("*.sh"))
]


@pytest.fixture(scope="module")
def checkout(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh checkout: the files of the repository as they are, and what `make setup` compiles."""
    folder = tmp_path_factory.mktemp("fresh") / "genescribe"
    compiled = [str(path.relative_to(repository)) for path in repository.glob("lib/genescribe/kernels/*.so")]
    for name in (*compiled, *_files(repository)):
        if (repository / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repository / name, folder / name)
    return folder


def _files(repository: Path) -> list[str]:
    words = ["git", "-c", f"safe.directory={repository}", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(words, cwd=repository, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return listed.stdout.splitlines()
    # Sources without their history.
    ignored = {"__pycache__", ".venv", "build", "dist", "results", ".snakemake", ".mypy_cache", ".ruff_cache"}
    paths = [path.relative_to(repository) for path in repository.rglob("*") if path.is_file()]
    return [str(path) for path in paths if not ignored & set(path.parts)]


def walk(script: str, checkout: Path, here: Path, *, timeout: float = 1500) -> str:
    """Run lines of a shell in a folder, with the library of a checkout; return what they say. The first error ends."""
    tools = here.parent / f"{here.name}-bin"
    tools.mkdir()
    # What `pip install` makes: the console script, of this Python.
    (tools / "genescribe").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m genescribe "$@"\n')
    (tools / "genescribe").chmod(0o755)
    environment = os.environ | {
        "PATH": os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(checkout / "lib"),
        "PYTHONWARNINGS": "ignore",
        "OMP_NUM_THREADS": "1",
        "CHECKOUT": str(checkout),
        "HERE": str(here),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=here,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.mark.parametrize("script", JOURNEYS)
def test_a_journey(script: Path, checkout: Path, tmp_path: Path) -> None:
    here = tmp_path / "work"
    here.mkdir()
    own = checkout
    if "$CHECKOUT" in script.read_text():  # It changes the sources.
        own = tmp_path / "checkout"
        shutil.copytree(checkout, own)
    said = walk(script.read_text(), own, here)
    assert ENDS[script.stem] in said, said[-2000:]


ENDS = {
    "biologist": "no rule is broken",
    "relative": ": my.gff3; read my.report.html first",
    "researcher": "results/report.html",
    "builder": '"gated"',
}
"""What is said only if the journey has come to its end."""


def commands_of(page: Path) -> str:
    """Return the indented commands of a page, but not those for data that must be downloaded."""
    lines, skipped = [], False
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for line in text.splitlines():
        if re.match(r"\*\*The real genome", line):
            skipped = True
        elif line and not line.startswith("    "):
            skipped = False
        if line.startswith("    ") and not skipped:
            lines.append(line.strip())
    return "\n".join(lines)


def test_the_tutorial_has_commands(repository: Path) -> None:
    script = commands_of(repository / "docs" / "tutorial.md")
    assert script.count("genescribe annotate") == 3 and "snakemake train" in script
    assert "curl" not in script and "NC_0" not in script


@pytest.mark.slow
def test_every_command_of_the_tutorial(repository: Path, checkout: Path, tmp_path: Path) -> None:
    here = tmp_path / "tutorial"
    shutil.copytree(checkout, here)  # Its commands run in a clone.
    said = walk(commands_of(repository / "docs" / "tutorial.md"), here, here)
    counts = [int(count) for count in re.findall(r"^(\d+) genes: ", said, re.MULTILINE)]
    fly, relative, sure = counts
    assert fly < sure < relative, "the wrong model finds least, and a threshold leaves out some"
    assert "F1 above first" in said
