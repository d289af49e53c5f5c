"""The scans of state-space models against the recurrence written down step by step, values and gradients."""

from __future__ import annotations

import types
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.nn.slow_scan import TOLERANCE, slow_heads, slow_selective
from torch import Tensor

from genescribe.nn import scan
from genescribe.nn.scan import chunked_scan, selective_scan


def arguments(shape: tuple[int, ...], decay: tuple[int, ...], N: int, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(s, generator=generator) for s in (shape, shape[:3], decay, (*shape[:2], N), (*shape[:2], N))]
    x, dt, A, B, C = drawn
    D = torch.randn(decay[:1], generator=generator)
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
    assert_equal(selective_scan, slow_selective, arguments((B, T, d), (d, N), N, seed))


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 2), st.integers(1, 40), st.integers(1, 3), st.integers(1, 4), st.integers(1, 16), st.integers(0, 999)
)
def test_the_chunked_scan_is_the_recurrence(B: int, T: int, H: int, P: int, chunk: int, seed: int) -> None:
    fast = lambda *values: chunked_scan(*values, chunk=chunk)  # noqa: E731
    assert_equal(fast, slow_heads, arguments((B, T, H, P), (H,), 3, seed))


def test_parts_and_chunks_meet_in_long_sequences() -> None:
    assert_equal(selective_scan, slow_selective, arguments((1, 2 * scan.STEPS + 5, 3), (3, 2), 2, 1))
    assert_equal(chunked_scan, slow_heads, arguments((1, 3 * scan.CHUNK + 5, 2, 3), (2,), 4, 2))


@pytest.mark.parametrize("fast", [selective_scan, chunked_scan])
def test_without_gradients_the_values_are_the_same(fast: Callable[..., Tensor]) -> None:
    given = arguments((2, 300, 4), (4, 3), 3, 3) if fast is selective_scan else arguments((2, 300, 2, 4), (2,), 3, 3)
    with torch.no_grad():
        alone = fast(*given)
    assert torch.equal(alone, fast(*given))


def test_very_fast_decay_stays_finite() -> None:
    x, dt, A, B, C, D = (value.detach() for value in arguments((1, 200, 2, 3), (2,), 4, 4))
    given = [value.requires_grad_() for value in (x, dt * 1000, A * 1000, B, C, D)]
    y = chunked_scan(*given)
    assert all(bool(part.isfinite().all()) for part in (y, *torch.autograd.grad(y.sum(), given)))


class OnGPU(torch.Tensor):
    """A tensor that says it lies on a GPU."""

    is_cuda = True


def test_on_a_gpu_the_kernels_of_mamba_ssm_get_what_they_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    # Their documented layouts: u, delta (B, D, L), A (D, N), B, C (B, N, L); and x (B, L, H, P), B, C (B, L, G, N).
    def selective_scan_fn(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
        parts = [part.as_subclass(Tensor).transpose(1, 2) for part in (u, delta, B, C)]
        return slow_selective(parts[0], parts[1], A, parts[2], parts[3], D).transpose(1, 2)

    def mamba_chunk_scan_combined(
        x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, chunk_size: int, D: Tensor
    ) -> Tensor:
        assert chunk_size == scan.CHUNK
        return slow_heads(x.as_subclass(Tensor), dt, A, B[:, :, 0], C[:, :, 0], D)

    modules = {
        "mamba_ssm.ops.selective_scan_interface": types.SimpleNamespace(selective_scan_fn=selective_scan_fn),
        "mamba_ssm.ops.triton.ssd_combined": types.SimpleNamespace(mamba_chunk_scan_combined=mamba_chunk_scan_combined),
    }
    for fast, values in (
        (selective_scan, arguments((2, 9, 4), (4, 3), 3, 5)),
        (chunked_scan, arguments((2, 9, 2, 4), (2,), 3, 5)),
    ):
        with torch.no_grad():
            expected = fast(*values)
            with monkeypatch.context() as patched:
                patched.setattr(scan, "_installed", lambda: True)
                patched.setattr(scan.importlib, "import_module", modules.__getitem__)
                found = fast(values[0].as_subclass(OnGPU), *values[1:])
        torch.testing.assert_close(found.as_subclass(Tensor), expected, atol=TOLERANCE, rtol=TOLERANCE)
