"""Expected counts of segments of each duration: one Triton program per (chain, label, tile of durations).

Of a segment ``[s, t)`` the posterior is ``exp(W_s + D(t - s) + V_t - log Z)`` (see `blocked.counts`). Each program sums
its durations over all s in the log domain, nothing is shared between programs, and so the bits are the same in every
run. Segments that begin in blocks older than the table are those of `Scores.rest`, summed per end.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from genescribe.kernels.semicrf.blocked.counts import Posterior
from genescribe.kernels.semicrf.triton.layout import SIZE
from genescribe.kernels.semicrf.triton.sum import Run
from genescribe.kernels.triton_launch import Launch, jit

STARTS, DURATIONS = 16, 64
"""Segment starts and durations a tile."""


class DurationCounts:
    """The counts of one posterior whose scores are those of a `Run`."""

    def __init__(self, posterior: Posterior, run: Run) -> None:
        self.posterior, self.run = posterior, run
        layout, scores = posterior.layout, posterior.scores
        blocks, B = layout.blocks, layout.chains
        outside = ~posterior.inside.unsqueeze(2)
        entry = (posterior.entry + layout.forward(layout.enter)).masked_fill(outside, -torch.inf)
        future = posterior.future.view(blocks, SIZE, B) - posterior.log_z.integer
        top = future.amax(1)
        exits = posterior.onward + layout.forward(layout.leave) - posterior.z
        exits = exits + (future - top.unsqueeze(1)).flatten(0, 1).unsqueeze(2)
        self.entry = _by_chain(entry)
        self.exit = _by_chain(exits.masked_fill(outside, -torch.inf))
        self.entry_base = _by_chain(scores.base[:, :B])
        self.exit_base = _by_chain(layout.level[:, :B] + top.unsqueeze(2))
        self.alive = None if layout.alive is None else _by_chain(layout.forward(layout.alive))

    def launch(self) -> tuple[Launch, Tensor]:
        """Return the launch that counts the durations of the table's blocks, and where it writes, (B, C, rows)."""
        B, C, length = self.entry.shape
        rows = self.run.table.rows.t().contiguous()
        counts = torch.zeros(B, C, rows.shape[1], dtype=torch.float64, device=rows.device)
        arguments = {
            "entry": self.entry,
            "exit": self.exit,
            "entry_base": self.entry_base,
            "exit_base": self.exit_base,
            "alive": self.alive,
            "rows": rows,
            "counts": counts,
            "length": length,
            "longest": rows.shape[1],
            "far": self.run.table.far,
            "C": C,
            "SIZE": SIZE,
            "STARTS": STARTS,
            "DURATIONS": DURATIONS,
        }
        return Launch(count_durations, (triton.cdiv(rows.shape[1], DURATIONS), C, B), arguments, 4), counts

    def counts(self) -> tuple[Tensor, Tensor]:
        """Return the counts of the durations, (B, K, C), and of the bases past each label's table, (B, C)."""
        durations = self.posterior.durations
        K = durations.rows.shape[0]
        launch, counts = self.launch()
        launch.run()
        B, C, longest = counts.shape
        excess = torch.arange(1, longest + 1, device=counts.device) - durations.reach.unsqueeze(1)
        beyond = counts * (excess > 0)
        mass, past = self._rest()
        by_row = counts.new_zeros(B, C, K)
        known = min(K, longest)
        by_row[..., :known] = (counts - beyond)[..., :known]
        # One label per row: no two additions meet.
        last = (durations.reach - 1).expand(B, -1).unsqueeze(2)
        by_row = by_row.scatter(2, last, by_row.gather(2, last) + (beyond.sum(2) + mass).unsqueeze(2))
        back = torch.argsort(durations.order)
        return by_row[:, back].transpose(1, 2), ((beyond * excess).sum(2) + past)[:, back]

    def _rest(self) -> tuple[Tensor, Tensor]:
        """Return, of the segments that begin before the table's blocks, their number and their bases past it."""
        layout, scores, tail = self.posterior.layout, self.posterior.scores, self.posterior.durations.tail
        B, C, _ = self.exit.shape
        if self.run.table.onward is None:
            nothing = self.exit.new_zeros(B, C)
            return nothing, nothing
        exits = self.exit.view(B, C, layout.blocks, SIZE)
        if self.alive is not None:
            first = torch.arange(layout.blocks, device=tail.device).unsqueeze(1) * SIZE
            exits = exits.masked_fill(self.alive.view(exits.shape) > first, -torch.inf)
        step = torch.arange(1, SIZE + 1, device=tail.device)
        rest = _by_chain(scores.rest[:, :B]) + (_by_chain(scores.arrived[:, :B]) + self.exit_base)
        mass = (rest.unsqueeze(3) + (exits + (tail.unsqueeze(1) * step).unsqueeze(1))).exp()
        past = _by_chain(self.run.mean[:, :B]).unsqueeze(3) + step
        return mass.sum((2, 3)), (mass * past).sum((2, 3))


def _by_chain(x: Tensor) -> Tensor:
    """(R, B, C) to (B, C, R)."""
    return x.permute(1, 2, 0).contiguous()


@jit("length", "longest", "far", "C")
def count_durations(  # type: ignore[no-untyped-def]
    entry,
    exit,
    entry_base,
    exit_base,
    alive,
    rows,
    counts,
    length,
    longest,
    far,
    C,
    SIZE: tl.constexpr,
    STARTS: tl.constexpr,
    DURATIONS: tl.constexpr,
):
    """Sum the posteriors of a tile of durations of one label of one chain."""
    label = tl.program_id(1)
    row = tl.program_id(2).to(tl.int64) * C + label
    k = tl.program_id(0) * DURATIONS + tl.arange(0, DURATIONS)  # duration - 1
    score = tl.load(rows + label * longest + k, k < longest, float("-inf"))
    total = tl.zeros([DURATIONS], tl.float64)
    for begin in range(0, length - tl.program_id(0) * DURATIONS, STARTS):
        s = begin + tl.arange(0, STARTS)
        i = s[:, None] + k[None, :]  # last base
        real = (s < length)[:, None] & (i < length) & (i // SIZE - (s // SIZE)[:, None] <= far)
        source = tl.load(entry + row * length + s, s < length, float("-inf"))
        source_base = tl.load(entry_base + row * (length // SIZE) + s // SIZE, s < length, 0.0)
        small = source[:, None] + tl.load(exit + row * length + i, real, float("-inf")) + score[None, :]
        if alive is not None:
            small = tl.where(tl.load(alive + row * length + i, real, 0) > s[:, None], float("-inf"), small)
        base = source_base[:, None] + tl.load(exit_base + row * (length // SIZE) + i // SIZE, real, 0.0)
        total += tl.sum(tl.exp(small + base), 0)
    tl.store(counts + row * longest + k, total, k < longest)
