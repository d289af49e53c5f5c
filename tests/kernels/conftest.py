"""What tests of native code share."""

from __future__ import annotations

import pytest

from genescribe.kernels import semicrf_native


@pytest.fixture(params=["avx512", "avx2", "baseline"])
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Use one instruction set."""
    if request.param not in semicrf_native.instruction_sets():
        pytest.skip(f"this processor has no {request.param}")
    monkeypatch.setattr(semicrf_native, "ISA", request.param.encode())
    return str(request.param)
