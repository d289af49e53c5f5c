"""Calibration of a trained model: one temperature for all scores, from the validation part.

A model that was trained to the end is surer of its genes than it may be of others. Scores divided by a temperature
leave the best path as it is and make its probabilities honest (Guo et al. 2017, ICML). The temperature is the one under
which the probabilities of the genes found in validation windows are nearest to whether they are right (Brier 1950, Mon.
Weather Rev. 78:1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from genescribe.crf.head import SemiCRF
from genescribe.data.batching import Batch
from genescribe.data.runs import Runs
from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.kernels.semicrf.potentials import Potentials
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.prediction.posterior import chain_posteriors, chains_of, flank_of

CALIBRATION = "calibration.json"
"""Beside a model's weights: its temperature, and the validation windows and genes that it is from."""
GRID = tuple(float(x) for x in np.geomspace(0.7, 8.0, 13))
"""Temperatures that are tried; the best is found between them. Where few genes are right, the best one is little better
than a high one, at which all probabilities are 0: steps of a half instead of a fifth may miss it."""
WINDOWS = 96
"""Validation windows that are enough, spread over all."""
FEWEST = 40
"""Genes from which a temperature can be told; of fewer it is 1."""


@torch.no_grad()
def fit_temperature(model: SegmentModel, batches: Iterable[Batch]) -> tuple[float, int]:
    """Return the temperature, and the number of genes that it is from.

    Parameters
    ----------
    model
        With a head of this project.
    batches
        Validation windows, one in each.
    """
    models: dict[str, SegmentModel] = {}
    windows = []
    for batch in tqdm(batches, desc="temperature", disable=None):
        name = model.entry_of(batch.metas[0].genome)
        if name not in models:
            models[name] = model.specialised(name)
        windows.append(WindowGenes(models[name], batch))
    right = np.concatenate([genes.right for genes in windows]) if windows else np.zeros(0, dtype=bool)
    if len(right) < FEWEST:
        return 1.0, len(right)
    losses = [brier_score(np.concatenate([genes.probabilities(t) for genes in windows]), right) for t in GRID]
    return vertex(np.log(GRID), np.array(losses)), len(right)


class WindowGenes:
    """The genes that the best path of a window holds, and which of them its labels hold as well."""

    def __init__(self, model: SegmentModel, batch: Batch) -> None:
        assert isinstance(model.crf, SemiCRF) and len(batch.lengths) == 1
        self._model, self._crf, self._scores = model, model.crf, model.scores(batch.codes, batch.lengths)
        edges = {"left_censored": batch.left_censored, "right_censored": batch.right_censored}
        (self._path,) = model.crf.decode(self._scores.content, batch.lengths, **edges, **self._scores.boundaries)
        runs = torch.stack([self._path.ends, self._path.labels], dim=1).numpy().astype(np.int32)
        spans = [transcript.coding_span for transcript in model.scheme.decode(runs, partial=False).transcripts]
        self._chains = chains_of(self._path, spans)
        mine, known = _segments(runs), set(_segments(batch.runs[0].cpu().numpy()))
        self.right = np.array([known.issuperset(mine[c.first : c.last + 1]) for c in self._chains], dtype=bool)

    def probabilities(self, temperature: float) -> NDArray[np.float64]:
        """Return the probability of each."""

        def potentials(low: int, high: int) -> Potentials:
            part, length = slice(low, high), torch.tensor([high - low])
            boundaries = {k: None if x is None else x[:, part] for k, x in self._scores.boundaries.items()}
            place = torch.tensor([low % 3])
            p = self._crf.potentials(self._scores.content[:, part], length, phase_offset=place, **boundaries)
            return p.to(dtype=torch.float64, device=torch.device("cpu")).tempered(temperature)

        single, backend = self._crf.single.cpu().numpy(), self._model.config.backend
        flank = flank_of(self._crf.durations()[1][self._model.scheme.background])
        posteriors = chain_posteriors(self._path, self._chains, potentials, single, flank, backend)
        return np.array([np.nan if p is None else p for p in posteriors])


def _segments(runs: Runs) -> list[tuple[int, int, int]]:
    """Return start, end and label of each."""
    starts = [0, *runs[:-1, 0].tolist()]
    return [(start, end, label) for start, (end, label) in zip(starts, runs.tolist(), strict=True)]


def brier_score(probability: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the mean squared distance of probability and outcome; genes without a probability are not counted.

    Examples
    --------
    >>> brier_score(np.array([0.5, 1.0, np.nan]), np.array([True, True, False]))
    0.125
    """
    return float(np.nanmean(np.square(probability - right)))


def vertex(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
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


def is_calibrated(folder: Path) -> bool:
    """Return whether the temperature of the model in a folder was fitted, and to genes enough."""
    path = folder / CALIBRATION
    return path.exists() and read_json(path).get("genes", FEWEST) >= FEWEST


def temperature_of(folder: Path) -> float:
    """Return the temperature of the model in a folder; 1 where none was fitted.

    Raises
    ------
    InputError
        The file is damaged.
    """
    path = folder / CALIBRATION
    if not path.exists():
        return 1.0
    try:
        temperature = float(read_json(path)["temperature"])
    except (ValueError, KeyError, TypeError):
        temperature = math.nan
    if not (math.isfinite(temperature) and temperature > 0):
        raise InputError(
            "damaged: it gives no temperature above 0", where=path, remedy="copy the model again, or remove the file"
        )
    return temperature
