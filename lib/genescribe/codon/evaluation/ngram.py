"""Baselines of codon models: uniform, n-gram and codon-usage models of the same training data.

N-grams are interpolated, modified Kneser-Ney (Kneser and Ney 1995; Chen and Goodman 1999, An empirical study of
smoothing techniques for language modeling, section 3: discounts for n-grams seen once, twice, and more often).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.sequences.vocabulary import BOS, EOS, FIRST_CODON, SIZE, to_tokens
from genescribe.genome.genetic_code import GeneticCode

Probabilities = NDArray[np.float64]

_TARGETS = np.array([EOS, *range(FIRST_CODON, SIZE)])
"""Tokens that may follow a token of a coding sequence."""


class Predictor(Protocol):
    """Gives the distribution of the next token at every place of a coding sequence."""

    def predict(self, tokens: NDArray[np.uint8]) -> Probabilities:
        """Return the probabilities of tokens 1..n given those before, (n, V), for n + 1 tokens from `<BOS_CDS>` on."""


class Uniform:
    """All codons and the end alike."""

    def predict(self, tokens: NDArray[np.uint8]) -> Probabilities:
        """Return the probabilities; see `Predictor`."""
        row = np.zeros(SIZE)
        row[_TARGETS] = 1 / len(_TARGETS)
        return np.broadcast_to(row, (len(tokens) - 1, SIZE))


class KneserNey:
    """Interpolated Kneser-Ney n-grams.

    Parameters
    ----------
    genes
        Codon numbers of the training coding sequences.
    order
        1, 2 or 3: tokens of an n-gram.
    """

    def __init__(self, genes: Sequence[NDArray[np.uint8]], order: int) -> None:
        if not 1 <= order <= 3:
            raise ValueError(f"order {order}")
        counts = _counts(genes, order)
        self.order = order
        # The lowest order backs off to the uniform distribution; it is one row, the same in every context.
        table = np.zeros((1, SIZE))
        table[0, _TARGETS] = 1 / len(_TARGETS)
        self._tables = []
        for n in range(1, order + 1):
            # Lower orders count in how many contexts an n-gram was seen, not how often.
            seen = counts
            for _ in range(order - n):
                seen = (seen > 0).sum(axis=0).astype(float)
            table = _interpolated(seen.reshape(-1, SIZE), table)
            self._tables.append(table)

    def predict(self, tokens: NDArray[np.uint8]) -> Probabilities:
        """Return the probabilities; see `Predictor`. Near the beginning the contexts are filled with `<BOS_CDS>`."""
        rows: Probabilities = self._tables[-1][_contexts(tokens, self.order)[:-1]]
        return rows


def _contexts(tokens: NDArray[np.uint8], order: int) -> NDArray[np.int64]:
    """Return the number of the last `order` - 1 tokens after each token."""
    padded = np.concatenate([np.full(max(order - 2, 0), BOS), tokens.astype(np.int64)])
    context = np.zeros(len(tokens), dtype=np.int64)
    for back in range(order - 1, 0, -1):
        first = order - 1 - back
        context = context * SIZE + padded[first : first + len(tokens)]
    return context


def _counts(genes: Sequence[NDArray[np.uint8]], order: int) -> NDArray[np.float64]:
    """Return how often each n-gram was seen, (V, ..., V)."""
    grams = []
    for codons in genes:
        tokens = to_tokens(codons)
        grams.append(_contexts(tokens, order)[:-1] * SIZE + tokens[1:])
    return np.bincount(np.concatenate(grams), minlength=SIZE**order).astype(float).reshape((SIZE,) * order)


def _interpolated(counts: NDArray[np.float64], lower: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return discounted relative frequencies; the discounted mass is spread as the shorter context says.

    Parameters
    ----------
    counts : (contexts, V)
    lower : (contexts of one token less, V)
    """
    discounts = _discounts(counts)[np.minimum(counts, 3).astype(np.int64)]
    totals = counts.sum(axis=1, keepdims=True)
    below = np.tile(lower, (len(counts) // len(lower), 1))
    share = np.where(totals > 0, discounts.sum(axis=1, keepdims=True) / np.where(totals > 0, totals, 1), 1.0)
    return np.asarray((counts - discounts) / np.where(totals > 0, totals, 1) + share * below)


def _discounts(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the discounts of counts of 0, 1, 2 and more; Chen and Goodman 1999, equation 26."""
    n = [float((counts == k).sum()) for k in range(1, 5)]
    if min(n) == 0:
        # Nothing is rare enough to learn a discount from: what the estimate tends to.
        return np.array([0.0, 0.5, 0.5, 0.5])
    y = n[0] / (n[0] + 2 * n[1])
    raw = [k + 1 - (k + 2) * y * n[k + 1] / n[k] for k in range(3)]
    return np.array([0.0, *(min(max(discount, 0.1), k + 0.95) for k, discount in enumerate(raw))])


class InGene:
    """A model that learns the usage of the gene as it reads it: a Dirichlet prior around another model.

    The fairest rival of a network, whose advantage across species may be no more than this.

    Parameters
    ----------
    base
        Model that gives the prior.
    weight
        Weight of that expectation, in codons.
    """

    def __init__(self, base: Predictor, weight: float) -> None:
        self.base, self.weight = base, weight

    def predict(self, tokens: NDArray[np.uint8]) -> Probabilities:
        """Return the probabilities; see `Predictor`."""
        inputs = tokens[:-1]
        seen = np.zeros((len(inputs), SIZE))
        seen[np.arange(len(inputs)), inputs] = inputs >= FIRST_CODON
        seen = np.cumsum(seen, axis=0)
        expected: Probabilities = self.weight * self.base.predict(tokens)
        return np.asarray((seen + expected) / (seen.sum(axis=1, keepdims=True) + self.weight))


class CodonUsage:
    """Frequency of each codon among those of its amino acid.

    Parameters
    ----------
    genes
        Codon numbers of coding sequences. One pseudo-count a codon keeps shares above zero.
    """

    def __init__(self, genes: Sequence[NDArray[np.uint8]]) -> None:
        self.counts = np.bincount(np.concatenate([np.arange(64, dtype=np.uint8), *genes]), minlength=64).astype(float)

    def shares(self, table: int) -> NDArray[np.float64]:
        """Return of each codon its share among those of its amino acid, (64,)."""
        members = synonyms(table)
        return np.asarray(self.counts / (members @ self.counts))


@cache
def synonyms(table: int) -> NDArray[np.float64]:
    """Return which codons mean the same, (64, 64) of 0 and 1; stops are synonyms of each other."""
    letters = GeneticCode.from_table(table).amino_acids[:64]
    members = np.asarray(letters[:, None] == letters[None, :], dtype=np.float64)
    members.flags.writeable = False
    return members
