"""Write the scores of a model's labels, its learned durations and the labels themselves into one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genescribe import __version__
from genescribe.bake.stats import sum_stats
from genescribe.errors import InputError
from genescribe.evaluate.labels.agreement import BINS_PER_DOUBLING
from genescribe.evaluate.labels.counts import LabelCounts, add_up, count_labels
from genescribe.evaluate.labels.scores import summarise
from genescribe.files import atomic_directory, read_json, sha256, write_json
from genescribe.gencode_benchmark.label_predictions import predict_labels
from genescribe.segment.network.model import SegmentModel
from genescribe.train.model_files import WEIGHTS

SCORES, COUNTS, LABELS = "labels.json", "counts.npz", "runs.npz"
LONGEST = 1 << 17
"""Bases up to which learned durations are added up."""


def score_labels(
    folder: str | Path,
    shards: Sequence[str | Path],
    target: str | Path,
    *,
    split: str = "test",
    replicates: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Score the labels of a trained model and write them down.

    Parameters
    ----------
    folder
        Folder of the model.
    shards
        Folders of baked shards.
    target
        Folder to write: `SCORES`, the result; `COUNTS`, its `LabelCounts`; `LABELS`, true and predicted runs of each
        stretch, ``<number>.truth`` and ``<number>.predicted``.
    split, replicates, seed
        Split that is scored; number of bootstrap samples and their seed.

    Returns
    -------
    dict
        `label_scores.summarise`, and "model", "learned" (`learned`), "data" (the same of the training annotation),
        "stretches" (the place of each), "provenance".

    Raises
    ------
    InputError
        No window of the split, or shards of another scheme.
    """
    model = SegmentModel.load(folder)
    parts: list[LabelCounts] = []
    places: list[dict[str, Any]] = []
    runs: dict[str, NDArray[np.int32]] = {}
    for number, (stretch, predicted) in enumerate(predict_labels(model, shards, split)):
        cut = {"left_censored": stretch.left_censored, "right_censored": stretch.right_censored}
        parts.append(count_labels(stretch.runs, predicted, len(model.scheme.names), **cut))
        runs |= {f"{number}.truth": stretch.runs, f"{number}.predicted": predicted}
        places.append({key: getattr(stretch, key) for key in ("genome", "seqid", "strand", "start", "end")})
    if not parts:
        raise InputError(f"no windows of the split {split!r}", where=shards[0], remedy="bake a genome with that split")
    counts = add_up(parts)
    trained = sum_stats(read_json(Path(part) / "stats.json") for part in shards)["splits"]["train"]
    result = summarise(counts, model.scheme.names, replicates=replicates, seed=seed) | {
        "model": describe(model),
        "learned": learned(model),
        "data": {
            "durations": {name: binned(dict(map(tuple, trained["durations"][name]))) for name in model.scheme.names},
            "transitions": shares(np.array(trained["transitions"], dtype=np.float64)),
        },
        "stretches": places,
        "provenance": {
            "genescribe": __version__,
            "split": split,
            "bootstrap": replicates,
            "seed": seed,
            "weights_sha256": sha256(Path(folder) / WEIGHTS),
        },
    }
    with atomic_directory(target) as temporary:
        write_json(temporary / SCORES, result)
        counts.save(temporary / COUNTS)
        with (temporary / LABELS).open("wb") as handle:
            np.savez_compressed(handle, **runs)  # type: ignore[arg-type]
    return result


def describe(model: SegmentModel) -> dict[str, Any]:
    """Return the options that tell models apart in a table."""
    config = model.config
    return {
        "head": config.head,
        "encoder": "none" if config.encoder is None else config.encoder.kind,
        "max_duration": config.max_duration if config.head == "semicrf" else 1,
        "boundary_scores": config.scores_boundaries,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


@torch.no_grad()
def learned(model: SegmentModel) -> dict[str, Any]:
    """Return the head's transitions and durations.

    Returns
    -------
    dict
        "transitions": share of each destination between different labels, (C, C), the exponentials of the scores made
        to add up to 1 a row; "durations": label -> share of each logarithmic bin, exp(score) made to add up to 1.
    """
    names = model.scheme.names
    scores = model.crf.transitions().mean(dim=0).double().cpu()
    table, tail = (part.double().cpu() for part in model.crf.durations())
    # A label that may follow itself, base by base, lasts geometrically.
    staying = scores.softmax(dim=1).diagonal()
    between = scores.clone().fill_diagonal_(-torch.inf).softmax(dim=1).nan_to_num()
    durations = {}
    for label, name in enumerate(names):
        if bool(model.crf.single[label]):
            curve = np.power(float(staying[label]), np.arange(LONGEST, dtype=np.float64))
        else:
            curve = _extended(table[:, label], float(tail[label]), _explicit(model, label))
        durations[name] = _in_bins(np.arange(1, LONGEST + 1), curve)
    return {"transitions": between.tolist(), "durations": durations, "bins_per_doubling": BINS_PER_DOUBLING}


def binned(counts: dict[int, int]) -> list[float]:
    """Return the share of each logarithmic bin: bin b holds lengths from 2**(b/2) to 2**((b+1)/2)."""
    lengths, numbers = np.array(sorted(counts.items()), dtype=np.float64).reshape(-1, 2).T
    return _in_bins(lengths, numbers) if len(lengths) else []


def shares(counts: NDArray[np.float64]) -> list[list[float]]:
    """Return the counts of a matrix as shares of its rows; rows of zeros stay."""
    rows: list[list[float]] = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).tolist()
    return rows


def _explicit(model: SegmentModel, label: int) -> int:
    durations = model.crf.durations
    return int(durations.explicit[label]) if hasattr(durations, "explicit") else 1


def _extended(table: torch.Tensor, tail: float, explicit: int) -> NDArray[np.float64]:
    """Return exp(score) of durations 1..LONGEST, up to a factor."""
    scores = np.full(LONGEST, -np.inf)
    scores[:explicit] = table[:explicit].numpy()
    if np.isfinite(tail):
        scores[explicit:] = scores[explicit - 1] + tail * np.arange(1, LONGEST - explicit + 1)
    curve: NDArray[np.float64] = np.exp(scores - scores.max())
    return curve


def _in_bins(lengths: NDArray[Any], weights: NDArray[np.float64]) -> list[float]:
    bins = np.floor(np.log2(lengths) * BINS_PER_DOUBLING).astype(np.int64)
    counts = np.bincount(bins, weights=weights)
    return [float(share) for share in counts / counts.sum()]
