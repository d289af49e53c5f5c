"""How sure a trained model may be: one temperature for all of its scores, from the validation part.

A model that was trained to the end is surer of its training genes than it may be of others. Scores divided by a
temperature leave the best path as it is and make its probabilities honest (Guo et al. 2017, ICML); for a CRF the
temperature is the one under which the annotated segmentation of the validation windows is most probable.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from genescribe.crf.head import SemiCRF
from genescribe.crf.likelihood import negative_log_likelihood
from genescribe.crf.runs import batch_runs
from genescribe.data.batching import Batch
from genescribe.files import read_json
from genescribe.kernels.potentials import Segmentation
from genescribe.segment.model import SegmentModel

CALIBRATION = "calibration.json"
"""Beside a model's weights: its temperature, and the validation windows that it is from."""
GRID = tuple(float(x) for x in np.geomspace(0.7, 8.0, 7))
"""Temperatures that are tried; the best is found between them."""
WINDOWS = 48
"""Validation windows that are enough, spread over all."""


@torch.no_grad()
def fit_temperature(model: SegmentModel, batches: Iterable[Batch]) -> float:
    """Return the temperature under which the labels of the batches are most probable.

    Parameters
    ----------
    model
        With a head of this project.
    batches
        Validation windows.
    """
    assert isinstance(model.crf, SemiCRF)
    crf, total = model.crf, np.zeros(len(GRID))
    for batch in tqdm(batches, desc="temperature", disable=None):
        scores = model.scores(batch.codes, batch.lengths)
        cut = {"left_censored": batch.left_censored, "right_censored": batch.right_censored}
        p = crf.potentials(scores.content, batch.lengths, **cut, **scores.boundaries)
        gold = batch_runs([Segmentation(r[:, 0], r[:, 1]) for r in batch.runs], batch.lengths, crf.config.labels)
        for index, temperature in enumerate(GRID):
            nll = negative_log_likelihood(p.tempered(temperature), gold, crf.single, crf.config.backend)
            total[index] += float(nll.sum())
    return vertex(np.log(GRID), total)


def vertex(x: np.ndarray, y: np.ndarray) -> float:
    """Return exp of where y is smallest: the vertex of the parabola through the smallest and its neighbours.

    Examples
    --------
    >>> round(vertex(np.log([1.0, 2.0, 4.0]), np.array([2.0, 1.0, 2.0])), 3)
    2.0
    >>> round(vertex(np.log([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0])), 3)
    1.0
    """
    best = int(np.argmin(y))
    if best in (0, len(y) - 1):
        return float(np.exp(x[best]))
    curve = np.polyfit(x[best - 1 : best + 2], y[best - 1 : best + 2], 2)
    return float(np.exp(-curve[1] / (2 * curve[0])))


def temperature_of(folder: Path) -> float:
    """Return the temperature of the model in a folder; 1 where none was fitted."""
    path = folder / CALIBRATION
    return float(read_json(path)["temperature"]) if path.is_file() else 1.0
