"""Shared parts of all Triton kernels: launches with tile sizes, and log-sums that handle -inf.

A `Launch` is a kernel with its grid and all its arguments. The same object runs on a GPU, runs in the interpreter on
the CPU, and tells `aot` what to compile ahead of time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from genescribe.kernels.semicrf.triton.layout import SIZE

TILE = 2048
"""Elements of a tile of sources x ends x labels: 16 float64 a thread of four warps."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """Compile-time sizes for C labels: the power of two that holds them, sources a tile, and warps a program."""

    labels: int
    sources: int
    warps: int

    @classmethod
    def of(cls, C: int) -> Tiles:
        """Choose them; the one place where they are chosen."""
        labels = max(2, triton.next_power_of_2(C))
        sources = min(SIZE, max(1, TILE // (SIZE * labels)))
        return cls(labels, sources, 4 if labels <= 32 else 8)


@dataclass(frozen=True, eq=False)
class Launch:
    """A kernel with its grid, its arguments by name (tensors, numbers, compile-time constants), and its warps."""

    kernel: Any
    grid: tuple[int, ...]
    arguments: dict[str, Any]
    warps: int

    def __post_init__(self) -> None:
        for name, value in self.arguments.items():
            assert not isinstance(value, Tensor) or value.is_contiguous(), f"{name} has gaps"

    def run(self) -> None:
        """Run the kernel on the device of its tensors."""
        self.kernel[self.grid](**self.arguments, num_warps=self.warps)


def jit(*run_time: str) -> Callable[[Callable[..., None]], Any]:
    """Make a kernel, or a part of one; the numbers named do not lead to another compilation when they change."""
    decorate: Callable[[Callable[..., None]], Any] = triton.jit(do_not_specialize=run_time)
    return decorate


@jit()
def log_sum(x, axis: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return the log of the sum of exp(x) along an axis; -inf where all are."""
    top = tl.max(x, axis)
    safe = tl.where(top > float("-inf"), top, 0.0)
    total = tl.sum(tl.exp(x - tl.expand_dims(safe, axis)), axis)
    return _log(total, safe)


@jit()
def log_add(x, y):  # type: ignore[no-untyped-def]
    """Return log(exp(x) + exp(y)); -inf where both are."""
    top = tl.maximum(x, y)
    safe = tl.where(top > float("-inf"), top, 0.0)
    return _log(tl.exp(x - safe) + tl.exp(y - safe), safe)


@jit()
def _log(total, scale):  # type: ignore[no-untyped-def]
    """Return log(total) + scale, -inf for 0 without taking its logarithm."""
    found = total > 0.0
    return tl.where(found, scale + tl.log(tl.where(found, total, 1.0)), float("-inf"))


@jit()
def row_of(x, rows, row):  # type: ignore[no-untyped-def]
    """Return one row of a tile whose first axis is numbered by `rows`."""
    return tl.max(tl.where(rows[:, None] == row, x, float("-inf")), 0)
