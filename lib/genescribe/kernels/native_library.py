"""The library of native code: found, checked and loaded once; optional.

The sources stand in `native/`, compiled three times: for any processor, for AVX2 and for AVX-512; which one runs is
chosen when called. The library has a plain C interface and knows neither torch nor Python: one that was built for
another Python, whose name its file bears, serves as well.
"""

from __future__ import annotations

import ctypes
import functools
import logging
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import torch
from torch import Tensor

VERSION = 8
"""Of the C interface: a library built from other sources is not used."""

NAME = "_native"
SUFFIXES = {Path(suffix).suffix for suffix in EXTENSION_SUFFIXES}
ISA = b""
"""Instruction set asked for: baseline, avx2, avx512; empty for the best that the processor has."""

INTEGER: tuple[str, ...] = (
    *("semicrf_expectation", "stream_edges", "stream_push", "stream_finish"),
    *("lanes", "linear_map", "local_layer", "lstm_layers", "log_posteriors", "tracks", "evidence", "gene_expansion"),
)
"""Functions of the library that return whole numbers."""
_log = logging.getLogger(__name__)


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the library, or None where it was not built or is of another version, of which the log tells once."""
    for path in libraries(Path(__file__).parent):
        if (loaded := _loaded(path)) is not None:
            return loaded
    _log.warning("no native code: results are the same, but slower; a C++ compiler and `make setup` build it")
    return None


def libraries(folder: Path) -> list[Path]:
    """Return the libraries in a folder: those built for this Python first, then those built for any other."""
    own = [folder / f"{NAME}{suffix}" for suffix in EXTENSION_SUFFIXES]
    return sorted(
        (path for path in folder.glob(f"{NAME}.*") if path.suffix in SUFFIXES),
        key=lambda path: (own.index(path) if path in own else len(own), path.name),
    )


def _loaded(path: Path) -> ctypes.CDLL | None:
    """Return a library; None where it is of another version, or of another system."""
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        _log.info("%s", error)
        return None
    loaded.genescribe_semicrf_version.restype = ctypes.c_int64
    if loaded.genescribe_semicrf_version() != VERSION:
        return None
    for name in INTEGER:
        getattr(loaded, f"genescribe_{name}").restype = ctypes.c_int64
    loaded.genescribe_stream_open.restype = ctypes.c_void_p
    return loaded


def check(failed: int) -> None:
    """Raise `MemoryError` where a call of the library failed: nothing else can go wrong in it."""
    if failed:
        raise MemoryError("the native code could not allocate its arrays")


def instruction_sets() -> Sequence[str]:
    """Return the instruction sets of this processor that the library holds, best first."""
    loaded = library()
    if loaded is None:
        return ()
    name = loaded.genescribe_semicrf_isa
    name.restype = ctypes.c_char_p
    return [isa for isa in ("avx512", "avx2", "baseline") if name(isa.encode()).decode() == isa]


class _Extent(ctypes.Structure):
    _fields_ = [(name, ctypes.c_double) for name in ("least", "most", "poison")]


def _extent(x: Tensor) -> _Extent | None:
    """Return the extent of scores that native code takes, read once."""
    loaded = library()
    if loaded is None or x.dtype != torch.float64 or x.device.type != "cpu" or not x.is_contiguous():
        return None
    extent_of_scores = _Extent()
    loaded.genescribe_extent(
        ctypes.c_void_p(x.data_ptr()), ctypes.c_int64(x.numel()), ctypes.byref(extent_of_scores), ISA
    )
    return extent_of_scores


def is_sound(x: Tensor) -> bool:
    """Whether no score is NaN or +inf.

    Examples
    --------
    >>> is_sound(torch.tensor([0.5, -torch.inf])), is_sound(torch.tensor([0.5, torch.nan]).double())
    (True, False)
    """
    measured = _extent(x)
    # A comparison with NaN is false, so that one pass finds NaN and +inf.
    return bool((x < torch.inf).all()) if measured is None else measured.poison == 0.0


def extent(x: Tensor) -> tuple[float, float]:
    """Return the least score that does not forbid, inf where all do, and the largest.

    Examples
    --------
    >>> extent(torch.tensor([0.5, -torch.inf, -2.0])), extent(torch.tensor([0.5, -torch.inf, -2.0]).double())
    ((-2.0, 0.5), (-2.0, 0.5))
    """
    measured = _extent(x)
    if measured is not None:
        return measured.least, measured.most
    return float(x.masked_fill(x == -torch.inf, torch.inf).amin()), float(x.amax())
