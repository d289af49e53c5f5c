"""Expected counts from the scores of both directions of the blocked recurrence.

With A, U, W, S of the chain (`blocked.layout`), B_t the log-sum of what follows boundary t, G_s that of all from
boundary s on given that a segment begins there, and V_t = S_t + end_{t-1} + B_t,

    P(a segment begins at s) = exp(U_s + G_s - Z)
    P(a segment ends at t)   = exp(A_t + B_t - Z)
    P([s, t) is a segment)   = exp(W_s + D(t - s) + V_t - Z)

Every exponent is a whole number plus a remainder of the size of one block (`LogZ`), so that nothing is lost where the
scores are large and their difference is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genescribe.kernels.semicrf.blocked.layout import Durations, Layout, arranged
from genescribe.kernels.semicrf.blocked.sum import FLOOR, Scores
from genescribe.kernels.semicrf.potentials import Counts, Messages, Potentials

LARGE = 600.0
"""Products of exponentials with a scale above this are taken in the log domain; below, no term that matters is lost."""


@dataclass(frozen=True, eq=False)
class LogZ:
    """log Z of each chain, (B,), as a whole number and the rest; what was taken out of the content is not in it."""

    integer: Tensor
    rest: Tensor

    @classmethod
    def of(cls, integer: Tensor, rest: Tensor) -> LogZ:
        """Sum exp(integer + rest), (R, B, C), for each chain."""
        top = (integer + rest).amax((0, 2))
        top = torch.where(top > -torch.inf, top.round(), 0.0)
        return cls(top, torch.logsumexp((rest + (integer - top.unsqueeze(1))).transpose(0, 1).flatten(1), 1))

    def value(self) -> Tensor:
        """Return log Z."""
        return self.integer + self.rest


class Posterior:
    """The scores of both directions at forward positions, time first: (T', B, C), offsets (T', B).

    Attributes
    ----------
    entry, leave : U at base i and A after it, less `past`.
    onto, onward : G at base i and B after it, less `future`.
    level : S at the start of the block of base i, whole numbers.
    """

    def __init__(self, p: Potentials, layout: Layout, durations: Durations, scores: Scores) -> None:
        self.p, self.layout, self.durations, self.scores = p, layout, durations, scores
        offset = scores.offset.unsqueeze(1).expand(-1, layout.size, -1)
        self.entry, self.leave = layout.forward(scores.entry), layout.forward(scores.leave)
        self.onto, self.onward = layout.backward(scores.leave), layout.backward(scores.entry)
        self.past, self.future = layout.forward(offset), layout.backward(offset)
        self.level = layout.level[:, : layout.chains].repeat_interleave(layout.size, 0)
        self.inside = layout.inside
        self.log_z = self._log_z()
        # A chain without a segmentation: every posterior becomes exp(-inf) = 0.
        self.z = self.log_z.rest.masked_fill(self.log_z.rest == -torch.inf, torch.inf).unsqueeze(1)

    @property
    def base(self) -> Tensor:
        """Return the positions, (T', 1, 1)."""
        return torch.arange(len(self.past), device=self.past.device).view(-1, 1, 1)

    def _log_z(self) -> LogZ:
        p, first = self.p, self.layout.first[: self.layout.chains]
        if p.depart is None:
            return end_log_z(self.layout, self.scores)
        if p.arrive is None:
            return LogZ.of(self.future[:1].unsqueeze(2), (first + self.onto[0]).unsqueeze(0))
        integer, rest = self.arrivals()
        rest = rest.masked_fill(~self.inside.unsqueeze(2), -torch.inf)
        single, single_rest = self.single()
        return LogZ.of(torch.cat([integer, single.unsqueeze(0)]), torch.cat([rest, single_rest.unsqueeze(0)]))

    def arrivals(self) -> tuple[Tensor, Tensor]:
        """Return the score of all with a censored first segment up to base i, whole number and rest, (T', B, C)."""
        assert self.layout.inject is not None
        score = self.layout.forward(self.layout.inject) + self.layout.forward(self.layout.leave)
        return self.level + self.future.unsqueeze(2), score + self.onward

    def departures(self) -> tuple[Tensor, Tensor]:
        """Return the score of all with a censored last segment from base i on, whole number and rest, (T', B, C)."""
        assert self.layout.inject is not None
        level, after = self._end()
        score = self.layout.backward(self.layout.inject) + self.layout.forward(self.layout.enter)
        return self.past.unsqueeze(2) + (level - self.level), score + self.entry + after

    def single(self) -> tuple[Tensor, Tensor]:
        """Return the score of one segment censored on both sides, whole number and rest, (B, C)."""
        assert self.p.spanning is not None
        level, after = self._end()
        score = self.p.spanning.double()[:, self.durations.order] + after
        if self.layout.alive is not None:
            score = score.masked_fill(self._at_end(self.layout.forward(self.layout.alive)) > 0, -torch.inf)
        return level, score

    def _end(self) -> tuple[Tensor, Tensor]:
        """Return S at the end of each chain, (B, C)."""
        return self._at_end(self.level), self._at_end(self.layout.forward(self.layout.after))

    def _at_end(self, x: Tensor) -> Tensor:
        return x[self.layout.lengths - 1, torch.arange(self.layout.chains, device=x.device)]

    def probability(self, integer: Tensor, rest: Tensor) -> Tensor:
        """Return exp(integer + rest - log Z) of (T', B, C), 0 past the lengths; `rest` is used up."""
        rest += integer - self.log_z.integer.unsqueeze(1) - self.z
        return rest.masked_fill_(~self.inside.unsqueeze(2), -torch.inf).exp_()

    def counts(self, wanted: frozenset[str]) -> Counts:
        """Return the expected counts of the wanted fields, but durations and tails."""
        both = (self.past + self.future).unsqueeze(2)
        begins = self.probability(both, self.entry + self.onto)
        ends = self.probability(both, self.leave + self.onward)
        counts = {"begin": begins, "end": ends}
        shared = {}
        if wanted & {"start", "final"}:
            final = torch.zeros_like(ends[0]) if self.p.depart is not None else self._at_end(ends)
            shared = {"start": begins[0], "final": final}
        entered = begins
        if self.p.arrive is not None and wanted & {"arrive", "content"}:
            counts["arrive"] = self.probability(*self.arrivals())
            entered = begins.clone()
            entered[0] += counts["arrive"].sum(0)
        if self.p.depart is not None and "depart" in wanted:
            counts["depart"] = self.probability(*self.departures())
        if self.p.spanning is not None and wanted & {"spanning", "content"}:
            integer, rest = self.single()
            shared["spanning"] = (rest + (integer - self.log_z.integer.unsqueeze(1)) - self.z).exp()
            entered[0] += shared["spanning"]
        if "content" in wanted:
            counts["content"] = self._covered(entered, ends)
        if "transition" in wanted:
            shared["transition"] = self._transitions()
        return {name: self._unlay(name, x) for name, x in counts.items() if name in wanted} | {
            name: arranged(x, self._sorted) if name != "transition" else x[:, :, self._sorted][..., self._sorted]
            for name, x in shared.items()
            if name in wanted
        }

    @property
    def _sorted(self) -> Tensor:
        """Return where each label of the potentials stands."""
        return torch.argsort(self.durations.order)

    def _unlay(self, name: str, x: Tensor) -> Tensor:
        """Return (T', B, C) as the field `name` is laid out."""
        x = arranged(x[: self.p.shape[1]], self._sorted).transpose(0, 1)
        if name == "arrive":
            return torch.nn.functional.pad(x, (0, 0, 1, 0))
        if name == "depart":
            return torch.nn.functional.pad(x, (0, 0, 0, 1))
        return x

    def _covered(self, entered: Tensor, ends: Tensor) -> Tensor:
        """Return the probability that base i has a label: begun at or before it, not ended before it."""
        # Differences of running sums: a sum over segments for each base would take T^2.
        covered = entered.clone()
        covered[1:] -= ends[:-1]
        covered = covered.cumsum_(0).masked_fill_(~self.inside.unsqueeze(2), 0.0)
        if self.layout.alive is None:
            return covered
        return covered.masked_fill_(self.layout.forward(self.layout.alive) > self.base, 0.0)

    def _transitions(self) -> Tensor:
        """Return the expected number of transitions, (B, P, C, C)."""
        p = self.p
        order = self.durations.order
        step = p.transition.double()[:, order][:, :, order]
        leave, onto = self.leave[:-1], self.onto[1:]
        # With the largest score of each row taken out, the sum over bases is one product of matrices.
        integer = self.past[:-1] + self.future[1:] - self.log_z.integer
        tops = [x.amax(2).clamp(min=FLOOR) for x in (leave, onto)]
        top = step.amax().clamp(min=FLOOR)
        scale = (tops[0] + tops[1]) + integer + (top - self.z.squeeze(1))
        real = self.inside[1:] & (scale > FLOOR / 2)
        large = real & (scale > LARGE)
        weight = scale.masked_fill(large | ~real, -torch.inf).exp_()
        source = (leave - tops[0].unsqueeze(2)).exp_().mul_(weight.unsqueeze(2))
        target = (onto - tops[1].unsqueeze(2)).exp_().transpose(0, 1)
        boundary = torch.arange(1, len(leave) + 1, device=leave.device).unsqueeze(1)
        phase = (boundary if p.phase_offset is None else boundary + p.phase_offset) % p.period
        result = []
        for f in range(p.period):
            chosen = source if p.period == 1 else source * (phase == f).unsqueeze(2)
            result.append(torch.bmm(chosen.permute(1, 2, 0), target) * (step[f] - top).exp())
        counts = torch.stack(result, 1)
        # Where exp of what was taken out overflows, the terms are summed as logarithms; such bases are few.
        for part in torch.split(large.nonzero(), 4096):
            t, b = part.unbind(1)
            at = phase.expand_as(large)[t, b]
            rest = leave[t, b].unsqueeze(2) + onto[t, b].unsqueeze(1) + step[at]
            terms = (rest + (integer[t, b] - self.z[b, 0]).view(-1, 1, 1)).exp()
            # A product with one-hot rows: an indexed addition is not deterministic on a GPU.
            rows = torch.nn.functional.one_hot(b * p.period + at, counts.shape[0] * p.period)
            counts += (rows.to(terms.dtype).t() @ terms.flatten(1)).view(counts.shape)
        return counts

    def messages(self) -> Messages:
        """Return the log-sums at every boundary in the form of `Messages`."""
        layout, p = self.layout, self.p
        B, T, _, C = p.shape
        past_shift = layout.shift.cumsum(0)
        total = past_shift[-1]
        result = []
        for first, x in (
            (0, self.entry + layout.forward(layout.enter + layout.before) + self._before(past_shift)),
            (1, self.leave + (self.past + past_shift).unsqueeze(2)),
            (1, self.onward + (self.future + (total - past_shift)).unsqueeze(2)),
        ):
            x = x.masked_fill(~self.inside.unsqueeze(2), -torch.inf)[:T, :, self._sorted].transpose(0, 1)
            message = x.new_full((B, T + 1, C), -torch.inf)
            message[:, first : first + T] = x
            result.append(message)
        if p.depart is not None:
            chain = torch.arange(B, device=layout.lengths.device)
            result[1][chain, layout.lengths] = -torch.inf
        entry, leave, onward = result
        return Messages(entry, leave, onward, self.log_z.value() + total)

    def _before(self, past_shift: Tensor) -> Tensor:
        return (self.past + past_shift - self.layout.shift).unsqueeze(2)


def end_log_z(layout: Layout, scores: Scores) -> LogZ:
    """Return log Z of chains whose last segment is not censored, from the forward direction alone."""
    chain = torch.arange(layout.chains, device=layout.lengths.device)
    leave = scores.leave.flatten(0, 1)[layout.lengths - 1, chain] + layout.last
    return LogZ.of(scores.offset[(layout.lengths - 1) // layout.size, chain].view(1, -1, 1), leave.unsqueeze(0))
