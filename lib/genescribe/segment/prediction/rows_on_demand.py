"""Scores of the network for a strand, computed as they are asked for."""

from __future__ import annotations

import numpy as np

from genescribe.genome.strand import StrandCodes
from genescribe.predict.interface import Rows
from genescribe.segment.prediction.predictor import SegmentPredictor, grain_of


class RowsOnDemand:
    """Scores of the network for a strand, computed on demand and not kept: for a single pass."""

    def __init__(self, predictor: SegmentPredictor, codes: StrandCodes) -> None:
        self._predictor, self._codes = predictor, codes
        self._grain = grain_of(predictor.model.config, predictor.device.type)
        self._kept: dict[int, Rows] = {}

    def __getitem__(self, key: slice, /) -> Rows:
        groups = range(key.start // self._grain * self._grain, key.stop, self._grain)
        self._kept = {start: self._kept[start] if start in self._kept else self._read(start) for start in groups}
        rows = np.concatenate(list(self._kept.values()))
        return rows[key.start - groups[0] : key.stop - groups[0]]

    def _read(self, start: int) -> Rows:
        return self._predictor.read(self._codes, start, min(start + self._grain, len(self._codes)))
