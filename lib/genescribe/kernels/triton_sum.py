r"""The blocked sum-product recurrence as one Triton kernel: a program a chain, block after block.

The equations and the layout are those of `blocked_layout`; the mirrored chains, which give what follows a boundary, are
chains like others. For a block of `SIZE` bases:

* far: the entries of up to `far` earlier blocks reach the ends of this one in the exponential domain, all ends at
  once, ``sum_s exp(W_s - scale) exp(D(t - s) - scale)``; a multiplication a pair;
* older entries, where durations follow the tail, are one number a label;
* near: base after base in the log domain.

Safety of the far sum. Every factor that is not exactly zero is kept at `LOW` or above, so that the product of two never
underflows: a sum is zero only where no segment is possible, and is right to rounding where it is at least `SURE`, since
what was lifted adds less than `LOW` a term. Where a sum lies between, the block's far part is summed again in the log
domain. Nothing is reduced across programs and there are no atomics, so the bits are the same in every run.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton.language as tl
from torch import Tensor

from genescribe.kernels.blocked_layout import Durations, Layout
from genescribe.kernels.blocked_sum import FLOOR, Scores
from genescribe.kernels.triton_launch import Launch, Tiles, jit, log_add, log_sum, row_of
from genescribe.kernels.triton_layout import LOW, SIZE, FarTable

SURE = 1e-130
"""Least far sum that is right where its factors are `LOW` or above."""

NO_SCALE = tl.constexpr(FLOOR)


@dataclass(frozen=True, eq=False)
class Run:
    """What the kernel leaves: `Scores`, and the mean number of bases past the table of `Scores.rest`."""

    table: FarTable
    scores: Scores
    mean: Tensor

    @classmethod
    def empty(cls, layout: Layout, durations: Durations) -> Run:
        """Return scores to be filled in."""
        return cls(FarTable.of(durations, layout.blocks), Scores.empty(layout), torch.zeros_like(layout.level))


def sum_chains(layout: Layout, durations: Durations) -> Run:
    """Return the scores of every boundary of a layout in blocks of `SIZE` bases."""
    run = Run.empty(layout, durations)
    launch(layout, run).run()
    return run


def launch(layout: Layout, run: Run) -> Launch:
    """Return the launch that fills `run`."""
    _, _, N, C = layout.enter.shape
    tiles, table, scores = Tiles.of(C), run.table, run.scores
    steps = torch.stack(layout.steps)
    arguments = {
        "enter": layout.enter,
        "leave": layout.leave,
        "alive": layout.alive,
        "inject": layout.inject,
        "level": layout.level,
        "first": layout.first,
        "steps": steps,
        "rows": table.rows,
        "far_weights": table.weights,
        "far_scale": table.scale,
        "onward": table.onward,
        "ages": table.ages,
        "tail": table.tail,
        "entry_out": scores.entry,
        "leave_out": scores.leave,
        "offset_out": scores.offset,
        "base_out": scores.base,
        "rest_out": scores.rest,
        "arrived_out": scores.arrived,
        "mean_out": run.mean,
        "weights": torch.empty_like(layout.enter),
        "scale": torch.empty_like(layout.level),
        "blocks": layout.blocks,
        "far": table.far,
        "N": N,
        "C": C,
        "period": steps.shape[0],
        "shared": N // steps.shape[1],
        "SIZE": SIZE,
        "SOURCES": tiles.sources,
        "LABELS": tiles.labels,
        "LOW": LOW,
        "SURE": SURE,
    }
    return Launch(recurrence, (N,), arguments, tiles.warps)


@jit("blocks", "far", "N", "C", "period", "shared")
def recurrence(  # type: ignore[no-untyped-def]
    enter,
    leave,
    alive,
    inject,
    level,
    first,
    steps,
    rows,
    far_weights,
    far_scale,
    onward,
    ages,
    tail,
    entry_out,
    leave_out,
    offset_out,
    base_out,
    rest_out,
    arrived_out,
    mean_out,
    weights,
    scale,
    blocks,
    far,
    N,
    C,
    period,
    shared,
    SIZE: tl.constexpr,
    SOURCES: tl.constexpr,
    LABELS: tl.constexpr,
    LOW: tl.constexpr,
    SURE: tl.constexpr,
):
    """Fill the scores of one chain: `Layout` and `FarTable` in, `Scores` out; `weights` and `scale` keep exp(W)."""
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    here = c < C
    none = float("-inf")
    base_step = N.to(tl.int64) * C
    chain = tl.program_id(0).to(tl.int64) * C + c
    source_label = tl.program_id(0).to(tl.int64) // shared * C * C + c[:, None] * C + c[None, :]
    both = here[:, None] & here[None, :]
    last = tl.load(first + chain, here, none)
    rest = tl.full([LABELS], none, tl.float64)
    mean = tl.zeros([LABELS], tl.float64)
    offset = tl.sum(mean, 0)
    for block in tl.range(0, blocks):
        begin = block * SIZE
        at_block = block * base_step + chain
        tile = (begin + j)[:, None] * base_step + chain[None, :]
        arrived = offset - tl.load(level + at_block, here, 0.0)
        oldest = tl.zeros([LABELS], tl.int64)  # sources before this boundary do not reach the block
        if alive is not None:
            oldest = tl.load(alive + (begin - 1) * base_step + chain, here & (block > 0), 0)
        ends, unsure = far_sum(
            weights,
            scale,
            far_weights,
            far_scale,
            arrived,
            oldest,
            block,
            far,
            N,
            chain,
            C,
            SIZE,
            SOURCES,
            LABELS,
            LOW,
            SURE,
        )
        if unsure:
            ends = far_log_sum(
                entry_out, enter, base_out, rows, arrived, oldest, block, far, N, chain, C, SIZE, SOURCES, LABELS
            )
        if onward is not None:
            slope = tl.load(tail + c, here, none)
            ends = log_add(ends, rest[None, :] + (j + 1)[:, None] * slope[None, :])
        if alive is not None:
            ends = tl.where(tl.load(alive + tile, here[None, :], 0) > begin, none, ends)
        if inject is not None:
            ends = log_add(ends, tl.load(inject + tile, here[None, :], none) - arrived[None, :])
        top = tl.maximum(tl.max(tl.max(ends + tl.load(leave + tile, here[None, :], none), 1), 0), tl.max(last, 0))
        shift = tl.where(top > none, tl.floor(top + 0.5), 0.0)
        offset += shift
        ends -= shift
        last -= shift
        base = arrived + shift
        tl.store(offset_out + block * N + tl.program_id(0), offset)
        tl.store(base_out + at_block, base, here)
        tl.store(arrived_out + at_block, arrived, here)
        tl.store(rest_out + at_block, rest, here)
        tl.store(mean_out + at_block, mean, here)
        sources = tl.full([SIZE, LABELS], none, tl.float64)  # W of the block's bases, less `base`
        for i in tl.range(0, SIZE):
            at = (begin + i) * base_step + chain
            step = tl.load(steps + ((begin + i) % period) * (N // shared) * C * C + source_label, both, none)
            entered = log_sum(last[:, None] + step, 0)
            entered = tl.where(begin + i > 0, entered, last)
            tl.store(entry_out + at, entered, here)
            source = entered + tl.load(enter + at, here, none)
            sources = tl.where(j[:, None] == i, source[None, :], sources)
            if alive is not None:
                sources = tl.where((begin + j)[:, None] < tl.load(alive + at, here, 0)[None, :], none, sources)
            near = tl.load(rows + (i - j)[:, None] * C + c[None, :], (j <= i)[:, None] & here[None, :], none)
            ended = log_add(log_sum(sources + near, 0), row_of(ends, j, i))
            last = ended + tl.load(leave + at, here, none)
            tl.store(leave_out + at, last, here)
        top = tl.ceil(tl.max(sources, 0))
        safe = tl.where(top > none, top, 0.0)
        kept = tl.maximum(tl.exp(sources - safe[None, :]), LOW)
        tl.store(weights + tile, tl.where(sources > none, kept, 0.0), here[None, :])
        tl.store(scale + at_block, top + base, here)
        # What other threads of the program have stored is read from here on.
        tl.debug_barrier()
        if onward is not None and block + 1 < blocks:
            following = offset - tl.load(level + at_block + base_step, here, 0.0)
            rest, mean = carry_rest(
                rest,
                mean,
                arrived - following,
                entry_out,
                enter,
                base_out,
                following,
                alive,
                onward,
                ages,
                tail,
                block,
                far,
                N,
                chain,
                C,
                SIZE,
                LABELS,
            )


@jit()
def far_sum(  # type: ignore[no-untyped-def]
    weights,
    scale,
    far_weights,
    far_scale,
    arrived,
    oldest,
    block,
    far,
    N,
    chain,
    C,
    SIZE: tl.constexpr,
    SOURCES: tl.constexpr,
    LABELS: tl.constexpr,
    LOW: tl.constexpr,
    SURE: tl.constexpr,
):
    """Return the log-sums over earlier blocks' sources at the ends of a block, less `arrived`, and if to sum again."""
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    i = tl.arange(0, SOURCES)
    here = c < C
    base_step = N.to(tl.int64) * C
    least = tl.maximum(block - far, 0)
    top = tl.full([LABELS], NO_SCALE, tl.float64)
    for source in range(least, block):
        lag_scale = tl.load(far_scale + (block - source - 1) * C + c, here, NO_SCALE)
        top = tl.maximum(top, tl.load(scale + source * base_step + chain, here, NO_SCALE) + lag_scale)
    total = tl.zeros([SIZE, LABELS], tl.float64)
    for place in range(least * SIZE, block * SIZE, SOURCES):
        source = place // SIZE
        lag = block - source - 1
        lag_scale = tl.load(far_scale + lag * C + c, here, NO_SCALE)
        factor = tl.exp(tl.load(scale + source * base_step + chain, here, NO_SCALE) + lag_scale - top)
        position = (place + i)[:, None]
        weight = tl.load(weights + position * base_step + chain[None, :], here[None, :], 0.0)
        present = (weight > 0.0) & (position >= oldest[None, :])
        weight = tl.where(present, tl.maximum(weight * factor[None, :], LOW), 0.0)
        row = lag * 2 * SIZE + (SIZE - 1) + source * SIZE - place - i[:, None, None] + j[None, :, None]
        table = tl.load(far_weights + row * C + c[None, None, :], here[None, None, :], 0.0)
        total += tl.sum(weight[:, None, :] * table, 0)
    found = total > 0.0
    ends = tl.where(found, tl.log(tl.where(found, total, 1.0)) + (top - arrived)[None, :], float("-inf"))
    unsure = tl.max(tl.max((found & (total < SURE)).to(tl.int32), 1), 0) > 0
    return ends, unsure


