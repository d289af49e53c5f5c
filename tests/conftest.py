"""Fixtures that every test folder shares."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

# Triton reads this once, when it is first imported: without a GPU its kernels run in the interpreter.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# Examples are the same in every run, on machines however slow: whether a change passes must not be a matter of chance.
# With `--hypothesis-profile=search` every run draws new ones; the parent is named since Hypothesis picks another in CI.
_ANY_MACHINE = settings(
    settings.get_profile("default"),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    print_blob=True,
)
settings.register_profile("search", _ANY_MACHINE)
settings.register_profile("same", _ANY_MACHINE, derandomize=True, database=None)
settings.load_profile("same")
# Nor may they depend on the modules that happen to be imported, whose constants Hypothesis would draw.
providers._get_local_constants = providers.Constants

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the number of kills: `make test-kills`."""
    parser.addoption("--kills", type=int, help="kills of each test that kills; by default a small share")


def pytest_configure() -> None:
    """Keep torch to one thread: results do not depend on the machine, and pytest-xdist fills the cores."""
    torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """Begin each fixture, and each test, which has one, with the same random numbers, whatever ran before."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """Undo what a command that runs in this process changes for all of it: other tests come after it."""
    environment, folder, threads = os.environ.copy(), Path.cwd(), torch.get_num_threads()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    loggers = [logging.getLogger(name) for name in (None, "torch", "matplotlib")]
    levels, threshold = [logger.level for logger in loggers], gc.get_threshold()
    yield
    for name in {*os.environ, *environment} - {"PYTEST_CURRENT_TEST"}:
        if name not in environment:
            del os.environ[name]
        elif os.environ.get(name) != environment[name]:
            os.environ[name] = environment[name]
    os.chdir(folder)
    torch.set_num_threads(threads)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    gc.set_threshold(*threshold)
    if not gc.isenabled():
        # Of what a command that an error ended leaves open, another test is not to be warned.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        gc.enable()


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
