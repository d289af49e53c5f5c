"""State of the best-path recurrence: the message of a part of the chains to the next, and the trace it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from genescribe.kernels.semicrf.blocked.layout import Layout

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Message:
    """Scores at a boundary between two parts, labels sorted; entries as if S were 0 there, A less `total`.

    Attributes
    ----------
    boundary : int
        Position in the chain.
    total : (N,)
        Score taken out of A.
    entries : (pad, size, N, C)
        W of the last bases, -inf where a forbidden base cut them off.
    rest, rest_source : (N, C)
        Best older W with its duration so far, and where it begins.
    leave : (N, C)
        A.
    """

    boundary: int
    total: Tensor
    entries: Tensor
    rest: Tensor
    rest_source: Tensor
    leave: Tensor


@dataclass(frozen=True, eq=False)
class Trace:
    """Trace of a part, as `Message`, in numpy: `pad` blocks of earlier parts stand before the part's own.

    Attributes
    ----------
    first : int
        Position of the part's first base.
    entries : (pad + blocks, size, N, C)
        W less `base`, of all bases.
    base : (pad + blocks, N, C)
    leave : (blocks, size, N, C)
        A less `offset`.
    offset : (blocks, N)
    rest, rest_source : (blocks, N, C)
        At each block's start, `rest` less the base there (`arrived`).
    arrived : (blocks, N, C)
    """

    first: int
    layout: Layout
    entries: Array
    base: Array
    leave: Array
    offset: Array
    rest: Array
    rest_source: Array
    arrived: Array
