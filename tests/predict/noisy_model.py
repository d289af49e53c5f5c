"""A segment model that knows nothing and finds many genes, with introns: for tests of what is made of its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from tests.predict.plain_factory import PlainFactory
from torch import Tensor

from genescribe.nn.config import EncoderConfig
from genescribe.predict.interface import Halves
from genescribe.segment.composition.tables import Evidence
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.prediction.predictor import SegmentPredictor, grain_of

CONFIG = SegmentModelConfig(
    scheme="gene",
    encoder=EncoderConfig(hidden_dim=4, conv_width=12, conv_kernel=5, fold=1, dropout=0.0, num_layers=1),
    max_duration=30,
    duration_knots=8,
    content_scale=1.0,
    genetic_code=1,
    feature_cap=300,
    tile=100,
    halo=40,
)


class NoisyModel(SegmentModel):
    """Its features are strong noise, a function of seven bases around each."""

    def features(self, codes: Tensor, lengths: Tensor, evidence: Evidence | None = None) -> Tensor:
        del evidence
        past = torch.arange(codes.shape[1]) >= lengths[:, None]
        bases = torch.nn.functional.one_hot(codes.masked_fill(past, 4) % 8, 5)[..., :4].float()
        weight = torch.randn(self.encoder.width, 4, 7, generator=torch.Generator().manual_seed(1))
        return torch.nn.functional.conv1d(bases.transpose(1, 2), 9 * weight, padding=3).sin().transpose(1, 2)

    def tiled_features(self, codes: Tensor, tiles: Sequence[tuple[int, int]], evidence: Evidence | None) -> Tensor:
        """Return the same of the tiles: a few bases of halo are enough."""
        return self.features(codes, torch.tensor([codes.shape[1]]), evidence)[:, tiles[0][0] : tiles[-1][1]]


def noisy_model(gain: float = 10.0, head: Literal["semicrf", "linear"] = "semicrf") -> NoisyModel:
    """Return the model; the same weights whenever."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = NoisyModel(replace(CONFIG, head=head)).eval()
    with torch.no_grad():
        model.head.weight *= gain
        model.head.bias += torch.tensor([-3.0, *[-1.0] * 2, *[1.0] * 3, 0, 0, *[-1.0] * 2, *[2.0] * 4])
    return model


class NoisyFactory(PlainFactory):
    """Gives the model to workers. A file named `stop_after` in `folder` holds how many chunks may be read in all."""

    grain = grain_of(CONFIG)
    name = "noise"

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def __call__(self, worker: int = 0) -> SegmentPredictor:
        del worker
        return SegmentPredictor(noisy_model())


class DividedFactory(NoisyFactory):
    """The same, read by one process, as by a GPU, while others go over the strands."""

    def halves(self) -> Halves:
        """Return both halves: either refuses what the other is for."""
        return Halves(_Half("finish"), _Half("read"), readers=1)


class _Half(NoisyFactory):
    def __init__(self, refused: str) -> None:
        super().__init__()
        self._refused = refused

    def __call__(self, worker: int = 0) -> SegmentPredictor:
        predictor = super().__call__(worker)
        setattr(predictor, self._refused, None)
        return predictor
