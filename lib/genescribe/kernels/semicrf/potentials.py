"""The scores that define a batch of semi-Markov chains: the input of every CRF kernel.

Conventions, the same in every backend
--------------------------------------
Boundaries lie between bases: boundary ``t`` is before base ``t``, so a sequence of length n has boundaries 0..n. A
segment ``[s, t)`` with label c covers bases s..t-1, lasts ``t - s`` (1, 2, ...), and scores

    sum of content[s .. t - 1, c] + D_c(t - s) + begin[s, c] + end[t - 1, c]

    D_c(k) = duration[k - 1, c]                    for k <= K
    D_c(k) = duration[K - 1, c] + (k - K) tail[c]  for k > K

A label may have fewer explicit durations than the table has rows: with `explicit`, K above is ``explicit[c]``, and
the rows of `duration` past it are ignored. A geometric label has ``explicit[c] = 1``. Backends need not know:
`expanded` writes the tail into those rows.

Between a segment of label p ending at boundary t and the next of label c stands
``transition[(t + phase_offset) % P, p, c]``: source first, destination second. The first segment adds ``start[c]``,
the last ``final[c]``. ``-inf`` forbids. The score of a segmentation is the sum; log Z is the log of the sum of
exp(score) over all segmentations. A chain of which every segmentation is forbidden has log Z = -inf, a gradient of
zero and an empty best segmentation.

Censoring. At a window's left (right) edge the first (last) segment may have begun before (end after) the window.
Then `arrive` (`depart`) replaces duration, begin/end and start/final of that segment:

* ``arrive[b, t, c]``: score, content aside, of a first segment ``[0, t)``; replaces start, begin and D; `end` is
  still added, and `final` where the segment is also the last and `depart` is not given.
* ``depart[b, s, c]``: score, content aside, of a last segment ``[s, n)``; replaces D, end and final; `begin` is still
  added, and `start` where the segment is also the first and `arrive` is not given.
* ``spanning[b, c]``: score, content aside, of one segment ``[0, n)`` where both are given; nothing else is added.

Each is given for the whole batch or not at all; the rows of uncensored chains then hold the ordinary scores
(``start + begin + D``, ``D + end + final``). They are dense so that a kernel need not know where they come from;
`censored` in `genescribe.crf` builds them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from genescribe.errors import InputError
from genescribe.kernels.native_library import is_sound

FIELDS = (
    "content",
    "transition",
    "duration",
    "tail",
    "start",
    "final",
    "begin",
    "end",
    "arrive",
    "depart",
    "spanning",
)
"""The floating fields of `Potentials`."""

SHARED = frozenset({"transition", "duration", "tail", "start", "final"})
"""The fields that all chains share; their counts have a leading dimension of chains."""

Counts = dict[str, Tensor]
"""Expected count of each score by field name, float64, (B, ...) also for the shared fields."""


@dataclass(frozen=True, eq=False)
class Potentials:
    """Scores of B chains of at most T bases, C labels, explicit durations 1..K, transition period P.

    The fields may differ in floating type; every backend sums in float64.

    Attributes
    ----------
    content : (B, T, C)
        Score of each base under each label; -inf forbids the base to the label. Values past a length are ignored,
        here and in `begin` and `end`, but may not be NaN.
    lengths : (B,) int64
        Length of each chain, 1..T.
    transition : (P, C, C)
        ``[phase, source, destination]``; P is 1 or 3.
    duration : (K, C)
        Row k-1 is the score of duration k.
    tail : (C,)
        Score added for each base past K; -inf: no longer segment.
    start, final : (C,)
        Score of the first and of the last label.
    begin, end : (B, T, C) or None
        Score of a segment whose first (last) base is t.
    phase_offset : (B,) int64 or None
        Added to the boundary's position before the modulus P; None is 0.
    arrive, depart : (B, T + 1, C) or None
        Censored first and last segments, see the module's text. ``arrive[:, 0]`` and ``depart[b, n]`` are ignored.
    spanning : (B, C) or None
        Given exactly where both `arrive` and `depart` are.
    explicit : (C,) int64 or None
        K of each label, 1..K; None is K for all.
    """

    content: Tensor
    lengths: Tensor
    transition: Tensor
    duration: Tensor
    tail: Tensor
    start: Tensor
    final: Tensor
    begin: Tensor | None = None
    end: Tensor | None = None
    phase_offset: Tensor | None = None
    arrive: Tensor | None = None
    depart: Tensor | None = None
    spanning: Tensor | None = None
    explicit: Tensor | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(B, T, K, C)."""
        if self.content.ndim != 3 or self.duration.ndim != 2:
            name, shape = ("content", "(B, T, C)") if self.content.ndim != 3 else ("duration", "(K, C)")
            actual = tuple(getattr(self, name).shape)
            raise InputError(f"shape {actual}", where=f"potentials.{name}", remedy=f"give {shape}")
        B, T, C = self.content.shape
        return B, T, self.duration.shape[0], C

    @property
    def period(self) -> int:
        """P: 1, or 3 for transitions that know the reading frame."""
        return self.transition.shape[0]

    def __post_init__(self) -> None:
        B, T, K, C = self.shape
        for name, size in (("content", C), ("duration", K)):
            if size == 0:
                axis = "labels" if name == "content" else "durations"
                raise InputError(f"no {axis}", where=f"potentials.{name}", remedy="give at least one")
        expected = {
            "content": (B, T, C),
            "lengths": (B,),
            "transition": (self.period, C, C),
            "duration": (K, C),
            "tail": (C,),
            "start": (C,),
            "final": (C,),
            "begin": (B, T, C),
            "end": (B, T, C),
            "phase_offset": (B,),
            "arrive": (B, T + 1, C),
            "depart": (B, T + 1, C),
            "spanning": (B, C),
            "explicit": (C,),
        }
        for name, shape in expected.items():
            value = getattr(self, name)
            if value is not None and tuple(value.shape) != shape:
                raise InputError(
                    f"shape {tuple(value.shape)}",
                    where=f"potentials.{name}",
                    remedy=f"give {shape} (B, T, K, C order)",
                )
        if self.period not in (1, 3):
            raise InputError(f"period {self.period}", where="potentials.transition", remedy="give 1 or 3 phases")
        if (self.spanning is None) != (self.arrive is None or self.depart is None):
            raise InputError("given alone or lacking", where="potentials.spanning", remedy="give it with both edges")

    def checked(self) -> Potentials:
        """Return self, or raise `InputError` where a length, a NaN or +inf makes no sense.

        Shapes are checked when the scores are combined, values by `kernels.semicrf.dispatch` before any backend sees
        them: scores may be created and inspected with a NaN in them.
        """
        B, T, K, _ = self.shape
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and value.is_floating_point() and not is_sound(value):
                raise InputError(
                    "a score is NaN or +inf",
                    where=f"potentials.{field.name}",
                    remedy="give finite scores, or -inf to forbid",
                )
        if B and (int(self.lengths.min()) < 1 or int(self.lengths.max()) > T):
            raise InputError("a length outside 1..T", where="potentials.lengths", remedy=f"give lengths in 1..{T}")
        if self.explicit is not None and not bool(((self.explicit >= 1) & (self.explicit <= K)).all()):
            raise InputError("a count outside 1..K", where="potentials.explicit", remedy=f"give counts in 1..{K}")
        return self

    def expanded(self) -> Potentials:
        """Return the same model without `explicit`: the tail stands in the rows of `duration` past it.

        Differentiable. The table keeps its K rows, in float64: a long tail loses digits in float32.
        """
        if self.explicit is None:
            return self
        row = torch.arange(self.duration.shape[0], device=self.duration.device).unsqueeze(1)
        last = self.explicit.unsqueeze(0) - 1
        excess = (row - last).clamp(min=0)
        # Not `excess * tail` alone: 0 * -inf is NaN.
        extra = torch.where(excess > 0, excess * self.tail.double(), 0.0)
        last_row = self.duration.double().gather(0, torch.minimum(row, last))
        return replace(self, duration=last_row + extra, explicit=None)

    def restricted(self, first: Tensor | None, last: Tensor | None) -> Potentials:
        """Return chains that begin (end) with these labels only, (C,) bool; None: as before."""
        start = self.start if first is None else self.start.masked_fill(~first, -torch.inf)
        final = self.final if last is None else self.final.masked_fill(~last, -torch.inf)
        return replace(self, start=start, final=final)

    def tempered(self, temperature: float) -> Potentials:
        """Return all scores divided by a temperature: above 1, probabilities are less sure; the best path stays."""
        return self._mapped(lambda value: value / temperature if value.is_floating_point() else value)

    def rows(self, index: Tensor) -> Potentials:
        """Return the chains `index`, (N,) int64 or (B,) bool; differentiable."""
        batched = ("content", "lengths", "begin", "end", "phase_offset", "arrive", "depart", "spanning")
        tensors = {name: getattr(self, name) for name in batched}
        return replace(self, **{name: value[index] for name, value in tensors.items() if value is not None})

    def detach(self) -> Potentials:
        """Return the same scores outside the autograd graph."""
        return self._mapped(lambda value: value.detach())

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | None = None) -> Potentials:
        """Return the scores in another floating type or on another device; integers keep their type."""
        return self._mapped(
            lambda value: value.to(device=device, dtype=dtype if value.is_floating_point() else value.dtype)
        )

    def _mapped(self, function) -> Potentials:  # type: ignore[no-untyped-def]
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: function(value) for name, value in tensors.items() if value is not None})


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The segments of one chain, in order: segment i is ``[ends[i-1], ends[i])`` (from 0) with ``labels[i]``.

    Backends return it on the CPU.

    Attributes
    ----------
    ends : (n,) int64
        Boundary at which each segment ends; the last is the chain's length.
    labels : (n,) int64
        Label of each segment.
    """

    ends: Tensor
    labels: Tensor

    @property
    def starts(self) -> Tensor:
        """First base of each segment."""
        return torch.cat([self.ends.new_zeros(1), self.ends[:-1]])

    @property
    def durations(self) -> Tensor:
        """Number of bases of each segment."""
        return self.ends - self.starts

    @property
    def length(self) -> int:
        """Number of bases."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def per_base(self) -> Tensor:
        """Return the label of every base, (T,) int64."""
        return torch.repeat_interleave(self.labels, self.durations)


