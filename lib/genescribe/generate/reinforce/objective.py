"""The mathematics of group relative policy optimisation (Shao et al. 2024, arXiv:2402.03300), as pure functions."""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST = 1e-6


def advantages(rewards: Tensor) -> Tensor:
    """Return how much better each sample is than its group, in standard deviations of the group, (P, G).

    A group whose rewards are all the same has no advantages.

    Parameters
    ----------
    rewards : (P, G)
        Of G samples of each of P prompts.
    """
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    spread = centred.square().mean(dim=1, keepdim=True).sqrt()
    return torch.where(spread > _LEAST, centred / spread.clamp(min=_LEAST), torch.zeros_like(centred))


def surrogate(ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """Return the clipped objective of each step, to be raised (Schulman et al. 2017, arXiv:1707.06347, equation 7).

    Parameters
    ----------
    ratio
        Probability of a step under the policy, over that under the policy that drew it.
    advantage
        Of its sample; of the same shape, or broadcast to it.
    clip
        Ratios count from 1 - clip to 1 + clip.
    """
    return torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def k3(logs: Tensor, reference: Tensor) -> Tensor:
    """Return an estimate of the KL divergence from the reference, a step (k3: Schulman 2020, Approximating KL).

    ``r - 1 - log r`` with ``r = reference / policy``: never negative, unbiased for steps that the policy drew, and its
    gradient reaches the policy through `logs`.
    """
    difference = reference - logs
    return difference.exp() - 1 - difference
