"""The choice of a genome's parameters by its words and by how well genes score under them.

A model with parameters of several genomes may explain the words of a new one by those of a stranger that happens to be
as rich in A and T. So a sample of the sequence is read with the parameters of the likeliest genomes, and with those of
all together. What counts is the log-likelihood per base: that of the words, plus the log odds of all ways to read the
sample with genes against the one without any. Introns score as the space between genes does in these odds: parameters
of a genome that hardly has introns owe theirs to other genomes, and would be praised for words of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from genescribe.genome.alphabet import Codes, N, reverse_complement, unmasked
from genescribe.kernels.semicrf.dispatch import log_partition
from genescribe.predict.interface import CHOICE, DOUBT, SCORES
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.network.species import FEWEST, POOLED
from genescribe.segment.prediction.predictor import DIGITS, SegmentPredictor

SCORED, SCORED_STRETCH = 6 << 15, 1 << 15
"""Bases in which genes are scored, and of the stretches in which they are read."""
CANDIDATES = 3
"""Genomes whose genes are scored, beside the pooled parameters: those whose words are most like the sequence's."""
FARTHEST = 0.08
"""Nats by which the words of three bases may differ from a genome's. Training genomes read anew differ by up to 0.003,
mammals and human by up to 0.03, trypanosomatids and T. brucei by up to 0.07, Plasmodium and its nearest by 0.19."""
MARGIN = 0.001
"""Nats per base by which a genome must explain a sequence better than all together do."""
SLACK = 0.001
"""Nats per base by which genes may score worse than with the pooled parameters: where there are none, all score 0."""
STRANGER = 1.6
"""Factor on the temperature of probabilities under the pooled parameters, which a genome gets that is like none. Fitted
on fly, yeasts, Arabidopsis and Populus (benchmarks/temperatures.py): read with each other's parameters, 2.5 has the
smallest Brier score (0.26; 0.31 without the factor), with their own 1.6. How far words are apart matters little."""
OUTDONE, CLEARLY = 2.8, 0.005
"""How many times better, and by how many nats per base more, genes must score under the model for genomes like none for
it to replace another. Parameters of trypanosomes, without introns, suit words of any genome as rich in GC: of water
moulds and green algae the genes score 3 to 6.8 times better with that model, of Leishmania itself 1.9 to 2.7 times. Of
mammals, whose genes lie far apart, all scores are small: 2.4 times is 0.001 nats."""
LEAST, CLEAR = SCORED // 4, 0.01
"""Bases of a third of the sample, read first, and the nats per base by which its choice must lead to be final: three
standard deviations of what the rest adds, on the fly."""
FEW = 20_000
"""Bases below which a choice is told to be uncertain."""


