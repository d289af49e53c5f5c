"""The reward of a generated gene.

Exons and genes are compared as `genescribe.generate.training.task.matches` does in validation and
`genescribe.evaluate` on GFF3: boundaries of coding exons, 0-based half-open, both ends exact. The annotation itself
scores 1 in all three.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genescribe.errors import InputError
from genescribe.generate.annotation.search import Outcome
from genescribe.generate.reinforce.config import RewardConfig
from genescribe.generate.text.sentence import GeneSentence
from genescribe.generate.training.task import LEVELS, matches

TERMS = ("exon", "gene", "transcript")
_UNFINISHED = ("longer than max_length", "dead end")


@dataclass(frozen=True)
class Reward:
    """The reward of a sample, and its terms in the order of `TERMS`."""

    value: float
    terms: tuple[float, ...]


class Judge:
    """Gives rewards.

    Parameters
    ----------
    config
        Weights of the terms.

    Raises
    ------
    InputError
        No term has a weight.
    """

    def __init__(self, config: RewardConfig) -> None:
        weights = np.array([config.exon, config.gene, config.transcript], dtype=np.float64)
        if not weights.sum():
            raise InputError("no term has a weight", where="grpo.reward", remedy="give exon or gene a weight")
        self.weights = weights / weights.sum()

    def __call__(self, truth: GeneSentence, outcome: Outcome) -> Reward:
        """Return the reward of the sentence written for a locus; 0 for one that was not finished.

        Parameters
        ----------
        truth
            The annotation, on the strand of the gene.
        outcome
            The written sentence, or why there is none.
        """
        reward = self.of(truth, outcome.sentence)
        return Reward(0.0, reward.terms) if outcome.reason in _UNFINISHED else reward

    def of(self, truth: GeneSentence, written: GeneSentence | None) -> Reward:
        """Return the reward of a sentence; 0 where there is none."""
        counts = dict(zip(LEVELS, matches(truth, written), strict=True))
        terms = tuple(_f1(*counts[name]) for name in TERMS)
        return Reward(float(self.weights @ np.array(terms)), terms)


def _f1(true: float, written: float, right: float) -> float:
    return 2 * right / (true + written) if true + written else 0.0
