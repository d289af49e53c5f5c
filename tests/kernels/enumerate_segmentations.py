"""The oracle: every segmentation of a small input, scored by the library's one scoring function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from genescribe.crf.score import Segments, score
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation

BATCHED = ("content", "lengths", "begin", "end", "phase_offset", "arrive", "depart", "spanning")


def segmentations(n: int, labels: int) -> Iterator[Segmentation]:
    """Every segmentation of n bases: all cuts, all labels (also equal neighbours)."""
    for cuts in range(1 << (n - 1)):
        ends = [t for t in range(1, n) if cuts >> (t - 1) & 1] + [n]
        for code in range(labels ** len(ends)):
            chosen = [code // labels**i % labels for i in range(len(ends))]
            yield Segmentation(torch.tensor(ends), torch.tensor(chosen))


def single_base_labels(p: Potentials) -> Tensor:
    """Return which labels last one base only, (C,) bool."""
    longer = (p.expanded().duration[1:] > -torch.inf).any(0) | (p.tail > -torch.inf)
    return ~longer if p.arrive is None and p.depart is None else torch.zeros_like(longer)


def one(p: Potentials, chain: int, copies: int = 1) -> Potentials:
    """Return the chain alone, cut to its length, repeated."""
    n = int(p.lengths[chain])
    values = {}
    for name in BATCHED:
        value = getattr(p, name)
        if value is not None:
            cut = value[chain : chain + 1]
            if name in ("content", "begin", "end"):
                cut = cut[:, :n]
            elif name in ("arrive", "depart"):
                cut = cut[:, : n + 1]
            values[name] = cut.expand(copies, *cut.shape[1:])
    return replace(p, **values)


@dataclass
class Enumeration:
    """All segmentations of one chain, and their scores (N,), differentiable."""

    paths: list[Segmentation]
    scores: Tensor

    @property
    def log_partition(self) -> Tensor:
        return (
            torch.logsumexp(self.scores, 0) if (self.scores > -torch.inf).any() else self.scores.new_tensor(-torch.inf)
        )

    @property
    def probabilities(self) -> Tensor:
        z = self.log_partition
        return torch.zeros_like(self.scores) if z == -torch.inf else (self.scores - z).exp()


def enumerate_chain(p: Potentials, chain: int) -> Enumeration:
    n, labels = int(p.lengths[chain]), p.shape[3]
    paths = list(segmentations(n, labels))
    return Enumeration(paths, score(one(p, chain, len(paths)), Segments.of(paths)))


def expected_gradient(p: Potentials) -> dict[str, Tensor]:
    """Marginals by enumeration: expected counts of what each field scores, summed over chains.

    The derivative of a path's score (finite or not) times the path's probability; forbidden paths have none.
    """
    names = [f.name for f in fields(p) if getattr(p, f.name) is not None and getattr(p, f.name).is_floating_point()]
    leaves = {name: getattr(p, name).detach().double().clone().requires_grad_() for name in names}
    q = replace(p, **leaves)
    total = q.content.sum() * 0
    for chain in range(len(p.lengths)):
        every = enumerate_chain(q, chain)
        allowed = every.scores > -torch.inf
        if allowed.any():
            total = total + (every.probabilities.detach()[allowed] * every.scores[allowed]).sum()
    gradients = torch.autograd.grad(total, [leaves[name] for name in names], allow_unused=True)
    return {n: torch.zeros_like(leaves[n]) if g is None else g for n, g in zip(names, gradients, strict=True)}
