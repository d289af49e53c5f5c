"""Expected counts of segments of each duration, and of bases beyond the table of a label.

``P([s, t)) = e^{W_s + D(t-s) + V_t - Z}`` (`blocked.counts`) is summed over all s, for each t - s, without a pass a
duration: with one scale per block, the products ``exp(W) exp(V)^T`` of all pairs of blocks equally far apart add up to
one square matrix, whose diagonals are the durations. Pairs further apart than the table reaches are summed by
`Scores.rest`; the mean number of bases past the table is carried along with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genescribe.kernels.semicrf.blocked.counts import LARGE, Posterior
from genescribe.kernels.semicrf.blocked.layout import Group
from genescribe.kernels.semicrf.blocked.sum import FLOOR, FarTable

PAIRS = 1 << 20
"""Pairs of boundaries taken at once where products are taken in the log domain."""


@dataclass(frozen=True, eq=False)
class _Side:
    """One side of all pairs, in blocks: (B, labels, blocks, size) log scores, less `scale` + `base`.

    Attributes
    ----------
    weights : exponentials of the scores.
    scores : the scores less `base`.
    base, scale : (B, labels, blocks)
        Whole numbers.
    """

    weights: Tensor
    scores: Tensor
    base: Tensor
    scale: Tensor

    @classmethod
    def of(cls, scores: Tensor, base: Tensor) -> _Side:
        top = scores.amax(-1).ceil()
        weights = (scores - top.clamp(min=FLOOR).unsqueeze(-1)).exp()
        return cls(weights, scores, base, base + top)

    def labels(self, chosen: slice) -> _Side:
        """Return the side of some labels."""
        return _Side(*(x[:, chosen] for x in (self.weights, self.scores, self.base, self.scale)))

    def masked(self, dead: Tensor) -> _Side:
        """Return the side without some of its boundaries."""
        return _Side.of(self.scores.masked_fill(dead, -torch.inf), self.base)


def duration_counts(posterior: Posterior) -> tuple[Tensor, Tensor]:
    """Return the counts of the durations, (B, K, C), and of the bases past each label's table, (B, C)."""
    durations, layout, p = posterior.durations, posterior.layout, posterior.p
    B, _, K, C = p.shape
    if int(durations.reach.max()) > 1 or bool((durations.tail > -torch.inf).any()):
        return DurationCounts(posterior).counts()
    # Each segment is one base.
    through = posterior.entry + layout.forward(layout.enter + layout.leave) + posterior.onward + durations.rows[0]
    if layout.alive is not None:
        through = through.masked_fill(layout.forward(layout.alive) > posterior.base, -torch.inf)
    segments = posterior.probability((posterior.past + posterior.future).unsqueeze(2), through).sum(0)
    counts = segments.new_zeros(B, K, C)
    counts[:, 0] = segments[:, torch.argsort(durations.order)]
    return counts, segments.new_zeros(B, C)


