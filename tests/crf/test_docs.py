"""The examples in docs/semicrf.md and in the docstrings run as they stand."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import genescribe.crf


def test_the_page_runs(repository: Path) -> None:
    failed, tried = doctest.testfile(str(repository / "docs" / "semicrf.md"), module_relative=False)
    assert tried > 10
    assert failed == 0


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(genescribe.crf.__path__)])
def test_docstrings_run(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(f"genescribe.crf.{name}"))
    assert failed == 0
