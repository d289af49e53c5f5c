"""The reward of a generated gene.

Exons and genes are compared as `genescribe.generate.training.task.matches` does in validation and
`genescribe.evaluate` on
GFF3: boundaries of coding exons, 0-based half-open, both ends exact. The annotation itself scores 1 in all three.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genescribe.errors import InputError
from genescribe.generate.annotation.search import Outcome
from genescribe.generate.reinforce.config import RewardConfig
from genescribe.generate.text.sentence import GeneSentence, gene_of
from genescribe.generate.training.task import LEVELS, matches
from genescribe.genome.alphabet import Codes
from genescribe.genome.genetic_code import GeneticCode
from genescribe.labels.decode import validate_gene

TERMS = ("exon", "gene", "transcript", "valid_orf")
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
    code
        The loci's genetic code.

    Raises
    ------
    InputError
        No term has a weight.
    """

    def __init__(self, config: RewardConfig, code: GeneticCode) -> None:
        self.config, self.code = config, code
        # In the order of `TERMS`.
        weights = np.array([config.exon, config.gene, config.transcript, config.valid_orf], dtype=np.float64)
        if not weights.sum():
            raise InputError("no term has a weight", where="grpo.reward", remedy="give exon or gene a weight")
        self.weights = weights / weights.sum()

    def __call__(self, truth: GeneSentence, outcome: Outcome, window: Codes) -> Reward:
        """Return the reward of the sentence written for a locus.

        Parameters
        ----------
        truth
            The annotation, on the strand of the gene.
        outcome
            The written sentence, or why there is none.
        window
            The bases of the locus, in the direction of transcription.
        """
        reward = self.of(truth, outcome.sentence, window)
        if outcome.sentence is None or outcome.reason in _UNFINISHED:
            return Reward(self.config.unfinished, reward.terms)
        return reward

    def of(self, truth: GeneSentence, written: GeneSentence | None, window: Codes) -> Reward:
        """Return the reward of a sentence; 0 where there is none.

        Parameters
        ----------
        truth
            Sentence of the annotated gene.
        written
            Sentence of the model; None: no valid one.
        window : (T,) uint8
            Base codes of the window, on the strand of the gene.
        """
        counts = dict(zip(LEVELS, matches(truth, written), strict=True))
        terms = {level: _f1(*counts[level]) for level in LEVELS}
        terms["valid_orf"] = self._valid(written, window) if self.config.valid_orf and written is not None else 0.0
        ordered = tuple(terms[name] for name in TERMS)
        return Reward(float(self.weights @ np.array(ordered)), ordered)

    def _valid(self, written: GeneSentence, window: Codes) -> float:
        """Return the share of transcripts that begin, end and are read as a coding sequence must."""
        transcripts = gene_of(written, "", "").transcripts
        return float(np.mean([validate_gene(t, window, self.code) is None for t in transcripts]))


def _f1(true: float, written: float, right: float) -> float:
    return 2 * right / (true + written) if true + written else 0.0
