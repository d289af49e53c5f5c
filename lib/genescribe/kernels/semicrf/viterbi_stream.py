"""Exact best segmentation of a chain given in pieces, up to a whole chromosome.

The chain is processed in parts on a grid of its own, independent of the pieces, so that their size changes nothing, not
even a rounding. The native kernel settles what no future can change any more and forgets it: its memory follows the
undecided end, not the chain. The blocked backend keeps the scores and one message per part, and goes back part by part.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from genescribe.errors import InputError
from genescribe.kernels.native_library import is_sound, library
from genescribe.kernels.semicrf import reference as semicrf_reference
from genescribe.kernels.semicrf.blocked.best import SIZE, BestRecurrence, End, Walk, last_segment, segmentation
from genescribe.kernels.semicrf.native import Held, NativeChain
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation

PART = 1024 * SIZE
"""Bases a part of the blocked backend."""

Rows = NDArray[Any]


class Engine(Protocol):
    """Takes (n, C) content, begin and end of the next bases; gives score and path at the chain's end."""

    def push(self, content: Rows, begin: Rows | None, end: Rows | None) -> None:
        """Add bases; see `ViterbiStream.push`."""

    def finish(self) -> tuple[float, Segmentation]:
        """End the chain."""


class ViterbiStream:
    """The best segmentation of a chain of any length, pushed piece by piece.

    Parameters
    ----------
    transition, duration, tail, start, final, explicit
        As in `genescribe.kernels.semicrf.potentials.Potentials`.
    phase_offset
        Position of the chain's first base modulo the period.
    backend
        auto (native where it is built, else blocked), native, blocked, or reference, which keeps all and decodes at
        the end.

    Attributes
    ----------
    score : float
        Score of the segmentation, once finished.

    Raises
    ------
    InputError
        An unknown backend, `native` where it is not built, or scores of the wrong shape.

    Examples
    --------
    >>> two = torch.zeros(2)
    >>> apart = -torch.ones(1, 2, 2)
    >>> stream = ViterbiStream(apart, torch.zeros(3, 2), two - torch.inf, two, two)
    >>> for piece in ([[1, 0], [1, 0]], [[0, 1], [0, 1], [0, 1]]):
    ...     stream.push(piece)
    >>> found = stream.finish()
    >>> found.ends.tolist(), found.labels.tolist()
    ([2, 5], [0, 1])
    """

    def __init__(
        self,
        transition: Tensor,
        duration: Tensor,
        tail: Tensor,
        start: Tensor,
        final: Tensor,
        *,
        explicit: Tensor | None = None,
        phase_offset: int = 0,
        backend: str = "auto",
    ) -> None:
        # A chain of one base: what is read of it is the model.
        model = Potentials(
            content=torch.zeros(1, 1, len(tail)),
            lengths=torch.ones(1, dtype=torch.int64),
            transition=transition,
            duration=duration,
            tail=tail,
            start=start,
            final=final,
            explicit=explicit,
            phase_offset=torch.tensor([phase_offset]),
        )
        model = model.detach().to(device=torch.device("cpu")).checked()
        self._labels = len(tail)
        self._begun = _engine(model, backend)
        self._begin()

    def _begin(self) -> None:
        self._engine = self._begun()
        self._boundaries: tuple[bool, bool] | None = None
        self.score = -np.inf

    def another(self) -> ViterbiStream:
        """Return the stream of another chain of the same model, for less than one made anew."""
        stream = copy(self)
        stream._begin()
        return stream

    def push(self, content: ArrayLike, begin: ArrayLike | None = None, end: ArrayLike | None = None) -> None:
        """Add the scores of the next n bases, (n, C) each; `begin` and `end` in every push or in none.

        Parameters
        ----------
        content : (n, C)
            Score of each label on the next n bases.
        begin, end : (n, C) or None
            Scores of segments that begin (end) at each base; in every push or in none.
        """
        edges = (begin is not None, end is not None)
        if self._boundaries not in (None, edges):
            raise InputError("given in some pushes only", where="push.begin, push.end", remedy="give them in all")
        self._boundaries = edges
        rows = [self._rows(x, name) for x, name in ((content, "content"), (begin, "begin"), (end, "end"))]
        assert rows[0] is not None
        self._engine.push(rows[0], rows[1], rows[2])

    def finish(self) -> Segmentation:
        """End the chain: return its best segmentation, empty where every one is forbidden; `score` is then set."""
        if self._boundaries is None:
            raise InputError("no base was pushed", where="the chain", remedy="push its scores before finishing it")
        self.score, path = self._engine.finish()
        return path

    def _rows(self, scores: ArrayLike | None, name: str) -> Rows | None:
        if scores is None:
            return None
        rows: Rows = scores.detach().cpu().numpy() if isinstance(scores, Tensor) else np.asarray(scores)
        if rows.ndim != 2 or rows.shape[1] != self._labels:
            raise InputError(f"shape {rows.shape}", where=f"push.{name}", remedy=f"give (n, {self._labels})")
        rows = rows if rows.dtype in (np.float32, np.float64) else rows.astype(np.float64)
        if not is_sound(torch.from_numpy(rows)):
            raise InputError(
                "a score is NaN or +inf", where=f"push.{name}", remedy="give finite scores, or -inf to forbid"
            )
        return rows


