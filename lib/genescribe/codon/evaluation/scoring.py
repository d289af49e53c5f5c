"""Scores of a predictor on genes: perplexity, synonymous codon choice, and intervals over genes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.evaluation.ngram import CodonUsage, Probabilities, synonyms
from genescribe.codon.sequences.prepare import Gene
from genescribe.codon.sequences.vocabulary import FIRST_CODON, to_tokens
from genescribe.evaluate.bootstrap import percentiles

COLUMNS = ("nll", "codons", "synonym_nll", "synonyms", "right")


@dataclass(frozen=True)
class GeneScores:
    """Sums of each gene; their ratios over genes are the metrics.

    Attributes
    ----------
    values : (G, 5) float64
        Negative log likelihood of the codons in nats, the stop inside; number of codons; of the codons that have
        synonyms (starts and stops left out) the negative log likelihood given the amino acid, their number, and how
        often the likeliest synonym is the right one.
    """

    values: NDArray[np.float64]

    def perplexity(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return exp of the nats per codon, over all genes, or for each row of weights of genes."""
        return np.exp(self._ratio(0, 1, weights))

    def synonym_perplexity(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return the perplexity of codons whose amino acid is known."""
        return np.exp(self._ratio(2, 3, weights))

    def accuracy(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return how often the likeliest synonym is the right one."""
        return self._ratio(4, 3, weights)

    def take(self, chosen: NDArray[Any]) -> GeneScores:
        """Return the scores of some genes."""
        return GeneScores(self.values[chosen])

    def _ratio(self, above: int, below: int, weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
        columns = self.values[:, [above, below]]
        sums = columns.sum(axis=0) if weights is None else weights @ columns
        return np.asarray(sums[..., 0] / np.maximum(sums[..., 1], 1e-300))


def score(genes: Sequence[Gene], predictions: Iterable[Probabilities]) -> GeneScores:
    """Return the scores of predictions of some genes, `predictions` as `Predictor.predict` gives them."""
    rows = [gene_score(gene, predicted) for gene, predicted in zip(genes, predictions, strict=True)]
    return GeneScores(np.array(rows).reshape(-1, len(COLUMNS)))


def gene_score(gene: Gene, predicted: Probabilities) -> list[float]:
    """Return one row of `GeneScores`."""
    codons = gene.codons.astype(np.int64)
    chosen = predicted[: len(codons), FIRST_CODON:]
    right = chosen[np.arange(len(codons)), codons]
    return [float(-np.log(right).sum()), float(len(codons)), *_among_synonyms(codons, chosen, gene.table)]


def usage_score(gene: Gene, shares: NDArray[np.float64]) -> list[float]:
    """Return the row of a model that knows the protein and nothing but how often each codon is used, (64,)."""
    codons = gene.codons.astype(np.int64)
    return [0.0, 0.0, *_among_synonyms(codons, np.broadcast_to(shares, (len(codons), 64)), gene.table)]


def _among_synonyms(codons: NDArray[np.int64], chosen: NDArray[np.float64], table: int) -> list[float]:
    members = synonyms(table)
    open_ = members.sum(axis=1)[codons] > 1
    # The start has its own rules, and the stop is no amino acid.
    open_[0] = False
    open_[-1] = False
    codons, chosen = codons[open_], chosen[open_]
    if not len(codons):
        return [0.0, 0.0, 0.0]
    alike = members[codons]
    right = chosen[np.arange(len(codons)), codons]
    surprisal = -np.log(right / (chosen * alike).sum(axis=1))
    best = np.where(alike > 0, chosen, -1).argmax(axis=1)
    return [float(surprisal.sum()), float(len(codons)), float((best == codons).sum())]


def own_usage(genes: Sequence[Gene]) -> GeneScores:
    """Return the scores of the codon usage of each gene's own genome, the gene itself left out."""
    totals: dict[str, NDArray[np.float64]] = {}
    for gene in genes:
        counted = np.bincount(gene.codons, minlength=64).astype(float)
        totals[gene.genome] = totals.get(gene.genome, np.ones(64)) + counted
    rows = []
    for gene in genes:
        usage = CodonUsage([])
        usage.counts = totals[gene.genome] - np.bincount(gene.codons, minlength=64)
        rows.append(usage_score(gene, usage.shares(gene.table)))
    return GeneScores(np.array(rows))


def draws(count: int, replicates: int, seed: int = 0) -> NDArray[np.float64]:
    """Return how often each of `count` genes is drawn in each bootstrap replicate, (R, G).

    Parameters
    ----------
    count
        Number of genes, G.
    replicates
        Number of draws, R.
    seed
        Seed of the draws.
    """
    generator = np.random.default_rng(seed)
    return generator.multinomial(count, np.full(count, 1 / count), size=replicates).astype(float)


def summary(scores: GeneScores, weights: NDArray[np.float64]) -> dict[str, Any]:
    """Return the metrics of some genes with their intervals; those that were not measured are left out."""
    result: dict[str, Any] = {}
    measures = {
        "perplexity": (scores.perplexity, 1),
        "synonym_perplexity": (scores.synonym_perplexity, 3),
        "synonym_accuracy": (scores.accuracy, 3),
    }
    for name, (measure, column) in measures.items():
        if scores.values[:, column].sum():
            result[name] = {"value": float(measure()), "interval": percentiles(measure(weights))}
    return result


def compared(first: GeneScores, second: GeneScores, weights: NDArray[np.float64]) -> dict[str, Any]:
    """Return by how much the second differs from the first, on the same draws of the same genes.

    Parameters
    ----------
    first, second
        Scores of the same genes by two methods.
    weights : (R, G)
        How often each gene is drawn; see `draws`.
    """
    result: dict[str, Any] = {}
    for name in ("perplexity", "synonym_perplexity", "accuracy"):
        if not (first.values[:, 1].sum() and second.values[:, 1].sum()) and name == "perplexity":
            continue
        a, b = getattr(first, name), getattr(second, name)
        result["synonym_accuracy" if name == "accuracy" else name] = {
            "difference": float(b() - a()),
            "interval": percentiles(b(weights) - a(weights)),
        }
    return result


def by_group(scores: Mapping[str, GeneScores], members: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the metrics of each method on each group of genes, without intervals: group -> method -> metrics."""
    names = np.array(members)
    none = np.zeros((0, 0))
    result: dict[str, dict[str, Any]] = {}
    for group in sorted(set(members)):
        chosen = names == group
        result[group] = {"genes": int(chosen.sum())}
        for method, of_method in scores.items():
            part = of_method.take(chosen)
            metrics = summary(part, none.reshape(0, int(chosen.sum())))
            result[group][method] = {name: value["value"] for name, value in metrics.items()}
    return result


def tokens_of(genes: Sequence[Gene]) -> list[NDArray[np.uint8]]:
    """Return the tokens of some genes, between begin and end."""
    return [to_tokens(gene.codons) for gene in genes]
