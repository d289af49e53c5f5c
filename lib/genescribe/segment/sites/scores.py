"""Signal networks in the segment model: their log odds, each with a gain and an offset, as scores of boundaries.

A network says how likely a base is a site among all bases; the CRF needs the score of a boundary among those that its
grammar allows there. One factor and one summand for each network and signal are between the two, learned where neither
has been trained (`genescribe.segment.sites.gains`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from genescribe.genome.alphabet import N
from genescribe.nn.site_network import SiteEnsemble
from genescribe.segment.config import SiteScoresConfig
from genescribe.segment.network.gene_scores import SIGNALS

FLOOR = -12.0
"""Lowest log odds that count: below, a network tells no more than that it saw nothing of the kind in training."""
SHIFTS = {"start": 0, "donor": -1, "acceptor": 1, "stop": 0}
"""Where the site of a boundary base lies: networks name the exon's bases beside an intron, the CRF the intron's own."""


class SiteScores(nn.Module):
    """Bases -> scores of the boundaries `SIGNALS`.

    Parameters
    ----------
    configs
        Options of each network.
    """

    def __init__(self, configs: Sequence[SiteScoresConfig]) -> None:
        super().__init__()
        self.ensembles = nn.ModuleList(SiteEnsemble(config.network, config.replicates) for config in configs)
        self.gain = nn.Parameter(torch.zeros(len(configs), len(SIGNALS)))
        self.offset = nn.Parameter(torch.zeros(len(configs), len(SIGNALS)))
        scored = [[signal in config.network.classes for signal in SIGNALS] for config in configs]
        self.scored = torch.tensor(scored)
        """(networks, signals) bool: which signals a network scores."""
        self.ensembles.requires_grad_(requires_grad=False)

    @property
    def reach(self) -> int:
        """Bases to each side that a score depends on."""
        return 1 + max(cast(SiteEnsemble, ensemble).margin for ensemble in self.ensembles)

    def train(self, mode: bool = True) -> SiteScores:
        """Leave the networks as they are for prediction: nothing trains them here."""
        super().train(mode)
        self.ensembles.eval()
        return self

    def forward(self, odds: Tensor) -> Tensor:
        """Return the scores, (..., signals), of log odds, (..., networks, signals)."""
        return (self.gain * odds + self.offset).sum(-2)

    def log_odds(self, codes: Tensor, lengths: Tensor) -> Tensor:
        """Return the log odds of each base, (B, T, networks, signals); 0 for signals that a network does not score.

        Parameters
        ----------
        codes : (B, T) integer
            Anything past a length.
        lengths : (B,)
            Bases of each sequence; beyond its ends are N.
        """
        past = torch.arange(codes.shape[1], device=codes.device) >= lengths[:, None]
        return self._read(nn.functional.pad(codes.masked_fill(past, N), (self.reach, self.reach), value=N))

    def tiled(self, codes: Tensor, inside: slice) -> Tensor:
        """Return the same of some bases of sequences of which more are given.

        What is computed at a time follows from where the bases begin: for bases that begin on a grid, the result does
        not depend on how many more are given.

        Parameters
        ----------
        codes : (B, T) integer
            The bases and `reach` to both sides, less where a sequence ends.
        inside
            Bases to score.
        """
        low, high = inside.start - self.reach, inside.stop + self.reach
        part = codes[:, max(0, low) : high]
        return self._read(nn.functional.pad(part, (max(0, -low), max(0, high - codes.shape[1])), value=N))

    def _read(self, codes: Tensor) -> Tensor:
        """Return the log odds of all bases but `reach` at both ends."""
        scores = []
        bases = codes.shape[1] - 2 * self.reach
        for ensemble in self.ensembles:
            assert isinstance(ensemble, SiteEnsemble)
            spare = self.reach - 1 - ensemble.margin
            odds = ensemble.log_odds(codes[:, spare : codes.shape[1] - spare]).clamp(min=FLOOR)
            columns = [torch.zeros_like(odds[:, :bases, 0])] * len(SIGNALS)
            for place, name in enumerate(ensemble.config.classes):
                start = 1 + SHIFTS[name]
                columns[SIGNALS.index(name)] = odds[:, start : start + bases, place]
            scores.append(torch.stack(columns, dim=2))
        return torch.stack(scores, dim=2)