def _engine(model: Potentials, backend: str) -> Callable[[], Engine]:
    """Return the recurrence of a new chain."""
    if backend == "auto":
        backend = "blocked" if library() is None else "native"
    if backend == "native":
        if library() is None:
            raise InputError("no native kernel: it was not built", where="backend", remedy="give auto")
        assert model.phase_offset is not None
        return partial(_Native, Held(model), int(model.phase_offset[0]))
    if backend == "blocked":
        return partial(_Blocked, model)
    if backend == "reference":
        return partial(_Reference, model)
    raise InputError(
        f"unknown backend {backend!r}", where="backend", remedy="give one of auto, native, blocked, reference"
    )


class _Native:
    """The native kernel, which wants float64."""

    def __init__(self, model: Held, phase: int) -> None:
        self._chain = NativeChain(model, phase)

    def push(self, content: Rows, begin: Rows | None, end: Rows | None) -> None:
        for low in range(0, len(content), PART):
            rows = [None if x is None else _plain(x[low : low + PART]) for x in (content, begin, end)]
            assert rows[0] is not None
            self._chain.push(rows[0], rows[1], rows[2])

    def finish(self) -> tuple[float, Segmentation]:
        return self._chain.finish()


def _plain(x: Rows) -> NDArray[np.float64]:
    return np.ascontiguousarray(x, dtype=np.float64)


class _Kept:
    """The scores of a chain, as they were given."""

    def __init__(self, model: Potentials) -> None:
        self.model = model
        self._pieces: tuple[list[Rows], list[Rows], list[Rows]] = ([], [], [])

    def push(self, content: Rows, begin: Rows | None, end: Rows | None) -> None:
        for pieces, x in zip(self._pieces, (content, begin, end), strict=True):
            if x is not None:
                pieces.append(np.array(x))

    def potentials(self) -> Potentials:
        """Return all that was pushed as one chain."""
        content, begin, end = (torch.from_numpy(np.concatenate(x))[None] if x else None for x in self._pieces)
        assert content is not None
        return replace(self.model, content=content, begin=begin, end=end, lengths=torch.tensor([content.shape[1]]))


class _Reference(_Kept):
    """All at the end."""

    def finish(self) -> tuple[float, Segmentation]:
        scores, paths = semicrf_reference.viterbi(self.potentials())
        return float(scores[0]), paths[0]


class _Blocked(_Kept):
    """The blocked recurrence part by part, to the end and back."""

    def finish(self) -> tuple[float, Segmentation]:
        p = self.potentials()
        n = p.shape[1]
        recurrence = BestRecurrence(p, n)
        starts = range(0, n, PART)
        messages = [recurrence.start(p)]
        # On the way there only the messages between parts are kept; on the way back each part is computed again from
        # its message and followed. Twice the time, but the memory of one part.
        for start in starts[:-1]:
            messages.append(recurrence.run(_part(p, start), messages[-1])[1])
        ends: list[End] = []
        on, score = (n, -1), -np.inf
        for start, message in zip(reversed(starts), reversed(messages), strict=True):
            part = _part(p, start)
            trace, _ = recurrence.run(part, message)
            walk = Walk(recurrence, part, trace, 0)
            if start == starts[-1]:
                score, begin, label = last_segment(recurrence, part, trace, walk, 0)
                if score == -np.inf:
                    return score, segmentation(recurrence, [])
                score += float(message.total[0] + trace.layout.shift.sum())
                ends.append((n, label))
                on = (begin, label)
            on = walk.back(*on, ends)
        return score, segmentation(recurrence, ends)


def _part(p: Potentials, start: int) -> Potentials:
    """Return a part of the one chain of `p`; its phases are those of the chain."""
    part = slice(start, start + PART)
    rows = {name: x[:, part] for name in ("content", "begin", "end") if (x := getattr(p, name)) is not None}
    length = rows["content"].shape[1]
    assert p.phase_offset is not None
    return replace(p, **rows, lengths=torch.tensor([length]), phase_offset=p.phase_offset + start)