@dataclass(frozen=True, eq=False)
class Messages:
    """Log-sums at every boundary, float64, from which marginals, samples and segment posteriors are computed.

    With ``inside(s, t, c)`` the content and duration score of the segment ``[s, t)``, its probability is
    ``exp(entry[s, c] + inside(s, t, c) + end[t-1, c] + onward[t, c] - log_partition)``. Where no sum exists the value
    is -inf, also past a chain's length.

    Attributes
    ----------
    entry : (B, T + 1, C)
        Over all that may precede a segment of label c that begins at boundary t, its own `begin` included; boundaries
        0..n-1. With `arrive`, ``entry[:, 0]`` is -inf.
    leave : (B, T + 1, C)
        Over all segmentations of ``[0, t)`` whose last segment has label c and ends at t, its `end` included;
        boundaries 1..n. With `depart`, boundary n is -inf.
    onward : (B, T + 1, C)
        Over all that may follow a segment of label c that ends at boundary t; boundaries 1..n; ``onward[n]`` is
        `final`, or -inf with `depart`.
    log_partition : (B,)
        log Z.
    """

    entry: Tensor
    leave: Tensor
    onward: Tensor
    log_partition: Tensor


@dataclass(frozen=True, eq=False)
class BoundaryMessages:
    """The `Messages` at some boundaries of one chain, in their order.

    Attributes
    ----------
    entry, onward : (n, C)
        Of each boundary asked for.
    log_partition : ()
        log Z.
    """

    entry: Tensor
    onward: Tensor
    log_partition: Tensor
