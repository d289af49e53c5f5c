"""Exact inference beyond log Z and the best path: posteriors, entropy, samples.

The posteriors are derivatives of log Z (by content: of a base; by begin and end: of a boundary; by transition and
duration: expected counts), so every backend gives them. Segments, transitions at a place and samples are read from the
messages. Posteriors, entropy and divergences of two models are differentiable. The k best segmentations are in
`genescribe.crf.kbest`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from genescribe.crf.censored import duration_table
from genescribe.crf.runs import split_single_bases
from genescribe.crf.score import Segments, terms
from genescribe.errors import InputError
from genescribe.kernels.semicrf.dispatch import expected_score, log_partition
from genescribe.kernels.semicrf.dispatch import messages as messages_of
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation
from genescribe.kernels.semicrf.traceback import Scores, Walk


@dataclass(frozen=True, eq=False)
class Marginals:
    """Posterior probabilities and expected counts, float64.

    Attributes
    ----------
    log_partition : (B,)
        log Z.
    position : (B, T, C)
        Probability that base t has label c; 0 past a chain's end.
    begin, end : (B, T, C)
        Probability that a segment of label c begins at (has its last base at) base t. A segment that the window's edge
        may cut does not begin (end) there.
    transition : (P, C, C)
        Expected number of transitions, summed over the batch.
    duration : (K, C)
        Expected number of segments of each duration, summed over the batch; the last row holds K and more. Segments
        that an edge may cut are not counted.
    tail : (C,)
        Expected number of bases beyond K, summed over the batch.
    """

    log_partition: Tensor
    position: Tensor
    begin: Tensor
    end: Tensor
    transition: Tensor
    duration: Tensor
    tail: Tensor


def marginals(p: Potentials, backend: str = "auto") -> Marginals:
    """Return the posterior probabilities of bases and boundaries, and the expected counts of the rest.

    Differentiable where a score is and gradients are on, so that a loss of posteriors trains. The pass back runs the
    recurrence base by base: some milliseconds per base, for every backend.
    """
    log_z, gradient = _gradient(with_boundaries(_plain(p)), backend)
    return Marginals(
        log_partition=log_z,
        position=gradient["content"],
        begin=gradient["begin"],
        end=gradient["end"],
        transition=gradient["transition"],
        duration=gradient["duration"],
        tail=gradient["tail"],
    )


def entropy(p: Potentials, backend: str = "auto") -> Tensor:
    """Return the entropy of each chain's distribution over segmentations, (B,) nats; 0 where none is allowed.

    H = log Z - E[score] (Mann and McCallum 2007, NAACL, for the linear chain). Differentiable; the pass back costs
    as much as that of `marginals`.
    """
    p = _plain(p)
    log_z, expected = expected_score(p, p, backend)
    return torch.where(log_z == -torch.inf, 0.0, log_z - expected)


def cross_entropy(p: Potentials, q: Potentials, backend: str = "auto") -> Tensor:
    """Return the cross-entropy of q's distribution over segmentations under p's, ``-E_p[log q]``, (B,) nats.

    Parameters
    ----------
    p, q
        Scores of two models of the same chains and labels. Their durations may have tables of different lengths, and
        their transitions different periods.
    backend
        As in `genescribe.kernels.semicrf.dispatch`.

    Returns
    -------
    (B,) float64
        inf where q forbids what p may do. Differentiable in both models.

    Raises
    ------
    InputError
        Chains, labels or cut edges that differ.
    """
    p, q = comparable(_plain(p), _plain(q))
    return _cross(p, q, backend)


def kl_divergence(p: Potentials, q: Potentials, backend: str = "auto") -> Tensor:
    """Return the divergence KL(p || q) of two models, (B,) nats, 0 or more; see `cross_entropy`.

    Parameters
    ----------
    p, q
        Scores of two models of the same batch, with the same fields and shapes.
    backend
        As in `genescribe.kernels.semicrf.dispatch`.
    """
    p, q = comparable(_plain(p), _plain(q))
    return _cross(p, q, backend) - entropy(p, backend)


def _cross(p: Potentials, q: Potentials, backend: str) -> Tensor:
    _, expected = expected_score(p, q, backend)
    return torch.where(expected == -torch.inf, torch.inf, log_partition(q, backend) - expected)


def with_boundaries(p: Potentials) -> Potentials:
    """Return the scores with begin and end, zeros where there are none."""
    zeros = torch.zeros_like(p.content)
    return replace(p, begin=zeros if p.begin is None else p.begin, end=zeros if p.end is None else p.end)


def comparable(p: Potentials, q: Potentials) -> tuple[Potentials, Potentials]:
    """Return two models' scores with the same fields, rows of durations and period.

    Raises
    ------
    InputError
        Chains, labels or cut edges that differ.
    """
    alike = p.content.shape == q.content.shape and torch.equal(p.lengths, q.lengths)
    edges = all((getattr(p, name) is None) == (getattr(q, name) is None) for name in ("arrive", "depart"))
    if not (alike and edges):
        difference = "edges" if alike else "chains or labels"
        raise InputError(
            f"two models of different {difference}", where="potentials", remedy="give the same batch to both"
        )
    rows, period = max(p.shape[2], q.shape[2]), max(p.period, q.period)
    offsets = [
        torch.zeros_like(x.lengths) if x.phase_offset is None else x.phase_offset for x in (p, q) if x.period == period
    ]
    if not torch.equal(offsets[0], offsets[-1]):
        raise InputError("two models of different phases", where="potentials", remedy="give the same batch to both")
    first, second = (
        replace(
            with_boundaries(x),
            duration=duration_table(x, rows),
            transition=x.transition.expand(period, -1, -1),
            phase_offset=offsets[0],
        )
        for x in (p, q)
    )
    return first, second


def transition_marginals(p: Potentials, backend: str = "auto") -> Tensor:
    """Return the probability of each transition at each boundary, (B, T, C, C): ``[b, t, source, destination]``.

    Boundary t lies before base t; row 0 is zero. Takes B T C^2 numbers: ask for windows, not for chromosomes.
    """
    p = _plain(p).detach()
    m = messages_of(p, backend)
    begin = marginals(p, backend).begin
    _, T, _, _ = p.shape
    scores = m.leave[:, :T].unsqueeze(3) + _transitions(
        p, torch.arange(T, device=p.lengths.device).expand(len(begin), T)
    )
    total = torch.logsumexp(scores, 2, keepdim=True)
    share = torch.where(total == -torch.inf, 0.0, (scores - total).exp())
    result = share * begin.unsqueeze(2)
    result[:, 0] = 0
    return result


def segment_marginals(
    p: Potentials, runs: Segments, single: Tensor | None = None, backend: str = "auto"
) -> list[Tensor]:
    """Return the probability of each given run, summed over the rest of the chain: a (n,) float64 tensor per chain.

    Parameters
    ----------
    p
        Potentials: the log scores of a batch of chains.
    runs
        Runs that cover each chain, such as a decoded path.
    single : (C,) bool or None
        Labels that last one base only (as in a linear CRF): a run of theirs is a chain of single bases.
    backend
        As in `genescribe.kernels.semicrf.dispatch`.
    """
    p = _plain(p).detach()
    m = messages_of(p, backend)
    path = split_single_bases(runs, single)
    run = torch.searchsorted(runs.ends, path.ends)  # of each segment
    opens = torch.ones_like(path.real)
    opens[:, 1:] = run[:, 1:] != run[:, :-1]
    closes = torch.ones_like(opens)
    closes[:, :-1] = opens[:, 1:] | ~path.real[:, 1:]
    parts = terms(p, path)
    index = torch.arange(path.ends.shape[1], device=run.device)
    chain = torch.arange(len(run), device=run.device).unsqueeze(1)
    starts = path.starts
    steps = _transitions(p, starts)[chain, index, :, path.labels]  # (B, S, C) by source
    before = torch.where(index == 0, 0.0, torch.logsumexp(m.leave[chain, starts] + steps, 2))
    last = index == (path.counts - 1).unsqueeze(1)
    after = torch.where(last, 0.0, m.onward[chain, path.ends, path.labels])
    base = torch.arange(parts.content.shape[1], device=run.device).expand(len(run), -1).contiguous()
    inside = torch.searchsorted(path.ends, base, right=True).clamp(max=path.ends.shape[1] - 1)
    own = parts.duration + parts.boundary + parts.edge
    own = own + torch.zeros_like(own).scatter_add(1, inside, parts.content)
    value = own + torch.where(opens, before, parts.transition) + torch.where(closes, after, 0.0)
    value = torch.where(path.real, value, 0.0)
    total = torch.zeros(runs.ends.shape, dtype=value.dtype, device=value.device).scatter_add(1, run, value)
    finite = m.log_partition.masked_fill(m.log_partition == -torch.inf, torch.inf)
    probability = (total - finite.unsqueeze(1)).exp()
    return [row[:n] for row, n in zip(probability, runs.counts.tolist(), strict=True)]


def sample(
    p: Potentials, count: int, generator: torch.Generator | None = None, backend: str = "auto"
) -> list[list[Segmentation]]:
    """Return `count` independent exact samples of each chain (forward filtering, backward sampling).

    A chain of which every segmentation is forbidden gives empty segmentations.

    Parameters
    ----------
    p
        Potentials: the log scores of a batch of chains.
    count
        Number of segmentations to draw for each chain.
    generator
        Source of randomness; None: PyTorch's own.
    backend
        As in `genescribe.kernels.semicrf.dispatch`.
    """
    p = _plain(p).detach()
    m = messages_of(p, backend)

    def pick(scores: Scores) -> int:
        cumulative = np.exp(scores - scores.max()).cumsum()
        uniform = float(torch.rand((), generator=generator, dtype=torch.float64))
        # side="right" never lands on an entry of probability 0.
        return int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"))

    walks = [Walk(p, chain, m.entry[chain], m.leave[chain]) for chain in range(len(p.lengths))]
    return [[walk.segmentation(pick) for _ in range(count)] for walk in walks]


def _plain(p: Potentials) -> Potentials:
    return p.expanded().to(dtype=torch.float64)


def _gradient(p: Potentials, backend: str) -> tuple[Tensor, dict[str, Tensor]]:
    """Return log Z and its derivative by every floating field that is given, with a graph where a score has one."""
    values = {f.name: getattr(p, f.name) for f in fields(p)}
    scores = {name: x for name, x in values.items() if x is not None and x.is_floating_point()}
    graph = torch.is_grad_enabled() and any(x.requires_grad for x in scores.values())
    with torch.enable_grad():
        # A view of its own of each: one field may have been made of another.
        leaves = {
            name: x.view_as(x) if graph and x.requires_grad else x.detach().requires_grad_()
            for name, x in scores.items()
        }
        log_z = log_partition(replace(p, **leaves), backend)
        gradients = torch.autograd.grad(log_z.sum(), list(leaves.values()), create_graph=graph)
    return log_z if graph else log_z.detach(), dict(zip(leaves, gradients, strict=True))


def _transitions(p: Potentials, t: Tensor) -> Tensor:
    """Return the transition scores at boundaries `t`, (B, N), as (B, N, C, C)."""
    phase = t if p.phase_offset is None else t + p.phase_offset.unsqueeze(1)
    return p.transition[phase % p.period]
