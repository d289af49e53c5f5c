"""Block-sparse attention with cost linear in the number of steps; chooses the backend.

- `reference`: PyTorch, a few rows of blocks at a time; differentiable, on any device.
- `triton`: forward and backward as GPU kernels (`triton_block_sparse`); in Triton's interpreter on the CPU for tests.

``auto`` is `reference`, and `triton` on a GPU once it was measured there (`genescribe.kernels.measured`).
"""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.kernels.attention.block_layout import BlockLayout, SparseConfig, block_layout
from genescribe.kernels.measured import TRITON_MEASURED

BACKENDS = ("reference", "triton")


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    counts: Tensor,
    config: SparseConfig,
    slopes: Tensor | None = None,
    *,
    backend: str = "auto",
) -> Tensor:
    """Return block-sparse attention of the steps; 0 for steps past a count.

    Parameters
    ----------
    q, k, v : (B, heads, S, d)
        Queries, keys and values, of one type.
    counts : (B,) int64
        Steps of each row; those past it are not seen.
    config
        Blocks, window, global and random blocks.
    slopes : (heads,) float, optional
        ALiBi: what a step of distance takes from a score (Press et al., 2022).
    backend
        auto, reference or triton.

    Raises
    ------
    InputError
        A layout that is none, an unknown backend, or one that does not run here.
    """
    layout = block_layout(q.shape[2], config)
    name = choose_backend(q.device, backend)
    if name == "triton":
        from genescribe.kernels.attention.triton_block_sparse import attend_blocks

        return attend_blocks(q, k, v, counts, layout, slopes)
    return _reference(q, k, v, counts, layout, slopes)


def choose_backend(device: torch.device, backend: str = "auto") -> str:
    """Return the backend's name; see `attend`."""
    installed = importlib.util.find_spec("triton") is not None
    if backend == "auto":
        return "triton" if TRITON_MEASURED and device.type == "cuda" and installed else "reference"
    if backend not in BACKENDS:
        raise InputError(f"unknown backend {backend!r}", where="backend", remedy=f"known: {', '.join(BACKENDS)}")
    if backend == "triton":
        reason = None if installed else "triton is not installed"
        if installed and device.type != "cuda":
            import triton

            if not triton.knobs.runtime.interpret:
                reason = f"its kernels run on CUDA devices, and the steps are on {device.type}"
        if reason is not None:
            raise InputError(f"backend 'triton' does not run here: {reason}", where="backend", remedy="give auto")
    return backend


# -- PyTorch -----------------------------------------------------------------------------------------------------
def _reference(q: Tensor, k: Tensor, v: Tensor, counts: Tensor, layout: BlockLayout, slopes: Tensor | None) -> Tensor:
    """Attend a few rows of blocks at a time to the blocks that any of them sees."""
    S, block, device = q.shape[2], layout.block, q.device
    q, k, v = (nn.functional.pad(x, (0, 0, 0, len(layout) * block - S)) for x in (q, k, v))
    groups = _groups(layout)
    unions = [np.unique(np.concatenate([layout.row(i) for i in range(*rows)])) for rows in groups]
    inside = torch.arange(block, device=device)
    keys = [(torch.from_numpy(union).to(device)[:, None] * block + inside).flatten() for union in unions]
    # Taken and divided as a whole: the gradient of each piece by itself would be as long as the sequence.
    sizes = [len(places) for places in keys]
    columns = torch.cat(keys)
    of_k, of_v = (torch.split(x.index_select(2, columns), sizes, dim=2) for x in (k, v))
    of_q = torch.split(q, [(end - begin) * block for begin, end in groups], dim=2)
    parts = []
    for n, rows in enumerate(groups):
        bias = _bias(keys[n], unions[n], counts, layout, rows, slopes, q)
        parts.append(nn.functional.scaled_dot_product_attention(of_q[n], of_k[n], of_v[n], attn_mask=bias))
    there = torch.arange(S, device=device) < counts[:, None]
    return torch.cat(parts, dim=2)[:, :, :S] * there[:, None, :, None]


def _groups(layout: BlockLayout) -> list[tuple[int, int]]:
    """Return rows of blocks to attend together: those that see everything by themselves, others in fours."""
    n = len(layout)
    everything = [bool(layout.starts[i + 1] - layout.starts[i] == n) for i in range(n)]
    groups, begin = [], 0
    while begin < n:
        end = begin + 1
        while end < n and everything[end] == everything[begin] and end - begin < 4:
            end += 1
        groups.append((begin, end))
        begin = end
    return groups


def _bias(
    keys: Tensor,
    union: NDArray[np.int32],
    counts: Tensor,
    layout: BlockLayout,
    rows: tuple[int, int],
    slopes: Tensor | None,
    q: Tensor,
) -> Tensor:
    """Return the mask of keys for the rows of blocks or, with slopes, the bias of their scores."""
    block, device = layout.block, q.device
    allowed = torch.from_numpy(np.stack([np.isin(union, layout.row(i)) for i in range(*rows)])).to(device)
    mask = allowed.repeat_interleave(block, dim=0).repeat_interleave(block, dim=1)
    queries = torch.arange(rows[0] * block, rows[1] * block, device=device)
    # A step past the count sees itself, so that no row of the softmax is empty; its result is taken away later.
    mask = (mask & (keys < counts[:, None])[:, None, None]) | (queries[:, None] == keys)
    if slopes is None:
        return mask
    far = (queries[:, None] - keys).abs()
    return (-slopes.view(-1, 1, 1).to(q.dtype) * far).masked_fill(~mask, -math.inf)
