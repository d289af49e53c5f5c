"""The data layout of the blocked recurrences: blocks, scores relative to the block, both directions.

The recurrence of `potentials` factors. With S the cumulative content, A_t(c) the log-sum of all that ends with a
segment of label c at boundary t, U_s(c) of all that stands before a segment of label c at boundary s,

    W_s    = U_s + begin_s - S_s
    A_t    = S_t + end_{t-1} + log sum_{s < t} exp(W_s + D(t - s))
    U_s(c) = log sum_p exp(A_s(p) + transition(p, c))

The same recurrence on the mirrored chain (transition transposed, begin and end, start and final, arrive and depart
exchanged) gives what follows a boundary. Where both are wanted they run as one batch of 2B chains.

Numbers. Each base is covered by exactly one segment, so the largest content of a base is taken out first and added to
log Z. Block I holds bases and entries ``I b .. I b + b - 1`` and the ends one boundary later. S is kept as a whole
number ``level`` per block, exact in float64 however long the chain, and a remainder of the size of one block; the
recurrence keeps A and U likewise. A forbidden base counts as 0 in S; the last forbidden base before each boundary says
which segments it removes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from genescribe.kernels.native_library import extent
from genescribe.kernels.semicrf.potentials import Potentials

WIDEST = 1e6
"""Most nats between the labels of a base: cumulative sums keep ten decimals up to here."""

SIZES = (64, 32, 16)
"""Bases per block."""

RANGE = 300.0
"""Change of the scores, in nats, that a block may see before a smaller one is taken."""

GROWTH_STEP = 0.01
SHORT = 4
"""Labels whose table is this many times shorter than the longest one are summed apart from it."""


@dataclass(frozen=True, eq=False)
class Group:
    """Neighbouring labels that share a number of source blocks whose durations are read from the table."""

    labels: slice
    blocks: int


@dataclass(frozen=True, eq=False)
class Durations:
    """Scores of durations of any length; labels sorted by falling reach.

    Attributes
    ----------
    order : (C,) int64
        Label of the potentials at each sorted place.
    rows : (K, C)
        Scores of durations 1..K; past a label's reach they are not read.
    reach : (C,) int64
        Last row of each label.
    tail : (C,)
        Score of each further base; -inf: none.
    """

    order: Tensor
    rows: Tensor
    reach: Tensor
    tail: Tensor

    @classmethod
    def of(cls, p: Potentials) -> Durations:
        """Read the durations of `p`; a tail that starts from -inf, and -inf rows before none, shorten a label."""
        rows, tail = p.duration.double(), p.tail.double()
        K, _ = rows.shape
        last = torch.full_like(p.tail, K, dtype=torch.int64) if p.explicit is None else p.explicit
        k = torch.arange(1, K + 1, device=rows.device).unsqueeze(1)
        finite = (rows > -torch.inf) & (k <= last)
        tail = tail.masked_fill(rows.gather(0, last.unsqueeze(0) - 1).squeeze(0) == -torch.inf, -torch.inf)
        reach = torch.where(tail > -torch.inf, last, (k * finite).amax(0).clamp(min=1))
        order = torch.argsort(reach, descending=True, stable=True)
        return cls(order, rows[:, order].contiguous(), reach[order], tail[order])

    def scores(self, k: Tensor) -> Tensor:
        """Return D_c(k) of every label, (*k.shape, C); -inf for k < 1."""
        k = k.unsqueeze(-1)
        row = torch.minimum(k, self.reach).clamp(min=1) - 1
        known = self.rows.gather(0, row.reshape(-1, row.shape[-1])).view(row.shape)
        excess = (k - self.reach).clamp(min=0)
        # Not `excess * tail` alone: 0 * -inf is NaN.
        extra = torch.where(excess > 0, excess * self.tail, 0.0)
        return (known + extra).masked_fill(k < 1, -torch.inf)

    def onward(self, group: Group, size: int) -> Tensor:
        """Return the scores of a group's oldest explicit block's entries up to the end of the block, (size, 1, labels).

        From there on they follow the tail; -inf where there is none.
        """
        labels = group.labels
        place = torch.arange(size, device=self.tail.device).unsqueeze(1)
        excess = (group.blocks + 1) * size - place - self.reach[labels]
        last = self.rows.gather(0, self.reach.unsqueeze(0) - 1)[:, labels]
        return torch.where(self.tail[labels] > -torch.inf, last + excess * self.tail[labels], -torch.inf).unsqueeze(1)

    def groups(self, size: int, blocks: int) -> list[Group]:
        """Return one or two groups for blocks of `size` bases in chains of so many blocks."""
        needed = (-(-(self.reach - 1) // size)).clamp(max=blocks).tolist()
        C, longest = len(needed), needed[0]
        cut = next((c for c in range(C) if SHORT * needed[c] <= longest), C) if longest else C
        if cut == C:
            return [Group(slice(0, C), longest)]
        return [Group(slice(0, cut), longest), Group(slice(cut, C), needed[cut])]


def refusal(p: Potentials) -> str | None:
    """Return why cumulative sums would lose digits, or None: contents so far apart that one should be -inf."""
    content = p.content.detach()
    if content.numel() == 0:
        return None
    least, most = extent(content)
    if most - least <= WIDEST:
        return None
    lowest = content.masked_fill(content == -torch.inf, torch.inf).amin(2)
    inside = torch.arange(p.shape[1], device=lowest.device) < p.lengths.unsqueeze(1)
    spread = (content.amax(2) - lowest).masked_fill(~inside, 0.0)
    if float(spread.amax()) <= WIDEST:
        return None
    return f"the labels' content differs by more than {WIDEST:.0e} nats at a base; forbid with -inf instead"


def growth(p: Potentials, durations: Durations) -> float:
    """Return g >= 0 such that the exponentials of all paths between two boundaries sum to at most exp(g) a base.

    The content aside, whose largest is 0 a base: g solves ``sum_k exp(D(k) - g k) * sum_p exp(transition) <= 1`` for
    the worst label, the best boundary scores of that label added.
    """
    into = torch.stack([torch.logsumexp(p.transition.double(), dim).amax(0) for dim in (1, 2)]).amax(0)
    best = into + sum(_highest(x, p.lengths) for x in (p.begin, p.end) if x is not None)
    k = torch.arange(1, SIZES[0] + 1, device=durations.tail.device)
    scores = durations.scores(k) + best[durations.order]
    # The sum falls with g, so halving finds it; an upper bound is all that is needed.
    low, high = 0.0, max(0.0, float(torch.logsumexp(scores, 0).amax()))
    while high - low > GROWTH_STEP:
        middle = (low + high) / 2
        fits = float(torch.logsumexp(scores - middle * k.unsqueeze(1), 0).amax()) <= 0
        low, high = (low, middle) if fits else (middle, high)
    return high


def choose_size(p: Potentials, growing: float) -> int:
    """Return the bases per block: as many as keep the exponentials of most blocks in range."""
    sample = p.content[:, :: max(1, p.shape[1] // 256)].double()
    lowest = sample.masked_fill(sample == -torch.inf, torch.inf).amin(2)
    spread = (sample.amax(2) - lowest).nan_to_num(0.0, 0.0, 0.0).mean()
    change = growing + float(spread)
    return next((size for size in SIZES if size * change <= RANGE), SIZES[-1])


def _highest(x: Tensor, lengths: Tensor) -> Tensor:
    """Return the largest score of each label, at least 0, within the lengths of (B, T, C)."""
    outside = torch.arange(x.shape[1], device=x.device) >= lengths.unsqueeze(1)
    return x.double().masked_fill(outside.unsqueeze(2), 0.0).amax((0, 1)).clamp(min=0)


@dataclass(frozen=True, eq=False)
class Layout:
    """A batch in blocks: T' = blocks x size bases, N = B or 2B chains (2B: then the mirrored ones), C sorted labels.

    Attributes
    ----------
    size, blocks, chains : int
        b, the number of blocks, B.
    mirror : (T', B) int64
        Where base i of a chain stands in the mirrored chain, and the reverse.
    shift : (T', B)
        Score taken out of the content of each base, 0 past the length.
    level : (blocks, N, C)
        Whole-number part of S at the start of each block.
    before, after : (blocks, size, N, C)
        S before and after each base, less the level.
    enter : (blocks, size, N, C)
        W less U: begin less `before`.
    leave : (blocks, size, N, C)
        A less the log-sum: `after` plus end.
    alive : (blocks, size, N, C) int64 or None
        First boundary at which a segment that covers base i may begin; None where no content is -inf.
    inject : (blocks, size, N, C) or None
        Scores of a censored first segment that ends after each base, content aside.
    first : (N, C)
        Score of entering at boundary 0.
    last : (B, C)
        Score of leaving at the end, of the forward chains.
    steps : list of (G, C, C)
        Transition scores at the boundaries that are r modulo the period; G is 1 or 2 (all chains of a direction share
        them) or N.
    """

    size: int
    blocks: int
    chains: int
    lengths: Tensor
    mirror: Tensor
    shift: Tensor
    level: Tensor
    before: Tensor
    after: Tensor
    enter: Tensor
    leave: Tensor
    alive: Tensor | None
    inject: Tensor | None
    first: Tensor
    last: Tensor
    steps: list[Tensor]

    @property
    def inside(self) -> Tensor:
        """True for bases of the chain, (T', B) bool."""
        base = torch.arange(self.mirror.shape[0], device=self.mirror.device)
        return base.unsqueeze(1) < self.lengths

    def forward(self, x: Tensor) -> Tensor:
        """Return the forward chains of (blocks, size, N, ...), time first: (T', B, ...)."""
        return x.flatten(0, 1)[:, : self.chains]

    def backward(self, x: Tensor) -> Tensor:
        """Return the mirrored chains of (blocks, size, N, ...), turned round to forward positions: (T', B, ...)."""
        return take(x.flatten(0, 1), self.mirror, self.chains)


def _time_first(
    x: Tensor | None, first: int, outside: float, *, T: int, order: Tensor, inside: Tensor, ragged: bool
) -> Tensor | None:
    """Return T columns of (B, T or T + 1, C), from `first` on, as (T', B, C) float64; `outside` past the ends."""
    if x is None:
        return None
    laid = x.new_full((*inside.shape, x.shape[2]), outside, dtype=torch.float64)
    laid[:T] = arranged(x[:, first : first + T].transpose(0, 1), order)
    return laid.masked_fill_(~inside.unsqueeze(2), outside) if ragged else laid


def _with_mirrored(x: Tensor | None, y: Tensor | None, missing: float, *, mirror: Tensor | None) -> Tensor | None:
    """Return the forward chains of `x` and, after them, the mirrored chains of `y`; only `x` without a mirror."""
    if mirror is None:
        return x
    like = x if x is not None else y
    if like is None:
        return None
    x, y = (torch.full_like(like, missing) if z is None else z for z in (x, y))
    return torch.cat([x, take(y, mirror)], 1)


def lay_out(p: Potentials, order: Tensor, size: int, both: bool) -> Layout:
    """Lay out `p` in blocks of `size` bases, its labels in the given order, with the mirrored chains if `both`.

    Parameters
    ----------
    p
        The scores, (B, T, C).
    order : (C,) int64
        Label of the potentials at each sorted place.
    size
        Bases per block, one of `SIZES`.
    both
        Also lay out the mirrored chains, behind the others.
    """
    B, T, _, _ = p.shape
    blocks = -(-T // size)
    base = torch.arange(blocks * size, device=p.content.device).unsqueeze(1)
    inside = base < p.lengths
    mirror = torch.where(inside, p.lengths - 1 - base, base)
    bases = partial(_time_first, T=T, order=order, inside=inside, ragged=bool((p.lengths < T).any()))
    content = bases(p.content, 0, 0.0)
    assert content is not None
    forbidden = content == -torch.inf
    # What all labels of a base have in common adds to every segmentation alike; without it exponentials stay in range.
    shift = torch.where(forbidden.all(2), 0.0, content.amax(2))
    content = content.sub_(shift.unsqueeze(2)).masked_fill_(forbidden, 0.0)
    begin, end = bases(p.begin, 0, 0.0), bases(p.end, 0, 0.0)
    arrive, depart = bases(p.arrive, 1, -torch.inf), bases(p.depart, 0, -torch.inf)
    pair = partial(_with_mirrored, mirror=mirror if both else None)
    content, forbidden = (torch.cat([x, take(x, mirror)], 1) if both else x for x in (content, forbidden))
    alive = None
    inject = pair(arrive, depart, -torch.inf)
    if bool(forbidden.any()):
        alive = ((base.unsqueeze(2) + 1) * forbidden).cummax(0).values
        inject = inject if inject is None else inject.masked_fill(alive > 0, -torch.inf)
    level, before, after = _sums(content.view(blocks, size, *content.shape[1:]))
    begins, ends = pair(begin, end, 0.0), pair(end, begin, 0.0)
    start, final = p.start.double()[order], p.final.double()[order]
    none = torch.full_like(start, -torch.inf)
    first = [(start if arrive is None else none).expand(B, -1), (final if depart is None else none).expand(B, -1)]
    return Layout(
        size=size,
        blocks=blocks,
        chains=B,
        lengths=p.lengths,
        mirror=mirror,
        shift=shift,
        level=level,
        before=before,
        after=after,
        enter=-before if begins is None else begins.view(before.shape) - before,
        leave=after if ends is None else after + ends.view(after.shape),
        alive=None if alive is None else alive.view(after.shape),
        inject=None if inject is None else inject.view(after.shape),
        first=torch.cat(first) if both else first[0],
        last=first[1],
        steps=_steps(p, order, both),
    )


def take(x: Tensor, where: Tensor, first: int = 0) -> Tensor:
    """Return ``x[where[i, b], first + b]``: chains of (T', N, ...) rearranged in time.

    Parameters
    ----------
    x : (T', N, ...)
        Chains, time first.
    where : (T', B) int64
        Time to read for each base and chain.
    first
        Number of the first chain to read.
    """
    T, B = where.shape
    row = where * x.shape[1] + first + torch.arange(B, device=where.device)
    return x.flatten(0, 1).index_select(0, row.flatten()).view(T, B, *x.shape[2:])


def arranged(x: Tensor, order: Tensor) -> Tensor:
    """Return the labels, the last dimension, in another order."""
    identity = torch.arange(len(order), device=order.device)
    return x if torch.equal(order, identity) else x.index_select(-1, order)


def _sums(content: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return level, before and after of (blocks, size, N, C)."""
    within = content.cumsum(1)
    total = within[:, -1]
    # One running sum over a chromosome would be millions, with few digits left behind the point. Its whole number and
    # the rest are carried apart: the sums of whole numbers are exact, and the rest stays small.
    integer = total.round()
    zero = torch.zeros_like(total[:1])
    level = torch.cat([zero, integer.cumsum(0)[:-1]])
    drift = torch.cat([zero, (total - integer).cumsum(0)[:-1]])
    level = level + drift.round()
    drift = (drift - drift.round()).unsqueeze(1)
    after = within + drift
    return level, torch.cat([drift, after[:, :-1]], 1), after


def _steps(p: Potentials, order: Tensor, both: bool) -> list[Tensor]:
    transition = p.transition.double()[:, order][:, :, order]
    if p.period == 1:
        return [torch.cat([transition, transition.mT])] if both else [transition]
    offset = torch.zeros_like(p.lengths) if p.phase_offset is None else p.phase_offset
    steps = []
    for r in range(p.period):
        forward = transition[(r + offset) % p.period]
        # Boundary r of the mirrored chain is boundary n - r of the chain, and its transitions run the other way.
        steps.append(torch.cat([forward, transition.mT[(p.lengths - r + offset) % p.period]]) if both else forward)
    return steps
