"""Parts that both Triton recurrences share, the sum over segmentations and the best one; the compiler inlines them.

Arguments that go down several calls unchanged travel as tuples: `scores` (enter, leave, alive), `logs` (entry, enter,
base, rows) and `places` (begin, base_step, chain, step_at, period, phases).
"""

from __future__ import annotations

from typing import Any

import torch
import triton.language as tl

from genescribe.kernels.semicrf.blocked.layout import Layout
from genescribe.kernels.semicrf.triton.layout import LOW, SIZE, FarTable
from genescribe.kernels.triton_launch import Tiles, jit

LEAST_FACTOR = tl.constexpr(LOW)


def chain_arguments(layout: Layout, table: FarTable, scores: Any, tiles: Tiles) -> dict[str, Any]:
    """Return the arguments that both recurrences take.

    Parameters
    ----------
    layout, table
        The chains, and the scores of durations.
    scores : Scores or BestScores
        To be filled in.
    tiles
        Compile-time sizes.
    """
    _, _, N, C = layout.enter.shape
    steps = torch.stack(layout.steps)
    return {
        **{name: getattr(layout, name) for name in ("enter", "leave", "alive", "inject", "level", "first", "blocks")},
        **{name: getattr(table, name) for name in ("rows", "onward", "tail", "far")},
        **{f"{name}_out": getattr(scores, name) for name in ("entry", "leave", "offset", "base")},
        "steps": steps,
        "N": N,
        "C": C,
        "period": steps.shape[0],
        "shared": N // steps.shape[1],
        "SIZE": SIZE,
        "SOURCES": tiles.sources,
        "LABELS": tiles.labels,
    }


@jit()
def chain_places(N, C, shared, LABELS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return the strides of a base and a phase, and where labels and transitions of the program's chain lie."""
    c = tl.arange(0, LABELS)
    n = tl.program_id(0).to(tl.int64)
    step_at = n // shared * C * C + c[:, None] * C + c[None, :]
    return N.to(tl.int64) * C, (N // shared) * C * C, n * C + c, step_at


@jit()
def oldest_sources(alive, block, base_step, chain, C, SIZE: tl.constexpr, LABELS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return for each label the boundary before which sources do not reach the block."""
    oldest = tl.zeros([LABELS], tl.int64)
    if alive is not None:
        here = tl.arange(0, LABELS) < C
        oldest = tl.load(alive + (block * SIZE - 1) * base_step + chain, here & (block > 0), 0)
    return oldest


@jit()
def take_level(  # type: ignore[no-untyped-def]
    ends, last, arrived, offset, levels, places, C, SIZE: tl.constexpr, LABELS: tl.constexpr
):
    """Take a whole number out of a block's scores and store it: return ends, last, offset, and the block's base.

    The scores stay near 0; float64 holds whole numbers exactly, so that the best path is that of the scores as given.
    """
    leave, offset_out, base_out = levels
    block, N, base_step, chain = places
    here = tl.arange(0, LABELS) < C
    j = tl.arange(0, SIZE)
    tile = (block * SIZE + j)[:, None] * base_step + chain[None, :]
    none = float("-inf")
    top = tl.maximum(tl.max(tl.max(ends + tl.load(leave + tile, here[None, :], none), 1), 0), tl.max(last, 0))
    shift = tl.where(top > none, tl.floor(top + 0.5), 0.0)
    offset += shift
    base = arrived + shift
    tl.store(offset_out + block * N + tl.program_id(0), offset)
    tl.store(base_out + block * base_step + chain, base, here)
    return ends - shift, last - shift, offset, base


@jit()
def earlier_scores(  # type: ignore[no-untyped-def]
    logs, arrived, oldest, place, block, N, chain, C, SIZE: tl.constexpr, SOURCES: tl.constexpr, LABELS: tl.constexpr
):
    """Return the scores of segments from sources at `place` to the ends of a later block, less `arrived`.

    And where they begin: (SOURCES, SIZE, LABELS) and (SOURCES, 1).
    """
    entry, enter, base, rows = logs
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    i = tl.arange(0, SOURCES)
    here = c < C
    none = float("-inf")
    base_step = N.to(tl.int64) * C
    position = (place + i)[:, None]
    at = position * base_step + chain[None, :]
    shift = tl.load(base + place // SIZE * base_step + chain, here, 0.0) - arrived
    source = tl.load(entry + at, here[None, :], none) + tl.load(enter + at, here[None, :], none) + shift[None, :]
    source = tl.where(position >= oldest[None, :], source, none)
    row = block * SIZE - place - i[:, None, None] + j[None, :, None]
    duration = tl.load(rows + row * C + c[None, None, :], here[None, None, :], none)
    return source[:, None, :] + duration, position


@jit()
def with_source(  # type: ignore[no-untyped-def]
    sources, source, rows, alive, at, i, begin, C, forbidden, SIZE: tl.constexpr, LABELS: tl.constexpr
):
    """Enter base i's `source` into a block's tile of sources; return the tile, and the scores of durations up to i."""
    c = tl.arange(0, LABELS)
    j = tl.arange(0, SIZE)
    here = c < C
    sources = tl.where(j[:, None] == i, source[None, :], sources)
    if alive is not None:
        sources = tl.where((begin + j)[:, None] < tl.load(alive + at, here, 0)[None, :], forbidden, sources)
    near = tl.load(rows + (i - j)[:, None] * C + c[None, :], (j <= i)[:, None] & here[None, :], forbidden)
    return sources, near
