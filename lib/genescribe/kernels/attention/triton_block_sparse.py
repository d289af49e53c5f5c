"""Block-sparse attention as Triton kernels: one program per block of queries or, for gradients, of keys.

The softmax is taken on the way (Dao et al., 2022, "FlashAttention"); of the forward pass the log-sums are kept, and
the backward pass computes the weights again from them. The layout is symmetric, so that the blocks that see a block of
keys are the blocks that it sees: gradients of keys are sums in a fixed order, without atomics.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
import triton
import triton.language as tl
from torch import Tensor

from genescribe.kernels.attention.block_layout import BlockLayout
from genescribe.kernels.triton_launch import Launch, jit


def attend_blocks(
    q: Tensor, k: Tensor, v: Tensor, counts: Tensor, layout: BlockLayout, slopes: Tensor | None
) -> Tensor:
    """Return attention of the steps; see `block_sparse.attend`.

    Parameters
    ----------
    q, k, v : (B, heads, S, d)
        Queries, keys and values.
    counts : (B,)
        Steps of each sequence that are no padding.
    layout
        Pairs of blocks of which the first attends to the second.
    slopes : (heads,) or None
        ALiBi: what a score loses per step of distance; None: nothing.
    """
    apply = cast(Callable[..., Tensor], _Attend.apply)
    return apply(q, k, v, shared_arguments(q, counts.int(), layout, slopes))


def shared_arguments(q: Tensor, counts: Tensor, layout: BlockLayout, slopes: Tensor | None) -> dict[str, Any]:
    """Return the arguments that all three kernels have; `counts` are int32.

    Parameters
    ----------
    q : (B, heads, S, d)
        Queries, for their shape.
    counts : (B,) int32
        Steps of each sequence that are no padding.
    layout
        Pairs of blocks of which the first attends to the second.
    slopes : (heads,) or None
        ALiBi: what a score loses per step of distance; None: nothing.
    """
    _, heads, S, width = q.shape
    starts, blocks = (torch.from_numpy(part).to(q.device) for part in (layout.starts, layout.blocks))
    return {
        "counts": counts,
        "starts": starts,
        "blocks": blocks,
        "slopes": None if slopes is None else slopes.float().contiguous(),
        "heads": heads,
        "S": S,
        "scale": 1 / math.sqrt(width),
        "WIDTH": width,
        "CHANNELS": max(16, triton.next_power_of_2(width)),
        "BLOCK": layout.block,
        "STAGES": 1 if layout.block > 64 else 2,
    }


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, q: Tensor, k: Tensor, v: Tensor, shared: dict[str, Any]) -> Tensor:
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
        out, log_sums = torch.empty_like(q), q.new_empty(q.shape[:3], dtype=torch.float32)
        forward_launch(q, k, v, out, log_sums, shared).run()
        context.save_for_backward(q, k, v, out, log_sums)
        context.shared = shared
        return out

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, out, log_sums = context.saved_tensors
        gradient = gradient.contiguous()
        along = (gradient.float() * out.float()).sum(dim=-1)
        gradients = [torch.empty_like(x) for x in (q, k, v)]
        for launch in backward_launches(q, k, v, gradient, log_sums, along, gradients, context.shared):
            launch.run()
        return (*gradients, None)


def _grid(q: Tensor, shared: dict[str, Any]) -> tuple[int, ...]:
    return (len(shared["starts"]) - 1, q.shape[0] * q.shape[1])


def _warps(shared: dict[str, Any]) -> int:
    return 8 if shared["BLOCK"] * shared["CHANNELS"] > 64 * 64 else 4


def forward_launch(q: Tensor, k: Tensor, v: Tensor, out: Tensor, log_sums: Tensor, shared: dict[str, Any]) -> Launch:
    """Return the launch that fills `out` and `log_sums` (B, heads, S).

    Parameters
    ----------
    q, k, v : (B, heads, S, d)
        Queries, keys and values.
    out : (B, heads, S, d)
        To be filled.
    log_sums : (B, heads, S)
        To be filled with the log of each softmax's denominator.
    shared
        See `shared_arguments`.
    """
    arguments = {"q": q, "k": k, "v": v, "out": out, "log_sums": log_sums, **shared}
    return Launch(see_forward, _grid(q, shared), arguments, _warps(shared))


def backward_launches(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    gradient: Tensor,
    log_sums: Tensor,
    along: Tensor,
    gradients: list[Tensor],
    shared: dict[str, Any],
) -> list[Launch]:
    """Return the launches that fill the gradients `gradients` of q, k and v; `along` is gradient * out, summed.

    Parameters
    ----------
    q, k, v : (B, heads, S, d)
        Queries, keys and values.
    gradient : (B, heads, S, d)
        Gradient of the output.
    log_sums : (B, heads, S)
        From the forward pass.
    along : (B, heads, S)
        Gradient times output, summed over channels.
    gradients
        Gradients of q, k and v, to be filled.
    shared
        See `shared_arguments`.
    """
    arguments = {"q": q, "k": k, "v": v, "gradient": gradient, "log_sums": log_sums, "along": along, **shared}
    of_q, of_k, of_v = gradients
    return [
        Launch(see_backward_queries, _grid(q, shared), {**arguments, "of_q": of_q}, _warps(shared)),
        Launch(see_backward_keys, _grid(q, shared), {**arguments, "of_k": of_k, "of_v": of_v}, _warps(shared)),
    ]


@jit()
def _load(x, row, steps, S, WIDTH: tl.constexpr, CHANNELS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return a block of steps (BLOCK, CHANNELS) of one row of (B * heads, S, WIDTH); 0 past either end."""
    channel = tl.arange(0, CHANNELS)
    at = (row * S + steps[:, None]).to(tl.int64) * WIDTH + channel[None, :]
    return tl.load(x + at, (steps[:, None] < S) & (channel[None, :] < WIDTH), 0.0)


