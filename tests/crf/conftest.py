"""The oracle of tests/kernels, and the reference as the backend: tests/kernels compares the others with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genescribe.kernels import semicrf

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernels"))


@pytest.fixture(autouse=True, scope="session")
def _reference_only() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(semicrf.PREFERENCE, "cpu", ("reference",))
        yield
