"""The data layout of the Triton kernels: blocks as in `blocked.layout`, and the table of the far sums."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from genescribe.kernels.semicrf.blocked.layout import Durations, Layout, lay_out
from genescribe.kernels.semicrf.blocked.sum import FLOOR
from genescribe.kernels.semicrf.potentials import Potentials

SIZE = 16
"""Bases per block. A tile of sources x ends x labels must fit the registers."""

LOW = 1e-150
"""Least factor of a far sum that is not exactly zero."""


def lay_out_chains(p: Potentials, both: bool) -> tuple[Layout, Durations]:
    """Lay out `p` in blocks of `SIZE` bases, with the mirrored chains if `both`; kernels want tensors without gaps."""
    durations = Durations.of(p)
    layout = lay_out(p, durations.order, SIZE, both)
    values: dict[str, Any] = {f.name: getattr(layout, f.name) for f in fields(layout)}
    dense: dict[str, Any] = {name: x.contiguous() for name, x in values.items() if isinstance(x, Tensor)}
    return replace(layout, **dense), durations


@dataclass(frozen=True, eq=False)
class FarTable:
    """The scores of durations as the kernels read them.

    Attributes
    ----------
    far : int
        Source blocks whose durations are read from the table; older ones follow the tail.
    rows : ((far + 1) SIZE, C)
        D(1), D(2), ...
    weights : (far, 2 SIZE, C)
        Row m of lag l is exp(D((l + 1) SIZE + m - (SIZE - 2)) - scale), lifted to `LOW`; 0 where forbidden.
    scale : (far, C)
    onward : (SIZE, C) or None
        Score of the oldest table block's entries up to the end of the block; None where no label has a tail.
    ages : (SIZE, C)
        How many of those bases lie past the label's table.
    tail : (C,)
    """

    far: int
    rows: Tensor
    weights: Tensor
    scale: Tensor
    onward: Tensor | None
    ages: Tensor
    tail: Tensor

    @classmethod
    def of(cls, durations: Durations, blocks: int) -> FarTable:
        """Lay out the durations for chains of so many blocks."""
        device = durations.tail.device
        far = min(-(-(int(durations.reach.amax()) - 1) // SIZE), blocks - 1)
        lag = torch.arange(1, far + 1, device=device).unsqueeze(1) * SIZE
        lagged = durations.scores(lag + torch.arange(2 * SIZE, device=device) - (SIZE - 2))
        scale = lagged[:, :-1].amax(1).clamp(min=FLOOR)
        weights = (lagged - scale.unsqueeze(1)).clamp(max=0).exp().clamp(min=LOW)
        oldest = (far + 1) * SIZE - torch.arange(SIZE, device=device)
        open_ended = durations.tail > -torch.inf
        onward = durations.scores(oldest).masked_fill(~open_ended, -torch.inf) if bool(open_ended.any()) else None
        return cls(
            far=far,
            rows=durations.scores(torch.arange(1, (far + 1) * SIZE + 1, device=device)),
            weights=weights.masked_fill(lagged == -torch.inf, 0.0),
            scale=scale,
            onward=onward,
            ages=(oldest.unsqueeze(1) - durations.reach).double(),
            tail=durations.tail,
        )
