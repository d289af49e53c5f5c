"""Agreement of predicted and true labels: bases, whole segments, and the distribution of their lengths.

All functions take runs (`genescribe.data.sample.Runs`) and work on their borders, never base by base.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genescribe.data.runs import IGNORE, Runs
from genescribe.evaluate.accuracy import harmonic_mean

Confusion = NDArray[np.int64]
"""(classes, classes): bases of true class (row) and predicted class (column)."""

BINS_PER_DOUBLING = 2
"""Bins of lengths for each factor of two."""
PSEUDOCOUNT = 0.5
"""Added to every bin: Jeffreys' prior."""


def confusion(truth: Runs, predicted: Runs, classes: int) -> Confusion:
    """Count bases by true and predicted class; bases whose true label is `IGNORE` are left out.

    Parameters
    ----------
    truth, predicted
        Runs of one window, ending at the same base.
    classes
        Number of classes; predicted labels lie in [0, classes).

    Examples
    --------
    >>> confusion(np.array([[3, 0], [5, 1]]), np.array([[2, 0], [5, 1]]), 2).tolist()
    [[2, 1], [0, 2]]
    """
    if truth[-1, 0] != predicted[-1, 0]:
        raise ValueError(f"truth ends at base {truth[-1, 0]}, the prediction at {predicted[-1, 0]}")
    ends = np.union1d(truth[:, 0], predicted[:, 0])
    lengths = np.diff(ends, prepend=0)
    true_label = truth[np.searchsorted(truth[:, 0], ends), 1]
    predicted_label = predicted[np.searchsorted(predicted[:, 0], ends), 1]
    counts = np.zeros((classes, classes), dtype=np.int64)
    known = true_label != IGNORE
    np.add.at(counts, (true_label[known], predicted_label[known]), lengths[known])
    return counts


def position_f1(counts: Confusion, names: Sequence[str]) -> dict[str, Any]:
    """Return F1 of each class over bases, and their mean over the classes that the truth has.

    Parameters
    ----------
    counts
        Sum of `confusion` over windows.
    names
        Of the classes, in the order of their numbers.

    Returns
    -------
    dict
        "macro" and "accuracy"; "classes": name -> sensitivity, precision, f1, and "bases" in the truth.
    """
    right, true, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    classes = {
        name: {**_rates(int(right[i]), int(true[i]), int(predicted[i])), "bases": int(true[i])}
        for i, name in enumerate(names)
    }
    return {
        "classes": classes,
        "macro": _mean(scores["f1"] for scores in classes.values() if scores["bases"]),
        "accuracy": float(right.sum() / counts.sum()) if counts.sum() else None,
    }


def merge_runs(runs: Runs) -> Runs:
    """Return the runs with neighbours of one label joined.

    A linear CRF decodes label by label and has no borders inside a run: joining is what makes heads comparable.

    Examples
    --------
    >>> merge_runs(np.array([[2, 0], [5, 0], [6, 1]], dtype=np.int32)).tolist()
    [[5, 0], [6, 1]]
    """
    last: NDArray[np.bool_] = np.append(runs[1:, 1] != runs[:-1, 1], True)
    joined: Runs = runs[last]
    return joined


def segments(runs: Runs, *, left_censored: bool = False, right_censored: bool = False) -> NDArray[np.int64]:
    """Return (start, end, label) of the merged runs, those that go on beyond the window left out.

    Parameters
    ----------
    runs
        Runs (end, label) of one window.
    left_censored, right_censored
        The first (last) run continues beyond the window (`WindowMeta`).

    Returns
    -------
    (n, 3) int64
    """
    merged = merge_runs(runs).astype(np.int64)
    starts = np.append(0, merged[:-1, 0])
    spans = np.stack([starts, merged[:, 0], merged[:, 1]], axis=1)
    return spans[int(left_censored) : len(spans) - int(right_censored)]


