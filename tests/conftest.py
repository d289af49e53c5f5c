"""Fixtures that every test folder shares."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

# Triton reads this once, when it is first imported: without a GPU its kernels run in the interpreter.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the number of kills: `make test-kills`."""
    parser.addoption("--kills", type=int, help="kills of each test that kills; by default a small share")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Keep torch to one thread: results do not depend on the machine, and pytest-xdist fills the cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the folder that holds the Snakefile."""
    return REPOSITORY


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a tmpfs here (needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real genomes, or skip."""
    folder = os.environ.get("GENESCRIBE_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real genomes: set GENESCRIBE_DATA to a folder laid out as docs/data.md says")
    return Path(folder)
