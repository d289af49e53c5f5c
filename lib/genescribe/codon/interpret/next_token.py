"""Step 4: the next codon: how often right, how well calibrated, and how it improves along a gene."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.interpret.biology import letters, usage
from genescribe.codon.interpret.frequencies import auroc
from genescribe.codon.interpret.pictures import bars, lines
from genescribe.codon.interpret.step import Measure, Step
from genescribe.codon.network import Network
from genescribe.codon.ngram import KneserNey, Predictor
from genescribe.codon.prepare import Gene
from genescribe.codon.vocabulary import FIRST_CODON, to_tokens

BINS = 10
EDGES = np.array([1, 5, 10, 20, 40, 80, 160, 320, 640])


def next_token(
    label: str, network: Network, untrained: Network, training: Sequence[Gene], genes: Sequence[Gene]
) -> Step:
    """Return what the model says of the next codon of test genes, beside a trigram and the majority.

    The majority is the training codon (amino acid) that occurs most.
    """
    trigram = KneserNey([gene.codons for gene in training], 3)
    predictors: dict[str, Predictor] = {"trained": network, "trigram": trigram, "untrained": untrained}
    truth = np.concatenate([gene.codons for gene in genes]).astype(np.int64)
    place = np.concatenate([np.arange(1, len(gene.codons) + 1) for gene in genes])
    last = np.concatenate([np.arange(1, len(gene.codons) + 1) == len(gene.codons) for gene in genes])
    chances = {name: _chances(one, genes) for name, one in predictors.items()}
    amino_acids = np.concatenate([letters(gene.table)[gene.codons] for gene in genes])
    counts = usage(training)
    common = int(counts.argmax())
    by_letter = np.bincount(letters(), weights=counts, minlength=128)
    majority = {"codon": float((truth == common).mean()), "letter": float((amino_acids == by_letter.argmax()).mean())}
    every = letters(genes[0].table)
    measures = [
        Measure(
            "right codon",
            _right(chances["trained"], truth),
            _nulls(chances, lambda p: _right(p, truth)) | {"majority": majority["codon"]},
        ),
        Measure(
            "right codon among the best five",
            _right(chances["trained"], truth, 5),
            _nulls(chances, lambda p: _right(p, truth, 5)),
        ),
        Measure(
            "right amino acid",
            _right_letter(chances["trained"], amino_acids, every),
            _nulls(chances, lambda p: _right_letter(p, amino_acids, every)) | {"majority": majority["letter"]},
        ),
        Measure(
            "AUROC of stops", _stop(chances["trained"], last, every), _nulls(chances, lambda p: _stop(p, last, every))
        ),
        Measure(
            "expected calibration error",
            _calibration(chances["trained"], truth)[1],
            _nulls(chances, lambda p: _calibration(p, truth)[1]),
        ),
    ]
    rows: list[list[str | int | float]] = []
    shares: list[list[float]] = []
    for letter in np.unique(amino_acids):
        mine = amino_acids == letter
        shares.append([_right(p[mine], truth[mine]) for p in chances.values()])
        rows.append([chr(letter), int(mine.sum()), *shares[-1]])
    along = {name: _along(p, truth, place) for name, p in chances.items()}
    curves = {name: _calibration(p, truth)[0] for name, p in chances.items() if name != "untrained"}
    return Step(
        "4_next_token",
        "4 Next-token probes",
        f"The next codon of {len(genes)} test genes ({len(truth):,} codons).",
        measures,
        {
            "amino_acids": (["amino_acid", "count", *(f"right_{name}" for name in chances)], rows),
            "along": (
                ["from_codon", *along],
                [[int(e), *(along[n][1][i] for n in along)] for i, e in enumerate(along["trained"][0])],
            ),
        },
        [
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
                {"": curves},
                "Calibration: of codons given a probability, the share that stands there; honest on the diagonal.",
                x="probability given",
                y="share that is right",
                diagonal=True,
            ),
            bars(
                f"{label}-aminoacids",
                [str(row[0]) for row in rows],
                dict(zip(chances, zip(*shares, strict=True), strict=True)),
                "Share of codons predicted right (first choice among 64), by their amino acid; * is the stop.",
                y="share right",
            ),
        ],
    )


def _chances(predictor: Predictor, genes: Sequence[Gene]) -> NDArray[np.float64]:
    """Return the probabilities of the 64 codons at every codon of some genes, (n, 64)."""
    return np.concatenate([predictor.predict(to_tokens(g.codons))[: len(g.codons), FIRST_CODON:] for g in genes])


def _right(chances: NDArray[np.float64], truth: NDArray[np.int64], best: int = 1) -> float:
    order = np.argpartition(-chances, best - 1, axis=1)[:, :best]
    return float((order == truth[:, None]).any(axis=1).mean())


def _right_letter(chances: NDArray[np.float64], amino_acids: NDArray[np.uint8], every: NDArray[np.uint8]) -> float:
    names = np.unique(every)
    sums = np.stack([chances[:, every == name].sum(axis=1) for name in names], axis=1)
    return float((names[sums.argmax(axis=1)] == amino_acids).mean())


def _stop(chances: NDArray[np.float64], last: NDArray[np.bool_], every: NDArray[np.uint8]) -> float:
    return auroc(chances[:, every == ord("*")].sum(axis=1), last)


def _calibration(
    chances: NDArray[np.float64], truth: NDArray[np.int64]
) -> tuple[tuple[list[float], list[float]], float]:
    """Return mean probability and share right in bins of the first choice's probability, and their mean distance."""
    first = chances.argmax(axis=1)
    given, right = chances[np.arange(len(first)), first], first == truth
    bins = np.minimum((np.argsort(np.argsort(given, kind="stable"), kind="stable") * BINS) // len(given), BINS - 1)
    means = [float(given[bins == b].mean()) for b in range(BINS)]
    shares = [float(right[bins == b].mean()) for b in range(BINS)]
    return (means, shares), float(np.mean(np.abs(np.array(means) - np.array(shares))))


def _along(
    chances: NDArray[np.float64], truth: NDArray[np.int64], place: NDArray[np.int64]
) -> tuple[list[float], list[float]]:
    nats = -np.log(chances[np.arange(len(truth)), truth])
    bins = np.searchsorted(EDGES, place, side="right") - 1
    kept = [b for b in range(len(EDGES)) if (bins == b).any()]
    return [float(EDGES[b]) for b in kept], [float(np.exp(nats[bins == b].mean())) for b in kept]


def _nulls(
    chances: dict[str, NDArray[np.float64]], measure: Callable[[NDArray[np.float64]], float]
) -> dict[str, float]:
    return {name: measure(one) for name, one in chances.items() if name != "trained"}
