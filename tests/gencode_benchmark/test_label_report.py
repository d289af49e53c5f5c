"""A model's labels of whole strands, their scores, and what its head has learned."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.segment.toy_shards import bake_toy

from genescribe.data.dataset import ShardDataset
from genescribe.data.strands import stretches
from genescribe.errors import InputError
from genescribe.evaluate.labels.counts import LabelCounts
from genescribe.gencode_benchmark.label_predictions import predict_labels
from genescribe.gencode_benchmark.label_report import COUNTS, LABELS, SCORES, binned, learned, score_labels
from genescribe.labels.schemes import SCHEMES
from genescribe.nn.config import EncoderConfig
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.training.task import SegmentTask

HEADS = ("linear", "semicrf", "pytorch-crf")
ENCODER = EncoderConfig(hidden_dim=8, conv_width=6, conv_kernel=5, fold=3)
CONFIG = SegmentModelConfig(
    genetic_code=1, encoder=ENCODER, max_duration=40, tile=300, halo=60, feature_cap=60, duration_knots=0
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake_toy(tmp_path_factory.mktemp("labels") / "shards")


def model(shards: Path, head: Any) -> SegmentModel:
    torch.manual_seed(1)
    built = SegmentTask(replace(CONFIG, head=head), [shards]).build()
    assert isinstance(built, SegmentModel)
    return built.eval()


@pytest.mark.parametrize("head", HEADS)
def test_strands_are_decoded_whole(shards: Path, head: str) -> None:
    segmenter = model(shards, head)
    found = list(predict_labels(segmenter, [shards], "validation"))
    assert [(stretch.strand, len(stretch.codes)) for stretch, _ in found] == [("+", 2000), ("-", 2000)]
    for stretch, runs in found:
        assert runs[-1, 0] == len(stretch.codes)
        assert (runs[1:, 1] != runs[:-1, 1]).all()
        # Tiles of 300 bases see all that the encoder needs: one call over the whole strand says the same.
        lengths = torch.tensor([2000])
        scores = segmenter.scores(torch.from_numpy(stretch.codes.astype(np.int64))[None], lengths)
        (path,) = segmenter.crf.decode(scores.content, lengths, **scores.boundaries)
        agreement = np.mean(path.per_base().numpy() == np.repeat(runs[:, 1], np.diff(runs[:, 0], prepend=0)))
        assert agreement > 0.95


def test_the_truth_of_the_strands_is_that_of_the_shards(shards: Path) -> None:
    stats = json.loads((shards / "stats.json").read_text())["splits"]["validation"]
    found = list(stretches(ShardDataset([shards], "validation")))
    bases = np.zeros(11, dtype=np.int64)
    for stretch in found:
        np.add.at(bases, stretch.runs[:, 1], np.diff(stretch.runs[:, 0], prepend=0))
    assert bases.tolist() == [stats["bases"][name] for name in SCHEMES["gencode"].names]


@pytest.mark.parametrize("head", HEADS)
def test_scores_are_written_with_all_that_the_report_draws(shards: Path, tmp_path: Path, head: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    model(shards, head).save(folder)
    result = score_labels(folder, [shards], tmp_path / "out", split="validation", replicates=5)
    assert json.loads((tmp_path / "out" / SCORES).read_text()) == result
    assert result["model"]["head"] == head
    assert result["model"]["max_duration"] == (40 if head == "semicrf" else 1)
    assert len(LabelCounts.load(tmp_path / "out" / COUNTS).bases) == result["units"] > 1
    with np.load(tmp_path / "out" / LABELS) as runs:
        assert sorted(runs) == ["0.predicted", "0.truth", "1.predicted", "1.truth"]
    assert [place["strand"] for place in result["stretches"]] == ["+", "-"]


@pytest.mark.parametrize("head", HEADS)
def test_learned_durations_begin_as_those_of_the_data(shards: Path, head: str) -> None:
    segmenter = model(shards, head)
    found = learned(segmenter)
    for name, shares in found["durations"].items():
        assert sum(shares) == pytest.approx(1), name
    rows = np.array(found["transitions"])
    assert np.all(np.isclose(rows.sum(axis=1), 1) | (rows.sum(axis=1) == 0))
    assert not np.diag(rows).any()
    if head == "semicrf":
        start = np.array(found["durations"]["start_codon"])
        assert start.argmax() == int(2 * np.log2(3))
    else:
        # One parameter a label: the longer, the less likely, base by base.
        shares = np.array(found["durations"]["first_exon"])
        widths = np.diff(np.ceil(2.0 ** (np.arange(len(shares) + 1) / 2)))
        density = shares[widths > 0] / widths[widths > 0]
        assert (np.diff(density) <= 1e-12).all()


def test_lengths_fall_into_logarithmic_bins() -> None:
    assert binned({1: 1, 2: 2, 3: 1}) == [0.25, 0, 0.5, 0.25]
    assert binned({}) == []


def test_other_schemes_are_refused(shards: Path) -> None:
    segmenter = SegmentModel(replace(CONFIG, scheme="gene", halo=90, tile=300))
    with pytest.raises(InputError, match="give a model and shards of the scheme gencode"):
        next(predict_labels(segmenter, [shards], "validation"))


def test_a_split_without_windows_is_refused(shards: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    model(shards, "linear").save(folder)
    with pytest.raises(InputError, match="no windows of the split 'test'"):
        score_labels(folder, [shards], tmp_path / "out")
    assert not (tmp_path / "out").exists()
