r"""The scores that define a batch of semi-Markov chains: the one input of every CRF kernel.

Conventions, the same in every backend
--------------------------------------
Boundaries lie between bases: boundary ``t`` is before base ``t``, so a sequence of length n has boundaries 0..n. A
segment ``[s, t)`` with label c covers bases s..t-1, lasts ``t - s`` (1, 2, ...), and scores

.. math::

    \sum_{i=s}^{t-1} content_{i,c} + D_c(t-s) + begin_{s,c} + end_{t-1,c},
    \quad D_c(k) = duration_{k-1,c} \; (k \le K), \quad D_c(k) = duration_{K-1,c} + (k-K)\,tail_c \; (k > K).

Between a segment of label p ending at boundary t and the next of label c stands
``transition[(t + phase_offset) % P, p, c]``: source first, destination second. The first segment adds ``start[c]``,
the last ``final[c]``. ``-inf`` forbids. The score of a segmentation is the sum; log Z is the log of the sum of
exp(score) over all segmentations.

Censoring. At a window's left (right) edge the first (last) segment may have begun before (end after) the window.
Then `arrive` (`depart`) replaces duration, begin/end and start/final of that segment:

* ``arrive[b, t, c]``: score, content aside, of a first segment ``[0, t)``; replaces start, begin and D; `end` is
  still added.
* ``depart[b, s, c]``: score, content aside, of a last segment ``[s, n)``; replaces D, end and final; `begin` is still
  added.
* ``whole[b, c]``: score, content aside, of one segment ``[0, n)`` where both are given.

They are dense so that a kernel need not know where they come from; `censored` in `genescribe.crf` builds them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from genescribe.errors import InputError


@dataclass(frozen=True)
class Potentials:
    """Scores of B chains of at most T bases, C labels, explicit durations 1..K, transition period P.

    Attributes
    ----------
    content : (B, T, C)
        Score of each base under each label; -inf forbids the base to the label. Values past a length are ignored.
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
    whole : (B, C) or None
        Given exactly where both `arrive` and `depart` are.
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
    whole: Tensor | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(B, T, K, C)."""
        B, T, C = self.content.shape
        return B, T, self.duration.shape[0], C

    @property
    def period(self) -> int:
        """P: 1, or 3 for transitions that know the reading frame."""
        return self.transition.shape[0]

    def checked(self) -> Potentials:
        """Return self, or raise `InputError` where a shape, a length or a NaN makes no sense."""
        B, T, K, C = self.shape
        expected = {
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
            "whole": (B, C),
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
        if B and (int(self.lengths.min()) < 1 or int(self.lengths.max()) > T):
            raise InputError("a length outside 1..T", where="potentials.lengths", remedy=f"give lengths in 1..{T}")
        if (self.whole is None) != (self.arrive is None or self.depart is None):
            raise InputError("given alone or lacking", where="potentials.whole", remedy="give it with both edges")
        return self

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


@dataclass(frozen=True)
class Segmentation:
    """The segments of one chain, in order: segment i is ``[ends[i-1], ends[i])`` (from 0) with ``labels[i]``.

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

    def per_base(self) -> Tensor:
        """Return the label of every base, (T,) int64."""
        return torch.repeat_interleave(self.labels, self.durations)
