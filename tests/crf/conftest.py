"""The reference as the backend: tests/kernels compares the others with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from genescribe.kernels.semicrf import dispatch as semicrf


@pytest.fixture(autouse=True, scope="session")
def _reference_only() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(semicrf.PREFERENCE, "cpu", ("reference",))
        yield
