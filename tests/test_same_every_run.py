"""What `conftest.py` promises: nothing that a test draws or finds depends on chance, or on what ran before it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import gc, os, signal
import pytest, torch
from hypothesis import given, strategies as st
from genescribe import cli

@pytest.fixture(scope="module")
def weights():
    return torch.randn(3)

@given(st.integers(), st.text(), st.floats())
def test_examples(number, text, real):
    print("drawn", number, ascii(text), real)

def test_numbers(weights):
    print("numbers", weights, torch.randn(3))

def test_other_numbers(weights):
    print("numbers, too", torch.randn(3))

def test_of_a_command():
    torch.randn(1)
    import constants  # Which Hypothesis would draw.
    handler = signal.getsignal(signal.SIGTERM)
    cli.run(lambda: None)
    torch.set_num_threads(torch.get_num_threads() + 1)
    os.environ["GENESCRIBE_TEST"] = "left behind"
    os.chdir("/")
    assert signal.getsignal(signal.SIGTERM) is not handler and not gc.isenabled()

def test_after_it(request):
    print("after", os.environ.get("GENESCRIBE_TEST"), gc.isenabled(), signal.getsignal(signal.SIGTERM))
    print("after", torch.get_num_threads(), os.getcwd())
"""


def said(folder: Path, repository: Path, *words: str) -> list[str]:
    """Return the lines that some tests of a small suite print, sorted; they run in a process of their own."""
    (folder / "conftest.py").write_text((repository / "tests" / "conftest.py").read_text())
    (folder / "constants.py").write_text(f"X = {list(range(1_234_567, 1_234_867))}\n")
    (folder / "test_small.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "--rootdir", ".", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(line.lstrip(".") for line in done.stdout.splitlines() if line.lstrip(".").startswith(KINDS))


KINDS = ("drawn", "numbers", "after")
TESTS = [f"test_small.py::test_{name}" for name in ("examples", "numbers", "other_numbers", "of_a_command", "after_it")]


@pytest.mark.parametrize("machine", ["with CI=true", "without CI"])
def test_order_and_company_change_nothing(
    machine: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    if machine == "with CI=true":  # Where Hypothesis would choose settings of its own.
        monkeypatch.setenv("CI", "true")
    every = said(tmp_path, repository, *TESTS)
    examples = [line for line in every if line.startswith("drawn")]
    assert len(examples) >= 100
    assert said(tmp_path, repository, *TESTS[::-1]) == every
    assert said(tmp_path, repository, "--hypothesis-profile=search", TESTS[0]) != examples
