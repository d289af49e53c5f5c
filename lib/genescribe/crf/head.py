"""The semi-Markov CRF head: per-base scores from an encoder in; loss, segments and posteriors out.

The head is a module that is called: ``crf(emissions, labels, lengths)`` is the loss of labels per base, and
``crf.loss(emissions, runs, lengths)`` that of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from genescribe.crf.censored import censored
from genescribe.crf.config import SemiCRFConfig
from genescribe.crf.durations import DurationTable, Family
from genescribe.crf.inference import Marginals, entropy, marginals, segment_marginals
from genescribe.crf.likelihood import negative_log_likelihood
from genescribe.crf.runs import Labelling, batch_runs, lengths_of, merge_single_bases, runs_of_labels
from genescribe.crf.statistics import RunStatistics
from genescribe.crf.stream import RunStream
from genescribe.errors import InputError
from genescribe.kernels.semicrf.dispatch import viterbi
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation

Reduction = Literal["none", "sum", "mean", "token_mean"]


class SemiCRF(nn.Module):
    """A linear-chain or semi-Markov CRF over the bases of a sequence.

    The model is that of `genescribe.kernels.semicrf.potentials`: emissions are `content`; transition, duration, tail,
    start and final are learned here, and with censoring the scores of being inside a label at a cut edge. The tail is
    -softplus of its parameter, so that sums over unseen durations are finite.

    Parameters
    ----------
    config
        Labels, durations and what is forbidden.
    durations
        Scores of durations, a family of `genescribe.crf.duration_families` or a function of the durations (K, 1),
        instead of one learned score per duration.

    Examples
    --------
    >>> crf = SemiCRF(SemiCRFConfig(labels=2, max_duration=4))
    >>> emissions, lengths = torch.zeros(1, 6, 2), torch.tensor([6])
    >>> loss = crf.loss(emissions, [[[2, 0], [6, 1]]], lengths)
    >>> bool(loss > 0), crf.decode(emissions, lengths)[0].length
    (True, 6)
    >>> torch.equal(crf(emissions, torch.tensor([[0, 0, 1, 1, 1, 1]]), lengths), loss.mean())
    True
    """

    transition_forbidden: Tensor
    first_forbidden: Tensor
    last_forbidden: Tensor
    single: Tensor
    like: Tensor

    def __init__(self, config: SemiCRFConfig, durations: Family | None = None) -> None:
        super().__init__()
        self.config = config
        self.projection = nn.Identity() if config.hidden is None else nn.Linear(config.hidden, config.labels)
        C, P = config.labels, config.period
        self.transition = nn.Parameter(torch.randn(P, C, C) * config.init_scale)
        self.start = nn.Parameter(torch.randn(C) * config.init_scale)
        self.final = nn.Parameter(torch.randn(C) * config.init_scale)
        self.durations = DurationTable(config, durations)
        if config.censoring:
            self.entering = nn.Parameter(torch.zeros(C))
            self.leaving = nn.Parameter(torch.zeros(C))
        # What the configuration says is rebuilt with it, not stored beside it.
        allowed = torch.tensor([[config.allows(p, c) for c in range(C)] for p in range(C)])
        forbidden = (~allowed).repeat(P, 1, 1)
        for phase, source, destination in config.forbidden_phases:
            forbidden[phase, source, destination] = True
        self.register_buffer("transition_forbidden", forbidden, persistent=False)
        self.register_buffer("first_forbidden", _outside(config.first_labels, C), persistent=False)
        self.register_buffer("last_forbidden", _outside(config.last_labels, C), persistent=False)
        self.register_buffer("like", torch.tensor(config.tied or range(C)), persistent=False)
        self.register_buffer("single", torch.tensor([config.single_base(c) for c in range(C)]), persistent=False)

    def potentials(
        self,
        emissions: Tensor,
        lengths: Tensor,
        left_censored: Tensor | None = None,
        right_censored: Tensor | None = None,
        begin: Tensor | None = None,
        end: Tensor | None = None,
        phase_offset: Tensor | None = None,
    ) -> Potentials:
        """Return the scores of a batch.

        Parameters
        ----------
        emissions : (B, T, C)
            Score of each base under each label, any floating type; -inf forbids. With `hidden`, hidden states
            (B, T, hidden), here and everywhere.
        lengths : (B,)
            Bases of each chain, 1..T.
        left_censored, right_censored : (B,) bool or None
            The first (last) segment may go on beyond the window; read where the configuration has `censoring`.
        begin, end : (B, T, C) or None
            Score of a segment whose first (last) base is t.
        phase_offset : (B,) or None
            Position of each chain's first base modulo 3; read with period 3.
        """
        emissions = self.projection(emissions)
        # Half precision is for the encoder; scores are summed over whole chains.
        with torch.autocast(emissions.device.type, enabled=False):
            table, tail = self.durations()
            start: Tensor = self.start[self.like]
            if self.config.censoring:
                # In the graph also where no window is cut: distributed training waits for every gradient.
                start = start + 0.0 * (self.entering + self.leaving)
            p = Potentials(
                content=_at_least_float32(emissions),
                lengths=lengths.long(),
                transition=self.transitions(),
                duration=table,
                tail=tail,
                start=start.masked_fill(self.first_forbidden, -torch.inf),
                final=self.final[self.like].masked_fill(self.last_forbidden, -torch.inf),
                begin=None if begin is None else _at_least_float32(begin),
                end=None if end is None else _at_least_float32(end),
                phase_offset=phase_offset if self.config.period == 3 else None,
                explicit=self.durations.explicit,
            )
            if self.config.censoring:
                edges = (self.entering[self.like], self.leaving[self.like])
                p = censored(p, left_censored, right_censored, *edges)
            return p

    def transitions(self) -> Tensor:
        """Return the scores of transitions, (P, C, C), -inf where forbidden."""
        tied = self.config.tied is not None
        scores = self.transition[:1, self.like][:, :, self.like] if tied else self.transition
        return scores.expand_as(self.transition).masked_fill(self.transition_forbidden, -torch.inf)

    def forward(
        self,
        emissions: Tensor,
        labels: Tensor,
        lengths: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        reduction: Reduction = "mean",
        weight: Tensor | None = None,
        **extra: Any,
    ) -> Tensor:
        """Return the negative log likelihood of per-base labels.

        Parameters
        ----------
        emissions
            As in `potentials`.
        labels : (B, T) integer
            Label of each base; -1: not known, summed over. Neighbours of one label are one run. What stands past a
            chain's end is not read.
        lengths : (B,) or None
            Bases of each chain.
        mask : (B, T) bool or None
            Instead of lengths: the bases that are there, from the first on. Neither: all.
        reduction
            none: (B,); sum; mean, over chains; token_mean, over bases.
        weight : (B,) or None
            Factor of each chain's loss.
        **given
            The other arguments of `potentials`.

        Raises
        ------
        InputError
            Labels of another shape (runs are for `loss`), unknown labels, a chain without any known label, a mask
            with gaps, or labels that the model forbids.
        """
        if reduction not in ("none", "sum", "mean", "token_mean"):
            raise InputError(f"no reduction {reduction!r}", where="reduction", remedy="none, sum, mean or token_mean")
        lengths = lengths_of(emissions, lengths, mask)
        loss = self.loss(emissions, runs_of_labels(labels, lengths, emissions.shape[:2]), lengths, **extra)
        if weight is not None:
            loss = loss * weight
        if reduction == "none":
            return loss
        total = loss.sum()
        return total / {"sum": 1, "mean": len(loss), "token_mean": int(lengths.sum())}[reduction]

    def loss(self, emissions: Tensor, runs: Sequence[Labelling], lengths: Tensor, **extra: Any) -> Tensor:
        """Return the negative log likelihood of each chain, (B,) float64, never below 0.

        Parameters
        ----------
        emissions, lengths
            As in `potentials`.
        runs
            Runs (end, label) of each chain, as (n, 2) arrays or `Segmentation`; label -1: not known, summed over.
        **given
            The other arguments of `potentials`.

        Raises
        ------
        InputError
            Runs that do not cover the chain, or that the model forbids.
        """
        p = self.potentials(emissions, lengths, **extra)
        with torch.autocast(emissions.device.type, enabled=False):
            return negative_log_likelihood(
                p, batch_runs(runs, lengths, self.config.labels), self.single, self.config.backend
            )

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor, **extra: Any) -> list[Segmentation]:
        """Return the best segmentation of each chain, as runs: single bases of one label are joined.

        Raises
        ------
        InputError
            A chain of which every segmentation is forbidden.
        """
        _, paths = viterbi(self.potentials(emissions, lengths, **extra), self.config.backend)
        for i, path in enumerate(paths):
            if len(path.ends) == 0:
                raise InputError(
                    "every segmentation is forbidden", where=f"chain {i}", remedy="allow more labels or durations"
                )
        return [merge_single_bases(path, self.single) for path in paths]

    @torch.no_grad()
    def stream(self, phase_offset: int = 0, first: Tensor | None = None, last: Tensor | None = None) -> RunStream:
        """Return a decoder that takes a chain of any length, uncensored, piece by piece: `push` and `finish`.

        The runs are those of `decode`, however the chain is cut into pieces.

        Parameters
        ----------
        phase_offset
            Position of the chain's first base modulo the period.
        first, last : (C,) bool or None
            Labels that the chain may begin (end) with, among those that the configuration allows; None: all of them.
        """
        nothing = self.transition.new_zeros(1, 1, self.config.hidden or self.config.labels)
        p = self.potentials(nothing, torch.ones(1, dtype=torch.int64, device=nothing.device))
        p = p.restricted(first, last)
        return RunStream(p, self.single.cpu(), phase_offset, self.config.backend, self.projection)

    def marginals(self, emissions: Tensor, lengths: Tensor, **extra: Any) -> Marginals:
        """Return the posterior of every base, boundary and transition; differentiable where gradients are on."""
        return marginals(self.potentials(emissions, lengths, **extra), self.config.backend)

    def entropy(self, emissions: Tensor, lengths: Tensor, **extra: Any) -> Tensor:
        """Return the entropy over segmentations, (B,) nats; differentiable where gradients are on."""
        return entropy(self.potentials(emissions, lengths, **extra), self.config.backend)

    @torch.no_grad()
    def segment_marginals(
        self, emissions: Tensor, lengths: Tensor, paths: Sequence[Segmentation], **extra: Any
    ) -> list[Tensor]:
        """Return the posterior probability of each segment of decoded paths, a (n,) tensor per chain.

        Parameters
        ----------
        emissions : (B, T, C)
            Score of each base under each label.
        lengths : (B,) int64
            Bases of each chain.
        paths
            Decoded segments of each chain.
        """
        runs = batch_runs(paths, lengths, self.config.labels)
        return segment_marginals(self.potentials(emissions, lengths, **extra), runs, self.single, self.config.backend)

    def initialise_from_statistics(self, statistics: RunStatistics, pseudocount: float = 1.0) -> None:
        """Set durations, transitions, start and final to smoothed log shares of counted runs.

        A model that starts there needs to learn emissions only, and learns them far better.
        """
        C = self.config.labels
        if statistics.transitions.shape[-1] != C:
            raise InputError("counts of other labels", where="statistics", remedy=f"count runs of {C} labels")
        statistics = statistics.in_single_bases(self.single.cpu())
        continuing = statistics.continuing(self.durations.like.cpu(), pseudocount)
        statistics, forbidden, first_forbidden = self._pooled(statistics)
        # What is met at a random place is as likely to be each of the labels that share their scores.
        members = torch.bincount(self.like.cpu(), minlength=C).clamp(min=1)
        with torch.no_grad():
            shares = statistics.log_transitions(forbidden, pseudocount)
            self.transition.copy_(shares)
            self.start.copy_(statistics.log_shares(statistics.first / members, first_forbidden, pseudocount))
            # In a chain of counted length the last label needs no score of its own.
            self.final.zero_()
            if self.config.censoring:
                # At a random place, a label is met in proportion to its segments times the survival of its duration.
                nothing = torch.zeros_like(self.first_forbidden)
                self.entering.copy_(statistics.log_shares(statistics.segments / members, nothing, pseudocount))
                self.leaving.zero_()
            self.durations.initialise(statistics.durations, pseudocount, continuing)

    def _pooled(self, statistics: RunStatistics) -> tuple[RunStatistics, Tensor, Tensor]:
        """Return counts of tied labels summed under the label that lends its scores, and its forbidden transitions."""
        if self.config.tied is None:
            return statistics, self.transition_forbidden, self.first_forbidden
        group = nn.functional.one_hot(self.like.cpu(), self.config.labels).double()
        counts = group.T @ statistics.transitions.sum(0) @ group
        allowed = group.T @ (~self.transition_forbidden).any(0).double().cpu() @ group > 0
        first_allowed = group.T @ (~self.first_forbidden).double().cpu() > 0
        statistics = replace(statistics, transitions=counts.unsqueeze(0), first=group.T @ statistics.first)
        return statistics, ~allowed.expand_as(self.transition_forbidden), ~first_allowed

    def extra_repr(self) -> str:
        """Return the text that `print` shows."""
        return f"labels={self.config.labels}, max_duration={self.durations.rows}, period={self.config.period}"


def _outside(labels: tuple[int, ...] | None, C: int) -> Tensor:
    """Return which labels are not listed, (C,) bool; None lists all."""
    return torch.tensor([labels is not None and c not in labels for c in range(C)])


def _at_least_float32(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
