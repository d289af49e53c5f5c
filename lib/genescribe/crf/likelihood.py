"""The negative log likelihood of completely or partly known labels."""

from __future__ import annotations

import torch
from torch import Tensor

from genescribe.crf.partial import agreeing
from genescribe.crf.runs import split_single_bases
from genescribe.crf.score import Segments, forbidden_by, score
from genescribe.data.runs import IGNORE
from genescribe.errors import InputError
from genescribe.kernels.semicrf.dispatch import log_partition
from genescribe.kernels.semicrf.potentials import Potentials

ROUNDING = 1e-6
"""A likelihood above 1 by more than this share of log Z is no rounding but a fault."""


def negative_log_likelihood(
    p: Potentials, runs: Segments, single: Tensor | None = None, backend: str = "auto"
) -> Tensor:
    """Return ``log Z - log sum over the segmentations that agree with the runs``, (B,) float64, never below 0.

    Parameters
    ----------
    p
        The scores of B chains.
    runs
        The runs of each chain (see `genescribe.crf.runs`); label `IGNORE` where nothing is known.
    single : (C,) bool or None
        Labels that last one base only (as in a linear CRF): a run of theirs is a chain of single bases.
    backend
        As in `genescribe.kernels.semicrf.dispatch`.

    Raises
    ------
    InputError
        Labels that the model forbids, with the place.
    """
    log_z = log_partition(p, backend)
    numerator = log_numerator(p, runs, single, backend)
    impossible = (numerator == -torch.inf).nonzero()
    if len(impossible):
        raise _impossible(p, runs, single, int(impossible[0]))
    nll = log_z - numerator
    below = nll.detach().clamp(max=0)
    if bool((-below > ROUNDING * (1 + log_z.detach().abs())).any()):
        raise RuntimeError(f"a backend's log partition is wrong: the negative log likelihood is {float(below.min())}")
    # What is left is rounding: two sums of the same numbers in another order.
    return nll - below


def log_numerator(p: Potentials, runs: Segments, single: Tensor | None = None, backend: str = "auto") -> Tensor:
    """Return the log-sum over the segmentations that agree with the runs, (B,) float64; -inf where none is allowed.

    Parameters
    ----------
    p
        Potentials: the log scores of a batch of chains.
    runs
        Known runs of each chain; `IGNORE` is summed over.
    single : (C,) bool or None
        Labels whose segments are one base long, so that a run of theirs is many segments.
    backend
        As in `genescribe.kernels.semicrf.dispatch`.
    """
    partial = ((runs.labels == IGNORE) & runs.real).any(1)
    if not bool(partial.any()):
        return score(p, split_single_bases(runs, single))
    some = log_partition(agreeing(p.rows(partial), runs.rows(partial), single), backend)
    if bool(partial.all()):
        return some
    complete = ~partial
    known = score(p.rows(complete), split_single_bases(runs.rows(complete), single))
    return torch.zeros_like(partial, dtype=torch.float64).masked_scatter(partial, some).masked_scatter(complete, known)


def _impossible(p: Potentials, runs: Segments, single: Tensor | None, chain: int) -> InputError:
    alone = torch.tensor([chain], device=p.lengths.device)
    row = runs.rows(alone)
    reason = "no segmentation agrees with the known labels"
    if not bool(((row.labels == IGNORE) & row.real).any()):
        q = p.rows(alone).detach()
        reason = forbidden_by(q, split_single_bases(row, single), 0)
    return InputError(reason, where=f"labels of chain {chain}", remedy="correct them, or allow it in the configuration")
