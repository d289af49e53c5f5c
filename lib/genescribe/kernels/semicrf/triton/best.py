"""Parts of the max-plus recurrence of the best path: segments from earlier blocks, of a block, and past the table."""

from __future__ import annotations

import triton.language as tl

from genescribe.kernels.semicrf.triton.blocks import earlier_scores, with_source
from genescribe.kernels.triton_launch import jit, row_of

NOWHERE = tl.constexpr(2**31 - 1)
"""No start: the pointer of a score that is -inf."""


@jit()
def near_best(  # type: ignore[no-untyped-def]
    last, ends, begun, scores, tables, results, places, C, SIZE: tl.constexpr, LABELS: tl.constexpr
):
    """Step through the bases of a block: store scores and pointers, and return the best at its last base.

    `last` is the best at the block's beginning, `ends` and `begun` what earlier blocks give at its ends.
    """
    enter, leave, alive = scores
    steps, rows = tables
    entry_out, leave_out, begun_out, came_from_out = results
    begin, base_step, chain, step_at, period, phases = places
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    here = c < C
    none = float("-inf")
    both = here[:, None] & here[None, :]
    sources = tl.full([SIZE, LABELS], none, tl.float64)
    for i in tl.range(0, SIZE):
        at = (begin + i) * base_step + chain
        step = tl.load(steps + ((begin + i) % period) * phases + step_at, both, none)
        score = last[:, None] + step
        entered = tl.max(score, 0)
        # Of equals the lowest label: the path does not depend on the order of threads.
        came_from = tl.min(tl.where(score == entered[None, :], c[:, None], LABELS), 0)
        entered = tl.where(begin + i > 0, entered, last)
        tl.store(entry_out + at, entered, here)
        tl.store(came_from_out + at, came_from, here)
        source = entered + tl.load(enter + at, here, none)
        sources, near = with_source(sources, source, rows, alive, at, i, begin, C, none, SIZE, LABELS)
        near += sources
        inside = tl.max(near, 0)
        # Likewise the longest of equal segments: the one that begins first.
        inside_begun = tl.min(tl.where(near == inside[None, :], (begin + j)[:, None], NOWHERE), 0)
        outside = row_of(ends, j, i)
        outside_begun = tl.min(tl.where(j[:, None] == i, begun, NOWHERE), 0)
        tl.store(begun_out + at, tl.where(inside > outside, inside_begun, outside_begun), here)
        last = tl.maximum(inside, outside) + tl.load(leave + at, here, none)
        tl.store(leave_out + at, last, here)
    return last


@jit()
def carry_best(  # type: ignore[no-untyped-def]
    rest, rest_begun, scores, onward, following, places, C, SIZE: tl.constexpr, LABELS: tl.constexpr
):
    """Return the best segment past the table at the next block's beginning, and where it begins.

    `rest` is the best of those that were past it before; the block that leaves the table's reach joins them.
    """
    entry, enter, base, alive = scores
    block, far, base_step, chain = places
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    here = c < C
    none = float("-inf")
    begin = block * SIZE
    joining = block - far
    position = joining * SIZE + j
    real = (here & (joining >= 0))[None, :]
    at_source = position[:, None] * base_step + chain[None, :]
    shift = tl.load(base + joining * base_step + chain, here & (joining >= 0), 0.0) - following
    source_tile = tl.load(entry + at_source, real, none) + tl.load(enter + at_source, real, none)
    source_tile += shift[None, :] + tl.load(onward + j[:, None] * C + c[None, :], here[None, :], none)
    if alive is not None:
        dead = tl.load(alive + (begin + SIZE - 1) * base_step + chain, here, 0)
        source_tile = tl.where(position[:, None] < dead[None, :], none, source_tile)
        rest = tl.where(dead > joining * SIZE, none, rest)
    best = tl.max(source_tile, 0)
    best_begun = tl.min(tl.where(source_tile == best[None, :], position[:, None], NOWHERE), 0)
    rest_begun = tl.where(best > rest, best_begun, rest_begun)
    rest = tl.maximum(best, rest)
    return rest, rest_begun


@jit()
def far_best(  # type: ignore[no-untyped-def]
    logs, arrived, oldest, block, far, N, chain, C, SIZE: tl.constexpr, SOURCES: tl.constexpr, LABELS: tl.constexpr
):
    """Return the best over earlier blocks' sources at the ends of a block, less `arrived`, and where it begins."""
    ends = tl.full([SIZE, LABELS], float("-inf"), tl.float64)
    begun = tl.full([SIZE, LABELS], NOWHERE, tl.int32)
    for place in tl.range(tl.maximum(block - far, 0) * SIZE, block * SIZE, SOURCES):
        score, position = earlier_scores(logs, arrived, oldest, place, block, N, chain, C, SIZE, SOURCES, LABELS)
        best = tl.max(score, 0)
        best_begun = tl.min(tl.where(score == best[None, :, :], position[:, :, None], NOWHERE), 0)
        begun = tl.where(best > ends, best_begun, begun)
        ends = tl.maximum(ends, best)
    return ends, begun
