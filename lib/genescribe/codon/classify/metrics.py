"""Metrics of a classifier with bootstrap intervals, confusion matrix and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from genescribe.evaluate.bootstrap import percentiles

NAMES = ("balanced_accuracy", "macro_f1", "auroc", "auprc")
BINS = 10


def measure(truth: NDArray[np.int64], chances: NDArray[np.float64], *, draws: int, seed: int) -> dict[str, Any]:
    """Return balanced accuracy, macro F1, AUROC and AUPRC with intervals, macro over the classes of the test.

    AUROC and AUPRC are of one class against the rest, where the test holds two or more.

    Parameters
    ----------
    truth : (n,)
        Class numbers.
    chances : (n, C)
        Probabilities.
    draws
        Bootstrap replicates of the sequences; those that miss a class of the test leave AUROC and AUPRC out.
    seed
        Seed of the bootstrap.
    """
    several = len(np.unique(truth))
    point = _point(truth, chances, several)
    generator = np.random.default_rng(seed)
    replicates: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(draws):
        chosen = generator.integers(0, len(truth), len(truth))
        for name, value in _point(truth[chosen], chances[chosen], several).items():
            if value is not None:
                replicates[name].append(value)
    return {
        name: {"value": value, "interval": percentiles(np.array(replicates[name]))}
        for name, value in point.items()
        if value is not None
    } | {"calibration_error": {"value": calibration(truth, chances)[2], "interval": None}}


def balanced_accuracy(truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Return the mean over the true classes of the share that is predicted right."""
    return float(np.mean([(predicted[truth == c] == c).mean() for c in np.unique(truth)]))


def _point(truth: NDArray[np.int64], chances: NDArray[np.float64], several: int) -> dict[str, float | None]:
    predicted = chances.argmax(axis=1)
    present = np.unique(truth)
    one_hot = np.eye(chances.shape[1])[truth]
    ranked = len(present) == several > 1
    return {
        "balanced_accuracy": balanced_accuracy(truth, predicted),
        "macro_f1": float(f1_score(truth, predicted, average="macro", labels=present, zero_division=0)),
        "auroc": float(np.mean([roc_auc_score(one_hot[:, c], chances[:, c]) for c in present])) if ranked else None,
        "auprc": float(np.mean([average_precision_score(one_hot[:, c], chances[:, c]) for c in present]))
        if ranked
        else None,
    }


def calibration(truth: NDArray[np.int64], chances: NDArray[np.float64]) -> tuple[list[float], list[float], float]:
    """Return mean probability and share right of the first choice in bins of equal width, and their mean distance."""
    first = chances.argmax(axis=1)
    stated, right = chances.max(axis=1), first == truth
    bins = np.minimum((stated * BINS).astype(int), BINS - 1)
    filled = np.unique(bins)
    means, shares = [float(stated[bins == b].mean()) for b in filled], [float(right[bins == b].mean()) for b in filled]
    sizes = np.array([(bins == b).mean() for b in filled])
    return means, shares, float((sizes * np.abs(np.array(means) - np.array(shares))).sum())


def write_confusion(path: Path, truth: NDArray[np.int64], chances: NDArray[np.float64], names: Sequence[str]) -> None:
    """Draw how often each class is taken for each.

    Parameters
    ----------
    path
        PNG file to write.
    truth : (n,) int64
        True class of each sequence, a place in `names`.
    chances : (n, classes)
        Probability of each class.
    names
        Names of the classes, in the order of the rows.
    """
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (truth, chances.argmax(axis=1)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(1.8 + 0.55 * len(names), 1.5 + 0.5 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true")
    for (i, j), share in np.ndenumerate(shares):
        axes.text(j, i, f"{counts[i, j]:.0f}", ha="center", va="center", color="white" if share > 0.5 else "black")
    figure.savefig(path, dpi=150, metadata={"Software": None})


def write_calibration(path: Path, truth: NDArray[np.int64], chances: NDArray[np.float64]) -> None:
    """Draw the share that is right at each probability of the first choice.

    Parameters
    ----------
    path
        PNG file to write.
    truth : (n,) int64
        True class of each sequence.
    chances : (n, classes)
        Probability of each class.
    """
    figure = Figure(figsize=(3.6, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    means, right, error = calibration(truth, chances)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.plot(means, right, marker="o", color="#0072B2")
    axes.set(
        xlabel="probability of the first choice", ylabel="share that is right", title=f"calibration error {error:.3f}"
    )
    figure.savefig(path, dpi=150, metadata={"Software": None})
