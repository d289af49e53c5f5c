"""The blocked sum-product recurrence as one Triton kernel: one program per chain, block after block.

The equations and the layout are those of `blocked.layout`; the mirrored chains, which give what follows a boundary, are
chains like others. For a block of `SIZE` bases:

* far: the entries of up to `far` earlier blocks reach the ends of this one in the exponential domain, all ends at
  once, ``sum_s exp(W_s - scale) exp(D(t - s) - scale)``; a multiplication a pair (`far`), or products of matrices for
  `GROUP` blocks at a time (`products`);
* older entries, where durations follow the tail, are one number per label;
* near: base after base, in the exponential domain where that is safe (`near`).

Nothing is reduced across programs and there are no atomics, so the bits are the same in every run.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton.language as tl
from torch import Tensor

from genescribe.kernels.semicrf.blocked.layout import Durations, Layout
from genescribe.kernels.semicrf.blocked.sum import Scores
from genescribe.kernels.semicrf.triton import far as triton_far
from genescribe.kernels.semicrf.triton import near as triton_near
from genescribe.kernels.semicrf.triton.blocks import (
    LEAST_FACTOR,
    chain_arguments,
    chain_places,
    oldest_sources,
    take_level,
)
from genescribe.kernels.semicrf.triton.far import arriving, carry_rest
from genescribe.kernels.semicrf.triton.layout import SIZE, FarTable
from genescribe.kernels.semicrf.triton.near import near_sum
from genescribe.kernels.semicrf.triton.products import far_products
from genescribe.kernels.triton_launch import Launch, Tiles, jit


@dataclass(frozen=True, eq=False)
class Run:
    """Result of the kernel: `Scores`, and the mean number of bases beyond the table of `Scores.rest`."""

    table: FarTable
    scores: Scores
    mean: Tensor

    @classmethod
    def empty(cls, layout: Layout, durations: Durations) -> Run:
        """Return scores to be filled in."""
        return cls(FarTable.of(durations, layout.blocks), Scores.empty(layout), torch.zeros_like(layout.level))


def sum_chains(layout: Layout, durations: Durations, tiles: Tiles | None = None) -> Run:
    """Return the scores of every boundary of a layout in blocks of `SIZE` bases.

    Parameters
    ----------
    layout
        Chains in blocks, with their potentials.
    durations
        Scores of durations, labels sorted.
    tiles
        Sizes of the kernel; None: those that `Tiles.of` chooses.
    """
    run = Run.empty(layout, durations)
    launch(layout, run, tiles).run()
    return run


def launch(layout: Layout, run: Run, tiles: Tiles | None = None) -> Launch:
    """Return the launch that fills `run`.

    Parameters
    ----------
    layout
        Chains in blocks, with their potentials.
    run
        Result, filled by the launch.
    tiles
        Sizes of the kernel; None: those that `Tiles.of` chooses.
    """
    _, _, N, C = layout.enter.shape
    tiles, table, scores = tiles or Tiles.of(C), run.table, run.scores
    arguments = chain_arguments(layout, table, scores, tiles)
    steps, near = arguments["steps"], table.rows[:SIZE]
    arguments |= {
        "steps_exp": steps.exp(),
        "rows_exp": near.exp(),
        "far_weights": table.weights,
        "far_scale": table.scale,
        "ages": table.ages,
        "rest_out": scores.rest,
        "arrived_out": scores.arrived,
        "mean_out": run.mean,
        "weights": torch.empty_like(layout.enter),
        "scale": torch.empty_like(layout.level),
        "outer": torch.empty_like(layout.enter) if tiles.group else None,
        "mild": int(_mild(steps) and _mild(near)),
        "GROUP": tiles.group,
        "FAR_SURE": triton_far.SURE,
        "NEAR_SURE": triton_near.SURE,
    }
    return Launch(recurrence, (N,), arguments, tiles.warps)


def _mild(scores: Tensor) -> bool:
    """Whether all scores that are not -inf lie within the bounds of `near_exp`."""
    return bool(((scores.abs() <= triton_near.MILD) | (scores == -torch.inf)).all())


@jit("blocks", "far", "N", "C", "period", "shared", "mild")
def recurrence(  # type: ignore[no-untyped-def]
    enter,
    leave,
    alive,
    inject,
    level,
    first,
    steps,
    rows,
    steps_exp,
    rows_exp,
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
    outer,
    blocks,
    far,
    N,
    C,
    period,
    shared,
    mild,
    SIZE: tl.constexpr,
    SOURCES: tl.constexpr,
    LABELS: tl.constexpr,
    GROUP: tl.constexpr,
    FAR_SURE: tl.constexpr,
    NEAR_SURE: tl.constexpr,
):
    """Fill the scores of one chain: `Layout` and `FarTable` in, `Scores` out.

    `weights` and `scale` keep exp(W); `outer`, where there is one, what a group of blocks gets from earlier groups.
    """
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    here = c < C
    none = float("-inf")
    base_step, phases, chain, step_at = chain_places(N, C, shared, LABELS)
    scores = (enter, leave, alive)
    factors = (weights, scale, far_weights, far_scale, FAR_SURE)
    sums = (factors, outer, (entry_out, enter, base_out, rows))
    options = (alive, inject, onward, tail)
    last = tl.load(first + chain, here, none)
    rest = tl.full([LABELS], none, tl.float64)
    mean = tl.zeros([LABELS], tl.float64)
    offset = tl.sum(mean, 0)
    for block in tl.range(0, blocks):
        begin = block * SIZE
        at_block = block * base_step + chain
        tile = (begin + j)[:, None] * base_step + chain[None, :]
        arrived = offset - tl.load(level + at_block, here, 0.0)
        oldest = oldest_sources(alive, block, base_step, chain, C, SIZE, LABELS)
        if outer is not None:  # noqa: SIM102 (decided when it is compiled, the inner one when it runs)
            if block % GROUP == 0:
                far_products(factors, alive, outer, block, blocks, far, N, C, SIZE, GROUP)
                tl.debug_barrier()
        at = (arrived, oldest, block, far, N, chain)
        ends = arriving(rest, sums, options, at, C, SIZE, SOURCES, LABELS, GROUP)
        levels = (leave, offset_out, base_out)
        ends, last, offset, base = take_level(
            ends, last, arrived, offset, levels, (block, N, base_step, chain), C, SIZE, LABELS
        )
        tl.store(arrived_out + at_block, arrived, here)
        tl.store(rest_out + at_block, rest, here)
        tl.store(mean_out + at_block, mean, here)
        last, sources = near_sum(
            last,
            ends,
            scores,
            (steps, rows),
            (steps_exp, rows_exp, NEAR_SURE),
            (entry_out, leave_out),
            (begin, base_step, chain, step_at, period, phases),
            mild,
            C,
            SIZE,
            LABELS,
        )
        # For later blocks: exp(W) under a whole-number scale of its own, so that they need no exponential per pair.
        top = tl.ceil(tl.max(sources, 0))
        safe = tl.where(top > none, top, 0.0)
        scaled = tl.maximum(tl.exp(sources - safe[None, :]), LEAST_FACTOR)
        tl.store(weights + tile, tl.where(sources > none, scaled, 0.0), here[None, :])
        tl.store(scale + at_block, top + base, here)
        # What other threads of the program have stored is read from here on.
        tl.debug_barrier()
        if onward is not None and block + 1 < blocks:
            following = offset - tl.load(level + at_block + base_step, here, 0.0)
            change, joining = arrived - following, (entry_out, enter, base_out, alive)
            table = (onward, ages, tail)
            rest, mean = carry_rest(
                rest, mean, change, joining, table, following, (block, far, N, chain), C, SIZE, LABELS
            )
