"""Scores of a label prediction from its counts, with intervals from resampled genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.evaluate.bootstrap import percentiles
from genescribe.evaluate.labels.agreement import binned_kl, position_f1, segment_f1, wasserstein
from genescribe.evaluate.labels.boundaries import TOLERANCES
from genescribe.evaluate.labels.counts import LabelCounts, check_same_truth
from genescribe.evaluate.labels.draws import HEADLINES, drawn_headlines, f1

FLOOR_DRAWS = 20


def summarise(counts: LabelCounts, names: Sequence[str], *, replicates: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Return all scores.

    Parameters
    ----------
    counts
        Of one prediction, or of several pooled.
    names
        Names of the labels, in their order.
    replicates, seed
        Of the bootstrap over units; no intervals where `replicates` is 0.

    Returns
    -------
    dict
        "position" (`agreement.position_f1`), "segment" (`agreement.segment_f1`), "boundary" and "typed_boundary"
        (tolerance -> sensitivity, precision, f1), "confusion", "durations" (label -> `durations`),
        "headlines" (`headlines`) and "intervals" (headline -> [low, high]), "units".
    """
    bases, matched, edges = (part.sum(axis=0) for part in (counts.bases, counts.segments, counts.boundaries))
    values = headlines(counts, names)
    result: dict[str, Any] = {
        "labels": list(names),
        "units": len(counts.bases),
        "position": position_f1(bases, names),
        "segment": segment_f1(matched, names),
        "boundary": _by_tolerance(edges[0]),
        "typed_boundary": _by_tolerance(edges[1]),
        "confusion": bases.tolist(),
        "durations": durations(counts, names, seed=seed),
        "headlines": {name: _plain(value) for name, value in zip(HEADLINES, values, strict=True)},
    }
    if replicates:
        drawn = bootstrap([counts], names, replicates, seed)[0]
        result["intervals"] = {name: percentiles(drawn[:, i]) for i, name in enumerate(HEADLINES)}
    return result


def compare(
    counts: Mapping[str, LabelCounts], names: Sequence[str], *, baseline: str, replicates: int = 1000, seed: int = 0
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return by how much each prediction differs from one of them, with intervals from the same draws of genes.

    Parameters
    ----------
    counts
        Method -> counts of the same stretches.
    names
        Names of the labels, in their order.
    baseline
        Method that the others are compared with.
    replicates
        Bootstrap draws of units.
    seed
        Seed of the draws.

    Returns
    -------
    dict
        name -> headline -> "difference" (it minus the baseline) and "interval".

    Raises
    ------
    ValueError
        The predictions are of different units.
    """
    check_same_truth(list(counts.values()))
    order = [baseline, *(name for name in counts if name != baseline)]
    observed = [headlines(counts[name], names) for name in order]
    drawn = bootstrap([counts[name] for name in order], names, replicates, seed)
    return {
        name: {
            metric: {"difference": _plain(gain[i]), "interval": percentiles(gains[:, i])}
            for i, metric in enumerate(HEADLINES)
        }
        for name, gain, gains in (
            (name, values - observed[0], draws - drawn[0])
            for name, values, draws in zip(order[1:], observed[1:], drawn[1:], strict=True)
        )
    }


def headlines(counts: LabelCounts, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the values of `HEADLINES`, NaN where there is nothing to score.

    * position_f1: over bases, mean over the labels of the truth;
    * boundary_f1, boundary_f1_10: exact, and within 10 bases; typed_boundary_f1: exact, between the same two labels;
    * segment_f1: whole segments of all labels together; exon_f1, intron_f1: of the labels so named;
    * duration_kl: KL(predicted || true) of the lengths, in nats, mean over the labels with at least `FEWEST` segments;
    * duration_distance: Wasserstein-1 distance divided by the mean true length, mean over the same labels.
    """
    values: NDArray[np.float64] = drawn_headlines(counts, names, np.ones((1, len(counts.bases))))[0]
    return values


def bootstrap(
    counts: Sequence[LabelCounts], names: Sequence[str], replicates: int, seed: int
) -> list[NDArray[np.float64]]:
    """Return the headlines of every draw, (replicates, headlines) for each prediction; all see the same draws.

    Parameters
    ----------
    counts
        Counts of the same units, one entry per prediction.
    names
        Names of the labels, in their order.
    replicates
        Number of bootstrap samples.
    seed
        Seed of the draws.
    """
    units = len(counts[0].bases)
    generator = np.random.default_rng(seed)
    draws = [np.bincount(generator.integers(0, units, size=units), minlength=units) for _ in range(replicates)]
    weights = np.stack(draws).astype(np.float64)
    return [drawn_headlines(part, names, weights) for part in counts]


def durations(counts: LabelCounts, names: Sequence[str], *, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Return how the lengths of each label's whole segments differ from the true ones.

    Parameters
    ----------
    counts
        Counts with the lengths of whole segments.
    names
        Names of the labels, in their order.
    seed
        Seed of the samples that give the floors.

    Returns
    -------
    dict
        label -> "true" and "predicted" (number, mean, median), "kl" (nats, predicted against true), "wasserstein"
        (bases), and "floor_kl", "floor_wasserstein": the same between two samples of the true lengths, drawn with
        replacement, as many as there are true and predicted segments; the mean of `FLOOR_DRAWS` such pairs.
    """
    generator = np.random.default_rng(seed)
    result = {}
    for label, name in enumerate(names):
        true, guessed = (side[side[:, 1] == label, 2] for side in (counts.true_lengths, counts.predicted_lengths))
        if not len(true):
            continue
        pairs = [
            (generator.choice(true, len(guessed) or len(true)), generator.choice(true, len(true)))
            for _ in range(FLOOR_DRAWS)
        ]
        result[name] = {
            "true": _described(true),
            "predicted": _described(guessed),
            "kl": binned_kl(guessed, true),
            "wasserstein": wasserstein(guessed, true),
            "floor_kl": float(np.mean([binned_kl(a, b) for a, b in pairs])),
            "floor_wasserstein": float(np.mean([wasserstein(a, b) for a, b in pairs])),
        }
    return result


def _by_tolerance(counts: NDArray[np.int64]) -> dict[str, dict[str, float | int | None]]:
    result = {}
    for tolerance, (true, predicted, matched) in zip(TOLERANCES, counts.tolist(), strict=True):
        result[str(tolerance)] = {
            "true": true,
            "predicted": predicted,
            "matched": matched,
            "sensitivity": matched / true if true else None,
            "precision": matched / predicted if predicted else None,
            "f1": _plain(float(f1(matched, true, predicted))),
        }
    return result


def _described(lengths: NDArray[np.int64]) -> dict[str, float | int | None]:
    many = len(lengths) > 0
    return {
        "number": len(lengths),
        "mean": float(lengths.mean()) if many else None,
        "median": float(np.median(lengths)) if many else None,
    }


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
