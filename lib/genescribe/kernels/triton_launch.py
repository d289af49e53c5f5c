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

TILE = 512
"""Elements a warp of a tile of sources x ends x labels: 16 float64 a thread."""
GROUP = 16
"""Blocks whose sums over earlier blocks are taken at a time, as products of matrices: rows of a tensor core's tile."""


@dataclass(frozen=True)
class Tiles:
    """Compile-time sizes of a kernel.

    Attributes
    ----------
    labels
        The power of two that holds all labels.
    sources
        Sources of a tile.
    warps
        Warps of a program.
    group
        `GROUP`: sums over earlier blocks as products of matrices, in double precision on the tensor cores of an A100
        or H100; 0: as sums of products. Only the recurrence of log Z knows it.
    """

    labels: int
    sources: int
    warps: int
    group: int = 0

    @classmethod
    def of(cls, C: int, warps: int | None = None, group: int = 0) -> Tiles:
        """Choose the sizes; the one place where they are chosen.

        Parameters
        ----------
        C
            Number of labels.
        warps
            Warps of a program; None: the usual.
        group
            See `Tiles.group`.
        """
        labels = max(2, triton.next_power_of_2(C))
        # As many as it takes to fit all into registers, says the compiler; what is fastest is not measured yet.
        warps = warps or 8
        return cls(labels, min(SIZE, max(1, TILE * min(warps, 4) // (SIZE * labels))), warps, group)

    @classmethod
    def candidates(cls, C: int) -> list[Tiles]:
        """Return the sizes to measure, those of `of` first.

        One warp needs no barrier between one base and the next, more have more registers. With more than 32 labels
        products of matrices no longer fit the registers.
        """
        default = cls.of(C)
        groups = (0, GROUP) if default.labels <= 32 else (0,)
        others = [cls.of(C, warps, group) for group in groups for warps in (1, 2, 4, 8)]
        return [default, *(tiles for tiles in others if tiles != default)]

    def __str__(self) -> str:
        return f"{self.warps} warps" + (", tensor cores" if self.group else "")


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
    positive = total > 0.0
    return tl.where(positive, scale + tl.log(tl.where(positive, total, 1.0)), float("-inf"))


@jit()
def row_of(x, rows, row):  # type: ignore[no-untyped-def]
    """Return one row of a tile whose first axis is numbered by `rows`."""
    return tl.max(tl.where(rows[:, None] == row, x, float("-inf")), 0)
