"""The temperature that annotated regions of a genome tell."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.predict.noisy_model import noisy_model

from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.stretches import pieces_of
from genescribe.segment.prediction.calibration import Known, fit_on_genomes
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.segment.training.temperature import FEWEST

CONFIG = PredictConfig(workers=1, device="cpu", min_cds=6)


def genes_at(model: Path, fasta: Path, temperature: float) -> list[Gene]:
    factory = SegmentPredictorFactory(model, "cpu")
    factory.temperature = temperature
    pieces = pieces_of(Genome.open(fasta), [], 0, where=fasta)
    return list(predict_genome(factory, fasta, pieces, CONFIG).genes)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    noisy_model().save(folder)
    return folder


@pytest.fixture(scope="module")
def fasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("genome") / "g.fa"
    write_fasta(path, [("s", np.random.default_rng(0).integers(0, 4, 30_000).astype(np.uint8))])
    return path


@pytest.mark.parametrize("truth", [1.0, 4.0])
def test_it_is_found_again(truth: float, model: Path, fasta: Path, tmp_path: Path) -> None:
    """Which of the genes an annotation has is drawn with their probabilities at a temperature."""
    random, genes = np.random.default_rng(0), genes_at(model, fasta, truth)
    kept = [gene for gene in genes if random.random() < (gene.score or 0)]
    assert len(genes) > FEWEST and 5 < len(kept) < len(genes)
    write_gff3(tmp_path / "a.gff3", kept, {"s": 30_000})
    found, number = fit_on_genomes(model, [Known(fasta, tmp_path / "a.gff3", ["s"])], CONFIG)
    assert (found < 2) == (truth == 1.0) and number == len(genes)


def test_few_genes_tell_nothing(model: Path, fasta: Path, tmp_path: Path) -> None:
    write_gff3(tmp_path / "a.gff3", [], {"s": 30_000})
    with pytest.raises(InputError, match="genes are too few"):
        fit_on_genomes(model, [Known(fasta, tmp_path / "a.gff3", ["s:1-500"])], CONFIG)


def test_the_script_writes_into_the_folder(
    repository: Path, model: Path, fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_gff3(tmp_path / "a.gff3", genes_at(model, fasta, 1.0)[::2], {"s": 30_000})
    words = ["--model", str(model), "--fasta", str(fasta), "--annotation", str(tmp_path / "a.gff3"), "--regions", "s"]
    monkeypatch.setattr(sys, "argv", ["calibrate_model.py", *words])
    runpy.run_path(str(repository / "scripts" / "calibrate_model.py"), run_name="__main__")
    assert read_json(model / "calibration.json")["genes"] >= FEWEST
