"""The bases of one block in turn: the sequential part of the sum-product recurrence.

`near_exp` steps in the exponential domain: a multiplication a pair, and no logarithm between one base and the next.
It says itself whether its result may be used. The rule, in factors of e to the power of the scores:

* durations within a block and transitions lie within `MILD` nats of 0 or are forbidden (else it is not asked);
* a base's `enter` and `leave` lie within `WIDE` nats;
* every sum is 0, or between `SURE` and 1 / `SURE`.

Then no product of a source, its duration and its way out underflows to 0, so that 0 means forbidden; what is lifted to
`LOW` is at most a factor of 1e-50 of what it is added to. A block that breaks the rule is stepped by `near_log`.
"""

from __future__ import annotations

import triton.language as tl

from genescribe.kernels.semicrf.triton.blocks import LEAST_FACTOR, with_source
from genescribe.kernels.triton_launch import jit, log_add, log_sum, row_of

MILD = 115.0
WIDE = tl.constexpr(345.0)
SURE = 1e-100


@jit()
def near_log(  # type: ignore[no-untyped-def]
    last, ends, scores, tables, results, places, C, SIZE: tl.constexpr, LABELS: tl.constexpr
):
    """Step through a block in the log domain: store entry and leave, return the last leave, and W of the bases."""
    enter, leave, alive = scores
    steps, rows = tables
    entry_out, leave_out = results
    begin, base_step, chain, step_at, period, phases = places
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    here = c < C
    both = here[:, None] & here[None, :]
    none = float("-inf")
    sources = tl.full([SIZE, LABELS], none, tl.float64)
    for i in tl.range(0, SIZE):
        at = (begin + i) * base_step + chain
        step = tl.load(steps + (begin + i) % period * phases + step_at, both, none)
        entered = log_sum(last[:, None] + step, 0)
        entered = tl.where(begin + i > 0, entered, last)
        tl.store(entry_out + at, entered, here)
        source = entered + tl.load(enter + at, here, none)
        sources, near = with_source(sources, source, rows, alive, at, i, begin, C, none, SIZE, LABELS)
        ended = log_add(log_sum(sources + near, 0), row_of(ends, j, i))
        last = ended + tl.load(leave + at, here, none)
        tl.store(leave_out + at, last, here)
    return last, sources


@jit()
def near_exp(  # type: ignore[no-untyped-def]
    last, ends, scores, tables, places, C, SIZE: tl.constexpr, LABELS: tl.constexpr
):
    """Step through a block in the exponential domain: return entry and leave, and whether they may be used."""
    enter, leave, alive = scores
    steps_exp, rows_exp, sure = tables
    begin, base_step, chain, step_at, period, phases = places
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    here = c < C
    both = here[:, None] & here[None, :]
    none = float("-inf")
    tile = (begin + j)[:, None] * base_step + chain[None, :]
    into = tl.load(enter + tile, here[None, :], none)
    out_of = tl.load(leave + tile, here[None, :], none)
    # Finite scores beyond `WIDE` would overflow or vanish as exponentials: such a block is left to `near_log`.
    wide = ((into > none) & (tl.abs(into) > WIDE)) | ((out_of > none) & (tl.abs(out_of) > WIDE))
    ending = ends + out_of
    ending = tl.where(ending > none, tl.maximum(tl.exp(ending), LEAST_FACTOR), 0.0)
    before = tl.where(last > none, tl.maximum(tl.exp(last), LEAST_FACTOR), 0.0)
    # What is possible is kept above zero; below `sure` a sum may be made of such terms: not to be trusted.
    doubt = (before > 0.0) & (before < sure)
    entries = tl.zeros([SIZE, LABELS], tl.float64)
    leaves = tl.zeros([SIZE, LABELS], tl.float64)
    sources = tl.zeros([SIZE, LABELS], tl.float64)
    for i in tl.range(0, SIZE):
        at = (begin + i) * base_step + chain
        step = tl.load(steps_exp + (begin + i) % period * phases + step_at, both, 0.0)
        entered = tl.sum(before[:, None] * step, 0)
        entered = tl.where(begin + i > 0, entered, before)
        doubt = doubt | ((entered > 0.0) & (entered < sure)) | (entered > 1 / sure)
        entered = tl.minimum(entered, 1 / sure)
        entries = tl.where(j[:, None] == i, entered[None, :], entries)
        source = entered * exp_within(tl.load(enter + at, here, none), WIDE)
        sources, near = with_source(sources, source, rows_exp, alive, at, i, begin, C, 0.0, SIZE, LABELS)
        inside = tl.sum(sources * near, 0)
        doubt = doubt | (inside > 1e150)
        ended = tl.minimum(inside, 1e150) * exp_within(tl.load(leave + at, here, none), WIDE)
        before = tl.where((inside > 0.0) & (ended < LEAST_FACTOR), LEAST_FACTOR, ended) + row_of(ending, j, i)
        doubt = doubt | ((before > 0.0) & (before < sure)) | (before > 1 / sure)
        before = tl.minimum(before, 1 / sure)
        leaves = tl.where(j[:, None] == i, before[None, :], leaves)
    doubtful = tl.max(tl.max(wide.to(tl.int32), 1), 0) + tl.max(doubt.to(tl.int32), 0)
    return entries, leaves, doubtful == 0


@jit()
def exp_within(x, limit: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return exp(x), 0 for -inf, with finite exponents kept within a limit."""
    return tl.where(x > float("-inf"), tl.exp(tl.minimum(tl.maximum(x, -limit), limit)), 0.0)


@jit()
def log_of(x):  # type: ignore[no-untyped-def]
    """Return log(x), -inf for 0 without taking its logarithm."""
    return tl.where(x > 0.0, tl.log(tl.where(x > 0.0, x, 1.0)), float("-inf"))


@jit()
def near_sum(  # type: ignore[no-untyped-def]
    last, ends, scores, tables, tables_exp, results, places, mild, C, SIZE: tl.constexpr, LABELS: tl.constexpr
):
    """Step through the bases of a block and store its scores; return those of its last base, and W of all, less `base`.

    In the exponential domain where all digits are sure to stay, else in the log domain.
    """
    enter, _, alive = scores
    entry_out, leave_out = results
    begin, base_step, chain, _, _, _ = places
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    here = c < C
    none = float("-inf")
    tile = (begin + j)[:, None] * base_step + chain[None, :]
    # 0 where near_log has stored entry and leave already.
    sources = tl.zeros([SIZE, LABELS], tl.float64)
    # The exponential domain first, one multiplication per pair; it says itself where its digits cannot be trusted, and
    # then the block is done again in the log domain.
    steady = mild > 0
    if steady:
        entries, leaves, steady = near_exp(last, ends, scores, tables_exp, places, C, SIZE, LABELS)
        if steady:
            entries = log_of(entries)
            leaves = log_of(leaves)
            tl.store(entry_out + tile, entries, here[None, :])
            tl.store(leave_out + tile, leaves, here[None, :])
            last = row_of(leaves, j, SIZE - 1)
            sources = entries + tl.load(enter + tile, here[None, :], none)
            if alive is not None:
                dead = tl.load(alive + (begin + SIZE - 1) * base_step + chain, here, 0)
                sources = tl.where((begin + j)[:, None] < dead[None, :], none, sources)
    if steady == 0:
        last, sources = near_log(last, ends, scores, tables, results, places, C, SIZE, LABELS)
    return last, sources
