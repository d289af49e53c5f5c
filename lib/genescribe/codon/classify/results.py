"""Results of testing a classifier: metrics, per-label results, predictions and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.classify.config import ClassifierConfig
from genescribe.codon.classify.metrics import measure, write_calibration, write_confusion
from genescribe.codon.classify.sequences import Sequences
from genescribe.errors import InputError
from genescribe.files import write_json, write_table

NOT_LEARNED = "with labels not learned"


def results(
    config: ClassifierConfig,
    classes: Sequence[str],
    counts: Mapping[str, int],
    test: Sequences,
    chances: Mapping[str, NDArray[np.float64]],
) -> dict[str, Any]:
    """Return the metrics of some classifiers on the test.

    Parameters
    ----------
    config
        `kind` is the classifier whose labels are described; draws and seed of the intervals.
    classes
        Labels that were learned.
    counts
        Training sequences by label.
    test
        Test sequences with labels.
    chances
        Row -> probabilities of `classes`, (n, C).

    Returns
    -------
    dict
        `classes`; `rows`: metrics by row, on the sequences whose label was learned, and of `kind` also with the others
        as errors, where there are such; `labels`: of each its sequences in training and test, whether it was learned,
        its recall and precision.

    Raises
    ------
    InputError
        No label of the test was learned.
    """
    names = _names(classes, test)
    truth = np.array([names.index(label) for label in test.labels])
    learned = truth < len(classes)
    if not learned.any():
        raise InputError(
            f"none of its labels ({', '.join(names[len(classes) :][:5])}) was learned",
            where=test.source,
            remedy=f"give labels of training: {', '.join(classes[:5])}",
        )
    rows: dict[str, Any] = {}
    for name, of_method in chances.items():
        draws = config.bootstrap if name != "majority" else 0
        rows[name] = measure(truth[learned], of_method[learned], draws=draws, seed=config.seed)
        if name == config.kind and not learned.all():
            widened = measure(truth, _widened(of_method, names), draws=config.bootstrap, seed=config.seed)
            rows[f"{name}, {NOT_LEARNED}"] = {key: widened[key] for key in ("balanced_accuracy", "macro_f1")}
    predicted = chances[config.kind].argmax(axis=1)
    return {
        "classes": list(classes),
        "rows": rows,
        "labels": [
            _label(number, name, counts.get(name, 0), truth, predicted, learned=name in classes)
            for number, name in enumerate([*names, *(name for name in sorted(counts) if name not in names)])
        ],
    }


def _names(classes: Sequence[str], test: Sequences) -> list[str]:
    """Return the labels of the test, those that were learned first, in the order of their probabilities."""
    return [*classes, *sorted(set(test.labels) - set(classes))]


def _widened(chances: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """Return probabilities with columns of 0 for the labels that were not learned."""
    return np.pad(chances, ((0, 0), (0, len(names) - chances.shape[1])))


def _label(
    number: int, name: str, training: int, truth: NDArray[np.int64], predicted: NDArray[np.int64], *, learned: bool
) -> dict[str, Any]:
    mine, called = truth == number, predicted == number
    return {
        "label": name,
        "train": training,
        "test": int(mine.sum()),
        "learned": learned,
        "recall": float((called & mine).sum() / mine.sum()) if mine.any() else None,
        "precision": float((called & mine).sum() / called.sum()) if called.any() else None,
    }


def write_results(
    folder: Path, metrics: dict[str, Any], test: Sequences, classes: Sequence[str], chances: NDArray[np.float64]
) -> None:
    """Write `metrics.json`, `predictions.csv`, `confusion.png` and `calibration.png`.

    Parameters
    ----------
    folder
        Existing folder to write into.
    metrics
        Contents of `metrics.json`.
    test
        The sequences that were classified.
    classes
        Names of the classes.
    chances : (n, classes)
        Probability of each class for each sequence.
    """
    write_json(folder / "metrics.json", metrics)
    predicted = chances.argmax(axis=1)
    rows = (
        [name, label, classes[p], f"{row[p]:.6f}"]
        for name, label, p, row in zip(test.ids, test.labels, predicted, chances, strict=True)
    )
    write_table(folder / "predictions.csv", ["id", "label", "predicted", "probability"], rows)
    names = _names(classes, test)
    truth = np.array([names.index(label) for label in test.labels])
    learned = truth < len(classes)
    write_confusion(folder / "confusion.png", truth, _widened(chances, names), names)
    write_calibration(folder / "calibration.png", truth[learned], chances[learned])