@jit()
def far_log_sum(  # type: ignore[no-untyped-def]
    entry,
    enter,
    base,
    rows,
    arrived,
    oldest,
    block,
    far,
    N,
    chain,
    C,
    SIZE: tl.constexpr,
    SOURCES: tl.constexpr,
    LABELS: tl.constexpr,
):
    """Return the same sums, taken in the log domain."""
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    i = tl.arange(0, SOURCES)
    here = c < C
    none = float("-inf")
    base_step = N.to(tl.int64) * C
    ends = tl.full([SIZE, LABELS], none, tl.float64)
    for place in range(tl.maximum(block - far, 0) * SIZE, block * SIZE, SOURCES):
        position = (place + i)[:, None]
        at = position * base_step + chain[None, :]
        whole = tl.load(base + place // SIZE * base_step + chain, here, 0.0) - arrived
        source = tl.load(entry + at, here[None, :], none) + tl.load(enter + at, here[None, :], none) + whole[None, :]
        source = tl.where(position >= oldest[None, :], source, none)
        row = block * SIZE - place - i[:, None, None] + j[None, :, None]
        duration = tl.load(rows + row * C + c[None, None, :], here[None, None, :], none)
        ends = log_add(ends, log_sum(source[:, None, :] + duration, 0))
    return ends


@jit()
def carry_rest(  # type: ignore[no-untyped-def]
    rest,
    mean,
    change,
    entry,
    enter,
    base,
    following,
    alive,
    onward,
    ages,
    tail,
    block,
    far,
    N,
    chain,
    C,
    SIZE: tl.constexpr,
    LABELS: tl.constexpr,
):
    """Return the sum over sources older than the table, less `following`, one block on, and their mean excess."""
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
    whole = tl.load(base + joining * base_step + chain, here & (joining >= 0), 0.0) - following
    table = tl.load(onward + j[:, None] * C + c[None, :], here[None, :], none)
    source = tl.load(entry + at, real, none) + tl.load(enter + at, real, none) + whole[None, :] + table
    if alive is not None:
        dead = tl.load(alive + ((block + 1) * SIZE - 1) * base_step + chain, here, 0)
        source = tl.where(position[:, None] < dead[None, :], none, source)
        kept = tl.where(dead > joining * SIZE, none, kept)
    rest = log_add(kept, log_sum(source, 0))
    safe = tl.where(rest > none, rest, 0.0)
    age = tl.load(ages + j[:, None] * C + c[None, :], here[None, :], 0.0)
    mean = tl.exp(kept - safe) * (mean + SIZE) + tl.sum(tl.exp(source - safe[None, :]) * age, 0)
    return rest, mean
