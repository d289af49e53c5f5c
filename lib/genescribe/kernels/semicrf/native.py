"""The blocked recurrence of `blocked.layout` and `blocked.sum` in C++, one chain at a time, for the CPU."""

from __future__ import annotations

import ctypes
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genescribe.kernels import native_library
from genescribe.kernels.native_library import check, library
from genescribe.kernels.semicrf.blocked.layout import refusal
from genescribe.kernels.semicrf.potentials import SHARED, BoundaryMessages, Counts, Messages, Potentials, Segmentation

READS_EXPLICIT = True
PART = 1 << 15
"""Bases between two messages of the best path; a multiple of 32."""

MODEL = ("transition", "duration", "tail", "start", "final", "explicit")
CHAIN = ("content", "begin", "end", "arrive", "depart", "spanning")
MESSAGES = ("entry", "leave", "onward")


Rows = NDArray[np.float64]


class _Model(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int64) for n in ("labels", "durations", "period")] + [(n, ctypes.c_void_p) for n in MODEL]


class _Chain(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int64) for n in ("length", "phase")] + [(n, ctypes.c_void_p) for n in CHAIN]


class _Counts(ctypes.Structure):
    _fields_ = [
        *(
            (n, ctypes.c_void_p)
            for n in (*CHAIN, "transition", "duration", "tail", "start", "final", *MESSAGES, "places")
        ),
        ("count", ctypes.c_int64),
    ]


def supports(p: Potentials) -> str | None:
    """Return None where the input lies on the CPU and the library is there, else the reason."""
    if p.content.device.type != "cpu":
        return "the native kernels run on the CPU only"
    if library() is None:
        return "the native library was not built (it needs a C++17 compiler when the package is installed)"
    return refusal(p)


