"""One temperature makes a model as sure as the validation part allows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.predict.noisy_model import noisy_model
from tests.segment.test_gene_task import CONFIG
from tests.segment.toy_shards import bake_toy

from genescribe.crf.head import SemiCRF
from genescribe.crf.likelihood import negative_log_likelihood
from genescribe.crf.runs import batch_runs
from genescribe.data.batching import Batch, collate
from genescribe.files import read_json
from genescribe.kernels.potentials import Potentials, Segmentation
from genescribe.kernels.semicrf import viterbi
from genescribe.segment.model import SegmentModel
from genescribe.segment.predictor import SegmentPredictor, SegmentPredictorFactory
from genescribe.segment.task import SegmentTask
from genescribe.segment.temperature import CALIBRATION, GRID, fit_temperature


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> SegmentTask:
    return SegmentTask(CONFIG, [bake_toy(tmp_path_factory.mktemp("gene") / "batch_0", scheme="gene")])


def validation(task: SegmentTask) -> list[Batch]:
    return [collate([task.validation[index]]) for index in range(len(task.validation))]


def potentials(model: SegmentModel, batch: Batch) -> Potentials:
    scores = model.scores(batch.codes, batch.lengths)
    cut = {"left_censored": batch.left_censored, "right_censored": batch.right_censored}
    return model.crf.potentials(scores.content, batch.lengths, **cut, **scores.boundaries)


def likelihood(model: SegmentModel, batches: list[Batch], temperature: float) -> float:
    assert isinstance(model.crf, SemiCRF)
    total = 0.0
    for batch in batches:
        runs = batch_runs([Segmentation(r[:, 0], r[:, 1]) for r in batch.runs], batch.lengths, model.crf.config.labels)
        p = potentials(model, batch).tempered(temperature)
        total -= float(negative_log_likelihood(p, runs, model.crf.single).sum())
    return total


@torch.no_grad()
def test_it_is_the_most_probable_and_leaves_the_best_path(task: SegmentTask) -> None:
    torch.manual_seed(1)
    model, batches = task.build(), validation(task)
    assert isinstance(model, SegmentModel)
    model.eval().head.weight *= 20  # far too sure of what it has not learned
    fitted = fit_temperature(model, batches)
    assert fitted > 1.2
    assert likelihood(model, batches, fitted) >= max(likelihood(model, batches, t) for t in (*GRID, 1.0)) - 1e-2
    p = potentials(model, batches[0])
    (score,), (path,) = viterbi(p)
    (tempered,), (again,) = viterbi(p.tempered(fitted))
    assert torch.equal(path.ends, again.ends) and torch.equal(path.labels, again.labels)
    torch.testing.assert_close(tempered * fitted, score)


def test_probabilities_are_less_sure_and_genes_the_same() -> None:
    codes = np.random.default_rng(0).integers(0, 4, 3_000).astype(np.uint8)
    sure, less = (SegmentPredictor(noisy_model(), t).predict_strand(codes).transcripts for t in (1.0, 3.0))
    assert [t.transcript.cds for t in sure] == [t.transcript.cds for t in less] and len(sure) > 3
    scores = [[t.transcript.score or 0.0 for t in found] for found in (sure, less)]
    assert sum(scores[1]) < 0.8 * sum(scores[0])


def test_a_model_s_folder_holds_it(task: SegmentTask, tmp_path: Path) -> None:
    model = task.build()
    task.save(model, tmp_path)
    stored = read_json(tmp_path / CALIBRATION)
    assert stored["windows"] == len(task.validation)
    assert SegmentPredictorFactory(tmp_path, "cpu")().temperature == stored["temperature"] > 0
    (tmp_path / CALIBRATION).unlink()
    assert SegmentPredictorFactory(tmp_path, "cpu")().temperature == 1.0
