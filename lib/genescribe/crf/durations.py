"""Learned duration scores: one table per label (full, by knots or from a family) and a tail."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from genescribe.crf.config import SemiCRFConfig
from genescribe.crf.duration_families import DurationFamily, moments
from genescribe.crf.statistics import duration_shares
from genescribe.errors import InputError

Family = Callable[[Tensor], Tensor]
"""Takes durations, (K, 1) float64, and returns the score of each for every label, (K, C), or (K, 1) for all alike."""


class DurationTable(nn.Module):
    """Scores of durations 1..K of C labels, and of each base beyond.

    With knots, the rows between two of the log-spaced durations are linear in the logarithm of the duration: a table of
    3,000 rows then has some twenty parameters per label, each seen by many segments.

    Parameters
    ----------
    config
        Options of the head: labels, longest duration, knots.
    family
        Replaces one score per row: see `genescribe.crf.duration_families`. A module is trained with the head.
    """

    forbidden: Tensor
    explicit: Tensor
    tailless: Tensor
    basis: Tensor
    like: Tensor

    def __init__(self, config: SemiCRFConfig, family: Family | None = None) -> None:
        super().__init__()
        if family is not None and config.duration_knots is not None:
            raise InputError("given together with a family", where="crf.duration_knots", remedy="give one of the two")
        C = config.labels
        self.config = config
        explicit = torch.tensor([config.explicit(c) for c in range(C)])
        shortest = torch.tensor([config.shortest(c) for c in range(C)])
        self.rows = int(explicit.max())
        row = torch.arange(1, self.rows + 1).unsqueeze(1)
        self.register_buffer("explicit", explicit, persistent=False)
        self.register_buffer("forbidden", (row < shortest) | (row > explicit), persistent=False)
        self.register_buffer("tailless", torch.tensor([not config.has_tail(c) for c in range(C)]), persistent=False)
        self.register_buffer("like", torch.tensor(config.tied_durations or range(C)), persistent=False)
        self.register_buffer("basis", _basis(self.rows, config.duration_knots), persistent=False)
        self.family = family
        if family is None:
            size = self.basis.shape[1] if self.basis.numel() else self.rows
            self.score = nn.Parameter(torch.randn(size, C) * config.init_scale)
        # A tail as long as the table: exp(-1 / K) a base.
        self.decay = nn.Parameter(_inverse_softplus(1 / explicit.double()).float())

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the duration table (K, C) and the tail (C,), -inf where forbidden."""
        tail = -nn.functional.softplus(self.decay[self.like])
        return (
            self.table().masked_fill(self.forbidden, -torch.inf),
            tail.masked_fill(self.tailless, -torch.inf),
        )

    def table(self) -> Tensor:
        """Return the scores of all rows, (K, C), forbidden or not.

        Raises
        ------
        InputError
            A family's scores have another shape.
        """
        if self.family is not None:
            k = torch.arange(1, self.rows + 1, device=self.decay.device, dtype=torch.float64).unsqueeze(1)
            scores, C = self.family(k), self.config.labels
            if scores.shape not in ((self.rows, C), (self.rows, 1)):
                raise InputError(
                    f"scores of shape {tuple(scores.shape)}",
                    where="durations",
                    remedy=f"return ({self.rows}, {C}) for durations of shape ({self.rows}, 1)",
                )
            return scores.expand(-1, C)[:, self.like]
        score = self.score[:, self.like]
        return self.basis @ score if self.basis.numel() else score

    @torch.no_grad()
    def initialise(
        self, durations: Sequence[Mapping[int, float]], pseudocount: float, continuing: Tensor | None = None
    ) -> None:
        """Set the scores to the smoothed log shares of counted durations, ``durations[c][k]``.

        The counts of labels that share a score are added up. `continuing` is `RunStatistics.continuing`; where it is
        given, geometric labels follow it instead of their counts. A family is fitted to mean and variance, a
        callable is left as it is.

        Parameters
        ----------
        durations
            For each label, length in bases -> count.
        pseudocount
            Added to the count of each length, which keeps unseen lengths possible.
        continuing : (C,) or None
            See `RunStatistics.continuing`; None: geometric labels follow their counts.
        """
        pooled: list[Counter[int]] = [Counter() for _ in durations]
        for c, counts in enumerate(durations):
            pooled[int(self.like[c])].update(counts)
        table = torch.zeros(self.rows, self.config.labels, dtype=torch.float64)
        for c in range(self.config.labels):
            if self.config.single_base(c):
                continue
            low, high = self.config.shortest(c), int(self.explicit[c])
            if c in self.config.geometric and continuing is not None:
                # The mean duration is the shortest plus ratio / (1 - ratio).
                excess = max(1 / (1 - float(continuing[c])) - low, 0.1)
                ratio = excess / (1 + excess)
                log_share, tail = torch.full((1,), math.log(1 - ratio), dtype=torch.float64), math.log(ratio)
            else:
                log_share, tail = duration_shares(pooled[c], low, high, not bool(self.tailless[c]), pseudocount)
            table[low - 1 : high, c] = log_share
            # Rows that are not used take the nearest used score, so that knots fit the used ones.
            table[: low - 1, c], table[high:, c] = log_share[0], log_share[-1]
            self.decay[c] = _inverse_softplus(torch.tensor(-tail, dtype=torch.float64))
        if self.family is not None:
            if isinstance(self.family, DurationFamily):
                self.family.fit(*moments(pooled))
            return
        fitted = torch.linalg.lstsq(self.basis.double(), table).solution if self.basis.numel() else table
        # A fit of zeros may come out as -0: equal numbers, but other bytes in the file of weights.
        self.score.copy_(fitted + 0.0)


def _basis(rows: int, knots: int | None) -> Tensor:
    """Return the hat functions of log-spaced knots at durations 1..rows, (rows, knots); empty for a whole table."""
    if knots is None or rows <= knots:
        return torch.empty(0)
    log = torch.arange(1, rows + 1).double().log()
    spaced = torch.logspace(0, log[-1].item(), knots, base=torch.e, dtype=torch.float64).round()
    places = torch.unique_consecutive(spaced).log()
    right = torch.searchsorted(places, log).clamp(1, len(places) - 1)
    share = (log - places[right - 1]) / (places[right] - places[right - 1])
    basis = torch.zeros(rows, len(places), dtype=torch.float64)
    basis.scatter_(1, right.unsqueeze(1), share.unsqueeze(1))
    basis.scatter_(1, right.unsqueeze(1) - 1, 1 - share.unsqueeze(1))
    return basis.float()


def _inverse_softplus(x: Tensor) -> Tensor:
    return x + torch.log(-torch.expm1(-x))