def working_bytes(p: Potentials) -> int:
    """Return the bytes of log Z with its gradient: the counts of all chains, the scores of those under way."""
    B, T, K, C = p.shape
    # Rows are padded to whole vectors of eight doubles, the widest that there are.
    width = -(-C // 8) * 8
    return 8 * (B * C * (T + K + p.period * C) + min(B, torch.get_num_threads()) * T * (8 * width + 2 * C))


def expectation(p: Potentials, wanted: frozenset[str]) -> tuple[Tensor, Counts]:
    """Return log Z of each chain and the expected counts of the wanted fields."""
    counts = {name: torch.zeros(_shape(p, name), dtype=torch.float64) for name in wanted}
    if wanted & {"duration", "tail"}:
        # One pass over the segments gives both, and the C++ code has nowhere else to put the other.
        for name in ("duration", "tail"):
            counts.setdefault(name, torch.zeros(_shape(p, name), dtype=torch.float64))
    return _call(p, counts), counts


def messages(p: Potentials) -> Messages:
    """Return the log-sums at every boundary."""
    B, T, _, C = p.shape
    sums = {name: torch.full((B, T + 1, C), -torch.inf, dtype=torch.float64) for name in MESSAGES}
    log_z = _call(p.detach(), sums)
    return Messages(sums["entry"], sums["leave"], sums["onward"], log_z)


def boundary_messages(p: Potentials, boundaries: Tensor) -> BoundaryMessages:
    """Return the log-sums at ascending boundaries of one chain."""
    p, places = p.detach(), boundaries.to(torch.int64).contiguous()
    shape = (1, len(places), p.shape[3])
    sums = {name: torch.full(shape, -torch.inf, dtype=torch.float64) for name in ("entry", "onward")}
    log_z = _call(p, sums, places)
    return BoundaryMessages(sums["entry"][0], sums["onward"][0], log_z[0])


def viterbi(p: Potentials) -> tuple[Tensor, list[Segmentation]]:
    """Return the best score of each chain, (B,) float64, and its segmentation (empty where all are forbidden)."""
    held = Held(p.detach())
    # ctypes gives up the interpreter lock while C++ runs: threads are enough.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        best = list(pool.map(lambda chain: NativeChain.best_path(held, chain), held.chains))
    return torch.tensor([score for score, _ in best], dtype=torch.float64), [path for _, path in best]


def _shape(p: Potentials, name: str) -> tuple[int, ...]:
    """Return the shape of the counts of a field."""
    shape: tuple[int, ...] = getattr(p, name).shape
    return (p.shape[0], *shape) if name in SHARED else shape


def _call(p: Potentials, results: dict[str, Tensor], places: Tensor | None = None) -> Tensor:
    """Fill `results`, (B, ...) each, and return log Z; messages of all boundaries, or at those of `places` alone."""
    loaded = library()
    assert loaded is not None, "`supports` was not asked"
    held = Held(p)
    B = p.shape[0]
    log_z = torch.empty(B, dtype=torch.float64)
    at = {} if places is None else {"places": places.data_ptr(), "count": len(places)}
    slots = (_Counts * B)(*(_Counts(**held.row(results, b), **at) for b in range(B)))
    failed = loaded.genescribe_semicrf_expectation(
        ctypes.byref(held.model),
        held.chains,
        slots,
        ctypes.c_void_p(log_z.data_ptr()),
        ctypes.c_int64(B),
        ctypes.c_int64(torch.get_num_threads()),
        native_library.ISA,
    )
    check(failed)
    return log_z


class Held:
    """The scores as C structures, and the tensors that keep their memory alive."""

    def __init__(self, p: Potentials) -> None:
        B, _, K, C = p.shape
        self.kept = {name: _plain(getattr(p, name)) for name in (*MODEL, *CHAIN) if getattr(p, name) is not None}
        pointers = {name: self.kept[name].data_ptr() for name in MODEL if name in self.kept}
        self.model = _Model(labels=C, durations=K, period=p.period, **pointers)
        phases = [0] * B if p.phase_offset is None else p.phase_offset.tolist()
        rows = zip(p.lengths.tolist(), phases, strict=True)
        fields = {name: self.kept[name] for name in CHAIN if name in self.kept}
        self.chains = (_Chain * B)(
            *(_Chain(length=n, phase=phase, **self.row(fields, b)) for b, (n, phase) in enumerate(rows))
        )

    @staticmethod
    def row(fields: dict[str, Tensor], b: int) -> dict[str, int]:
        """Return the addresses of a chain's rows."""
        return {name: x.data_ptr() + b * x.stride(0) * x.element_size() for name, x in fields.items()}


class NativeChain:
    """The best path of one chain that is pushed in pieces."""

    def __init__(self, held: Held, phase: int) -> None:
        loaded = library()
        assert loaded is not None, "`library` was not asked"
        self._library, self._labels = loaded, held.model.labels
        opened = loaded.genescribe_stream_open(
            ctypes.byref(held.model), ctypes.c_int64(phase), ctypes.c_int64(PART), native_library.ISA
        )
        check(not opened)
        self._stream = ctypes.c_void_p(opened)
        # Also frees the chain that an exception leaves unfinished.
        weakref.finalize(self, loaded.genescribe_stream_close, self._stream)

    @classmethod
    def best_path(cls, held: Held, chain: _Chain) -> tuple[float, Segmentation]:
        """Return score and best path of a chain that is at hand as a whole."""
        stream = cls(held, chain.phase)
        edges = (ctypes.c_void_p(x) for x in (chain.arrive, chain.depart, chain.spanning))
        check(stream._library.genescribe_stream_edges(stream._stream, ctypes.c_int64(chain.length), *edges))
        stream._push(chain.length, chain.content, chain.begin, chain.end)
        return stream.finish()

    def push(self, content: Rows, begin: Rows | None, end: Rows | None) -> None:
        """Add the scores of the next bases, (n, C) each; `begin` and `end` in all pushes or in none.

        For the arguments see `ViterbiStream.push`.
        """
        self._push(len(content), *(None if x is None else x.ctypes.data for x in (content, begin, end)))

    def finish(self) -> tuple[float, Segmentation]:
        """End the chain: return the score and the segments, none where every segmentation is forbidden."""
        score = ctypes.c_double()
        count = self._library.genescribe_stream_finish(self._stream, ctypes.byref(score))
        check(count < 0)
        path = Segmentation(torch.empty(count, dtype=torch.int64), torch.empty(count, dtype=torch.int64))
        pointers = (ctypes.c_void_p(x.data_ptr()) for x in (path.ends, path.labels))
        self._library.genescribe_stream_segments(self._stream, *pointers)
        return score.value, path

    def _push(self, count: int, *rows: int | None) -> None:
        pointers = map(ctypes.c_void_p, rows)
        check(self._library.genescribe_stream_push(self._stream, ctypes.c_int64(count), *pointers))


def _plain(x: Tensor) -> Tensor:
    return (x.double() if x.is_floating_point() else x).contiguous()
