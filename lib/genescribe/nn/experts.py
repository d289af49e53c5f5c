"""A mixture of experts instead of a feed-forward network: each step uses a few of many.

Shazeer et al. (2017, "Outrageously large neural networks"); the auxiliary losses are the load balance of the Switch
Transformer (Fedus et al., 2022, eq. 4-6) and the router's z-loss of ST-MoE (Zoph et al., 2022, eq. 5). No expert has a
capacity: no step is dropped, so that what becomes of a step does not depend on its batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genescribe.nn.attention import gated, gated_width


@dataclass
class RouterSums:
    """Terms of the auxiliary losses of one layer, summed over all steps except padding.

    Attributes
    ----------
    chosen : (E,)
        How often each expert was chosen.
    probability : (E,)
        Of each expert; its gradient is what balances the load.
    log_z : ()
        Squares of the log-sums of the router's scores.
    steps : ()
        How many there are.
    """

    chosen: Tensor
    probability: Tensor
    log_z: Tensor
    steps: Tensor

    def __add__(self, other: RouterSums) -> RouterSums:
        return RouterSums(
            self.chosen + other.chosen,
            self.probability + other.probability,
            self.log_z + other.log_z,
            self.steps + other.steps,
        )

    def balance(self) -> Tensor:
        """Return E times the sum of (share of choices) x (mean probability): 1 where the load is even."""
        share = self.chosen / self.chosen.sum().clamp(min=1)
        return len(share) * (share * self.probability).sum() / self.steps.clamp(min=1)

    def router_z(self) -> Tensor:
        """Return the mean square of the log-sums of the router's scores."""
        return self.log_z / self.steps.clamp(min=1)


def grouped_product(x: Tensor, weights: Tensor, ends: Tensor) -> Tensor:
    """Return each row of x (N, D) times the matrix of its group (E, D, F).

    Parameters
    ----------
    x
        (N, D), the rows of a group one after the other.
    weights
        (E, D, F), one matrix for each group.
    ends : (E,) int32
        One past the last row of each group.

    Notes
    -----
    `torch.nn.functional.grouped_mm` where torch has it for the device and the type, one product a group elsewhere.
    """
    if torch.is_autocast_enabled(x.device.type):
        x = x.to(torch.get_autocast_dtype(x.device.type))
    if x.is_cuda and x.dtype == torch.bfloat16 and hasattr(nn.functional, "grouped_mm"):
        product: Tensor = nn.functional.grouped_mm(x, weights.to(x.dtype), offs=ends)
        return product
    sizes = torch.diff(ends, prepend=ends.new_zeros(1)).tolist()
    return torch.cat([part @ weight for part, weight in zip(torch.split(x, sizes), weights, strict=True)])


class Experts(nn.Module):
    """Gated feed-forward networks of which each step takes the likeliest few, weighted by their probabilities.

    Parameters
    ----------
    width
        Channels of a step, D.
    number, top_k
        Experts, and how many of them a step takes.
    inner, geglu
        Of each expert, as in `FeedForward`.
    """

    def __init__(self, width: int, number: int, top_k: int, inner: int = 0, *, geglu: bool = False) -> None:
        super().__init__()
        inner = inner or gated_width(width)
        self.top_k, self.geglu = top_k, geglu
        self.router = nn.Linear(width, number, bias=False)
        self.enter = nn.Parameter(_uniform(number, width, 2 * inner))
        self.leave = nn.Parameter(_uniform(number, inner, width))
        self.bias = nn.Parameter(torch.zeros(number, width)) if geglu else None

    def forward(self, x: Tensor, present: Tensor | None = None) -> tuple[Tensor, RouterSums]:
        """Return the update of each step, and the sums for the auxiliary losses.

        Parameters
        ----------
        x : (..., D)
            Steps.
        present : (...) bool
            True at the steps that are no padding; None: all. Only these count in the losses.
        """
        flat = x.reshape(-1, x.shape[-1])
        scores = self.router(flat).float()
        log_z = scores.logsumexp(dim=-1)
        probabilities = (scores - log_z.unsqueeze(-1)).exp()
        best, expert = probabilities.topk(self.top_k, dim=-1)
        weight = (best / best.sum(dim=-1, keepdim=True)).to(flat.dtype)
        update = self._update(flat, expert, weight)
        there = torch.ones_like(log_z) if present is None else present.reshape(-1).to(log_z.dtype)
        hits = nn.functional.one_hot(expert, scores.shape[-1]).sum(dim=1)
        sums = RouterSums(
            (hits * there.unsqueeze(-1)).sum(dim=0),
            (probabilities * there.unsqueeze(-1)).sum(dim=0),
            (log_z.square() * there).sum(),
            there.sum(),
        )
        return update.view(x.shape), sums

    def _update(self, flat: Tensor, expert: Tensor, weight: Tensor) -> Tensor:
        """Return the weighted sum of the chosen experts' answers; expert and weight are (N, top_k)."""
        chosen = expert.flatten()
        order = chosen.argsort(stable=True)
        number = torch.arange(len(self.enter), device=chosen.device)
        ends = torch.searchsorted(chosen[order], number, right=True, out_int32=True)
        inner = gated(grouped_product(flat[order // self.top_k], self.enter, ends), self.geglu)
        answers = grouped_product(inner, self.leave, ends)
        if self.bias is not None:
            answers = answers + self.bias[chosen[order]]
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order), device=order.device)
        by_step = answers[back].view(*expert.shape, -1)
        return (by_step * weight.unsqueeze(-1)).sum(dim=1).to(flat.dtype)


def _uniform(number: int, width: int, wide: int) -> Tensor:
    """Return matrices with the spread that `nn.Linear` begins with."""
    return torch.empty(number, width, wide).uniform_(-1 / math.sqrt(width), 1 / math.sqrt(width))
