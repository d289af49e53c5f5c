"""The score of given segmentations: the only function that scores the gold path and the enumerated paths in tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from genescribe.errors import InputError
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation


@dataclass(frozen=True, eq=False)
class Segments:
    """Segmentations of a batch as padded tensors; S is the largest number of segments.

    Attributes
    ----------
    ends, labels : (B, S) int64
        As in `Segmentation`; past a chain's last segment, `ends` repeats its length and `labels` is 0.
    counts : (B,) int64
        Number of segments, 1..S.
    """

    ends: Tensor
    labels: Tensor
    counts: Tensor

    @classmethod
    def of(cls, segmentations: Sequence[Segmentation], device: torch.device | None = None) -> Segments:
        """Pad segmentations, none of them empty."""
        counts = torch.tensor([len(s.ends) for s in segmentations])
        ends = pad_sequence([s.ends for s in segmentations], batch_first=True, padding_value=-1)
        labels = pad_sequence([s.labels for s in segmentations], batch_first=True)
        last = ends.gather(1, (counts - 1).unsqueeze(1))
        return cls(torch.where(ends < 0, last, ends).to(device), labels.to(device), counts.to(device))

    @property
    def starts(self) -> Tensor:
        """First base of each segment, (B, S)."""
        return torch.cat([torch.zeros_like(self.ends[:, :1]), self.ends[:, :-1]], 1)

    @property
    def real(self) -> Tensor:
        """True for segments, False for padding, (B, S) bool."""
        return torch.arange(self.ends.shape[1], device=self.ends.device) < self.counts.unsqueeze(1)

    def rows(self, index: Tensor) -> Segments:
        """Return the chains `index`, (N,) int64 or (B,) bool."""
        return Segments(self.ends[index], self.labels[index], self.counts[index])

    def per_base(self, length: int) -> Tensor:
        """Return the label of each base, (B, length); past a chain's end the label is 0."""
        base = torch.arange(length, device=self.ends.device).expand(len(self.ends), length).contiguous()
        segment = torch.searchsorted(self.ends, base, right=True).clamp(max=self.ends.shape[1] - 1)
        return self.labels.gather(1, segment)


@dataclass(frozen=True, eq=False)
class Terms:
    """The parts of a score, each (B, S) float64 and 0 in padding, but `content`, which is (B, T)."""

    content: Tensor
    duration: Tensor
    boundary: Tensor
    transition: Tensor
    edge: Tensor

    def total(self) -> Tensor:
        """Return the score of each chain, (B,)."""
        per_segment = self.duration + self.boundary + self.transition + self.edge
        return self.content.sum(1) + per_segment.sum(1)


def score(p: Potentials, segments: Segments) -> Tensor:
    """Return the score of one segmentation per chain, (B,) float64; -inf where it is forbidden.

    No difference of cumulative sums: each base's content is read under its label, so a forbidden base gives -inf and
    not NaN. Differentiable in every floating field.

    Raises
    ------
    InputError
        A segmentation that does not end at its chain's length, has an empty segment or an unknown label.
    """
    return terms(p, segments).total()


def terms(p: Potentials, segments: Segments) -> Terms:
    """Return the parts of `score`."""
    _check(p, segments)
    _, T, _, _ = p.shape
    starts, labels, real = segments.starts, segments.labels, segments.real
    final_base = (segments.ends - 1).clamp(min=0)
    index = torch.arange(segments.ends.shape[1], device=segments.ends.device)
    first, last = index == 0, index == (segments.counts - 1).unsqueeze(1)
    first = first.expand_as(last)
    arrives = first & (p.arrive is not None)
    departs = last & (p.depart is not None)
    spanning = arrives & departs

    base = segments.per_base(T)
    inside = torch.arange(T, device=base.device) < p.lengths.unsqueeze(1)
    content = torch.where(inside, p.content.gather(2, base.unsqueeze(2)).squeeze(2).double(), 0.0)

    begin = _at(p.begin, starts.clamp(max=T - 1), labels, real & ~arrives)
    end = _at(p.end, final_base, labels, real & ~departs)
    duration = _masked(duration_score(p, (segments.ends - starts).clamp(min=1), labels), real & ~arrives & ~departs)
    previous = torch.cat([torch.zeros_like(labels[:, :1]), labels[:, :-1]], 1)
    phase = starts if p.phase_offset is None else starts + p.phase_offset.unsqueeze(1)
    step = _masked(p.transition[phase % p.period, previous, labels], real & ~first)

    edge = _masked(p.start[labels], first & ~arrives) + _masked(p.final[labels], last & ~departs)
    edge = (
        edge
        + _at(p.arrive, segments.ends, labels, arrives & ~spanning)
        + _at(p.depart, starts, labels, departs & ~spanning)
    )
    if p.spanning is not None:
        edge = edge + _masked(p.spanning.gather(1, labels), spanning)
    return Terms(content, duration, begin + end, step, edge)


