"""What tests of native code share."""

from __future__ import annotations

import pytest

from genescribe.kernels import native_library


@pytest.fixture(params=["avx512", "avx2", "baseline"])
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Use one instruction set."""
    if request.param not in native_library.instruction_sets():
        pytest.skip(f"this processor has no {request.param}")
    monkeypatch.setattr(native_library, "ISA", request.param.encode())
    return str(request.param)