class DurationCounts:
    """Sums over all segments; call `counts`."""

    def __init__(self, posterior: Posterior) -> None:
        self.posterior = posterior
        layout, scores = posterior.layout, posterior.scores
        b, blocks, B = layout.size, layout.blocks, layout.chains
        outside = ~posterior.inside.unsqueeze(2)

        def in_blocks(x: Tensor) -> Tensor:
            """(T', B, C) to (B, C, blocks, size)."""
            return x.reshape(blocks, b, B, -1).permute(2, 3, 0, 1).contiguous()

        entry = (posterior.entry + layout.forward(layout.enter)).masked_fill(outside, -torch.inf)
        future = posterior.future.reshape(blocks, b, B) - posterior.log_z.integer
        top = future.amax(1, keepdim=True)
        exit_ = posterior.onward + layout.forward(layout.leave) + (future - top).flatten(0, 1).unsqueeze(2)
        exit_ = (exit_ - posterior.z).masked_fill(outside, -torch.inf)
        self.entries = _Side.of(in_blocks(entry), scores.base[:, :B].permute(1, 2, 0))
        self.exits = _Side.of(in_blocks(exit_), (layout.level[:, :B] + top.squeeze(1).unsqueeze(2)).permute(1, 2, 0))
        self.alive = None if layout.alive is None else in_blocks(layout.forward(layout.alive))

    def counts(self) -> tuple[Tensor, Tensor]:
        """Return the expected counts of durations and tails; see `duration_counts`."""
        p, durations, layout = self.posterior.p, self.posterior.durations, self.posterior.layout
        B, _, K, C = p.shape
        by_row = self.entries.weights.new_zeros(B, C, K)
        past = by_row.new_zeros(B, C)
        for group in durations.groups(layout.size, layout.blocks - 1):
            by_duration = self._by_duration(group)
            labels, reach = group.labels, durations.reach[group.labels]
            known = min(K, by_duration.shape[2])
            k = torch.arange(1, by_duration.shape[2] + 1, device=reach.device)
            beyond = by_duration * (k > reach.unsqueeze(1))
            by_row[:, labels, :known] = by_duration[..., :known] - beyond[..., :known]
            mass, excess = self._rest(group) if bool((durations.tail[labels] > -torch.inf).any()) else (0.0, 0.0)
            row = (reach - 1).expand(B, -1).unsqueeze(2)
            by_row[:, labels] = by_row[:, labels].scatter_add(2, row, (beyond.sum(2) + mass).unsqueeze(2))
            past[:, labels] = (beyond * (k - reach.unsqueeze(1))).sum(2) + excess
        back = torch.argsort(durations.order)
        return by_row[:, back].transpose(1, 2), past[:, back]

    def _by_duration(self, group: Group) -> Tensor:
        """Return the counts of segments of each duration within the group's explicit blocks, (B, labels, durations)."""
        layout, labels, b = self.posterior.layout, group.labels, self.posterior.layout.size
        entries, exits = self.entries.labels(labels), self.exits.labels(labels)
        alive = None if self.alive is None else self.alive[:, labels]
        size = (group.blocks + 1) * b
        k = torch.arange(1, size + 1, device=layout.lengths.device)
        table = self.posterior.durations.scores(k)[:, labels].t()
        total = entries.weights.new_zeros(*entries.base.shape[:2], size)
        total[..., :b] = self._within(entries, exits, alive, table[:, :b])
        dead = None
        if alive is not None:
            start = torch.arange(layout.blocks, device=k.device).unsqueeze(1) * b
            place = start + torch.arange(b, device=k.device)
            entries = entries.masked(place < alive[..., -1:])
            exits = exits.masked(alive > start)
            dead = torch.nn.functional.pad((alive[..., -1] > start.squeeze(1)).cumsum(2), (1, 0))
        # Pairs of blocks equally far apart share their durations: one product for all of them.
        for lag in range(1, group.blocks + 1):
            band = slice((lag - 1) * b + 1, (lag + 1) * b)  # durations (lag - 1) b + 2 .. (lag + 1) b
            gone = None if dead is None else dead[..., lag:-1] > dead[..., 1 : dead.shape[2] - lag]
            total[..., band] += self._between(entries, exits, lag, table[:, band], gone)
        return total

    def _within(self, entries: _Side, exits: _Side, alive: Tensor | None, table: Tensor) -> Tensor:
        """Return the counts of segments that begin and end in one block, (B, labels, b); `table` is (labels, b)."""
        b = table.shape[1]
        top = table.amax(1).clamp(min=FLOOR)
        scale = (entries.scale + exits.scale) + top.unsqueeze(1)
        large = scale > LARGE
        sources = entries.weights * scale.masked_fill(large, -torch.inf).exp().unsqueeze(-1)
        place = torch.arange(entries.weights[0, 0].numel(), device=table.device).view(-1, b)
        result = torch.zeros_like(sources[..., 0, :])
        for k in ((table > -torch.inf).any(0).nonzero().squeeze(1) + 1).tolist():
            pairs = sources[..., : b - k + 1] * exits.weights[..., k - 1 :]
            if alive is not None:
                pairs *= alive[..., k - 1 :] <= place[:, : b - k + 1]
            result[..., k - 1] = pairs.sum((2, 3))
        result *= (table - top.unsqueeze(1)).exp()
        duration = torch.arange(b, device=table.device) - torch.arange(b, device=table.device).unsqueeze(1)
        for n, c, block in self._parts(large, b):
            terms = entries.scores[n, c, block].unsqueeze(2) + exits.scores[n, c, block].unsqueeze(1)
            base = entries.base[n, c, block] + exits.base[n, c, block]
            terms = terms + base.view(-1, 1, 1) + table[c][:, duration.clamp(min=0)]
            # Forbidden before the exponential: what is no segment may be out of range, and inf * 0 is NaN.
            none = duration < 0
            if alive is not None:
                none = none | (alive[n, c, block].unsqueeze(1) > place[block].unsqueeze(2))
            terms = terms.masked_fill(none, -torch.inf).exp()
            result += self._add(n, c, terms, result.shape)[..., b - 1 :]
        return result

    def _between(self, entries: _Side, exits: _Side, lag: int, table: Tensor, gone: Tensor | None) -> Tensor:
        """Return the counts of segments between blocks `lag` apart by duration, (B, labels, 2 b - 1)."""
        b = entries.weights.shape[-1]
        count = entries.base.shape[2] - lag
        top = table.amax(1).clamp(min=FLOOR)
        scale = (entries.scale[..., :count] + exits.scale[..., lag:]) + top.unsqueeze(1)
        if gone is not None:
            scale = scale.masked_fill(gone, -torch.inf)
        large = scale > LARGE
        # Pairs whose scale is out of range are left out of the product and summed as logarithms below.
        sources = entries.weights[..., :count, :] * scale.masked_fill(large, -torch.inf).exp().unsqueeze(-1)
        product = sources.mT @ exits.weights[..., lag:, :]
        result = _diagonals(product) * (table - top.unsqueeze(1)).exp()
        index = torch.arange(b, device=table.device) - torch.arange(b, device=table.device).unsqueeze(1) + b - 1
        for n, c, block in self._parts(large, b):
            terms = entries.scores[n, c, block].unsqueeze(2) + exits.scores[n, c, block + lag].unsqueeze(1)
            base = entries.base[n, c, block] + exits.base[n, c, block + lag]
            terms = (terms + base.view(-1, 1, 1) + table[c][:, index]).exp()
            result += self._add(n, c, terms, (*result.shape[:2], b))
        return result

    @staticmethod
    def _parts(large: Tensor, b: int) -> list[tuple[Tensor, ...]]:
        return (
            [part.unbind(1) for part in torch.split(large.nonzero(), max(1, PAIRS // (b * b)))]
            if bool(large.any())
            else []
        )

    @staticmethod
    def _add(n: Tensor, c: Tensor, terms: Tensor, shape: torch.Size | tuple[int, ...]) -> Tensor:
        """Sum (m, b, b) terms by chain, label and diagonal: (B, labels, 2 b - 1).

        A product with one-hot rows: an indexed addition is not deterministic on a GPU.
        """
        rows = torch.nn.functional.one_hot(n * shape[1] + c, shape[0] * shape[1]).to(terms.dtype)
        return (rows.t() @ _diagonals(terms)).view(shape[0], shape[1], -1)

    def _rest(self, group: Group) -> tuple[Tensor, Tensor]:
        """Return, of segments longer than the explicit blocks, their number and their bases past the table."""
        posterior, layout, labels = self.posterior, self.posterior.layout, group.labels
        scores, durations, b, B = posterior.scores, posterior.durations, layout.size, layout.chains
        rest = scores.rest[:, :B, labels].permute(1, 2, 0)
        arrived = scores.arrived[:, :B, labels].permute(1, 2, 0)
        tail = durations.tail[labels]
        exits = self.exits.scores[:, labels]
        if self.alive is not None:
            start = torch.arange(layout.blocks, device=tail.device).unsqueeze(1) * b
            exits = exits.masked_fill(self.alive[:, labels] > start, -torch.inf)
        step = torch.arange(1, b + 1, device=tail.device)
        integer = arrived + self.exits.base[:, labels]
        mass = (rest + integer).unsqueeze(-1) + (exits + (step * tail.unsqueeze(1)).unsqueeze(1))
        mass = mass.exp()
        mean = self._mean_excess(group, rest, arrived)
        return mass.sum((2, 3)), (mass * (mean.unsqueeze(-1) + step)).sum((2, 3))

    def _mean_excess(self, group: Group, rest: Tensor, arrived: Tensor) -> Tensor:
        """Return the mean bases past the table of `rest` at the start of each block, (B, labels, blocks)."""
        posterior, layout, labels = self.posterior, self.posterior.layout, group.labels
        durations, b = posterior.durations, layout.size
        tail, reach = durations.tail[labels], durations.reach[labels]
        table = FarTable(durations, group, b)
        entries = self.entries.scores[:, labels]
        if self.alive is not None:
            place = torch.arange(layout.blocks * b, device=tail.device).view(-1, b)
            entries = entries.masked_fill(place < self.alive[:, labels, :, -1:], -torch.inf)
        # Bases past the table of an entry when it leaves the explicit blocks.
        ages = (group.blocks + 1) * b - torch.arange(b, device=tail.device) - reach.unsqueeze(1)
        joining = (entries + table.onward.permute(2, 1, 0)).softmax(-1).nan_to_num(0.0)
        joining_age = (joining * ages.unsqueeze(1)).sum(-1)
        stayed = rest[..., :-1] + (arrived[..., :-1] - arrived[..., 1:]) + b * tail.unsqueeze(1) - rest[..., 1:]
        stayed = stayed.exp().nan_to_num(0.0)
        if self.alive is not None:
            start = torch.arange(layout.blocks - 1, device=tail.device) * b
            stayed = stayed.masked_fill(self.alive[:, labels, :-1, -1] > start, 0.0)
        mean = torch.zeros_like(rest)
        for block in range(layout.blocks - 1):
            oldest = block - group.blocks
            new = joining_age[..., oldest] if oldest >= 0 else 0.0
            share = stayed[..., block]
            mean[..., block + 1] = share * (mean[..., block] + b) + (1 - share) * new
        return mean


def _diagonals(square: Tensor) -> Tensor:
    """Sum (..., b, b) along its diagonals: entry j of (..., 2 b - 1) is over column - row = j - (b - 1)."""
    b = square.shape[-1]
    # Rows padded by their length and read on as one: each row is shifted by one more, so diagonals become columns.
    skewed = torch.nn.functional.pad(square.flip(-2), (0, b)).flatten(-2)[..., : b * (2 * b - 1)]
    return skewed.reshape(*square.shape[:-2], b, 2 * b - 1).sum(-2)
