"""The contribution of earlier bases to the ends of a block: the parallel part of the sum-product recurrence.

Safety of the far sum. Every factor that is not exactly zero is kept at `LOW` or above, so that the product of two never
underflows: a sum is zero only where no segment is possible, and is right to rounding where it is at least `SURE`, since
what was lifted adds less than `LOW` a term. Where a sum lies between, the block's far part is summed again in the log
domain.
"""

from __future__ import annotations

import triton.language as tl

from genescribe.kernels.semicrf.blocked.sum import FLOOR
from genescribe.kernels.semicrf.triton.blocks import LEAST_FACTOR, earlier_scores
from genescribe.kernels.triton_launch import jit, log_add, log_sum

SURE = 1e-130
"""Least far sum that is right where its factors are `LOW` or above."""

NO_SCALE = tl.constexpr(FLOOR)


@jit()
def far_sum(  # type: ignore[no-untyped-def]
    factors, arrived, alive, oldest, least, places, C, SIZE: tl.constexpr, SOURCES: tl.constexpr, LABELS: tl.constexpr
):
    """Return the log-sums over the sources of blocks from `least` on at the ends of a later one, less `arrived`.

    And whether to sum again. `factors` are weights and scale of sources and of durations, and `SURE`.
    """
    weights, scale, far_weights, far_scale, sure = factors
    block, N, chain = places
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    i = tl.arange(0, SOURCES)
    here = c < C
    base_step = N.to(tl.int64) * C
    # Two passes: the first finds one scale per label for all blocks that reach this one, the second adds up under it.
    # A running maximum would rescale the tile of sums at every block.
    top = tl.full([LABELS], NO_SCALE, tl.float64)
    for group in tl.range(least, block, SIZE):
        source = (group + j)[:, None]
        real = (source < block) & here[None, :]
        if alive is not None:
            real = real & ((source + 1) * SIZE > oldest[None, :])
        bound = tl.load(scale + source * base_step + chain[None, :], real, NO_SCALE)
        bound += tl.load(far_scale + (block - source - 1) * C + c[None, :], real, NO_SCALE)
        top = tl.maximum(top, tl.max(bound, 0))
    total = tl.zeros([SIZE, LABELS], tl.float64)
    for source in tl.range(least, block):
        lag = block - source - 1
        lag_scale = tl.load(far_scale + lag * C + c, here, NO_SCALE)
        # Blocks that no longer reach this one are not bounded by `top`.
        factor = tl.exp(tl.minimum(tl.load(scale + source * base_step + chain, here, NO_SCALE) + lag_scale - top, 0.0))
        # A tile of SOURCES x SIZE x LABELS products has to fit the registers: a block of sources goes in parts.
        for part in tl.static_range(0, SIZE, SOURCES):
            position = (source * SIZE + part + i)[:, None]
            weight = tl.load(weights + position * base_step + chain[None, :], here[None, :], 0.0)
            present = weight > 0.0
            if alive is not None:
                present = present & (position >= oldest[None, :])
            weight = tl.where(present, tl.maximum(weight * factor[None, :], LEAST_FACTOR), 0.0)
            # The table of a lag holds its 2 SIZE - 1 distances in order: source and end give the row by difference.
            row = lag * 2 * SIZE + (SIZE - 1 - part) - i[:, None, None] + j[None, :, None]
            table = tl.load(far_weights + row * C + c[None, None, :], here[None, None, :], 0.0)
            total += tl.sum(weight[:, None, :] * table, 0)
    positive = total > 0.0
    ends = tl.where(positive, tl.log(tl.where(positive, total, 1.0)) + (top - arrived)[None, :], float("-inf"))
    unsure = tl.max(tl.max((positive & (total < sure)).to(tl.int32), 1), 0) > 0
    return ends, unsure


