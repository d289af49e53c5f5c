"""The blocked recurrence for the best segmentation in PyTorch: `blocked.sum` with maximum instead of sum.

A chain may come in parts. Between two parts stands a `Message`: the entries that durations still reach, the best older
one of each label, the last scores. What a part leaves is a `Trace`, and `walk` follows the best path back through it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genescribe.kernels.semicrf.blocked.layout import Durations, Group, Layout, lay_out
from genescribe.kernels.semicrf.blocked.trace import Message, Trace
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation

SIZE = 32
"""Bases per block."""

PAIRS = 1 << 22
"""Sums of an entry and a duration held at once."""

End = tuple[int, int]
"""Where a segment ends, and its label."""


class BestRecurrence:
    """Shared state of the parts of all chains of one model; `longest`: largest number of bases in a chain."""

    def __init__(self, p: Potentials, longest: int) -> None:
        self.durations = Durations.of(p)
        self.groups = self.durations.groups(SIZE, -(-longest // SIZE))
        self.pad = max(group.blocks for group in self.groups)
        device = p.content.device
        self.near = self.durations.scores(torch.arange(1, SIZE + 1, device=device)).unsqueeze(1)
        possible = (self.near > -torch.inf).flatten(1).any(1).nonzero()
        # Durations longer than the longest possible one within a block need no row: for short labels most of the work.
        self.rows = int(possible.max()) + 1 if len(possible) else 1
        self.ramp = torch.arange(1, SIZE + 1, device=device).view(-1, 1, 1) * self.durations.tail
        self.open = bool((self.durations.tail > -torch.inf).any())
        self.tables = [self._table(group) for group in self.groups]
        self.onward = [self.durations.onward(group, SIZE) for group in self.groups]

    def _table(self, group: Group) -> Tensor:
        """Return durations from the explicit blocks' entries to the next block's ends, (labels, sources, size)."""
        source = torch.arange(group.blocks * SIZE, device=self.near.device).unsqueeze(1)
        k = group.blocks * SIZE - source + torch.arange(1, SIZE + 1, device=self.near.device)
        return self.durations.scores(k)[..., group.labels].permute(2, 0, 1).contiguous()

    def start(self, p: Potentials) -> Message:
        """Return the message before the first base."""
        B, _, _, C = p.shape
        none = torch.full((B, C), -torch.inf, dtype=torch.float64, device=p.content.device)
        return Message(
            boundary=0,
            total=none.new_zeros(B),
            entries=none.expand(self.pad, SIZE, B, C),
            rest=none,
            rest_source=torch.zeros_like(none, dtype=torch.int64),
            leave=none,
        )

    def run(self, p: Potentials, before: Message) -> tuple[Trace, Message]:
        """Return the trace of the part `p`, which begins at `before`, and the message after it."""
        run = _Run(self, lay_out(p, self.durations.order, SIZE, both=False), before)
        for block in range(run.layout.blocks):
            run.step(block)
        return run.trace(), run.message(p)


class _Run:
    """One part in the making; scores of the part's own blocks stand after `pad` blocks of those before."""

    def __init__(self, model: BestRecurrence, layout: Layout, before: Message) -> None:
        self.model, self.layout, self.before = model, layout, before
        blocks, _, N, C = layout.enter.shape
        new = layout.enter
        self.near = [model.near[: min(model.rows, SIZE - j)] for j in range(SIZE)]
        self.entries = torch.cat([before.entries, torch.empty_like(new)])
        # Sources of later blocks: labels first, without those that a forbidden base cut off.
        self.sources = new.new_full((C, N, model.pad + blocks, SIZE), -torch.inf)
        self.sources[:, :, : model.pad] = before.entries.permute(3, 2, 0, 1)
        self.base = new.new_zeros(model.pad + blocks, N, C)
        self.leave = torch.empty_like(new)
        self.offset = new.new_zeros(blocks, N)
        self.arrived = torch.empty_like(layout.level)
        self.rest = new.new_full((blocks + 1, N, C), -torch.inf)
        self.rest[0] = before.rest
        self.rest_source = before.rest_source.repeat(blocks + 1, 1, 1)
        step = layout.after[-1, -1].round()
        self.levels = torch.cat([layout.level, (layout.level[-1] + step).unsqueeze(0)])

    def step(self, block: int) -> None:
        """Go over one block."""
        layout = self.layout
        past = self.offset[block - 1] if block else torch.zeros_like(self.offset[0])
        self.arrived[block] = past.unsqueeze(1) - layout.level[block]
        ends = self._ends_from_before(block)
        start = block == 0 and self.before.boundary == 0
        last = layout.first if start else self.leave[block - 1, -1] if block else self.before.leave
        top = torch.maximum((ends + layout.leave[block]).amax((0, 2)), last.amax(1))
        # Whole numbers add up exactly in float64: taking them out costs no digits, however long the chain.
        shift = torch.where(top > -torch.inf, top.round(), 0.0)
        self.offset[block] = past + shift
        self.base[self.model.pad + block] = self.offset[block].unsqueeze(1) - layout.level[block]
        shift = shift.unsqueeze(1)
        self._inside(block, ends - shift, last - shift, start)
        self._keep(block)

    def _ends_from_before(self, block: int) -> Tensor:
        """Return the best of the segments that began before this block, (size, N, C), less `arrived`."""
        layout, model = self.layout, self.model
        far = torch.cat([self._far(block, *pair) for pair in zip(model.groups, model.tables, strict=True)])
        ends = far.permute(2, 1, 0)
        if model.open:
            ends = torch.maximum(ends, self.rest[block] + model.ramp)
        if layout.alive is not None:
            ends = ends.masked_fill(layout.alive[block] > block * SIZE, -torch.inf)
        if layout.inject is not None:
            ends = torch.maximum(ends, layout.inject[block] - self.arrived[block])
        return ends

    def _far(self, block: int, group: Group, table: Tensor) -> Tensor:
        """Return the best over the explicit blocks before this one, (labels, N, size)."""
        labels, place = group.labels, self.model.pad + block
        best = self.sources.new_full((*self.sources[labels].shape[:2], SIZE), -torch.inf)
        # All pairs at once would take blocks x size^2 numbers a label: some source blocks at a time.
        width = max(1, PAIRS // (best.numel() * SIZE))
        shift = (self.base[place - group.blocks : place] - self.arrived[block])[..., labels].permute(2, 1, 0)
        for low in range(0, group.blocks, width):
            high = min(low + width, group.blocks)
            window = slice(place - group.blocks + low, place - group.blocks + high)
            scores = (self.sources[labels, :, window] + shift[:, :, low:high, None]).flatten(2)
            pairs = scores.unsqueeze(3) + table[:, None, low * SIZE : high * SIZE]
            best = torch.maximum(best, pairs.amax(2))
        return best

    def _inside(self, block: int, ends: Tensor, last: Tensor, start: bool) -> None:
        """Fill entries and A of a block; all less the block's offset."""
        layout, rows = self.layout, self.model.rows
        entries, leave = self.entries[self.model.pad + block], self.leave[block]
        dead = None if layout.alive is None else layout.alive[block] > self._bases(block)
        _, N, C = ends.shape
        shape = (len(layout.steps[0]), -1, C)
        steps = [layout.steps[(block * SIZE + j) % len(layout.steps)].unsqueeze(1) for j in range(SIZE)]
        pairs, entering = ends.new_empty(len(layout.steps[0]), N // len(layout.steps[0]), C, C), torch.empty_like(ends)
        before = last.reshape(*shape, 1)
        rows_of = zip(
            steps,
            entering.view(SIZE, *shape),
            entering,
            layout.enter[block],
            entries,
            ends,
            layout.leave[block],
            leave,
            leave.view(SIZE, *shape, 1),
            strict=True,
        )
        # This runs once a base: views are made beforehand, and results go to buffers that exist (`out=`).
        for j, (step, entered, entered_j, enter_j, entry_j, end_j, out_j, leave_j, left) in enumerate(rows_of):
            if j == 0 and start:
                entered.copy_(before.squeeze(3))
            else:
                torch.amax(torch.add(before, step, out=pairs), 2, out=entered)
            torch.add(entered_j, enter_j, out=entry_j)
            reached = ends[j : j + rows]
            torch.maximum(reached, entry_j + self.near[j], out=reached)
            if dead is not None:
                ends[j:].masked_fill_(dead[j], -torch.inf)
            torch.add(end_j, out_j, out=leave_j)
            before = left

    def _bases(self, block: int) -> Tensor:
        return torch.arange(block * SIZE, (block + 1) * SIZE, device=self.base.device).view(-1, 1, 1)

    def _keep(self, block: int) -> None:
        """Make this block's entries sources of the blocks that follow."""
        layout, place = self.layout, self.model.pad + block
        entries = self.entries[place]
        rest = self.rest[block]
        if layout.alive is not None:
            alive = layout.alive[block, -1]
            killed = alive > block * SIZE
            entries = entries.masked_fill(self._bases(block) < alive, -torch.inf)
            # A forbidden base ends all segments over it for good, so their sources are removed once.
            self.sources[:, :, :place].masked_fill_(killed.t()[:, :, None, None], -torch.inf)
            rest = rest.masked_fill(killed, -torch.inf)
        self.sources[:, :, place] = entries.permute(2, 1, 0)
        if self.model.open:
            self._grow_rest(block, rest)

    def _grow_rest(self, block: int, rest: Tensor) -> None:
        """Carry `rest` on to the next block and let the oldest explicit block join it."""
        model = self.model
        following = self.offset[block].unsqueeze(1) - self.levels[block + 1]
        rest = rest + (self.arrived[block] - following) + model.ramp[-1, 0]
        source = self.rest_source[block].clone()
        for group, onward in zip(model.groups, model.onward, strict=True):
            labels, place = group.labels, model.pad + block - group.blocks
            joining, at = (self.sources[labels, :, place].permute(2, 1, 0) + onward).max(0)
            joining = joining + (self.base[place] - following)[:, labels]
            # Beyond the explicit blocks every base costs the same (the tail): only the best older entry can still win.
            better = joining > rest[:, labels]
            first = self.before.boundary + (block - group.blocks) * SIZE
            source[:, labels] = torch.where(better, first + at, source[:, labels])
            rest[:, labels] = torch.where(better, joining, rest[:, labels])
        self.rest[block + 1], self.rest_source[block + 1] = rest, source

    def message(self, p: Potentials) -> Message:
        """Return the message after the part; its length is a multiple of the block's."""
        model, blocks = self.model, self.layout.blocks
        # The next part's S begins at 0.
        end = self.layout.level[-1] + self.layout.after[-1, -1]
        following = self.offset[-1].unsqueeze(1) - end
        window = slice(blocks, blocks + model.pad)
        entries = self.sources[:, :, window].permute(2, 3, 1, 0) + (self.base[window] - following).unsqueeze(1)
        return Message(
            boundary=self.before.boundary + p.shape[1],
            total=self.before.total + self.offset[-1] + self.layout.shift.sum(0),
            entries=entries,
            rest=self.rest[-1] + (end - self.levels[-1]),
            rest_source=self.rest_source[-1],
            leave=self.leave[-1, -1],
        )

    def trace(self) -> Trace:
        """Return the state that the walk back needs."""
        names = ("entries", "base", "leave", "offset", "arrived")
        arrays = {name: getattr(self, name).cpu().numpy() for name in names}
        rest, source = self.rest[:-1].cpu().numpy(), self.rest_source[:-1].cpu().numpy()
        return Trace(first=self.before.boundary, layout=self.layout, rest=rest, rest_source=source, **arrays)


class Walk:
    """Follows the best path of one chain back through one trace, in the model's sorted labels."""

    def __init__(self, model: BestRecurrence, p: Potentials, trace: Trace, chain: int) -> None:
        layout, self.first, self.pad = trace.layout, trace.first, model.pad * SIZE
        self.leave = trace.leave[:, :, chain].reshape(-1, trace.leave.shape[3])
        self.entries = trace.entries[:, :, chain].reshape(-1, trace.leave.shape[3])
        self.base = trace.base[:, chain].repeat(SIZE, 0)
        self.arrived, self.rest, self.rest_source = (
            x[:, chain] for x in (trace.arrived, trace.rest, trace.rest_source)
        )
        self.alive, self.inject = (
            None if x is None else x[:, :, chain].flatten(0, 1).cpu().numpy() for x in (layout.alive, layout.inject)
        )
        order = model.durations.order
        self.transition = p.transition.double()[:, order][:, :, order].cpu().numpy()
        self.phase = 0 if p.phase_offset is None else int(p.phase_offset[chain])
        k = torch.arange(1, self.pad + SIZE + 1, device=order.device)
        self.table, self.ramp = model.durations.scores(k).cpu().numpy(), model.ramp[:, 0].cpu().numpy()
        self.blocks = [next(g.blocks for g in model.groups if c < g.labels.stop) for c in range(len(order))]

    def back(self, begin: int, label: int, ends: list[End]) -> End:
        """Add the segments before one that begins at `begin`, last first, as far as they end in this part.

        Returns where the last of them begins, and its label.

        Parameters
        ----------
        begin
            Boundary at which the following segment begins.
        label
            Label of the segment that begins at `begin`.
        ends
            Ends of segments, last first; extended in place.
        """
        while begin > self.first:
            step = self.transition[(begin - self.first + self.phase) % len(self.transition), :, label]
            label = int((self.leave[begin - 1 - self.first] + step).argmax())
            ends.append((begin, label))
            begin = self.begin(begin, label)
        return begin, label

    def begin(self, boundary: int, label: int) -> int:
        """Return where the best segment of a label that ends at a boundary begins."""
        base = boundary - 1 - self.first
        block, j = divmod(base, SIZE)
        alive = 0 if self.alive is None else int(self.alive[base, label])
        low = (block - self.blocks[label]) * SIZE
        # Only entries that the recurrence looked at are looked at again, so that the same one wins.
        low = max(low, alive) if alive else low
        window = slice(self.pad + low, self.pad + base + 1)
        arrived = self.arrived[block, label]
        scores = (
            self.entries[window, label] + (self.base[window, label] - arrived) + self.table[base - low :: -1, label]
        )
        best = int(scores.argmax())
        score, begin = scores[best], self.first + low + best
        if alive <= block * SIZE and self.rest[block, label] + self.ramp[j, label] > score:
            score, begin = self.rest[block, label] + self.ramp[j, label], int(self.rest_source[block, label])
        if self.inject is not None and self.inject[base, label] - arrived > score:
            begin = 0
        return begin


def viterbi(p: Potentials) -> tuple[Tensor, list[Segmentation]]:
    """Return the best score of each chain, (B,) float64, and its segmentation (empty where all are forbidden)."""
    model = BestRecurrence(p, p.shape[1])
    trace, _ = model.run(p, model.start(p))
    shift = trace.layout.shift.sum(0).cpu().numpy()
    scores, paths = np.empty(p.shape[0]), []
    for chain, n in enumerate(p.lengths.tolist()):
        walk = Walk(model, p, trace, chain)
        score, begin, label = last_segment(model, p, trace, walk, chain)
        ends: list[End] = []
        if score > -np.inf:
            ends.append((n, label))
            walk.back(begin, label, ends)
        scores[chain] = score + shift[chain]
        paths.append(segmentation(model, ends))
    return torch.from_numpy(scores).to(p.content.device), paths


def segmentation(model: BestRecurrence, last_first: list[End]) -> Segmentation:
    """Return segments found last first, in sorted labels, in order and in the labels of the potentials."""
    ends = torch.tensor([end for end, _ in reversed(last_first)], dtype=torch.int64)
    places = torch.tensor([label for _, label in reversed(last_first)], dtype=torch.int64)
    return Segmentation(ends, model.durations.order.cpu()[places])


def last_segment(model: BestRecurrence, p: Potentials, trace: Trace, walk: Walk, chain: int) -> tuple[float, int, int]:
    """Return score, beginning and label of the best last segment of a chain that ends with the part of `trace`.

    Parameters
    ----------
    model
        Recurrence of the best scores.
    p
        Potentials: the log scores of a batch of chains.
    trace
        Pointers of the last part of the chains.
    walk
        The walk through it.
    chain
        Number of the chain.
    """
    layout, n, order = trace.layout, int(p.lengths[chain]), model.durations.order
    block = (n - 1) // SIZE
    if p.depart is None:
        scores = walk.leave[n - 1] + layout.last[chain].cpu().numpy()
        label = int(scores.argmax())
        if scores[label] == -np.inf:
            return -np.inf, 0, label
        return float(scores[label] + trace.offset[block, chain]), walk.begin(trace.first + n, label), label
    at_end = (layout.level[block, chain] + layout.after[block, (n - 1) % SIZE, chain]).cpu().numpy()
    own = slice(walk.pad, walk.pad + n)
    departing = p.depart[chain, :n].double()[:, order].cpu().numpy() + walk.entries[own] + walk.base[own] + at_end
    if walk.alive is not None:
        departing[np.arange(n)[:, None] < walk.alive[n - 1]] = -np.inf
    if p.spanning is not None:
        lives = True if walk.alive is None else walk.alive[n - 1] == 0
        departing[0] = np.where(lives, p.spanning[chain].double()[order].cpu().numpy() + at_end, -np.inf)
    begin, label = divmod(int(departing.argmax()), departing.shape[1])
    return float(departing[begin, label]), begin, label
