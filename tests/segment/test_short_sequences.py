"""Short sequences are read side by side, and get to the bit what each gets by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from genescribe.genome.alphabet import SOFTMASK, Codes, N
from genescribe.kernels import native_library
from genescribe.predict.interface import read_all
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.prediction.batches import SHORT_AT_ONCE
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.segment.prediction.predictor import SegmentPredictor

# Of one base, of less than a step, of steps that are whole or not, with and without company in a call.
LENGTHS = (1, 2, 8, 9, 10, 95, 96, 97, 500, 999, 1000, 1001, 1500, 4001, SHORT_AT_ONCE + 7)


def sequences(lengths: tuple[int, ...] = LENGTHS) -> list[Codes]:
    """Return random bases, some softmasked, with runs of N at an end and inside."""
    random = np.random.default_rng(7)
    found = []
    for length in lengths:
        codes = random.integers(0, 4, length).astype(np.uint8)
        codes[length // 3 : length // 2] |= SOFTMASK
        codes[length // 4 : length // 4 + length // 40] = N
        codes[length - length // 50 :] = N
        found.append(codes)
    return [found[i] for i in random.permutation(len(found))]


@pytest.mark.parametrize("name", ["yeast", "all_genomes", "insects"])
def test_together_they_get_what_each_gets_alone(repository: Path, name: str) -> None:
    predictor = SegmentPredictor(SegmentModel.load(repository / "models" / name).specialised())
    # A signal network takes its time.
    strands = sequences() if predictor.model.sites is None else sequences((3, 40, 200))
    with torch.no_grad():
        invariant = predictor.model.is_batch_invariant()
    assert invariant == (predictor.model.sites is None and native_library.library() is not None)
    for codes, rows in zip(strands, predictor.read_all(strands), strict=True):
        assert np.array_equal(rows, predictor.read(codes, 0, len(codes)))


def test_they_are_read_in_few_calls(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if native_library.library() is None:
        pytest.skip("without native code each is read by itself: bits may depend on the batch")
    predictor = SegmentPredictor(SegmentModel.load(repository / "models" / "yeast"))
    calls: list[int] = []
    scores = predictor.model.channel_scores
    monkeypatch.setattr(
        predictor.model, "channel_scores", lambda codes, lengths: (calls.append(len(codes)), scores(codes, lengths))[1]
    )
    predictor.read_all(sequences((500,) * 100))
    assert calls == [SHORT_AT_ONCE // 500, 100 - SHORT_AT_ONCE // 500]


def test_each_is_read_with_the_parameters_of_its_genome(repository: Path) -> None:
    predictor = SegmentPredictorFactory(repository / "models" / "all_genomes", "cpu", "each")()
    random = np.random.default_rng(1)
    poor, rich = (random.choice(4, 2000, p=[at, 0.5 - at, 0.5 - at, at]).astype(np.uint8) for at in (0.4, 0.1))
    assert predictor.predictor(poor) is not predictor.predictor(rich)  # type: ignore[attr-defined]
    strands = [rich, poor, rich[:1000]]
    for codes, rows in zip(strands, read_all(predictor, strands), strict=True):
        assert np.array_equal(rows, predictor.read(codes, 0, len(codes)))