@jit()
def far_log_sum(  # type: ignore[no-untyped-def]
    logs, arrived, oldest, block, far, N, chain, C, SIZE: tl.constexpr, SOURCES: tl.constexpr, LABELS: tl.constexpr
):
    """Return the same sums, taken in the log domain."""
    ends = tl.full([SIZE, LABELS], float("-inf"), tl.float64)
    for place in tl.range(tl.maximum(block - far, 0) * SIZE, block * SIZE, SOURCES):
        terms, _ = earlier_scores(logs, arrived, oldest, place, block, N, chain, C, SIZE, SOURCES, LABELS)
        ends = log_add(ends, log_sum(terms, 0))
    return ends


@jit()
def carry_rest(  # type: ignore[no-untyped-def]
    rest, mean, change, scores, table, following, places, C, SIZE: tl.constexpr, LABELS: tl.constexpr
):
    """Return the sum over sources older than the table, less `following`, one block on, and their mean excess."""
    entry, enter, base, alive = scores
    onward, ages, tail = table
    block, far, N, chain = places
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    here = c < C
    none = float("-inf")
    base_step = N.to(tl.int64) * C
    kept = rest + change + SIZE * tl.load(tail + c, here, none)
    joining = block - far
    position = joining * SIZE + j
    real = (here & (joining >= 0))[None, :]
    at = position[:, None] * base_step + chain[None, :]
    shift = tl.load(base + joining * base_step + chain, here & (joining >= 0), 0.0) - following
    at_joining = tl.load(onward + j[:, None] * C + c[None, :], here[None, :], none)
    source = tl.load(entry + at, real, none) + tl.load(enter + at, real, none) + shift[None, :] + at_joining
    if alive is not None:
        dead = tl.load(alive + ((block + 1) * SIZE - 1) * base_step + chain, here, 0)
        source = tl.where(position[:, None] < dead[None, :], none, source)
        kept = tl.where(dead > joining * SIZE, none, kept)
    rest = log_add(kept, log_sum(source, 0))
    safe = tl.where(rest > none, rest, 0.0)
    age = tl.load(ages + j[:, None] * C + c[None, :], here[None, :], 0.0)
    mean = tl.exp(kept - safe) * (mean + SIZE) + tl.sum(tl.exp(source - safe[None, :]) * age, 0)
    return rest, mean


@jit()
def arriving(  # type: ignore[no-untyped-def]
    rest, sums, options, places, C, SIZE: tl.constexpr, SOURCES: tl.constexpr, LABELS: tl.constexpr, GROUP: tl.constexpr
):
    """Return the log-sums at the ends of a block of all segments that begin before it, less `arrived`."""
    factors, outer, logs = sums
    alive, inject, onward, tail = options
    arrived, oldest, block, far, N, chain = places
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    here = c < C
    none = float("-inf")
    begin = block * SIZE
    tile = (begin + j)[:, None] * (N.to(tl.int64) * C) + chain[None, :]
    least = tl.maximum(block - far, 0)
    if outer is not None:
        least = tl.maximum(least, block // GROUP * GROUP)
    ends, unsure = far_sum(factors, arrived, alive, oldest, least, (block, N, chain), C, SIZE, SOURCES, LABELS)
    if outer is not None:
        farther = tl.load(outer + tile, here[None, :], none)
        unsure = unsure | (tl.max(tl.max(farther, 1), 0) == float("inf"))
        ends = log_add(ends, tl.where(farther < float("inf"), farther - arrived[None, :], none))
    if unsure:
        ends = far_log_sum(logs, arrived, oldest, block, far, N, chain, C, SIZE, SOURCES, LABELS)
    if onward is not None:
        slope = tl.load(tail + c, here, none)
        ends = log_add(ends, rest[None, :] + (j + 1)[:, None] * slope[None, :])
    if alive is not None:
        ends = tl.where(tl.load(alive + tile, here[None, :], 0) > begin, none, ends)
    if inject is not None:
        ends = log_add(ends, tl.load(inject + tile, here[None, :], none) - arrived[None, :])
    return ends
