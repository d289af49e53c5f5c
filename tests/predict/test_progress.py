"""What a run says while it lasts."""

from __future__ import annotations

import logging
import os
import re
import sys
import termios

import pytest

from genescribe.genome.model import Transcript
from genescribe.models import model_folder
from genescribe.predict import progress as module
from genescribe.predict.interface import CHOICE, DOUBT, SCORES, PredictedTranscript, StrandPrediction
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
        shown.count_genes(strand(None, None))
        shown.count_genes(strand(1, 1, 2))  # isoforms of one gene are one gene
        shown.count_bases(100_000)
        shown.count_bases(50_000)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("50.0k of 200k bases of both strands;")
    assert re.fullmatch(r"200k of 200k bases of both strands, 4 genes; \d\d:\d\d gone, 00:00 left", lines[-1])
    assert not any("\r" in line or not line for line in lines)


@pytest.mark.parametrize("columns", [40, 60, 79, 80, 120])
def test_every_terminal_shows_bases_genes_and_time(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However narrow: the bar gives way to them."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, os.fdopen(ours, "rb") as shown:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress(200_000, 0) as bar:
            bar.count_genes(strand(None, None))
            bar.count_bases(200_000)
        terminal.flush()
        text = b""
        while not text.endswith(b"\n"):
            text += os.read(shown.fileno(), 1 << 16)
    lines = re.split(r"[\r\n]+", text.decode())
    assert all(len(line) <= columns for line in lines)
    assert all(part in lines[-2] for part in ("200k/200k", "2 genes", "00:00"))


@pytest.mark.parametrize(
    ("species", "why", "advice"),
    [
        ("yeast", "its words and genes", []),
        ("pooled", "nothing like it", ["nothing like it: pooled, expect little"]),
        ("yeast", "", []),
        ("drosophila", "its words and genes", ["chosen from 3 bases"]),
    ],
)
def test_the_model_and_the_species_are_named_with_the_reason(
    species: str, why: str, advice: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    chosen = {CHOICE: why, SCORES: {"yeast": {"words": -1.3, "genes": 0.02}}} if why else {}
    doubt = {DOUBT: advice[0]} if advice else {}
    tell_model(model_folder("all_genomes"), {"species": species, **chosen, **doubt})
    tell_model(model_folder("yeast"), {})
    first, second, *others, third = caplog.records
    scores = [record.getMessage() for record in others if record.levelno == logging.INFO]
    warned = [record.getMessage() for record in others if record.levelno == logging.WARNING]
    assert scores == ["parameters of yeast: words -1.3000, genes 0.0200 nats per base"] * bool(why)
    assert len(warned) == len(advice) and all(part in line for part, line in zip(advice, warned, strict=True))
    assert first.getMessage().startswith("model all_genomes: ")
    assert second.getMessage() == f"species {species}: {why or 'as --species says'}"
    assert third.getMessage().startswith("model yeast: ")