@jit()
def _store(x, value, row, steps, S, WIDTH: tl.constexpr, CHANNELS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Store a block of steps."""
    channel = tl.arange(0, CHANNELS)
    at = (row * S + steps[:, None]).to(tl.int64) * WIDTH + channel[None, :]
    tl.store(x + at, value.to(x.dtype.element_ty), (steps[:, None] < S) & (channel[None, :] < WIDTH))


@jit()
def _scores(queries, keys, at_queries, at_keys, slope, count, scale):  # type: ignore[no-untyped-def]
    """Return scores (queries, keys); -inf where either is past the count."""
    scores = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
    if slope is not None:
        scores -= slope * tl.abs(at_queries[:, None] - at_keys[None, :]).to(tl.float32)
    return tl.where((at_queries[:, None] < count) & (at_keys[None, :] < count), scores, float("-inf"))


@jit("S", "heads")
def see_forward(  # type: ignore[no-untyped-def]
    q,
    k,
    v,
    out,
    log_sums,
    counts,
    starts,
    blocks,
    slopes,
    heads,
    S,
    scale,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    BLOCK: tl.constexpr,
    STAGES: tl.constexpr,
):
    """Attend one block of queries to the blocks that it sees."""
    i, row = tl.program_id(0), tl.program_id(1)
    count = tl.load(counts + row // heads)
    slope = tl.load(slopes + row % heads) if slopes is not None else None
    here = i * BLOCK + tl.arange(0, BLOCK)
    queries = _load(q, row, here, S, WIDTH, CHANNELS)
    top = tl.full((BLOCK,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    summed = tl.zeros((BLOCK, CHANNELS), tl.float32)
    for place in tl.range(tl.load(starts + i), tl.load(starts + i + 1), num_stages=STAGES):
        there = tl.load(blocks + place) * BLOCK + tl.arange(0, BLOCK)
        keys = _load(k, row, there, S, WIDTH, CHANNELS)
        scores = _scores(queries, keys, here, there, slope, count, scale)
        # Softmax in one pass (Milakov and Gimelshein 2018): what was summed is rescaled when the maximum rises. A row
        # without any key has no maximum; 0 in its place keeps -inf - (-inf) out.
        higher = tl.maximum(top, tl.max(scores, 1))
        safe = tl.where(higher > float("-inf"), higher, 0.0)
        weights = tl.exp(scores - safe[:, None])
        shrunk = tl.exp(top - safe)
        total = total * shrunk + tl.sum(weights, 1)
        values = _load(v, row, there, S, WIDTH, CHANNELS)
        summed = summed * shrunk[:, None] + tl.dot(weights.to(values.dtype), values, input_precision="ieee")
        top = higher
    positive = total > 0.0
    divisor = tl.where(positive, total, 1.0)
    _store(out, summed / divisor[:, None], row, here, S, WIDTH, CHANNELS)
    # +inf: in the backward pass the weights of a row without keys are exp(-inf), zero.
    log_sum = tl.where(positive, top + tl.log(divisor), float("inf"))
    tl.store(log_sums + row * S + here, log_sum, here < S)


@jit("S", "heads")
def see_backward_queries(  # type: ignore[no-untyped-def]
    q,
    k,
    v,
    gradient,
    log_sums,
    along,
    of_q,
    counts,
    starts,
    blocks,
    slopes,
    heads,
    S,
    scale,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    BLOCK: tl.constexpr,
    STAGES: tl.constexpr,
):
    """Gradient of one block of queries."""
    i, row = tl.program_id(0), tl.program_id(1)
    count = tl.load(counts + row // heads)
    slope = tl.load(slopes + row % heads) if slopes is not None else None
    here = i * BLOCK + tl.arange(0, BLOCK)
    queries = _load(q, row, here, S, WIDTH, CHANNELS)
    change = _load(gradient, row, here, S, WIDTH, CHANNELS)
    log_sum = tl.load(log_sums + row * S + here, here < S, float("inf"))
    mean = tl.load(along + row * S + here, here < S, 0.0)
    of_queries = tl.zeros((BLOCK, CHANNELS), tl.float32)
    for place in tl.range(tl.load(starts + i), tl.load(starts + i + 1), num_stages=STAGES):
        there = tl.load(blocks + place) * BLOCK + tl.arange(0, BLOCK)
        keys = _load(k, row, there, S, WIDTH, CHANNELS)
        values = _load(v, row, there, S, WIDTH, CHANNELS)
        weights = tl.exp(_scores(queries, keys, here, there, slope, count, scale) - log_sum[:, None])
        of_weights = tl.dot(change, tl.trans(values), input_precision="ieee")
        # The derivative of a softmax: the mean of the gradients under its own weights is taken out.
        of_scores = weights * (of_weights - mean[:, None]) * scale
        of_queries += tl.dot(of_scores.to(keys.dtype), keys, input_precision="ieee")
    _store(of_q, of_queries, row, here, S, WIDTH, CHANNELS)


@jit("S", "heads")
def see_backward_keys(  # type: ignore[no-untyped-def]
    q,
    k,
    v,
    gradient,
    log_sums,
    along,
    of_k,
    of_v,
    counts,
    starts,
    blocks,
    slopes,
    heads,
    S,
    scale,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    BLOCK: tl.constexpr,
    STAGES: tl.constexpr,
):
    """Gradients of one block of keys and values: those that see it are those that it sees."""
    j, row = tl.program_id(0), tl.program_id(1)
    count = tl.load(counts + row // heads)
    slope = tl.load(slopes + row % heads) if slopes is not None else None
    there = j * BLOCK + tl.arange(0, BLOCK)
    keys = _load(k, row, there, S, WIDTH, CHANNELS)
    values = _load(v, row, there, S, WIDTH, CHANNELS)
    of_keys = tl.zeros((BLOCK, CHANNELS), tl.float32)
    of_values = tl.zeros((BLOCK, CHANNELS), tl.float32)
    for place in tl.range(tl.load(starts + j), tl.load(starts + j + 1), num_stages=STAGES):
        here = tl.load(blocks + place) * BLOCK + tl.arange(0, BLOCK)
        queries = _load(q, row, here, S, WIDTH, CHANNELS)
        change = _load(gradient, row, here, S, WIDTH, CHANNELS)
        log_sum = tl.load(log_sums + row * S + here, here < S, float("inf"))
        mean = tl.load(along + row * S + here, here < S, 0.0)
        weights = tl.exp(_scores(queries, keys, here, there, slope, count, scale) - log_sum[:, None])
        of_values += tl.dot(tl.trans(weights).to(change.dtype), change, input_precision="ieee")
        of_weights = tl.dot(change, tl.trans(values), input_precision="ieee")
        of_scores = weights * (of_weights - mean[:, None]) * scale
        of_keys += tl.dot(tl.trans(of_scores).to(queries.dtype), queries, input_precision="ieee")
    _store(of_k, of_keys, row, there, S, WIDTH, CHANNELS)
    _store(of_v, of_values, row, there, S, WIDTH, CHANNELS)
