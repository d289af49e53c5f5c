"""Segments that are cut off by the edge of a window: their scores summed over all lengths.

A first segment that began before the window has some unknown duration j of at least the k bases seen; one that also
ends after it lies at any of the j - n + 1 places that cover the window. Hence

    arrive[k, c] = entering[c] + log sum_{j >= k} exp(D_c(j))
    spanning[c]  = entering[c] + leaving[c] + log sum_{j >= n} (j - n + 1) exp(D_c(j))

and `depart` like `arrive` with `leaving`. (The survival function of a duration, as for the hidden semi-Markov models of
Guédon 2003, J. Comput. Graph. Stat. 12:604.) The tail is geometric, so the sums are finite and closed where tail < 0.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from genescribe.errors import InputError
from genescribe.kernels.semicrf.potentials import Potentials

_ABSENT = -1e30
"""Stands for -inf inside the cumulative log-sum, whose derivative is NaN at -inf."""


def censored(
    p: Potentials,
    left: Tensor | None,
    right: Tensor | None,
    entering: Tensor | None = None,
    leaving: Tensor | None = None,
) -> Potentials:
    """Return the potentials with `arrive`, `depart` and `spanning` as the edges of each chain ask.

    Parameters
    ----------
    p
        The scores, without arrive and depart; ``tail < 0``.
    left, right : (B,) bool or None
        The first (last) segment may have begun before (may end after) the window; None: no chain's.
    entering, leaving : (C,) or None
        Score of being inside a label at a cut edge, instead of `start` and `final`; None is 0.

    Returns
    -------
    Potentials
        Differentiable in all given. Chains whose edge is not cut keep the ordinary scores.

    Raises
    ------
    InputError
        A tail of 0 or more: infinitely many durations would have an infinite sum.
    """
    cut_left = left is not None and bool(left.any())
    cut_right = right is not None and bool(right.any())
    if not (cut_left or cut_right):
        return p
    if not bool((p.tail < 0).all()):
        raise InputError("a tail of 0 or more with censored segments", where="potentials.tail", remedy="give tails < 0")
    p = p.expanded()
    _, T, _, C = p.shape
    zero = p.duration.new_zeros(C, dtype=torch.float64)
    enter = zero if entering is None else entering.double()
    leave = zero if leaving is None else leaving.double()
    table = duration_table(p, T)
    survival, area = survival_tables(p, T)
    rows = torch.arange(len(p.lengths), device=p.lengths.device)
    first = p.start.double() + (0.0 if p.begin is None else p.begin[:, 0].double())  # (C,) or (B, C)
    last = p.final.double() + (0.0 if p.end is None else p.end[rows, p.lengths - 1].double())
    is_left = _column(left, p.lengths)
    is_right = _column(right, p.lengths)
    first, last = first.expand(len(rows), C), last.expand(len(rows), C)

    arrive = depart = spanning = None
    if cut_left:
        edge = torch.where(is_left.unsqueeze(2), enter + survival, first.unsqueeze(1) + table)
        arrive = torch.cat([torch.full_like(edge[:, :1], -torch.inf), edge], 1)
    if cut_right:
        left_over = p.lengths.unsqueeze(1) - torch.arange(T + 1, device=p.lengths.device)  # bases from s on, (B, T + 1)
        k = left_over.clamp(min=1) - 1
        edge = torch.where(is_right.unsqueeze(2), leave + survival[k], last.unsqueeze(1) + table[k])
        depart = torch.where((left_over > 0).unsqueeze(2), edge, -torch.inf)
    if cut_left and cut_right:
        n = p.lengths - 1
        one_side = torch.where(is_left, enter + survival[n] + last, first + survival[n] + leave)
        neither = first + table[n] + last
        spanning = torch.where(
            is_left & is_right, enter + leave + area[n], torch.where(is_left | is_right, one_side, neither)
        )
    return replace(p, arrive=arrive, depart=depart, spanning=spanning)


def duration_table(p: Potentials, n: int) -> Tensor:
    """Return D(1..n), (n, C) float64, of potentials without `explicit`."""
    K = p.duration.shape[0]
    excess = torch.arange(1, max(n - K, 0) + 1, device=p.tail.device).unsqueeze(1)
    return torch.cat([p.duration[:n].double(), p.duration[-1].double() + excess * p.tail.double()])


def survival_tables(p: Potentials, n: int) -> tuple[Tensor, Tensor]:
    """Return ``log sum_{j>=k} exp D(j)`` and ``log sum_{j>=k} (j-k+1) exp D(j)`` for k = 1..n, (n, C) float64.

    The second is the first summed once more: each j counts once for every k' from k to j.
    """
    K = p.duration.shape[0]
    tail, duration = p.tail.double(), p.duration.double()
    log_ratio = torch.log(-torch.expm1(tail))  # sum_{j>=1} exp(j tail) = exp(tail) / (1 - exp(tail))
    beyond = (duration[-1] + tail - log_ratio).unsqueeze(0)  # survival of K + 1
    survival = _reverse_cumulative(torch.cat([duration, beyond]))
    area = _reverse_cumulative(torch.cat([survival[:-1], beyond - log_ratio]))
    further = torch.arange(1, max(n - K, 1), device=tail.device).unsqueeze(1) * tail
    longer = (torch.cat([x, x[-1] + further])[:n] for x in (survival, area))
    return next(longer), next(longer)


def _reverse_cumulative(x: Tensor) -> Tensor:
    """Return ``log sum_{j>=k} exp x_j`` along dimension 0."""
    present = x.masked_fill(x == -torch.inf, _ABSENT)
    result = torch.logcumsumexp(present.flip(0), 0).flip(0)
    return result.masked_fill(result < _ABSENT / 2, -torch.inf)


def _column(flag: Tensor | None, like: Tensor) -> Tensor:
    """Return the flag of each chain, (B, 1) bool."""
    return (torch.zeros_like(like) if flag is None else flag).bool().unsqueeze(1)