def segment_counts(truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Count segments that are right in label, start and end.

    Parameters
    ----------
    truth, predicted
        From `segments`, of one window. Predicted segments that share a base with an `IGNORE` segment of the truth
        are not counted.
    classes
        Number of classes of labels.

    Returns
    -------
    (classes, 3) int64
        In the truth, in the prediction, in both.
    """
    ignored = truth[truth[:, 2] == IGNORE]
    known = truth[truth[:, 2] != IGNORE]
    if len(ignored):
        begun = np.searchsorted(ignored[:, 0], predicted[:, 1])
        ended = np.searchsorted(ignored[:, 1], predicted[:, 0], side="right")
        predicted = predicted[begun == ended]
    both = {tuple(row) for row in known.tolist()} & {tuple(row) for row in predicted.tolist()}
    right = np.array([label for _, _, label in both], dtype=np.int64)
    columns = [np.bincount(labels, minlength=classes) for labels in (known[:, 2], predicted[:, 2], right)]
    return np.stack(columns, axis=1)


def segment_f1(counts: NDArray[np.int64], names: Sequence[str]) -> dict[str, Any]:
    """Return F1 of each class over whole segments.

    Parameters
    ----------
    counts
        Sum of `segment_counts` over windows.
    names
        Names of the classes, in the order of the counts.

    Returns
    -------
    dict
        "micro" (all segments together) and "macro" (mean over the classes that the truth has); "classes": name ->
        sensitivity, precision, f1, "segments" in the truth.
    """
    classes = {}
    for name, (true, predicted, right) in zip(names, counts.tolist(), strict=True):
        classes[name] = {**_rates(right, true, predicted), "segments": true}
    true, predicted, right = (int(n) for n in counts.sum(axis=0))
    return {
        "classes": classes,
        "macro": _mean(scores["f1"] for scores in classes.values() if scores["segments"]),
        "micro": _rates(right, true, predicted)["f1"],
    }


def wasserstein(first: ArrayLike, second: ArrayLike) -> float | None:
    """Return the Wasserstein-1 distance of two samples of lengths, in bases.

    The area between the two distribution functions: how far, on average, a length must be moved to turn one sample
    into the other.

    Examples
    --------
    >>> wasserstein([10, 20], [12, 22])
    2.0
    """
    left, right = np.sort(np.asarray(first, dtype=np.float64)), np.sort(np.asarray(second, dtype=np.float64))
    if not len(left) or not len(right):
        return None
    values = np.sort(np.concatenate([left, right]))
    shares = [np.searchsorted(sample, values[:-1], side="right") / len(sample) for sample in (left, right)]
    return float(np.sum(np.abs(shares[0] - shares[1]) * np.diff(values)))


def binned_kl(first: ArrayLike, second: ArrayLike) -> float | None:
    """Return the Kullback-Leibler divergence KL(first || second) of two samples of lengths, in nats.

    Both are counted in logarithmic bins, `PSEUDOCOUNT` added to every bin from the shortest to the longest length
    of either, so that the estimate stays finite and small for two samples of one distribution. (With bins of one
    base and a tiny constant in place of the pseudocount it measures the sizes of the samples instead.)

    Parameters
    ----------
    first, second
        Lengths of at least 1.
    """
    left, right = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if not len(left) or not len(right):
        return None
    bins = [np.floor(np.log2(sample) * BINS_PER_DOUBLING).astype(np.int64) for sample in (left, right)]
    low, high = min(b.min() for b in bins), max(b.max() for b in bins)
    counts = [np.bincount(b - low, minlength=high - low + 1) + PSEUDOCOUNT for b in bins]
    shares = [c / c.sum() for c in counts]
    return float(np.sum(shares[0] * np.log(shares[0] / shares[1])))


def _rates(right: int, true: int, predicted: int) -> dict[str, float | None]:
    sensitivity = right / true if true else None
    precision = right / predicted if predicted else None
    return {"sensitivity": sensitivity, "precision": precision, "f1": harmonic_mean(sensitivity, precision)}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
