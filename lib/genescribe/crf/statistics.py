"""Counts of labelled runs, and smoothed log frequencies that can initialise a head."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genescribe.data.runs import IGNORE, Runs

LEAST_BANDWIDTH = 0.05
"""Of the kernel over log durations: below a duration of about 10, neighbours do not mix."""


@dataclass(frozen=True, eq=False)
class RunStatistics:
    """Lengths of runs and transitions between them.

    Attributes
    ----------
    durations
        For each label, the number of whole runs of each duration, or a weighed sum of such numbers.
    transitions : (P, C, C) float64
        Number of boundaries, ``[phase, source, destination]``; P is 1 or 3.
    first : (C,) float64
        Number of chains that begin with each label, or anything in proportion to it.
    bases : (C,) float64 or None
        Number of bases of each label, those of cut runs included; None: not counted.
    """

    durations: tuple[Mapping[int, float], ...]
    transitions: Tensor
    first: Tensor
    bases: Tensor | None = None

    @classmethod
    def count(cls, chains: Iterable[Runs], labels: int, *, whole_edges: bool = False, period: int = 1) -> RunStatistics:
        """Count the runs of many chains.

        Runs beside an ignored stretch are not counted as durations, and the first and last of a chain only where
        `whole_edges` says that windows cut no segment. Phases count from each chain's first base.

        Parameters
        ----------
        chains
            Labels of each chain as runs, (k, 2): last base + 1, label.
        labels
            Number of labels, C.
        whole_edges
            The first and last run of a chain are whole segments.
        period
            Number of phases that transitions are counted apart by.
        """
        durations: tuple[Counter[int], ...] = tuple(Counter() for _ in range(labels))
        transitions = torch.zeros(period, labels, labels, dtype=torch.float64)
        first = torch.zeros(labels, dtype=torch.float64)
        for runs in chains:
            ends, names = np.asarray(runs)[:, 0], np.asarray(runs)[:, 1]
            if names[0] != IGNORE:
                first[names[0]] += 1
            padded = np.pad(names, 1, mode="edge") if whole_edges else np.pad(names, 1, constant_values=IGNORE)
            complete = (padded[:-2] != IGNORE) & (padded[2:] != IGNORE) & (names != IGNORE)
            for duration, label in zip(np.diff(ends, prepend=0)[complete], names[complete], strict=True):
                durations[label][int(duration)] += 1
            known = (names[:-1] != IGNORE) & (names[1:] != IGNORE)
            phase, source, destination = (
                x[known].astype(np.int64) for x in (ends[:-1] % period, names[:-1], names[1:])
            )
            np.add.at(transitions.numpy(), (phase, source, destination), 1)
        return cls(durations, transitions, first)

    @property
    def segments(self) -> Tensor:
        """Number of segments of each label that begin inside a chain, (C,)."""
        return self.transitions.sum((0, 1))

    def in_single_bases(self, single: Tensor) -> RunStatistics:
        """Return the counts where runs of labels in `single`, (C,) bool, are chains of single bases.

        A run of k bases has k - 1 transitions to its own label; runs cut by an edge count with the mean of the others.
        """
        transitions = self.transitions.clone()
        for label in single.nonzero().flatten().tolist():
            runs, bases = sum(self.durations[label].values()), sum(k * n for k, n in self.durations[label].items())
            mean = bases / runs if runs else 1.0
            transitions[:, label, label] = (mean - 1) * transitions[:, label].sum(-1)
        return replace(self, transitions=transitions)

    def continuing(self, like: Tensor, pseudocount: float) -> Tensor | None:
        """Return the share of a label's bases that are not its segment's last, (C,); None where bases are not counted.

        This is the estimate of a geometric duration from all runs, also those that an edge cuts: where every sequence
        is one locus, no run between genes is whole.

        Parameters
        ----------
        like : (C,) int64
            The label whose durations each label shares.
        pseudocount
            Weight of the prior, one segment per label, of any length.
        """
        if self.bases is None:
            return None
        ended = torch.zeros_like(self.bases).index_add_(0, like, self.transitions.sum((0, 2)))[like]
        bases = torch.zeros_like(self.bases).index_add_(0, like, self.bases)[like]
        return 1 - (ended + pseudocount) / (bases + 2 * pseudocount)

    def log_transitions(self, forbidden: Tensor, pseudocount: float) -> Tensor:
        """Return the log share of each destination a source, in the shape of `forbidden`, (P, C, C); finite."""
        same_shape = self.transitions.shape == forbidden.shape
        counts = self.transitions if same_shape else self.transitions.sum(0, keepdim=True)
        return self.log_shares(counts.expand(forbidden.shape), forbidden, pseudocount)

    @staticmethod
    def log_shares(counts: Tensor, forbidden: Tensor, pseudocount: float) -> Tensor:
        """Return log shares along the last dimension; 0 where forbidden.

        Parameters
        ----------
        counts : (..., C)
            Counts, 0 or more.
        forbidden : (..., C) bool
            Entries that get no share.
        pseudocount
            Added to each count.
        """
        allowed = (~forbidden).double().to(counts.device)
        raised = (counts + pseudocount) * allowed
        return (raised / raised.sum(-1, keepdim=True).clamp(min=1e-300)).log().masked_fill(allowed == 0, 0.0)


def duration_shares(
    counts: Mapping[int, float], low: int, high: int, tail: bool, pseudocount: float
) -> tuple[Tensor, float]:
    """Return the log share of durations low..high, and the log ratio of the geometric tail beyond.

    A Gaussian kernel over the logarithm of the duration (Silverman's bandwidth), to which `pseudocount` runs
    distributed as 1 / k are added; the tail has the mass and the mean of the longer runs.

    Parameters
    ----------
    counts
        Number of runs of each duration.
    low, high
        Shortest and longest explicit duration.
    tail
        Whether segments may be longer than `high`; else the tail is -inf.
    pseudocount
        Weight of the prior, in runs; above 0.

    Returns
    -------
    (high - low + 1,) float64, float
        Log shares, and the tail's score per base (< 0).
    """
    observed = sorted((k, n) for k, n in counts.items() if k >= low and (tail or k <= high))
    k, n = np.array(observed, dtype=np.float64).reshape(-1, 2).T
    grid = np.arange(low, high + 1, dtype=np.float64)
    body = k <= high
    mass = pseudocount / grid / (1 / grid).sum() + _smoothed(k[body], n[body], grid)
    if not tail:
        return torch.from_numpy(np.log(mass / mass.sum())), -1.0 / high
    # Without data the prior runs are a tenth longer than the table.
    excess = n[~body] @ (k[~body] - high) + 0.1 * pseudocount * high
    # Durations from `high` on are one geometric block: its mass and mean give the last row and the ratio.
    block = mass[-1] + n[~body].sum()
    ratio = excess / (excess + block)
    mass[-1] = block * (1 - ratio)
    return torch.from_numpy(np.log(mass / (mass[:-1].sum() + block))), math.log(ratio)


def _smoothed(k: NDArray[np.float64], n: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the counts spread over the grid, their sum kept."""
    if not len(k):
        return np.zeros_like(grid)
    log, weight = np.log(k), n / n.sum()
    spread = math.sqrt(weight @ (log - weight @ log) ** 2)
    width = max(1.06 * spread * n.sum() ** -0.2, LEAST_BANDWIDTH)
    kernel = np.exp(-0.5 * ((np.log(grid)[:, None] - log) / width) ** 2)
    result: NDArray[np.float64] = kernel @ (n / kernel.sum(0))
    return result
