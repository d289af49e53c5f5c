"""Checks before a long run: the scales of the parts of the score, and NaN or infinite values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from genescribe.kernels.semicrf.potentials import Potentials

TENFOLD = 10.0
"""Parts whose scales differ by more than this hardly hear each other in training."""


@dataclass(frozen=True)
class Scale:
    """Statistics of one part of the model over its finite values.

    Attributes
    ----------
    name
        Name of the part, such as ``transitions``.
    mean, spread, low, high
        Mean, root mean square deviation, minimum and maximum.
    forbidden
        Share of values that are -inf, of scores: there it forbids.
    nan, infinite
        Number of values that are NaN, and +inf or, of what is no score, -inf.
    """

    name: str
    mean: float
    spread: float
    low: float
    high: float
    forbidden: float
    nan: int
    infinite: int

    def __str__(self) -> str:
        forbidden = f", {self.forbidden:.0%} forbidden" if self.forbidden else ""
        return (
            f"{self.name}: mean {self.mean:.3g}, spread {self.spread:.3g}, "
            f"range {self.low:.3g} to {self.high:.3g}, NaN={self.nan}, Inf={self.infinite}{forbidden}"
        )


def scales(p: Potentials, encoder: Tensor | None = None) -> list[Scale]:
    """Return the statistics of encoder output, emissions, boundary scores, transitions and durations.

    Emissions count as deviations from their base's mean over labels, since a constant a base changes nothing.

    Parameters
    ----------
    p
        The scores of a batch.
    encoder : (B, T, D) or None
        Output of the encoder, from which the emissions were made.
    """
    inside = torch.arange(p.shape[1], device=p.lengths.device) < p.lengths.unsqueeze(1)
    content = p.content.detach()[inside]
    finite = content.isfinite()
    mean = torch.where(finite, content, 0.0).sum(1, keepdim=True) / finite.sum(1, keepdim=True).clamp(min=1)
    parts: dict[str, Tensor | None] = {
        "encoder output": None if encoder is None else encoder.detach()[inside],
        "emissions": content - mean,
        "begin scores": None if p.begin is None else p.begin.detach()[inside],
        "end scores": None if p.end is None else p.end.detach()[inside],
        "transitions": p.transition.detach(),
        "durations": p.duration.detach(),
    }
    return [
        _scale(name, values, forbids=name != "encoder output") for name, values in parts.items() if values is not None
    ]


def first_batch_report(p: Potentials, encoder: Tensor | None = None) -> list[str]:
    """Return `scales` as lines, and a warning for each pair of parts of which one exceeds the other tenfold."""
    parts = scales(p, encoder)
    lines = [str(scale) for scale in parts]
    spread = sorted((scale for scale in parts if scale.spread > 0), key=lambda scale: scale.spread)
    for small, large in combinations(spread, 2):
        if large.spread > TENFOLD * small.spread:
            ratio = large.spread / small.spread
            lines.append(f"warning: the scale of {large.name} is {ratio:.0f} times that of {small.name}")
    return lines


def _scale(name: str, values: Tensor, *, forbids: bool) -> Scale:
    finite = values[values.isfinite()].double()
    forbidden = int((values == -torch.inf).sum()) if forbids else 0
    nan = int(values.isnan().sum())
    counts = (forbidden / max(values.numel(), 1), nan, values.numel() - len(finite) - nan - forbidden)
    if not len(finite):
        return Scale(name, 0.0, 0.0, 0.0, 0.0, *counts)
    low, high = (float(x) for x in finite.aminmax())
    return Scale(name, float(finite.mean()), float(finite.std(correction=0)), low, high, *counts)
