"""The plain log-domain recurrence: the reference for all other backends.

One step per boundary, vectorised over chains, labels and durations; every sum is a log-sum-exp in float64, and no
difference of cumulative sums appears, so that -inf may stand anywhere. With

    entry[s, c] = begin[s, c] + log sum_p exp(leave[s, p] + transition[s, p, c])
    leave[t, c] = end[t - 1, c] + log sum_k exp(entry[t - k, c] + content[t - k .. t, c] + D_c(k))

the time is O(T (K C + C^2)) and only entry and leave are kept. Durations past K are one sum per label: a segment
of more than K bases is one base added to a segment of at least K. The expected counts are written out (Sarawagi and
Cohen 2004, section 3), so they are deterministic, and zero where a score is -inf.

Scores of a million nats would leave ten digits to a posterior. Since a constant added to a base's content adds to every
segmentation alike, a whole number is taken from each base so that the best `leave` stays near 0, and its sum is added
to log Z at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from genescribe.kernels.semicrf.potentials import Counts, Messages, Potentials, Segmentation
from genescribe.kernels.semicrf.traceback import Walk

Add = Callable[[Tensor, Tensor], Tensor]
Sum = Callable[[Tensor, int], Tensor]

FORBIDDEN = -torch.inf
"""A score that no segmentation may use. `expectation` takes a finite stand-in where it is differentiated itself."""


def supports(p: Potentials) -> str | None:
    """Return None: the reference takes every input."""
    del p
    return None


def working_bytes(p: Potentials) -> int:
    """Return the bytes of the recurrence: entry and leave, content transposed, one window of K durations."""
    B, T, K, C = p.shape
    return 8 * B * C * (4 * (T + 1) + 3 * K)


def expectation(p: Potentials, wanted: frozenset[str], forbidden: float = FORBIDDEN) -> tuple[Tensor, Counts]:
    """Return log Z of each chain and the expected counts of the wanted fields of potentials without `explicit`.

    Parameters
    ----------
    p
        Potentials: the log scores of a batch of chains.
    wanted
        Names of fields; none: log Z alone.
    forbidden
        Stands for -inf. With a large negative number every step has a finite derivative.
    """
    chain = _Chain.of(p, forbidden)
    f = _forward(chain, torch.logaddexp, torch.logsumexp)
    log_z = (f.total + f.shift.sum(0)).masked_fill(f.total <= forbidden / 2, -torch.inf)
    if not wanted:
        return log_z, {}
    onward, sums = _backward(chain, f)
    counts = _counts(chain, f, onward, sums)
    return log_z, {name: counts[name] for name in wanted}


def viterbi(p: Potentials) -> tuple[Tensor, list[Segmentation]]:
    """Return the best score of each chain, (B,) float64, and its segmentation."""
    p = p.detach().expanded()
    with torch.no_grad():
        chain = _Chain.of(p)
        f = _forward(chain, torch.maximum, torch.amax)
        p = replace(p, content=chain.content.transpose(0, 1))
        walks = (Walk(p, b, f.entry[:, b], f.leave[:, b]) for b in range(len(p.lengths)))
        paths = [walk.segmentation(lambda scores: int(scores.argmax())) for walk in walks]
        return f.total + f.shift.sum(0), paths


def messages(p: Potentials) -> Messages:
    """Return the log-sums at every boundary."""
    p = p.detach().expanded()
    with torch.no_grad():
        chain = _Chain.of(p)
        f = _forward(chain, torch.logaddexp, torch.logsumexp)
        onward, _ = _backward(chain, f)
        past = torch.nn.functional.pad(f.shift.cumsum(0), (0, 0, 1, 0)).unsqueeze(2)
        entry, leave, onward = f.entry + past, f.leave + past, onward + (past[-1] - past)
        entry, leave, onward = (x.transpose(0, 1).contiguous() for x in (entry, leave, onward))
        return Messages(entry, leave, onward, f.total + f.shift.sum(0))


@dataclass(frozen=True, eq=False)
class _Chain:
    """The potentials as the loops read them: float64, time first, padding zero, absent terms zero."""

    lengths: Tensor
    content: Tensor  # (T, B, C)
    begin: Tensor  # (T, B, C)
    end: Tensor  # (T, B, C)
    transition: Tensor  # (P, C, C)
    phase: Tensor  # (B,)
    duration: Tensor  # (K, C)
    tail: Tensor  # (C,)
    start: Tensor  # (C,)
    final: Tensor  # (C,)
    arrive: Tensor | None  # (T + 1, B, C)
    depart: Tensor | None  # (T + 1, B, C)
    spanning: Tensor | None  # (B, C)
    forbidden: float

    @classmethod
    def of(cls, p: Potentials, forbidden: float = FORBIDDEN) -> _Chain:
        B, T, _, C = p.shape
        past = torch.arange(T, device=p.lengths.device).unsqueeze(1) >= p.lengths  # (T, B)

        def scores(x: Tensor) -> Tensor:
            x = x.double()
            return x if forbidden == FORBIDDEN else x.clamp(min=forbidden)

        def bases(x: Tensor | None) -> Tensor:
            if x is None:
                return p.content.new_zeros(1, dtype=torch.float64).expand(T, B, C)
            return scores(x).transpose(0, 1).masked_fill(past.unsqueeze(2), 0.0).contiguous()

        def boundaries(x: Tensor | None) -> Tensor | None:
            return None if x is None else scores(x).transpose(0, 1)

        return cls(
            lengths=p.lengths,
            content=bases(p.content),
            begin=bases(p.begin),
            end=bases(p.end),
            transition=scores(p.transition),
            phase=torch.zeros_like(p.lengths) if p.phase_offset is None else p.phase_offset,
            duration=scores(p.duration),
            tail=scores(p.tail),
            start=scores(p.start),
            final=scores(p.final),
            arrive=boundaries(p.arrive),
            depart=boundaries(p.depart),
            spanning=None if p.spanning is None else scores(p.spanning),
            forbidden=forbidden,
        )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(B, T, K, C)."""
        T, B, C = self.content.shape
        return B, T, self.duration.shape[0], C

    def step(self, t: int) -> Tensor:
        """Return the transition scores at boundary t, (B or 1, C, C)."""
        period = self.transition.shape[0]
        return self.transition if period == 1 else self.transition[(self.phase + t) % period]


