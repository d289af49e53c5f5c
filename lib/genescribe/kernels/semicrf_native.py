"""The blocked recurrence in C++, one chain at a time, for the CPU; absent without harm where it could not be built.

The sources in `native/` hold the algorithm of `blocked_layout` and `blocked_sum`, compiled three times: for any
processor, for AVX2 and for AVX-512; which one runs is chosen when called. The library has a plain C interface and knows neither torch nor Python.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import torch
from torch import Tensor

from genescribe.kernels import counts
from genescribe.kernels.counts import SHARED, Counts
from genescribe.kernels.potentials import Messages, Potentials, Segmentation

READS_EXPLICIT = True
VERSION = 1
"""Of the C interface: a library built from other sources is not used."""

ISA = b""
"""Instruction set asked for: baseline, avx2, avx512; empty for the best that the processor has."""

MODEL = ("transition", "duration", "tail", "start", "final", "explicit")
CHAIN = ("content", "begin", "end", "arrive", "depart", "whole")
MESSAGES = ("entry", "leave", "onward")


class _Model(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int64) for n in ("labels", "durations", "period")] + [(n, ctypes.c_void_p) for n in MODEL]


class _Chain(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int64) for n in ("length", "phase")] + [(n, ctypes.c_void_p) for n in CHAIN]


class _Counts(ctypes.Structure):
    _fields_ = [(n, ctypes.c_void_p) for n in (*CHAIN, "transition", "duration", "tail", "start", "final", *MESSAGES)]


def supports(p: Potentials) -> str | None:
    """Return None where the input lies on the CPU and the library is there, else the reason."""
    if p.content.device.type != "cpu":
        return "the native kernels run on the CPU only"
    if library() is None:
        return "the native library was not built (it needs a C++17 compiler when the package is installed)"
    return None


def log_partition(p: Potentials) -> Tensor:
    """Return log Z of each chain, (B,) float64; differentiable in every floating field."""
    return counts.log_partition(expectation, p.checked())


def expectation(p: Potentials, wanted: frozenset[str]) -> tuple[Tensor, Counts]:
    """Return log Z of each chain and the expected counts of the wanted fields."""
    found = {name: torch.zeros(_shape(p, name), dtype=torch.float64) for name in wanted}
    if wanted & {"duration", "tail"}:
        for name in ("duration", "tail"):
            found.setdefault(name, torch.zeros(_shape(p, name), dtype=torch.float64))
    return _call(p, found), found


def messages(p: Potentials) -> Messages:
    """Return the log-sums at every boundary."""
    B, T, _, C = p.shape
    found = {name: torch.full((B, T + 1, C), -torch.inf, dtype=torch.float64) for name in MESSAGES}
    log_z = _call(p.detach().checked(), found)
    return Messages(found["entry"], found["leave"], found["onward"], log_z)


def viterbi(p: Potentials) -> tuple[Tensor, list[Segmentation]]:
    """Return the best score of each chain, (B,) float64, and its segmentation (empty where all are forbidden)."""
    from genescribe.kernels.stream import best_paths

    return best_paths(p)


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the library, or None where it was not built or is of another version."""
    here = Path(__file__).parent
    found = [path for suffix in EXTENSION_SUFFIXES if (path := here / f"_semicrf{suffix}").is_file()]
    for path in found:
        loaded = ctypes.CDLL(str(path))
        loaded.genescribe_semicrf_version.restype = ctypes.c_int64
        if loaded.genescribe_semicrf_version() == VERSION:
            loaded.genescribe_semicrf_expectation.restype = ctypes.c_int64
            return loaded
    return None


def _shape(p: Potentials, name: str) -> tuple[int, ...]:
    """Return the shape of the counts of a field."""
    shape: tuple[int, ...] = getattr(p, name).shape
    return (p.shape[0], *shape) if name in SHARED else shape


def _call(p: Potentials, results: dict[str, Tensor]) -> Tensor:
    """Fill `results`, (B, ...) each, and return log Z."""
    loaded = library()
    assert loaded is not None, "`supports` was not asked"
    held = Held(p)
    B = p.shape[0]
    log_z = torch.empty(B, dtype=torch.float64)
    slots = (_Counts * B)(*(_Counts(**held.row(results, b)) for b in range(B)))
    failed = loaded.genescribe_semicrf_expectation(
        ctypes.byref(held.model),
        held.chains,
        slots,
        ctypes.c_void_p(log_z.data_ptr()),
        ctypes.c_int64(B),
        ctypes.c_int64(torch.get_num_threads()),
        ISA,
    )
    if failed:
        raise MemoryError("the native semi-Markov kernels could not allocate their arrays")
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


def _plain(x: Tensor) -> Tensor:
    return (x.double() if x.is_floating_point() else x).contiguous()


def instruction_sets() -> Sequence[str]:
    """Return the instruction sets of this processor that the library holds, best first."""
    loaded = library()
    if loaded is None:
        return ()
    name = loaded.genescribe_semicrf_isa
    name.restype = ctypes.c_char_p
    return [isa for isa in ("avx512", "avx2", "baseline") if name(isa.encode()).decode() == isa]
