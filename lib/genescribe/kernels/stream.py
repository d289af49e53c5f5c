"""Exact best segmentation of one chain given in pieces: a chromosome costs what its undecided end costs.

The native kernel remembers back-pointers only as far back as possible futures still differ, and settles all before.
Without it the pieces are kept and the chain is decoded at the end, with the same result. Either way the sums run base
after base, so that the size of the pieces changes nothing, not even a rounding.
"""

from __future__ import annotations

import ctypes
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from genescribe.errors import InputError
from genescribe.kernels.potentials import Potentials, Segmentation
from genescribe.kernels.semicrf_native import library
from genescribe.kernels.semicrf_reference import viterbi as reference_viterbi

LONGEST_TABLE = 65_534
"""Durations that the native kernel's back-pointers can tell apart."""

_Array = NDArray[np.float64]


class ViterbiStream:
    """The best segmentation of a chain of any length, pushed piece by piece.

    Parameters
    ----------
    transition, duration, tail, start, final, explicit
        As in `genescribe.kernels.potentials.Potentials`.
    phase_offset
        Position of the chain's first base modulo the period.
    backend
        auto, native or reference.

    Raises
    ------
    InputError
        `native` is asked for and not built, or the table is too long for it.

    Examples
    --------
    >>> two = torch.zeros(2)
    >>> stream = ViterbiStream(torch.zeros(1, 2, 2), torch.zeros(3, 2), two - torch.inf, two, two)
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
        model = {"transition": transition, "duration": duration, "tail": tail, "start": start, "final": final}
        self._model = {name: value.detach().cpu().double().contiguous() for name, value in model.items()}
        self._explicit = None if explicit is None else explicit.detach().cpu().to(torch.int64).contiguous()
        self._phase = phase_offset
        self._labels = len(tail)
        self._native = _native_wanted(backend, len(duration)) and _NativeChain(
            self._model, self._explicit, phase_offset
        )
        self._pieces: list[tuple[_Array, _Array | None, _Array | None]] = []
        self.score = -np.inf

    def push(self, content: ArrayLike, begin: ArrayLike | None = None, end: ArrayLike | None = None) -> None:
        """Add the scores of the next n bases: (n, C), and those of boundaries where the model has them."""
        piece = self._rows(content, "content")
        first = None if begin is None else self._rows(begin, "begin")
        last = None if end is None else self._rows(end, "end")
        if self._native:
            self._native.push(piece, first, last)
        else:
            self._pieces.append((piece, first, last))

    def finish(self) -> Segmentation:
        """End the chain: return its best segmentation, empty where every one is forbidden; `score` is then set."""
        if self._native:
            self.score, found = self._native.finish()
            return found
        parts = [None if not p or p[0] is None else np.concatenate(p) for p in zip(*self._pieces, strict=True)]
        content, begin, end = (None if part is None else torch.from_numpy(part)[None] for part in parts)
        assert content is not None
        p = Potentials(
            content=content,
            lengths=torch.tensor([content.shape[1]]),
            begin=begin,
            end=end,
            phase_offset=torch.tensor([self._phase]),
            explicit=self._explicit,
            **self._model,
        )
        scores, paths = reference_viterbi(p.expanded())
        self.score = float(scores[0])
        return paths[0]

    def _rows(self, scores: ArrayLike, name: str) -> _Array:
        rows = np.ascontiguousarray(scores, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self._labels:
            raise InputError(f"shape {rows.shape}", where=f"push.{name}", remedy=f"give (n, {self._labels})")
        return rows


def best_paths(p: Potentials) -> tuple[Tensor, list[Segmentation]]:
    """Return the best score of each chain, (B,) float64, and its segmentation, by the native kernel."""
    p = p.detach().checked()
    names = ("transition", "duration", "tail", "start", "final")
    model = {name: getattr(p, name).double().contiguous() for name in names}
    explicit = None if p.explicit is None else p.explicit.to(torch.int64).contiguous()
    scores, paths = [], []
    for b, n in enumerate(p.lengths.tolist()):
        chain = _NativeChain(model, explicit, 0 if p.phase_offset is None else int(p.phase_offset[b]))
        row = {name: _row(getattr(p, name), b) for name in ("content", "begin", "end", "arrive", "depart", "whole")}
        chain.edges(n, row["arrive"], row["depart"], row["whole"])
        assert row["content"] is not None
        chain.push(row["content"][:n], row["begin"], row["end"])
        score, path = chain.finish()
        scores.append(score)
        paths.append(path)
    return torch.tensor(scores, dtype=torch.float64), paths


def _row(x: Tensor | None, b: int) -> _Array | None:
    return None if x is None else np.ascontiguousarray(x[b].numpy(), dtype=np.float64)


def _native_wanted(backend: str, durations: int) -> bool:
    reason = None
    if library() is None:
        reason = "it was not built"
    elif durations > LONGEST_TABLE:
        reason = f"the table has {durations} durations, at most {LONGEST_TABLE} fit"
    if backend == "native" and reason is not None:
        raise InputError(f"no native kernel: {reason}", where="backend", remedy="give auto")
    return backend in ("auto", "native") and reason is None


class _NativeChain:
    """A chain inside the native kernel."""

    def __init__(self, model: dict[str, Tensor], explicit: Tensor | None, phase: int) -> None:
        self._library = cast(Any, library())
        self._library.genescribe_viterbi_new.restype = ctypes.c_void_p
        self._library.genescribe_viterbi_finish.restype = ctypes.c_int64
        transition, duration = model["transition"], model["duration"]
        sizes = (transition.shape[-1], len(duration), len(transition), phase)
        arrays = [model[name].data_ptr() for name in ("transition", "duration", "tail", "start", "final")]
        arrays.append(0 if explicit is None else explicit.data_ptr())
        handle = self._library.genescribe_viterbi_new(*map(ctypes.c_int64, sizes), *map(ctypes.c_void_p, arrays))
        if not handle:
            raise MemoryError("no memory for a chain")
        self._handle = ctypes.c_void_p(handle)

    def edges(self, n: int, arrive: _Array | None, depart: _Array | None, whole: _Array | None) -> None:
        """Give the scores of censored edges of a chain of n bases."""
        pointers = (_pointer(x) for x in (arrive, depart, whole))
        self._library.genescribe_viterbi_edges(self._handle, ctypes.c_int64(n), *pointers)

    def push(self, content: _Array, begin: _Array | None, end: _Array | None) -> None:
        """Add bases."""
        pointers = (_pointer(x) for x in (content, begin, end))
        self._library.genescribe_viterbi_push(self._handle, ctypes.c_int64(len(content)), *pointers)

    def finish(self) -> tuple[float, Segmentation]:
        """Return the score and the segments."""
        score = ctypes.c_double()
        count = self._library.genescribe_viterbi_finish(self._handle, ctypes.byref(score))
        found = Segmentation(torch.empty(count, dtype=torch.int64), torch.empty(count, dtype=torch.int64))
        pointers = (ctypes.c_void_p(x.data_ptr()) for x in (found.ends, found.labels))
        self._library.genescribe_viterbi_segments(self._handle, *pointers)
        return score.value, found

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.genescribe_viterbi_free(self._handle)


def _pointer(x: _Array | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if x is None else x.ctypes.data)
