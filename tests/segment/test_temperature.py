"""One temperature makes a model as sure as the validation part allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.predict.noisy_model import noisy_model
from tests.segment.test_gene_task import CONFIG
from tests.segment.toy_shards import bake_toy

from genescribe.data.batching import Batch, collate
from genescribe.errors import InputError
from genescribe.files import read_json, write_json
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.kernels.semicrf.dispatch import viterbi
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.output_files import write_annotation
from genescribe.predict.stretches import pieces_of
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.segment.prediction.predictor import SegmentPredictor
from genescribe.segment.training import temperature
from genescribe.segment.training.task import SegmentTask
from genescribe.segment.training.temperature import CALIBRATION, FEWEST, fit_temperature, temperature_of


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> SegmentTask:
    return SegmentTask(CONFIG, [bake_toy(tmp_path_factory.mktemp("gene") / "batch_0", scheme="gene")])


def validation(task: SegmentTask) -> list[Batch]:
    return [collate([task.validation[index]]) for index in range(len(task.validation))]


@torch.no_grad()
def test_the_best_path_stays(task: SegmentTask) -> None:
    torch.manual_seed(1)
    model, (batch, *_) = task.build().eval(), validation(task)
    assert isinstance(model, SegmentModel)
    scores = model.scores(batch.codes, batch.lengths)
    p = model.crf.potentials(scores.content, batch.lengths, **scores.boundaries)
    (score,), (path,) = viterbi(p)
    (tempered,), (again,) = viterbi(p.tempered(2.5))
    assert torch.equal(path.ends, again.ends) and torch.equal(path.labels, again.labels)
    torch.testing.assert_close(tempered * 2.5, score)


@torch.no_grad()
def test_it_is_found_again(task: SegmentTask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether genes are right is drawn with the probabilities of a temperature; the hotter, the more is found."""
    model, random = noisy_model(), np.random.default_rng(0)
    samples = [replace(task.validation[0], codes=random.integers(0, 4, 2_000).astype(np.uint8)) for _ in range(40)]
    runs = np.array([[2_000, 0]], dtype=np.int32)
    batches = [collate([replace(sample, runs=runs)]) for sample in samples]
    found = [temperature.WindowGenes(model, batch) for batch in batches]
    assert sum(len(genes.right) for genes in found) >= temperature.FEWEST
    fitted = []
    for truth in (1.0, 4.0):
        for genes in found:
            genes.right = random.random(len(genes.right)) < genes.probabilities(truth)
        left = iter(found)
        monkeypatch.setattr(temperature, "WindowGenes", lambda model, batch, left=left: next(left))
        fitted.append(fit_temperature(model, batches)[0])
    assert fitted[0] < 2 < fitted[1]


def test_the_best_temperature_is_seen_where_few_genes_are_right() -> None:
    """Losses of 47 genes of mammals, 7 of them right: probabilities of 0, at a high temperature, are not much worse."""
    measured = {1.05: 0.274, 1.29: 0.210, 1.58: 0.161, 1.93: 0.140, 2.37: 0.149, 2.9: 0.154, 3.55: 0.150, 5.33: 0.148}
    losses = np.interp(np.log(temperature.GRID), np.log(list(measured)), list(measured.values()))
    assert 1.8 < temperature.vertex(np.log(temperature.GRID), losses) < 2.2


@torch.no_grad()
def test_few_genes_tell_nothing(task: SegmentTask) -> None:
    model = task.build().eval()
    assert isinstance(model, SegmentModel)
    assert fit_temperature(model, validation(task)[:1])[0] == 1.0
    assert fit_temperature(model, []) == (1.0, 0)


@torch.no_grad()
def test_a_gene_is_right_when_the_labels_hold_each_of_its_segments(task: SegmentTask) -> None:
    model, batches = noisy_model(), validation(task)
    genes = [temperature.WindowGenes(model, batch) for batch in batches]
    assert any(len(found.right) for found in genes) and not any(bool(found.right.any()) for found in genes)
    for batch, found in zip(batches, genes, strict=True):
        assert np.all((found.probabilities(1.0) >= 0) & (found.probabilities(1.0) <= 1))
        path = found._path
        truth = replace(batch, runs=[torch.stack([path.ends, path.labels], dim=1)])
        assert temperature.WindowGenes(model, truth).right.all()


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


@pytest.mark.parametrize(("genes", "told"), [(FEWEST, False), (FEWEST - 1, True)])
def test_probabilities_without_a_fitted_temperature_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, genes: int, told: bool
) -> None:
    """Too few genes to fit one, or no file at all, are said in the log, the header and the summary; else nothing is."""
    noisy_model().save(tmp_path)
    write_json(tmp_path / CALIBRATION, {"temperature": 1.0, "genes": genes, "windows": 9})
    write_fasta(tmp_path / "g.fa", [("s", np.random.default_rng(0).integers(0, 4, 500).astype(np.uint8))])
    genome, config = Genome.open(tmp_path / "g.fa"), PredictConfig(workers=1, device="cpu")
    pieces = pieces_of(genome, [], 0, where="g.fa")

    def written(config: PredictConfig) -> tuple[bool, bool, bool]:
        caplog.clear()
        factory = SegmentPredictorFactory(tmp_path, "cpu")
        found = predict_genome(factory, genome, pieces, config)
        write_annotation(tmp_path / "out", found, genome, pieces, factory, config)
        summary = read_json(tmp_path / "out" / "summary.json")
        assert sum("not calibrated" in text for text in caplog.messages) == sum(
            "not calibrated" in text for text in summary["warnings"]
        )
        in_log = any("not calibrated" in text for text in caplog.messages)
        header = (tmp_path / "out" / "annotation.gff3").read_text()
        return in_log, summary.get("calibrated") is False, "#calibrated: false\n" in header

    assert written(config) == (told, told, told)
    # Nothing is said of probabilities that are not written.
    assert written(replace(config, posteriors=False))[:2] == (False, False)
    (tmp_path / CALIBRATION).unlink()
    assert written(config) == (True, True, True)


@pytest.mark.parametrize("value", ['"x"', "0", "NaN", "null", None])
def test_a_damaged_calibration_is_named(tmp_path: Path, value: str | None) -> None:
    assert temperature_of(tmp_path) == 1.0
    (tmp_path / CALIBRATION).write_text("[" if value is None else f'{{"temperature": {value}}}')
    with pytest.raises(InputError, match=r"calibration\.json: damaged"):
        temperature_of(tmp_path)
