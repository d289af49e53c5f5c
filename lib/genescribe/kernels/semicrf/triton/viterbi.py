"""The best path as two Triton kernels: the max-plus recurrence with pointers, and the traceback.

The recurrence is that of `triton_sum` with max for sum, so that no exponential is taken: per base and label it keeps
where the best segment begins (int32; any length, segments past the table carry their start along) and, per boundary,
which label the best path leaves. The walk follows the pointers from a chain's last segment to its first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton.language as tl
from torch import Tensor

from genescribe.kernels.semicrf.blocked.layout import Durations, Layout
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation
from genescribe.kernels.semicrf.triton.best import NOWHERE, carry_best, far_best, near_best
from genescribe.kernels.semicrf.triton.blocks import chain_arguments, chain_places, oldest_sources, take_level
from genescribe.kernels.semicrf.triton.layout import SIZE, FarTable, lay_out_chains
from genescribe.kernels.triton_launch import Launch, Tiles, jit


@dataclass(frozen=True, eq=False)
class BestScores:
    """Best scores and pointers, (blocks, SIZE, N, C); the scores less `offset`, (blocks, N), as in `Scores`.

    Attributes
    ----------
    entry, leave, offset, base : as in `Scores`.
    begun : int32
        Boundary at which the best segment that ends after each base begins.
    came_from : int32
        Label that the best path leaves at the boundary before each base.
    """

    entry: Tensor
    leave: Tensor
    offset: Tensor
    base: Tensor
    begun: Tensor
    came_from: Tensor

    @classmethod
    def empty(cls, layout: Layout) -> BestScores:
        """Return scores to be filled in."""
        new = layout.enter
        pointers = [torch.empty_like(new, dtype=torch.int32) for _ in range(2)]
        offset = new.new_empty(new.shape[0], new.shape[2])
        return cls(torch.empty_like(new), torch.empty_like(new), offset, torch.empty_like(layout.level), *pointers)


def best_launch(layout: Layout, table: FarTable, best: BestScores) -> Launch:
    """Return the launch that fills `best`.

    Parameters
    ----------
    layout
        The chains in blocks.
    table
        Scores of durations by block distance.
    best
        Result, filled by the launch.
    """
    _, _, N, C = layout.enter.shape
    tiles = Tiles.of(C)
    arguments = chain_arguments(layout, table, best, tiles)
    arguments |= {"begun_out": best.begun, "came_from_out": best.came_from}
    return Launch(best_scores, (N,), arguments, tiles.warps)


@dataclass(frozen=True, eq=False)
class Walked:
    """Segments of each chain, last first: ends and labels, (N, T') int32, of which `count`, (N,), are there."""

    ends: Tensor
    labels: Tensor
    count: Tensor


def walk_launch(best: BestScores, lengths: Tensor, start: Tensor, label: Tensor) -> tuple[Launch, Walked]:
    """Return the launch of the walk from each chain's last segment (label -1: there is none), and where it writes.

    Parameters
    ----------
    best
        Pointers of `best_launch`.
    lengths : (N,)
        Bases of each chain.
    start : (N,)
        Boundary at which its last segment begins.
    label : (N,)
        Label of its last segment; -1: there is none.
    """
    blocks, _, N, C = best.begun.shape
    ends = torch.empty(N, blocks * SIZE, dtype=torch.int32, device=lengths.device)
    walked = Walked(ends, torch.empty_like(ends), torch.empty_like(ends[:, 0]))
    arguments = {
        "begun": best.begun,
        "came_from": best.came_from,
        "lengths": lengths.int(),
        "last_start": start.int(),
        "last_label": label.int(),
        "ends": walked.ends,
        "labels": walked.labels,
        "count": walked.count,
        "longest": blocks * SIZE,
        "N": N,
        "C": C,
    }
    return Launch(walk_back, (N,), arguments, 1), walked


def best_paths(p: Potentials) -> tuple[Tensor, list[Segmentation]]:
    """Return the best score of each chain, (B,) float64, and its segmentation."""
    layout, durations = lay_out_chains(p, both=False)
    best = BestScores.empty(layout)
    best_launch(layout, FarTable.of(durations, layout.blocks), best).run()
    score, start, label = _last_segment(p, layout, durations, best)
    launch, walked = walk_launch(best, p.lengths, start, label)
    launch.run()
    ends, labels = walked.ends.cpu().long(), walked.labels.cpu().long()
    order = durations.order.cpu()
    paths = [
        Segmentation(ends[chain, :count].flip(0), order[labels[chain, :count].flip(0)])
        for chain, count in enumerate(walked.count.tolist())
    ]
    return score + layout.shift.sum(0), paths


def _last_segment(
    p: Potentials, layout: Layout, durations: Durations, best: BestScores
) -> tuple[Tensor, Tensor, Tensor]:
    """Return of each chain the best score, and where the best last segment begins and its label (-1: none)."""
    chain, last = torch.arange(layout.chains, device=p.lengths.device), layout.lengths - 1
    C = layout.first.shape[1]
    block = last // SIZE
    if p.depart is None:
        score = (best.leave.flatten(0, 1)[last, chain] + layout.last) + best.offset[block, chain].unsqueeze(1)
        best_score, label = score.max(1)
        start = best.begun.flatten(0, 1)[last, chain, label]
    else:
        after = layout.after.flatten(0, 1)[last, chain]
        level = layout.level[block, chain]
        order = durations.order
        depart = p.depart[:, :-1].double().transpose(0, 1)[:, :, order]
        T = len(depart)
        score = (best.entry + layout.enter).flatten(0, 1)[:T] + depart + after
        score = score + (best.base + level).repeat_interleave(SIZE, 0)[:T]
        outside = ~layout.inside[:T].unsqueeze(2)
        if layout.alive is not None:
            first = layout.alive.flatten(0, 1)[last, chain]
            outside = outside | (torch.arange(T, device=first.device).view(-1, 1, 1) < first)
        score = score.masked_fill(outside, -torch.inf)
        if p.spanning is not None:
            spanning = p.spanning.double()[:, order] + after + level
            score[0] = spanning if layout.alive is None else spanning.masked_fill(first > 0, -torch.inf)
        best_score, place = score.transpose(0, 1).flatten(1).max(1)
        start, label = place // C, place % C
    return best_score, start, label.masked_fill(best_score == -torch.inf, -1)


@jit("blocks", "far", "N", "C", "period", "shared")
def best_scores(  # type: ignore[no-untyped-def]
    enter,
    leave,
    alive,
    inject,
    level,
    first,
    steps,
    rows,
    onward,
    tail,
    entry_out,
    leave_out,
    offset_out,
    base_out,
    begun_out,
    came_from_out,
    blocks,
    far,
    N,
    C,
    period,
    shared,
    SIZE: tl.constexpr,
    SOURCES: tl.constexpr,
    LABELS: tl.constexpr,
):
    """Fill the best scores of one chain: `Layout` and `FarTable` in, `BestScores` out."""
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    here = c < C
    none = float("-inf")
    base_step, phases, chain, step_at = chain_places(N, C, shared, LABELS)
    logs = (entry_out, enter, base_out, rows)
    last = tl.load(first + chain, here, none)
    rest = tl.full([LABELS], none, tl.float64)
    rest_begun = tl.full([LABELS], NOWHERE, tl.int32)
    slope = tl.load(tail + c, here, none)
    offset = tl.sum(tl.zeros([LABELS], tl.float64), 0)
    for block in tl.range(0, blocks):
        begin = block * SIZE
        at_block = block * base_step + chain
        tile = (begin + j)[:, None] * base_step + chain[None, :]
        arrived = offset - tl.load(level + at_block, here, 0.0)
        oldest = oldest_sources(alive, block, base_step, chain, C, SIZE, LABELS)
        ends, begun = far_best(logs, arrived, oldest, block, far, N, chain, C, SIZE, SOURCES, LABELS)
        if onward is not None:
            past = rest[None, :] + (j + 1)[:, None] * slope[None, :]
            begun = tl.where(past > ends, rest_begun[None, :], begun)
            ends = tl.maximum(ends, past)
        if alive is not None:
            ends = tl.where(tl.load(alive + tile, here[None, :], 0) > begin, none, ends)
        if inject is not None:
            arriving = tl.load(inject + tile, here[None, :], none) - arrived[None, :]
            begun = tl.where(arriving > ends, 0, begun)
            ends = tl.maximum(ends, arriving)
        levels = (leave, offset_out, base_out)
        ends, last, offset, _ = take_level(
            ends, last, arrived, offset, levels, (block, N, base_step, chain), C, SIZE, LABELS
        )
        last = near_best(
            last,
            ends,
            begun,
            (enter, leave, alive),
            (steps, rows),
            (entry_out, leave_out, begun_out, came_from_out),
            (begin, base_step, chain, step_at, period, phases),
            C,
            SIZE,
            LABELS,
        )
        # What other threads of the program have stored is read from here on.
        tl.debug_barrier()
        if onward is not None and block + 1 < blocks:
            following = offset - tl.load(level + at_block + base_step, here, 0.0)
            rest += arrived - following + SIZE * slope
            joining, at = (entry_out, enter, base_out, alive), (block, far, base_step, chain)
            rest, rest_begun = carry_best(rest, rest_begun, joining, onward, following, at, C, SIZE, LABELS)


@jit("longest", "N", "C")
def walk_back(  # type: ignore[no-untyped-def]
    begun, came_from, lengths, last_start, last_label, ends, labels, count, longest, N, C
):
    """Follow the pointers of one chain; a label of -1 ends the walk."""
    n = tl.program_id(0).to(tl.int64)
    end = tl.load(lengths + n)
    start = tl.load(last_start + n)
    label = tl.load(last_label + n)
    written = 0
    while label >= 0:
        tl.store(ends + n * longest + written, end)
        tl.store(labels + n * longest + written, label)
        written += 1
        if start > 0:
            label = tl.load(came_from + (start.to(tl.int64) * N + n) * C + label)
            end = start
            start = tl.load(begun + ((end - 1).to(tl.int64) * N + n) * C + label)
        else:
            label = -1
    tl.store(count + n, written)
