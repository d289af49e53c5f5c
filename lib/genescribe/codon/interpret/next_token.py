"""Step 4: prediction of the next codon: accuracy, calibration, and improvement along a gene."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.evaluation.ngram import KneserNey, Predictor
from genescribe.codon.interpret.biology import letters, usage
from genescribe.codon.interpret.frequencies import auroc
from genescribe.codon.interpret.pictures import bars, lines
from genescribe.codon.interpret.step import Measure, Step
from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.prepare import Gene
from genescribe.codon.sequences.vocabulary import FIRST_CODON, to_tokens
from genescribe.figures.blocks import Figure

BINS = 10
EDGES = np.array([1, 5, 10, 20, 40, 80, 160, 320, 640])


@dataclass(frozen=True)
class Codons:
    """The n codons of some genes, one gene after the other.

    Attributes
    ----------
    truth : (n,) int64
        Codon numbers.
    place : (n,) int64
        Number of each in its gene, from 1 on.
    last : (n,) bool
        Whether it ends its gene.
    letters : (n, 64) uint8
        Amino acid (ASCII) of every codon at that place, by the gene's own genetic code.
    """

    truth: NDArray[np.int64]
    place: NDArray[np.int64]
    last: NDArray[np.bool_]
    letters: NDArray[np.uint8]

    @classmethod
    def of(cls, genes: Sequence[Gene]) -> Codons:
        """Return the codons of some genes."""
        lengths = [len(gene.codons) for gene in genes]
        place = np.concatenate([np.arange(1, length + 1) for length in lengths])
        return cls(
            np.concatenate([gene.codons for gene in genes]).astype(np.int64),
            place,
            place == np.repeat(lengths, lengths),
            np.repeat([letters(gene.table) for gene in genes], lengths, axis=0),
        )

    @property
    def amino_acids(self) -> NDArray[np.uint8]:
        """Amino acid of each codon, (n,)."""
        return np.asarray(self.letters[np.arange(len(self.truth)), self.truth])


def next_token(
    label: str, network: Network, untrained: Network, training: Sequence[Gene], genes: Sequence[Gene]
) -> Step:
    """Return the model's predictions of the next codon of test genes, beside a trigram and the majority.

    Parameters
    ----------
    label
        In front of the names of figures.
    network, untrained
        The model, and the same network with fresh weights.
    training
        Genes that the trigram and the majority are counted from.
    genes
        Test genes to predict.
    """
    trigram = KneserNey([gene.codons for gene in training], 3)
    predictors: dict[str, Predictor] = {"trained": network, "trigram": trigram, "untrained": untrained}
    codons = Codons.of(genes)
    chances = {name: _chances(predictor, genes) for name, predictor in predictors.items()}
    rows: list[list[str | int | float]] = []
    for letter in np.unique(codons.amino_acids):
        mine = codons.amino_acids == letter
        shares = [_right(p[mine], codons.truth[mine]) for p in chances.values()]
        rows.append([chr(letter), int(mine.sum()), *shares])
    along = {name: _along(p, codons) for name, p in chances.items()}
    starts = [int(edge) for edge in along["trained"][0]]
    return Step(
        "4_next_token",
        "4 Next-token probes",
        f"The next codon of {len(genes)} test genes ({len(codons.truth):,} codons).",
        _measures(chances, codons, training),
        {
            "amino_acids": (["amino_acid", "count", *(f"right_{name}" for name in chances)], rows),
            "along": (
                ["from_codon", *along],
                [[start, *(along[name][1][i] for name in along)] for i, start in enumerate(starts)],
            ),
        },
        _figures(label, chances, codons, along, rows),
    )


def _measures(chances: Mapping[str, NDArray[np.float64]], codons: Codons, training: Sequence[Gene]) -> list[Measure]:
    """Return the measures; the majority is the training codon, or amino acid, that occurs most."""
    counts = usage(training)
    common = np.bincount(letters(), weights=counts, minlength=128).argmax()
    majority = {
        "right codon": float((codons.truth == counts.argmax()).mean()),
        "right amino acid": float((codons.amino_acids == common).mean()),
    }
    asked: dict[str, Callable[[NDArray[np.float64]], float]] = {
        "right codon": lambda p: _right(p, codons.truth),
        "right codon among the best five": lambda p: _right(p, codons.truth, 5),
        "right amino acid": lambda p: _right_letter(p, codons),
        "AUROC of stops": lambda p: auroc(np.where(codons.letters == ord("*"), p, 0).sum(axis=1), codons.last),
        "expected calibration error": lambda p: _calibration(p, codons.truth)[1],
    }
    return [
        Measure(
            name,
            measure(chances["trained"]),
            {predictor: measure(p) for predictor, p in chances.items() if predictor != "trained"}
            | ({"majority": majority[name]} if name in majority else {}),
        )
        for name, measure in asked.items()
    ]


def _figures(
    label: str,
    chances: Mapping[str, NDArray[np.float64]],
    codons: Codons,
    along: Mapping[str, tuple[list[float], list[float]]],
    rows: Sequence[Sequence[str | int | float]],
) -> list[Figure]:
    return [
        lines(
            f"{label}-along",
            {"": along},
            "Perplexity by place in the gene: who learns the genome's usage from the gene improves along it.",
            x="codon from",
            y="perplexity",
            logx=True,
        ),
        lines(
            f"{label}-calibration",
            {"": {name: _calibration(p, codons.truth)[0] for name, p in chances.items() if name != "untrained"}},
            "Calibration: of codons given a probability, the share that stands there; honest on the diagonal.",
            x="probability given",
            y="share that is right",
            diagonal=True,
        ),
        bars(
            f"{label}-aminoacids",
            [str(row[0]) for row in rows],
            {name: [float(row[2 + i]) for row in rows] for i, name in enumerate(chances)},
            "Share of codons predicted right (first choice among 64), by their amino acid; * is the stop.",
            y="share right",
        ),
    ]


def _chances(predictor: Predictor, genes: Sequence[Gene]) -> NDArray[np.float64]:
    """Return the probabilities of the 64 codons at every codon of some genes, (n, 64)."""
    return np.concatenate([predictor.predict(to_tokens(g.codons))[: len(g.codons), FIRST_CODON:] for g in genes])


def _right(chances: NDArray[np.float64], truth: NDArray[np.int64], best: int = 1) -> float:
    order = np.argpartition(-chances, best - 1, axis=1)[:, :best]
    return float((order == truth[:, None]).any(axis=1).mean())


def _right_letter(chances: NDArray[np.float64], codons: Codons) -> float:
    names = np.unique(codons.letters)
    sums = np.stack([np.where(codons.letters == name, chances, 0).sum(axis=1) for name in names], axis=1)
    return float((names[sums.argmax(axis=1)] == codons.amino_acids).mean())


def _calibration(
    chances: NDArray[np.float64], truth: NDArray[np.int64]
) -> tuple[tuple[list[float], list[float]], float]:
    """Return mean probability and share right in bins of the first choice's probability, and their mean distance."""
    first = chances.argmax(axis=1)
    stated, right = chances[np.arange(len(first)), first], first == truth
    bins = np.minimum((np.argsort(np.argsort(stated, kind="stable"), kind="stable") * BINS) // len(stated), BINS - 1)
    means = [float(stated[bins == b].mean()) for b in range(BINS)]
    shares = [float(right[bins == b].mean()) for b in range(BINS)]
    return (means, shares), float(np.mean(np.abs(np.array(means) - np.array(shares))))


def _along(chances: NDArray[np.float64], codons: Codons) -> tuple[list[float], list[float]]:
    """Return the first codon of each stretch of the genes, and the perplexity of the stretch."""
    nats = -np.log(chances[np.arange(len(codons.truth)), codons.truth])
    bins = np.searchsorted(EDGES, codons.place, side="right") - 1
    filled = [b for b in range(len(EDGES)) if (bins == b).any()]
    return [float(EDGES[b]) for b in filled], [float(np.exp(nats[bins == b].mean())) for b in filled]