def forbidden_by(p: Potentials, segments: Segments, chain: int) -> str:
    """Return in words the first score of -inf on a chain's segmentation, or an empty string.

    Parameters
    ----------
    p
        Potentials: the log scores of a batch of chains.
    segments
        Padded segments of a batch.
    chain
        Row of the batch.
    """
    parts = terms(p, segments)
    labels, ends = segments.labels[chain].tolist(), segments.ends[chain].tolist()
    starts = segments.starts[chain].tolist()
    base = (parts.content[chain] == -torch.inf).nonzero()
    if len(base):
        t = int(base[0])
        return f"label {int(segments.per_base(t + 1)[chain, t])} is forbidden at base {t}"
    for i in range(int(segments.counts[chain])):
        place = f"segment {i} [{starts[i]}, {ends[i]}) of label {labels[i]}"
        if parts.duration[chain, i] == -torch.inf:
            return f"{place}: a duration of {ends[i] - starts[i]} is forbidden"
        if parts.transition[chain, i] == -torch.inf:
            return f"{place}: the transition from label {labels[i - 1]} is forbidden there"
        if parts.boundary[chain, i] == -torch.inf:
            return f"{place}: its begin or end is forbidden there"
        if parts.edge[chain, i] == -torch.inf:
            return f"{place}: it may not be the first or last segment so"
    return ""


def duration_score(p: Potentials, k: Tensor, labels: Tensor) -> Tensor:
    """Return D of durations `k` (1, 2, ...) of `labels`, float64, in their shape.

    Parameters
    ----------
    p
        Potentials: the log scores of a batch of chains.
    k : (...) int64
        Durations in bases, from 1 on.
    labels : (...) int64
        Label of each duration.
    """
    known = torch.full_like(labels, p.duration.shape[0]) if p.explicit is None else p.explicit[labels]
    excess = (k - known).clamp(min=0)
    # Not `excess * tail` alone: 0 * -inf is NaN.
    extra = torch.where(excess > 0, excess * p.tail[labels].double(), 0.0)
    return p.duration[torch.minimum(k, known) - 1, labels].double() + extra


def _masked(x: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, x.double(), 0.0)


def _at(x: Tensor | None, t: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Return ``x[b, t, label]`` where the mask says so, else 0, (B, S)."""
    if x is None:
        return torch.zeros_like(t, dtype=torch.float64)
    chain = torch.arange(len(t), device=t.device).unsqueeze(1)
    return _masked(x[chain, t, labels], mask)


def _check(p: Potentials, segments: Segments) -> None:
    _, _, _, C = p.shape
    last = segments.ends.gather(1, (segments.counts - 1).unsqueeze(1)).squeeze(1)
    empty = (segments.ends <= segments.starts) & segments.real
    unknown = (segments.labels < 0) | (segments.labels >= C)
    for bad, fault in (
        (last != p.lengths, "does not end at its chain's length"),
        (empty.any(1), "has an empty segment"),
        (unknown.any(1), f"has a label outside 0..{C - 1}"),
    ):
        if bool(bad.any()):
            chain = int(bad.nonzero()[0])
            raise InputError(f"the segmentation {fault}", where=f"chain {chain}", remedy="correct the labels")
