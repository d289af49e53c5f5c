"""The scan of state-space models against the recurrence written down step by step, values and gradients."""

from __future__ import annotations

import types
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.nn.slow_scan import TOLERANCE, slow_selective
from torch import Tensor

from genescribe.nn import scan
from genescribe.nn.scan import selective_scan


def arguments(shape: tuple[int, int, int], N: int, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    drawn = [
        torch.randn(s, generator=generator) for s in (shape, shape, (shape[2], N), (*shape[:2], N), (*shape[:2], N))
    ]
    x, dt, A, B, C = drawn
    D = torch.randn(shape[2], generator=generator)
    # Steps and rates as models have them: short to long memories, from 1 step to thousands.
    values = [x, 0.3 * torch.nn.functional.softplus(2 * dt), -torch.exp(2 * A), B, C, D]
    return [value.requires_grad_() for value in values]


def assert_equal(fast: Callable[..., Tensor], slow: Callable[..., Tensor], given: list[Tensor]) -> None:
    results, gradients = [], []
    for function in (fast, slow):
        y = function(*given)
        results.append(y)
        weights = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
        gradients.append(torch.autograd.grad((y * weights).sum(), given))
    torch.testing.assert_close(results[0], results[1], atol=TOLERANCE, rtol=TOLERANCE)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=TOLERANCE * float(other.abs().max().clamp(min=1)), rtol=TOLERANCE)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 5), st.integers(1, 4), st.integers(0, 999))
def test_the_selective_scan_is_the_recurrence(B: int, T: int, d: int, N: int, seed: int) -> None:
    assert_equal(selective_scan, slow_selective, arguments((B, T, d), N, seed))


def test_parts_meet_in_long_sequences() -> None:
    assert_equal(selective_scan, slow_selective, arguments((1, 2 * scan.STEPS + 5, 3), 2, 1))


def test_without_gradients_the_values_are_the_same() -> None:
    given = arguments((2, 300, 4), 3, 3)
    with torch.no_grad():
        alone = selective_scan(*given)
    assert torch.equal(alone, selective_scan(*given))


class OnGPU(torch.Tensor):
    """A tensor that says it lies on a GPU."""

    is_cuda = True


def test_on_a_gpu_the_kernels_of_mamba_ssm_get_what_they_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    # Their documented layouts: u, delta (B, D, L), A (D, N), B, C (B, N, L).
    def selective_scan_fn(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
        parts = [part.as_subclass(Tensor).transpose(1, 2) for part in (u, delta, B, C)]
        return slow_selective(parts[0], parts[1], A, parts[2], parts[3], D).transpose(1, 2)

    kernels = types.SimpleNamespace(selective_scan_fn=selective_scan_fn)
    values = arguments((2, 9, 4), 3, 5)
    with torch.no_grad():
        expected = selective_scan(*values)
        monkeypatch.setattr(scan, "_installed", lambda: True)
        monkeypatch.setattr(scan.importlib, "import_module", {"mamba_ssm.ops.selective_scan_interface": kernels}.get)
        found = selective_scan(values[0].as_subclass(OnGPU), *values[1:])
    torch.testing.assert_close(found.as_subclass(Tensor), expected, atol=TOLERANCE, rtol=TOLERANCE)
