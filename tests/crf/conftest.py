"""The reference as the backend: tests/kernels compares the others with it."""

from __future__ import annotations

import pytest

from genescribe.kernels.semicrf import dispatch as semicrf


# Of each test: one of the session would last for the tests of all other folders as well.
@pytest.fixture(autouse=True)
def _reference_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(semicrf.PREFERENCE, "cpu", ("reference",))
