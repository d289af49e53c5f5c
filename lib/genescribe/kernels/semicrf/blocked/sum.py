"""The blocked sum-product recurrence in PyTorch.

Per block of b bases, for all chains and labels at once:

* far: the entries of the last D blocks reach the b ends of this one by a Toeplitz product in the exponential domain,
  ``sum_s exp(W_s - scale) exp(D(t - s) - scale)``, one scale a (block, chain, label): one batched matrix product;
* older entries, where durations follow the tail, are one number a (chain, label), ``rest``;
* near: entries of the block itself, b small steps in the exponential domain.

Safety. Exponentials underflow silently, so a far sum counts only where it stays above `TINY`, that is, where everything
that could have been lost is smaller by many orders of magnitude; else it is summed again in the log domain. A block
whose near steps come out too small or too large is stepped again in the log domain, for the chains concerned. What is
exactly zero must be impossible, not underflown: that is counted with the same products on 0/1 matrices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genescribe.kernels.semicrf.blocked.layout import Durations, Group, Layout

TINY = 1e-250
"""A sum of exponentials below this is computed again. Terms lost to underflow are below 1e-307 each."""

HUGE = 1e150
"""So is one above this."""

FLOOR = -1e300
"""Stands for -inf where -inf - -inf would be NaN; exp(x - FLOOR) is only asked for x = -inf, and is 0."""

GATHERED = 1 << 20
"""Scores gathered at once where sums are computed again."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Result of the recurrence, in the log domain; whole numbers are kept separately, so that no precision is lost.

    Attributes
    ----------
    entry, leave : (blocks, size, N, C)
        U at each base and A after it, less `offset`.
    offset : (blocks, N)
        Whole numbers.
    base : (blocks, N, C)
        `offset` less the level: W is `entry` + `Layout.enter` + `base`.
    rest : (blocks, N, C)
        Log-sum, at the block's first base, of the W older than the explicit blocks and their durations, less `arrived`.
    arrived : (blocks, N, C)
        The offset of the block before, less the level.
    """

    entry: Tensor
    leave: Tensor
    offset: Tensor
    base: Tensor
    rest: Tensor
    arrived: Tensor

    @classmethod
    def empty(cls, layout: Layout) -> Scores:
        """Return scores to be filled in."""
        blocks, _, N, C = layout.enter.shape
        new = layout.enter
        return cls(
            entry=torch.empty_like(new),
            leave=torch.empty_like(new),
            offset=new.new_zeros(blocks, N),
            base=torch.empty_like(layout.level),
            rest=new.new_full((blocks, N, C), -torch.inf),
            arrived=torch.empty_like(layout.level),
        )


class FarTable:
    """exp(D) of a group, as the matrix from the entries of the explicit blocks to the ends of the next block.

    Attributes
    ----------
    weights : (labels, blocks * size, size)
        Divided by ``exp(scale)`` of the source block.
    scale : (labels, blocks)
    present : (labels, blocks * size, size) float32
        1 where the duration is allowed.
    onward : (size, 1, labels)
        Scores of the oldest explicit block's entries up to the end of the block: how they join `Scores.rest`.
    """

    def __init__(self, durations: Durations, group: Group, size: int) -> None:
        labels, blocks = group.labels, group.blocks
        device = durations.tail.device
        source = torch.arange(blocks * size, device=device).unsqueeze(1)
        target = torch.arange(size, device=device)
        k = torch.arange(1, (blocks + 1) * size + 1, device=device)
        scores = durations.scores(k)[:, labels].t()
        # Row s, column j: source s of the window, an end j + 1 boundaries after it.
        table = scores[:, blocks * size - source + target].view(len(scores), blocks, size, size)
        top = table.amax((2, 3)).clamp(min=FLOOR) if blocks else table.new_zeros(len(scores), 0)
        self.scale = top
        self.weights = (table - top[..., None, None]).exp_().flatten(1, 2)
        self.present = (table > -torch.inf).to(torch.float32).flatten(1, 2)
        self.onward = durations.onward(group, size)


class Recurrence:
    """The run over one layout: call `run`."""

    def __init__(self, layout: Layout, durations: Durations, growth: float) -> None:
        b, device = layout.size, layout.enter.device
        _, _, N, C = layout.enter.shape
        self.layout, self.durations = layout, durations
        self.groups = durations.groups(b, layout.blocks - 1)
        self.tables = [FarTable(durations, group, b) for group in self.groups]
        self.open = bool((durations.tail > -torch.inf).any())
        near = durations.scores(torch.arange(1, b + 1, device=device))
        self.near = near.unsqueeze(1)  # row k - 1: duration k
        rows = int(((near > -torch.inf).any(1) * torch.arange(1, b + 1, device=device)).amax().clamp(min=1))
        # The entry at base j of a block reaches its ends from base j on, as far as the durations are known to go.
        self.reached = [slice(j, min(b, j + rows)) for j in range(b)]
        self.near_exp = [self.near[: s.stop - s.start].exp() for s in self.reached]
        self.ramp = (torch.arange(1, b + 1, device=device).unsqueeze(1) * durations.tail).unsqueeze(1)
        self.steps_exp = [step.exp() for step in layout.steps]
        # What is lost to underflow at one boundary may grow by this much a base until the end of the block.
        exponent = math.log(TINY) + b * growth
        self.tiny = math.exp(exponent) if exponent < 0 else math.inf
        self.scores = Scores.empty(layout)
        # Entries of past blocks, oldest first, after `pad` empty blocks: exp(W - scale), and where W is not -inf.
        self.pad = max(group.blocks for group in self.groups)
        self.single = self.pad == 0 and rows == 1 and not self.open
        if self.pad == 0:
            return
        self.weights = near.new_zeros(C, N, self.pad + layout.blocks, b)
        self.present = torch.zeros_like(self.weights, dtype=torch.float32)
        self.scale = near.new_full((C, N, self.pad + layout.blocks), -torch.inf)

    def run(self) -> Scores:
        """Return the scores of every boundary."""
        layout, scores = self.layout, self.scores
        offset = torch.zeros_like(scores.offset[0])
        last = layout.first
        for block in range(layout.blocks):
            scores.arrived[block] = offset.unsqueeze(1) - layout.level[block]
            ends = self._ends_from_before(block)
            top = torch.maximum((ends + layout.leave[block]).amax((0, 2)), last.amax(1))
            shift = torch.where(top > -torch.inf, top.round(), 0.0)
            offset = offset + shift
            scores.offset[block] = offset
            scores.base[block] = offset.unsqueeze(1) - layout.level[block]
            shift = shift.unsqueeze(1)
            last = self._inside(block, ends - shift, last - shift)
            if self.pad > 0:
                self._keep(block)
            if self.open and block + 1 < layout.blocks:
                self._grow_rest(block)
        return scores

    def _ends_from_before(self, block: int) -> Tensor:
        """Return the log-sum over segments that began before this block, (b, N, C), less `arrived`."""
        layout, scores = self.layout, self.scores
        groups = zip(self.groups, self.tables, strict=True)
        if self.pad == 0:
            ends = torch.full_like(layout.enter[block], -torch.inf)
        else:
            ends = torch.cat([self._far(block, group, table) for group, table in groups]).permute(2, 1, 0)
        if self.open:
            ends = torch.logaddexp(ends, scores.rest[block] + self.ramp)
        if layout.alive is not None:
            ends = ends.masked_fill(layout.alive[block] > block * layout.size, -torch.inf)
        if layout.inject is not None:
            ends = torch.logaddexp(ends, layout.inject[block] - scores.arrived[block])
        return ends

    def _far(self, block: int, group: Group, table: FarTable) -> Tensor:
        """Return the log-sum over the explicit blocks before this one, (labels, N, b)."""
        labels, b, count = group.labels, self.layout.size, min(group.blocks, block)
        if count == 0:
            return self.weights.new_full((*self.weights[labels].shape[:2], b), -torch.inf)
        window = slice(self.pad + block - count, self.pad + block)
        arrived = self.scores.arrived[block].t()[labels].unsqueeze(2)
        scale = (self.scale[labels, :, window] - arrived).add_(table.scale[:, None, -count:])
        top = scale.amax(-1, keepdim=True).clamp_(min=FLOOR)
        weights = self.weights[labels, :, window] * (scale - top).exp_().unsqueeze(-1)
        total = torch.bmm(weights.flatten(2), table.weights[:, -count * b :])
        safe = float(total.min()) >= TINY
        lost = total < TINY
        total.log_().add_(top)
        if not safe:
            present = self.present[labels, :, window] * (scale > -torch.inf).unsqueeze(-1)
            lost &= torch.bmm(present.flatten(2), table.present[:, -count * b :]) > 0
            if bool(lost.any()):
                self._sum_again(block, group, count, lost, total)
        return total

    def _sum_again(self, block: int, group: Group, count: int, lost: Tensor, result: Tensor) -> None:
        """Replace the far sums marked in `lost`, (labels, N, b), by sums in the log domain."""
        layout, scores, b = self.layout, self.scores, self.layout.size
        span = slice(block - count, block)
        base = (scores.base[span] - scores.arrived[block]).unsqueeze(1)
        entry = (scores.entry[span] + layout.enter[span] + base).flatten(0, 1)
        source = torch.arange(-count * b, 0, device=entry.device)
        table = self.durations.scores(torch.arange(1, (count + 1) * b + 1, device=entry.device))[:, group.labels]
        for part in torch.split(lost.nonzero(), max(1, GATHERED // (count * b))):
            c, n, j = part.unbind(1)
            terms = entry[:, n, c + group.labels.start].t() + table[j.unsqueeze(1) - source, c.unsqueeze(1)]
            if layout.alive is not None:
                first = layout.alive[block - 1, -1, n, c + group.labels.start].unsqueeze(1)
                terms = terms.masked_fill(source + block * b < first, -torch.inf)
            result[c, n, j] = torch.logsumexp(terms, 1)

    def _inside(self, block: int, ends: Tensor, last: Tensor) -> Tensor:
        """Step through a block: fill entry and leave, return the last leave; all less the block's offset.

        Parameters
        ----------
        block
            Index of the block.
        ends : (b, N, C)
            Log-sum over the segments that began before the block.
        last : (N, C)
            A at the block's first boundary; of block 0, U there.
        """
        layout, scores, b = self.layout, self.scores, self.layout.size
        entry, leave = scores.entry[block], scores.leave[block]
        kept = None if layout.alive is None else (layout.alive[block] <= self._bases(block)).to(ends.dtype)
        shared = len(layout.steps[0])
        entering, leaving = (x.view(b, shared, -1, x.shape[2]).unbind() for x in (entry, leave))
        steps = [self.steps_exp[(block * b + j) % len(self.steps_exp)] for j in range(b)]
        before = last.exp().view(shared, -1, last.shape[1])
        if block == 0:
            entering[0].copy_(before)
        else:
            torch.bmm(before, steps[0], out=entering[0])
        if self.single:
            direct = (layout.enter[block] + self.near[0] + layout.leave[block]).exp()
            direct = direct if kept is None else direct * kept
            arriving = None if layout.inject is None else (ends + layout.leave[block]).exp()
            self._steps_of_one(steps, entering, leaving, direct, arriving)
        else:
            into, ending, out_of = layout.enter[block].exp(), ends.exp(), layout.leave[block].exp()
            self._steps(steps, entering, leaving, (into, ending, out_of, kept))
        doubtful = self._doubtful(block, ends, last)
        entry.log_()
        leave.log_()
        if doubtful is not None:
            self._inside_log(block, ends, last, doubtful)
        return leave[-1]

    def _steps(
        self,
        steps: list[Tensor],
        entering: tuple[Tensor, ...],
        leaving: tuple[Tensor, ...],
        scores: tuple[Tensor, Tensor, Tensor, Tensor | None],
    ) -> None:
        """Fill U and A of a block as exponentials, one (G, N / G, C) a base; the first U is given."""
        into, ending, out_of, kept = scores
        shape = leaving[0].shape
        for j, (into_j, ending_j, out_j) in enumerate(zip(into, ending, out_of, strict=True)):
            if j > 0:
                torch.bmm(leaving[j - 1], steps[j], out=entering[j])
            ending[self.reached[j]].addcmul_(entering[j].view(into_j.shape) * into_j, self.near_exp[j])
            if kept is not None:
                ending[j:] *= kept[j]
            torch.mul(ending_j.view(shape), out_j.view(shape), out=leaving[j])

    @staticmethod
    def _steps_of_one(
        steps: list[Tensor],
        entering: tuple[Tensor, ...],
        leaving: tuple[Tensor, ...],
        direct: Tensor,
        arriving: Tensor | None,
    ) -> None:
        """Do as `_steps` where each segment is one base: the linear chain."""
        shape = leaving[0].shape
        direct = direct.view(-1, *shape)
        for j, (entry, direct_j, leave) in enumerate(zip(entering, direct, leaving, strict=True)):
            if j > 0:
                torch.bmm(leaving[j - 1], steps[j], out=entry)
            torch.mul(entry, direct_j, out=leave)
            if arriving is not None:
                leave += arriving[j].view(shape)

    def _bases(self, block: int) -> Tensor:
        """Return the positions of a block's bases, (b, 1, 1)."""
        b = self.layout.size
        return torch.arange(block * b, (block + 1) * b, device=self.near.device).view(b, 1, 1)

    def _doubtful(self, block: int, ends: Tensor, last: Tensor) -> Tensor | None:
        """Return the chains, (n,), whose exponentials of this block are not to be trusted, or None."""
        layout, b = self.layout, self.layout.size
        entry, leave = self.scores.entry[block], self.scores.leave[block]
        least, most = torch.minimum(entry, leave).min(), torch.maximum(entry, leave).max()
        # A factor may underflow beside one as large as `most`.
        tiny = self.tiny * max(1.0, float(most))
        if float(least) >= tiny and float(most) < HUGE:
            return None
        # What is exactly zero is right if nothing leads there.
        _, N, C = entry.shape
        before = torch.cat([(last > -torch.inf).unsqueeze(0), leave[:-1] > 0]).to(torch.float32)
        steps = torch.stack([self.layout.steps[(block * b + j) % len(self.layout.steps)] for j in range(b)])
        allowed = (steps > -torch.inf).to(torch.float32)
        entered = (before.view(b, allowed.shape[1], -1, C) @ allowed).view(b, N, C) > 0
        if block == 0:
            entered[0] = last > -torch.inf
        sources = (entry > 0) & (layout.enter[block] > -torch.inf)
        place = torch.arange(b, device=entry.device)
        duration = place - place.unsqueeze(1) + 1  # [source, end]
        table = self.near.squeeze(1)[(duration - 1).clamp(min=0)] > -torch.inf
        pairs = sources.unsqueeze(1) & (table & (duration > 0).unsqueeze(2)).unsqueeze(2)
        if layout.alive is not None:
            pairs &= self._bases(block).unsqueeze(1) >= layout.alive[block]
        left = ((ends > -torch.inf) | pairs.any(0)) & (layout.leave[block] > -torch.inf)
        good_entry = torch.where(entered, entry >= tiny, entry == 0)
        good_leave = torch.where(left, leave >= tiny, leave == 0)
        good = good_entry & good_leave & (entry < HUGE) & (leave < HUGE)
        chains = (~good).any(2).any(0).nonzero().squeeze(1)
        return chains if len(chains) else None

    def _inside_log(self, block: int, ends: Tensor, last: Tensor, chains: Tensor) -> None:
        """Step through a block in the log domain, for some chains."""
        layout, b = self.layout, self.layout.size
        _, N, _ = ends.shape
        ends, before = ends[:, chains], last[chains]
        enter, leave = layout.enter[block][:, chains], layout.leave[block][:, chains]
        dead = None if layout.alive is None else layout.alive[block][:, chains] > self._bases(block)
        entries, leaves, sources = (torch.empty_like(ends) for _ in range(3))
        for j in range(b):
            if block > 0 or j > 0:
                step = layout.steps[(block * b + j) % len(layout.steps)]
                step = step.repeat_interleave(N // len(step), 0)[chains]
                before = torch.logsumexp(before.unsqueeze(2) + step, 1)
            entries[j] = before
            sources[j] = before + enter[j]
            if dead is not None:
                sources[: j + 1] = sources[: j + 1].masked_fill(dead[j], -torch.inf)
            inside = torch.logsumexp(sources[: j + 1] + self.near[: j + 1].flip(0), 0)
            before = torch.logaddexp(ends[j], inside) + leave[j]
            leaves[j] = before
        self.scores.entry[block, :, chains] = entries
        self.scores.leave[block, :, chains] = leaves

    def _keep(self, block: int) -> None:
        """Make this block's entries sources of the blocks that follow."""
        layout, scores, place = self.layout, self.scores, self.pad + block
        entry = self.entries(block)
        if layout.alive is not None:
            killed = layout.alive[block, -1] > block * layout.size
            self.scale[:, :, :place].masked_fill_(killed.t().unsqueeze(2), -torch.inf)
        top = entry.amax(0).ceil()
        self.scale[:, :, place] = (top + scores.base[block]).t()
        self.weights[:, :, place] = (entry - top.clamp(min=FLOOR)).exp_().permute(2, 1, 0)
        self.present[:, :, place] = (entry > -torch.inf).permute(2, 1, 0)

    def entries(self, block: int) -> Tensor:
        """Return W of a block's bases less `base`, (b, N, C), without those that do not live to its end."""
        entry = self.scores.entry[block] + self.layout.enter[block]
        if self.layout.alive is None:
            return entry
        return entry.masked_fill(self._bases(block) < self.layout.alive[block, -1], -torch.inf)

    def _grow_rest(self, block: int) -> None:
        """Carry `rest` on to the next block and add the oldest explicit block to it."""
        scores, layout = self.scores, self.layout
        following = scores.offset[block].unsqueeze(1) - layout.level[block + 1]
        rest = scores.rest[block] + (scores.arrived[block] - following) + layout.size * self.durations.tail
        if layout.alive is not None:
            rest = rest.masked_fill(layout.alive[block, -1] > block * layout.size, -torch.inf)
        for group, table in zip(self.groups, self.tables, strict=True):
            oldest, labels = block - group.blocks, group.labels
            if oldest >= 0:
                joining = torch.logsumexp(self.entries(oldest)[..., labels] + table.onward, 0)
                joining = joining + (scores.base[oldest] - following)[:, labels]
                if group.blocks > 0:
                    killed = self.scale[labels, :, self.pad + oldest].t() == -torch.inf
                    joining = joining.masked_fill(killed, -torch.inf)
                rest[:, labels] = torch.logaddexp(rest[:, labels], joining)
        scores.rest[block + 1] = rest
