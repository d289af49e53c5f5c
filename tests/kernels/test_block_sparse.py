"""Block-sparse attention: layouts, and every backend against attention under the dense mask, forward and backward."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from genescribe.errors import InputError
from genescribe.kernels.attention.block_layout import BLOCKS, SparseConfig, block_layout
from genescribe.kernels.attention.block_sparse import attend, choose_backend

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CASES = {
    "window": (70, SparseConfig(16, 16, 0), 8, False),
    "one block": (9, SparseConfig(16, 0, 0), 16, False),
    "no window": (64, SparseConfig(16, 0, 1), 16, False),
    "window, global": (108, SparseConfig(16, 16, 1), 24, False),
    "slopes": (100, SparseConfig(32, 32, 1), 16, True),
    "wider than the sequence": (40, SparseConfig(16, 128, 3), 16, True),
}


def oracle(q: Tensor, k: Tensor, v: Tensor, counts: Tensor, config: SparseConfig, slopes: Tensor | None) -> Tensor:
    """Attend under the mask written out for every pair of steps; 0 past a count."""
    S = q.shape[2]
    dense = torch.from_numpy(block_layout(S, config).dense()).to(q.device)
    at = torch.arange(S, device=q.device)
    seen = dense[at[:, None] // config.block, at // config.block]
    there = at < counts[:, None]
    seen = (seen & there[:, None, :]).unsqueeze(1) | torch.eye(S, dtype=torch.bool, device=q.device)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if slopes is not None:
        scores = scores - slopes.view(-1, 1, 1) * (at[:, None] - at).abs()
    return (scores.masked_fill(~seen, -math.inf).softmax(dim=-1) @ v) * there[:, None, :, None]


def example(S: int, width: int, slopes: bool, heads: int = 2) -> tuple[list[Tensor], Tensor, Tensor | None]:
    generator = torch.Generator().manual_seed(S)
    parts = [torch.randn(2, heads, S, width, generator=generator).to(DEVICE).requires_grad_() for _ in range(3)]
    counts = torch.tensor([S, max(1, S - S // 3)], device=DEVICE)
    return parts, counts, torch.tensor([0.5, 0.0625], device=DEVICE) if slopes else None


@pytest.mark.parametrize("backend", ["reference", "triton"])
@pytest.mark.parametrize("name", CASES)
def test_forward_and_backward_are_those_of_the_dense_mask(name: str, backend: str) -> None:
    if backend == "triton":
        pytest.importorskip("triton", reason="triton is an optional dependency; its kernels are not there without it")
    S, config, width, with_slopes = CASES[name]
    parts, counts, slopes = example(S, width, with_slopes)
    weight = torch.randn(parts[0].shape, generator=torch.Generator().manual_seed(1)).to(DEVICE)
    wanted = oracle(*parts, counts, config, slopes)
    found = attend(*parts, counts, config, slopes, backend=backend)
    torch.testing.assert_close(found, wanted, atol=2e-5, rtol=1e-4)
    wanted_gradients = torch.autograd.grad((wanted * weight).sum(), parts)
    for mine, theirs in zip(torch.autograd.grad((found * weight).sum(), parts), wanted_gradients, strict=True):
        torch.testing.assert_close(mine, theirs, atol=5e-5, rtol=1e-4)


def test_half_precision_stays_close() -> None:
    pytest.importorskip("triton", reason="triton is an optional dependency; its kernels are not there without it")
    S, config, width, _ = CASES["window, global"]
    parts, counts, _ = example(S, width, False)
    halves = [part.detach().half().requires_grad_() for part in parts]
    found = attend(*halves, counts, config, backend="triton")
    assert found.dtype == torch.float16
    wanted = oracle(*(half.float() for half in halves), counts, config, None)
    torch.testing.assert_close(found.float(), wanted, atol=5e-3, rtol=5e-3)
    for gradient in torch.autograd.grad(found.float().square().sum(), halves):
        assert gradient.dtype == torch.float16 and bool(torch.isfinite(gradient).all())


@settings(max_examples=40, deadline=None)
@given(blocks=st.integers(1, 40), reach=st.integers(0, 5), first=st.integers(0, 4))
def test_layouts(blocks: int, reach: int, first: int) -> None:
    config = SparseConfig(16, 16 * reach, first)
    layout = block_layout(16 * blocks, config)
    dense, far = layout.dense(), np.abs(np.arange(blocks)[:, None] - np.arange(blocks))
    assert np.array_equal(dense, dense.T)
    assert dense[far <= reach].all() and dense[:first].all()
    assert all(np.all(np.diff(layout.row(i)) > 0) for i in range(blocks))
    # At most the window, the global blocks in rows and columns.
    assert len(layout.blocks) <= blocks * (2 * reach + 1 + 2 * first)
    shorter = block_layout(16 * blocks - 5, config)
    assert np.array_equal(shorter.dense(), dense[: len(shorter), : len(shorter)])
    corner = block_layout(16 * max(1, blocks // 2), config)
    assert np.array_equal(corner.dense(), dense[: len(corner), : len(corner)])


@pytest.mark.parametrize("block", BLOCKS)
def test_a_window_must_be_divisible(block: int) -> None:
    block_layout(1000, SparseConfig(block, 3 * block))
    with pytest.raises(InputError, match=f"not divisible by blocks of {block}"):
        block_layout(1000, SparseConfig(block, 3 * block + 8))


@pytest.mark.parametrize("block", [17, 48, 100])
def test_a_block_is_a_power_of_two(block: int) -> None:
    with pytest.raises(InputError, match="give 16, 32, 64 or 128"):
        block_layout(1000, SparseConfig(block, 0))


def test_backends_are_chosen_by_name() -> None:
    # On a GPU too: the Triton kernels were not measured on one.
    assert {choose_backend(torch.device(kind)) for kind in ("cpu", "cuda")} == {"reference"}
    with pytest.raises(InputError, match="unknown backend"):
        choose_backend(torch.device("cpu"), "fast")