class _Forward(NamedTuple):
    """Results of the forward loop."""

    entry: Tensor  # (T + 1, B, C)
    leave: Tensor  # (T + 1, B, C)
    total: Tensor  # (B,): log Z, or the best score, less the shifts
    shift: Tensor  # (T, B): what was taken from each base's content


def _forward(chain: _Chain, add: Add, total: Sum) -> _Forward:
    """Run the recurrence in the semiring of `add` and `total`; takes the shifts from the chain's content.

    `ring` holds at slot ``s % K`` the entry at boundary s plus the content since, for the last K boundaries s; at
    boundary t slot j stands for duration ``(t - 1 - j) % K + 1``, so the duration table is read reversed and rotated.
    """
    (B, T, K, C), forbidden = chain.shape, chain.forbidden
    entry = chain.content.new_full((T + 1, B, C), forbidden)
    leave = torch.full_like(entry, forbidden)
    ring = chain.content.new_full((K, B, C), forbidden)
    rotated = chain.duration.flip(0).repeat(2, 1).unsqueeze(1)
    longer = chain.content.new_full((B, C), forbidden)  # segments of at least K bases that end at t
    closed = longer.clone()  # whole chains whose last segment is censored
    prefix = torch.zeros_like(longer)  # content from 0 on
    shift = chain.content.new_zeros((T, B))
    if chain.arrive is None:
        entry[0] = chain.start + chain.begin[0]
    for t in range(T):
        ring[t % K] = entry[t]
        ring += chain.content[t]
        prefix = prefix + chain.content[t]
        if chain.depart is not None:
            running = (t < chain.lengths).unsqueeze(1)
            closed = torch.where(running, add(closed, entry[t] + chain.depart[t]) + chain.content[t], closed)
        end = t + 1
        longer = longer + chain.content[t] + chain.tail
        offset = -end % K
        ends = add(total(ring + rotated[offset : offset + K], 0), longer)
        longer = add(longer, ring[end % K] + chain.duration[K - 1])
        if chain.arrive is not None:
            ends = add(ends, chain.arrive[end] + prefix)
        leave[end] = torch.where((end <= chain.lengths).unsqueeze(1), ends + chain.end[t], forbidden)
        if end < T:
            onto = total(leave[end].unsqueeze(2) + chain.step(end), 1) + chain.begin[end]
            running = end < chain.lengths
            entry[end] = torch.where(running.unsqueeze(1), onto, forbidden)
            best = leave[end].detach().amax(1)
            shift[end] = torch.where(running & (best > forbidden / 2), best.round(), 0.0)
            chain.content[end] -= shift[end].unsqueeze(1)
    rows = torch.arange(B, device=leave.device)
    if chain.depart is None:
        closed = leave[chain.lengths, rows] + chain.final
    else:
        leave[chain.lengths, rows] = forbidden
        if chain.spanning is not None:
            closed = add(closed, chain.spanning + prefix)
    return _Forward(entry, leave, total(closed, 1), shift)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums of the backward loop."""

    onto: Tensor  # (T + 1, B, C): all from boundary s on, given that a segment of label c begins there
    transition: Tensor  # (B, P, C, C), and so on: expected counts
    duration: Tensor  # (K, B, C)
    tail: Tensor  # (B, C)


def _backward(chain: _Chain, forward: _Forward) -> tuple[Tensor, _Sums]:
    """Return onward, (T + 1, B, C), and the expected counts of the fields that chains share.

    The ring holds at slot ``t % K`` the end at boundary t, all that follows, and the content before it, for the next
    K boundaries t; at boundary s slot j stands for duration ``(j - s - 1) % K + 1``.
    """
    (B, T, K, C), forbidden = chain.shape, chain.forbidden
    onward = chain.content.new_full((T + 1, B, C), forbidden)
    sums = _Sums(
        torch.full_like(onward, forbidden),
        onward.new_zeros(B, len(chain.transition), C, C),
        onward.new_zeros(K, B, C),
        onward.new_zeros(B, C),
    )
    ring = chain.content.new_full((K, B, C), forbidden)
    rotated = chain.duration.repeat(2, 1).unsqueeze(1)
    longer = chain.content.new_full((B, C), forbidden)  # segments of more than K bases that begin at s
    excess = torch.zeros_like(longer)  # mean of k - K over them
    suffix = torch.zeros_like(longer)  # content up to the chain's end
    scale = _scale(chain, forward)
    for s in range(T - 1, -1, -1):
        ends = s + 1
        onward[ends] = _onward(chain, ends, forward.leave[ends] - scale, sums)
        exact = ring[ends % K] + chain.duration[K - 1]
        joined = torch.logaddexp(longer, exact)
        excess = 1 + excess * torch.where(joined == -torch.inf, 0.0, (longer - joined).exp())
        longer = joined + chain.content[s] + chain.tail
        ring[ends % K] = chain.end[s] + onward[ends]
        ring += chain.content[s]
        offset = -ends % K
        segments = ring + rotated[offset : offset + K]
        before = forward.entry[s] - scale
        sums.duration.add_((segments + before).exp().roll(offset, 0))
        past = (longer + before).exp()
        sums.duration[K - 1] += past
        sums.tail.add_(past * excess)
        onto = torch.logaddexp(torch.logsumexp(segments, 0), longer)
        suffix = suffix + chain.content[s]
        if chain.depart is not None:
            onto = torch.logaddexp(onto, chain.depart[s] + suffix)
        sums.onto[s] = torch.where((s < chain.lengths).unsqueeze(1), onto, forbidden)
    return onward, sums


def _scale(chain: _Chain, forward: _Forward) -> Tensor:
    """Return log Z less the shifts, (B, 1), such that posteriors of a chain without segmentations are exp(-inf) = 0."""
    return forward.total.masked_fill(forward.total <= chain.forbidden / 2, torch.inf).unsqueeze(1)


def _onward(chain: _Chain, t: int, before: Tensor, sums: _Sums) -> Tensor:
    """Return onward at boundary t, (B, C), and add the transitions there to `sums`."""
    after = torch.full_like(before, chain.forbidden)
    if t < len(chain.content):
        steps = chain.step(t) + (chain.begin[t] + sums.onto[t]).unsqueeze(1)
        after = torch.logsumexp(steps, 2)
        period = len(chain.transition)
        # A product with the one-hot phase, not an indexed addition, which is not deterministic on a GPU.
        phase = torch.nn.functional.one_hot((chain.phase + t) % period, period).to(before.dtype)
        sums.transition.add_(phase.view(-1, period, 1, 1) * (steps + before.unsqueeze(2)).exp().unsqueeze(1))
    if chain.depart is None:
        after = torch.where((chain.lengths == t).unsqueeze(1), chain.final, after)
    return torch.where((chain.lengths >= t).unsqueeze(1), after, chain.forbidden)


def _counts(chain: _Chain, forward: _Forward, onward: Tensor, sums: _Sums) -> Counts:
    """Return the expected counts of every field, in the shape of the field, (B, ...) also where chains share it."""
    entry, leave, scale = forward.entry, forward.leave, _scale(chain, forward)
    begins = (entry + sums.onto - scale).exp()  # (T + 1, B, C); a segment begins at boundary t
    ends = (leave + onward - scale).exp()
    rows = torch.arange(len(chain.lengths), device=chain.lengths.device)
    counts = {
        "transition": sums.transition,
        "duration": sums.duration.transpose(0, 1),
        "tail": sums.tail,
        "start": begins[0],
        "final": ends[chain.lengths, rows] if chain.depart is None else torch.zeros_like(begins[0]),
        "begin": begins[:-1].transpose(0, 1),
        "end": ends[1:].transpose(0, 1),
    }
    entered = begins.clone()
    if chain.arrive is not None:
        arrive = torch.zeros_like(begins)
        arrive[1:] = (chain.arrive[1:] + chain.content.cumsum(0) + chain.end + onward[1:] - scale).exp()
        counts["arrive"] = arrive.transpose(0, 1)
        entered[0] += arrive.sum(0)
    if chain.depart is not None:
        suffix = chain.content.flip(0).cumsum(0).flip(0)
        depart = torch.zeros_like(begins)
        depart[:-1] = (entry[:-1] + chain.depart[:-1] + suffix - scale).exp()
        counts["depart"] = depart.transpose(0, 1)
        if chain.spanning is not None:
            counts["spanning"] = (chain.spanning + suffix[0] - scale).exp()
            entered[0] += counts["spanning"]
    # A base is inside a segment: begun at or before it, not ended before it.
    inside = (entered[:-1] - torch.cat([torch.zeros_like(ends[:1]), ends[1:-1]])).cumsum(0)
    time = torch.arange(len(inside), device=inside.device).unsqueeze(1)
    outside = (time >= chain.lengths).unsqueeze(2) | (chain.content <= chain.forbidden / 2)
    counts["content"] = inside.masked_fill(outside, 0.0).transpose(0, 1)
    return counts