class Score(NamedTuple):
    """Scores of the parameters of a genome.

    Attributes
    ----------
    words
        Log-likelihood of the words of six bases, nats per base.
    genes
        Log odds of genes against none, nats per base.
    distance
        Kullback-Leibler divergence of the words of three bases from the genome's, nats.
    """

    words: float
    genes: float
    distance: float

    @property
    def total(self) -> float:
        """Log-likelihood of the words and genes, nats per base."""
        return self.words + self.genes


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen parameters, and why.

    Attributes
    ----------
    species
        Name of a genome, or `POOLED`.
    reason
        Why it was chosen, a clause for people.
    scores
        Of the candidates by name, the best first.
    warning
        Reason for doubt; empty: none.
    """

    species: str
    reason: str
    scores: Mapping[str, Score]
    warning: str = ""

    def provenance(self) -> dict[str, Any]:
        """Return species, reason, scores and warning as JSON values, by the names of `genescribe.predict.interface`."""
        scores = {name: {**score._asdict(), "total": round(score.total, DIGITS)} for name, score in self.scores.items()}
        doubt = {DOUBT: self.warning} if self.warning else {}
        return {"species": self.species, CHOICE: self.reason, SCORES: scores, **doubt}


def choose(model: SegmentModel, counts: NDArray[np.int64], sample: Sequence[Codes]) -> Choice:
    """Return the parameters that suit a genome; the same on every run, with any number of threads.

    Parameters
    ----------
    model
        With parameters of several genomes, on the CPU.
    counts : (4^6,)
        Words of a sample of the genome: `genescribe.segment.network.species.word_counts`.
    sample
        Base codes of the stretches in which genes are scored.
    """
    bank = model.species
    assert bank is not None
    bases = int(counts.sum()) // 2
    if bases < FEWEST:
        return _pooled(f"{bases:,} bases are too few to tell", {})
    words, distance = bank.likeness(counts), bank.distance(counts)
    nearest = sorted(bank.names, key=lambda name: -words[name])[:CANDIDATES]
    stretches = [codes for codes in sample if len(codes) >= FEWEST]
    first = stretches[::3] if sum(map(len, stretches[::3])) >= LEAST else stretches
    with _one_thread():
        predictors = {name: SegmentPredictor(model.specialised(name)) for name in (*nearest, POOLED)}
        odds: dict[str, list[float]] = {name: [] for name in predictors}
        remaining = [codes for place, codes in enumerate(stretches) if place % 3]
        for more, read in ((first, first), (remaining, stretches)):
            for name, predictor in predictors.items():
                odds[name] += _gene_odds(predictor, more)
            genes = {name: math.fsum(values) / max(1, _known(read)) for name, values in odds.items()}
            parts = {name: (words[name], genes[name], distance[name]) for name in genes}
            choice = decide({name: Score(*(round(x, DIGITS) for x in part)) for name, part in parts.items()}, bases)
            if len(first) == len(stretches) or is_clear(choice):
                break
    return choice


def is_clear(choice: Choice) -> bool:
    """Return whether the rest of the sample need not be read: all candidates are `CLEAR` behind the best.

    Examples
    --------
    >>> pooled = Score(-1.36, 0.01, 0.02)
    >>> is_clear(decide({"fly": Score(-1.35, 0.02, 0.01), "pooled": pooled}, 90_000))
    True
    >>> is_clear(decide({"fly": Score(-1.359, 0.011, 0.01), "pooled": pooled}, 90_000))
    False
    """
    chosen, pooled = (choice.scores[name] for name in (choice.species, POOLED))
    others = [
        score
        for name, score in choice.scores.items()
        if name != choice.species and (name == POOLED or score.distance <= FARTHEST)
    ]
    return chosen.genes >= pooled.genes and all(chosen.total - score.total >= CLEAR for score in others)


def decide(scores: Mapping[str, Score], bases: int) -> Choice:
    """Return the choice that follows from the scores of candidates, the pooled parameters among them.

    Parameters
    ----------
    scores
        Score of each candidate, by name.
    bases
        How many were read.

    Examples
    --------
    >>> pooled = Score(-1.36, 0.01, 0.02)
    >>> decide({"fly": Score(-1.35, 0.02, 0.01), "pooled": pooled}, 90_000).species
    'fly'
    >>> decide({"poplar": Score(-1.18, 0.001, 0.2), "pooled": pooled}, 90_000).reason
    'nothing like it: pooled, expect little'
    """
    pooled = scores[POOLED]
    ordered = dict(sorted(scores.items(), key=lambda item: -item[1].total))
    like = [name for name, score in ordered.items() if name != POOLED and score.distance <= FARTHEST]
    if not like:
        return _pooled("nothing like it", ordered)
    for name in like:
        score = ordered[name]
        if score.total > pooled.total + MARGIN and score.genes >= pooled.genes - SLACK:
            doubt = f"the species was chosen from {bases:,} bases only: give --species NAME if you know a relative"
            return Choice(
                name, "its words and genes are most like the sequence's", ordered, doubt if bases < FEW else ""
            )
    return _pooled("no training genome explains its words and genes better than all together", ordered)


def outdone(choice: Choice, genes: float, general: float) -> Choice:
    """Return the choice, or that of the pooled parameters if genes score far better with those.

    Parameters
    ----------
    choice
        Of a genome.
    genes, general
        `gene_score` under the model for it, and under the one for genomes like none.

    Examples
    --------
    >>> moulds = Choice("leishmania", "its words are most like the sequence's", {})
    >>> outdone(moulds, 0.03, 0.12).species, outdone(moulds, 0.03, 0.06).species
    ('pooled', 'leishmania')
    """
    if general < OUTDONE * genes or general - genes < CLEARLY:
        return choice
    return _pooled(f"its words are like those of {choice.species}, its genes are not", choice.scores)


def _pooled(why: str, scores: Mapping[str, Score]) -> Choice:
    reason = f"{why}: pooled, expect little"
    # What is too little to tell is too little to learn from.
    remedy = "genescribe adapt makes a model of the genome by itself, " if scores else ""
    return Choice(POOLED, reason, scores, f"{reason}; {remedy}genescribe models list shows other models")


def gene_score(predictor: SegmentPredictor, sample: Sequence[Codes]) -> float:
    """Return the log odds of genes against none on both strands of some stretches, nats per base.

    Parameters
    ----------
    predictor
        With the parameters of a genome.
    sample
        Base codes of the stretches; those of less than `FEWEST` bases are left out.
    """
    stretches = [codes for codes in sample if len(codes) >= FEWEST]
    with _one_thread():
        return math.fsum(_gene_odds(predictor, stretches)) / max(1, _known(stretches))


@torch.no_grad()
def _gene_odds(predictor: SegmentPredictor, stretches: Sequence[Codes]) -> list[float]:
    return [_log_odds(predictor, strand) for codes in stretches for strand in (codes, reverse_complement(codes))]


def _known(stretches: Sequence[Codes]) -> int:
    return sum(int((unmasked(codes) < N).sum()) for codes in stretches)


def _log_odds(predictor: SegmentPredictor, codes: Codes) -> float:
    """Return log Z of a strand less the log score of all ways to read it without a gene."""
    model, background = predictor.model, predictor.model.scheme.background
    rows = predictor.read(codes, 0, len(codes)).copy()
    between = int(model.expansion.routes[0, background])
    rows[:, model.expansion.noncoding.numpy()] = rows[:, [between]]
    p = predictor.potentials(codes, rows, 0, len(codes))
    others = torch.arange(p.content.shape[-1]) != background
    without = replace(p, content=p.content.masked_fill(others, -torch.inf))
    return float(log_partition(p)) - float(log_partition(without))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread: sums are added in the same order on every machine, and no digit depends on it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
