"""What a run says while it lasts."""

from __future__ import annotations

import logging
import re

import pytest

from genescribe.genome.model import Transcript
from genescribe.models import model_folder
from genescribe.predict import progress as module
from genescribe.predict.interface import PredictedTranscript, StrandPrediction
from genescribe.predict.progress import progress, tell_model


def strand(*genes: int | None) -> StrandPrediction:
    transcript = Transcript("t", ((0, 6),), ((0, 6),))
    return StrandPrediction([PredictedTranscript(transcript, 1.0, gene) for gene in genes])


def test_a_log_has_lines_with_bases_and_genes(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(module, "LOGGED_EVERY", 0.0)
    with progress(200_000, 50_000) as shown:
        shown.found(strand(None, None))
        shown.found(strand(1, 1, 2))  # isoforms of one gene are one gene
        shown.read(100_000)
        shown.read(50_000)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("50.0k of 200k bases of both strands;")
    assert re.fullmatch(r"200k of 200k bases of both strands, 4 genes; \d\d:\d\d gone, 00:00 left", lines[-1])
    assert not any("\r" in line or not line for line in lines)


@pytest.mark.parametrize(
    ("asked", "species", "why", "advice"),
    [
        ("auto", "yeast", "words of six bases are most like", ""),
        ("auto", "pooled", "no single training genome explains", "no training genome is like this one, expect little"),
        ("yeast", "yeast", "as --species says", ""),
        ("pooled", "pooled", "as --species says", ""),
        (
            "auto",
            "human",
            "words of six bases are most like",
            "if this genome is like human, --model vertebrates finds",
        ),
        ("drosophila", "drosophila", "as --species says", "--model insects finds more"),
    ],
)
def test_the_model_and_the_species_are_named_with_the_reason(
    asked: str, species: str, why: str, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tell_model(model_folder(None), asked, {"species": species})
    tell_model(model_folder("yeast"), "auto", {})
    first, second, *warned, third = (record.getMessage() for record in caplog.records)
    assert len(warned) == bool(advice) and all(advice in line for line in warned)
    assert first.startswith("model all_genomes (the default): ")
    assert second.startswith(f"species {species}: ") and why in second
    assert third.startswith("model yeast: ")
