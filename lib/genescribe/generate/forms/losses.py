"""Losses of the steps of sentences in every form; label smoothing and its lower bound."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genescribe.generate.forms.examples import IGNORED


@dataclass
class StepLosses:
    """Negative log likelihoods, (B, L); 0 past the end.

    Attributes
    ----------
    nll
        Negative log likelihood of each step.
    right
        Whether the likeliest allowed value was the right one.
    spread
        Mean of the negative log likelihoods of all values that the step allowed.
    options
        How many values those are.
    content
        Mean cross-entropy of the contents of bases, (): see `Content`.
    router
        Losses of the routers among experts by name, (); see `Memory.losses`.
    """

    nll: Tensor
    right: Tensor
    spread: Tensor
    options: Tensor
    content: Tensor
    router: dict[str, Tensor]


class LossSheet:
    """Losses of B sentences of up to L steps, entered kind of step by kind.

    Scores are -inf where a value is not allowed.
    """

    def __init__(self, sentences: int, steps: int, device: torch.device) -> None:
        self._nll, self._spread, self._options = (torch.zeros(sentences, steps, device=device) for _ in range(3))
        self._right = torch.zeros(sentences, steps, dtype=torch.bool, device=device)

    def enter(self, chosen: Tensor, scores: Tensor, targets: Tensor) -> None:
        """Enter the `chosen` steps (B, L); scores (B, L, V), targets (B, L).

        Parameters
        ----------
        chosen : (B, L) bool
            Steps to enter.
        scores : (B, L, V)
            Score of each value; -inf where it is not allowed.
        targets : (B, L) int64
            The right value.
        """
        row, step = chosen.nonzero(as_tuple=True)
        self._enter(row, step, scores[chosen], targets[chosen])

    def scatter(self, step: Tensor, present: Tensor, scores: Tensor, targets: Tensor) -> None:
        """Enter the steps at `step` (B, P) where `present`; scores (B, P, V), targets (B, P).

        Parameters
        ----------
        step : (B, P) int64
            Number of the step in its sentence, for each column.
        present : (B, P) bool
            Columns that are steps.
        scores : (B, P, V)
            Score of each value; -inf where it is not allowed.
        targets : (B, P) int64
            The right value.
        """
        row = torch.arange(len(step), device=step.device)[:, None].expand_as(step)[present]
        self._enter(row, step[present], scores[present], targets[present])

    def _enter(self, row: Tensor, step: Tensor, scores: Tensor, target: Tensor) -> None:
        allowed, logs = torch.isfinite(scores), scores.log_softmax(dim=-1)
        options = allowed.sum(dim=-1).clamp(min=1).to(logs)
        self._nll[row, step] = -logs.gather(1, target.unsqueeze(-1)).squeeze(-1)
        self._right[row, step] = logs.argmax(dim=-1) == target
        self._spread[row, step] = -torch.where(allowed, logs, 0.0).sum(dim=-1) / options
        self._options[row, step] = options

    def losses(self, content: Tensor, router: dict[str, Tensor]) -> StepLosses:
        """Return the losses of all steps entered."""
        return StepLosses(self._nll, self._right, self._spread, self._options, content, router)


def smoothed(nll: Tensor, spread: Tensor, smoothing: float) -> Tensor:
    """Return the cross-entropy against a target that gives a share to all allowed values alike (Szegedy et al. 2016).

    Parameters
    ----------
    nll, spread
        Negative log likelihood of the right value, and its mean over the allowed ones; see `StepLosses`.
    smoothing
        Share of the target that all allowed values divide among them.
    """
    return (1 - smoothing) * nll + smoothing * spread


def smoothing_floor(options: Tensor, smoothing: float) -> Tensor:
    """Return the least that `smoothed` can be with so many allowed values: the entropy of its target; 0 without any.

    Examples
    --------
    >>> [round(abs(floor), 4) for floor in smoothing_floor(torch.tensor([1.0, 2.0]), 0.1).tolist()]
    [0.0, 0.1985]
    """
    share = smoothing / options.clamp(min=1)
    right = 1 - smoothing + share
    wrong = torch.special.xlogy(share, share) * (options - 1).clamp(min=0)
    return torch.where(options > 0, -(torch.special.xlogy(right, right) + wrong), torch.zeros_like(options))


def content_loss(logits: Tensor, contents: Tensor) -> Tensor:
    """Return the mean cross-entropy of the contents of bases, (B, T, contents) and (B, T); 0 where none is known."""
    total = nn.functional.cross_entropy(
        logits.float().flatten(0, 1), contents.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return total / (contents != IGNORED).sum().clamp(min=1)
