"""Bootstrap intervals of accuracy: genes resampled with replacement, overlapping genes together.

The percentile interval of Efron (1979) and Efron and Tibshirani (1993, ch. 13). A unit (`accuracy.tally`) nearly
always holds one gene and its prediction; drawing units and not single transcripts or exons keeps together what fails
together. Two methods are compared on the same draws of the same units.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.evaluate.accuracy import (
    LEVELS,
    MATCHED_PREDICTED,
    MATCHED_REFERENCE,
    PREDICTED,
    REFERENCE,
    Counts,
)

METRICS = ("sensitivity", "precision", "f1")

_BLOCK = 1 << 22
_TAIL = (1 - 0.95) / 2


def intervals(counts: Counts, replicates: int = 1000, seed: int = 0) -> dict[str, dict[str, list[float] | None]]:
    """Return the 95% interval of each metric of each level.

    Parameters
    ----------
    counts
        Of one prediction, from `accuracy.tally`.
    replicates
        How many times the units are drawn.
    seed
        Of the draws; equal seeds give equal intervals.

    Returns
    -------
    dict
        level -> metric -> [low, high]; None where no draw defines the metric.
    """
    values = _metrics(_drawn_totals([counts], replicates, seed)[0])
    return {
        level: {metric: percentiles(values[:, i, j]) for j, metric in enumerate(METRICS)}
        for i, level in enumerate(LEVELS)
    }


def paired_intervals(
    first: Counts, second: Counts, replicates: int = 1000, seed: int = 0
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return by how much the second prediction is better than the first, with its interval.

    Parameters
    ----------
    first, second
        From one call of `accuracy.tally`, so that their units are the same.
    replicates, seed
        As in `intervals`.

    Returns
    -------
    dict
        level -> metric -> "difference" (second - first), "interval" of the difference, and "not_better", the share of
        draws in which the second is not better.

    Raises
    ------
    ValueError
        The two have different numbers of units.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} units: tally both predictions in one call")
    drawn = [_metrics(totals) for totals in _drawn_totals([first, second], replicates, seed)]
    observed = [_metrics(counts.sum(axis=0, keepdims=True).astype(np.float64)) for counts in (first, second)]
    gain, gains = (observed[1] - observed[0])[0], drawn[1] - drawn[0]
    return {
        level: {
            metric: {
                "difference": None if np.isnan(gain[i, j]) else float(gain[i, j]),
                "interval": percentiles(gains[:, i, j]),
                "not_better": None if np.isnan(gain[i, j]) else float(np.mean(~(gains[:, i, j] > 0))),
            }
            for j, metric in enumerate(METRICS)
        }
        for i, level in enumerate(LEVELS)
    }


def _drawn_totals(tables: list[Counts], replicates: int, seed: int) -> list[NDArray[np.float64]]:
    """Return, for each table, the totals of every draw: (replicates, levels, 4). All tables see the same draws."""
    units = len(tables[0])
    flat = np.concatenate([table.reshape(units, 4 * len(LEVELS)) for table in tables], axis=1).astype(np.float64)
    generator = np.random.default_rng(seed)
    block = max(_BLOCK // max(units, 1), 1)
    totals = []
    for low in range(0, replicates, block):
        rows = min(block, replicates - low)
        draws = generator.integers(0, units, size=(rows, units)) if units else np.zeros((rows, 0), dtype=np.int64)
        shifted = draws + np.arange(rows)[:, None] * units
        weights = np.bincount(shifted.ravel(), minlength=rows * units).reshape(rows, units)
        totals.append(weights @ flat)
    stacked = np.concatenate(totals) if totals else np.zeros((0, flat.shape[1]))
    return [part.reshape(-1, len(LEVELS), 4) for part in np.split(stacked, len(tables), axis=1)]


def _metrics(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, levels, 3) of sensitivity, precision and F1 from (n, levels, 4); nan where there is nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        sensitivity = totals[..., MATCHED_REFERENCE] / totals[..., REFERENCE]
        precision = totals[..., MATCHED_PREDICTED] / totals[..., PREDICTED]
        f1 = 2 * sensitivity * precision / (sensitivity + precision)
    nothing = np.isnan(sensitivity) & np.isnan(precision)
    f1 = np.where(nothing, np.nan, np.nan_to_num(f1))
    return np.stack([sensitivity, precision, f1], axis=-1)


def percentiles(draws: NDArray[np.float64]) -> list[float] | None:
    """Return the 95% percentile interval of some draws; None where none has a value."""
    known = draws[~np.isnan(draws)]
    return [float(end) for end in np.quantile(known, [_TAIL, 1 - _TAIL])] if len(known) else None
