"""Partly known labels: the potentials of all segmentations that agree with them.

A known run fixes the label of its bases, has no boundary inside, and has one where it meets another known run. In an
ignored stretch, and where it meets a known run, everything is left open: a segment may begin there, end there or run
through. The log partition of these potentials is the numerator of the likelihood, so that it never exceeds log Z.

The one thing that position-wise scores cannot say is the boundary between two known runs of one label. There the labels
are doubled: the bases before take the first copy, those after it the second (and so on in turn), so that no segment
can span the boundary, and every segmentation keeps exactly one spelling.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from genescribe.crf.score import Segments
from genescribe.data.runs import IGNORE
from genescribe.kernels.semicrf.potentials import Potentials

BY_LABEL = ("content", "duration", "tail", "start", "final", "begin", "end", "arrive", "depart", "spanning", "explicit")
"""Fields of `Potentials` whose last dimension is the label; `transition` has two such."""


def agreeing(p: Potentials, runs: Segments, single: Tensor | None = None) -> Potentials:
    """Return potentials under which exactly the segmentations that agree with `runs` are allowed.

    Parameters
    ----------
    p
        The scores of B chains.
    runs
        Runs that cover each chain; label `IGNORE` where nothing is known.
    single : (C,) bool or None
        Labels that last one base only (as in a linear CRF): a run of theirs is a chain of single bases.

    Returns
    -------
    Potentials
        Differentiable in all fields of `p`; with C labels, or 2 C where two known runs of one label meet.
    """
    _, T, _, C = p.shape
    label = runs.per_base(T)
    inside = torch.arange(T, device=label.device) < p.lengths.unsqueeze(1)
    label = torch.where(inside, label, IGNORE)
    known = label != IGNORE
    joined = known if single is None else known & ~single[label.clamp(min=0)]
    starts_run = torch.zeros_like(known).scatter_(1, torch.where(runs.real, runs.starts, 0), True)
    continued = torch.zeros_like(known)
    continued[:, 1:] = joined[:, 1:] & (label[:, 1:] == label[:, :-1])
    inner = continued & ~starts_run
    copy = (continued & starts_run).cumsum(1) % 2
    if bool(copy.any()):
        p = _doubled(p)
        label = torch.where(known, label + C * copy, IGNORE)
    index = torch.arange(p.shape[3], device=label.device)
    forbidden = known.unsqueeze(2) & (label.unsqueeze(2) != index)
    if p.shape[3] > C:
        forbidden = forbidden | (index // C != copy.unsqueeze(2))
    begin = torch.zeros_like(p.content) if p.begin is None else p.begin
    return replace(
        p,
        content=p.content.masked_fill(forbidden, -torch.inf),
        begin=begin.masked_fill(inner.unsqueeze(2), -torch.inf),
    )


def _doubled(p: Potentials) -> Potentials:
    """Return the potentials with every label twice, labels c and C + c the same."""
    values: dict[str, Any] = {}
    for name in BY_LABEL:
        value = getattr(p, name)
        values[name] = None if value is None else torch.cat([value, value], -1)
    pairs = torch.cat([p.transition, p.transition], -1)
    return replace(p, transition=torch.cat([pairs, pairs], -2), **values)
