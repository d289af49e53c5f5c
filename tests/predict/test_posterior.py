"""Probabilities of what is written: windows give what the whole chain gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.predict.noisy_model import noisy_model

from genescribe.genome.fasta import Genome
from genescribe.predict.config import PredictConfig
from genescribe.predict.stretches import Piece
from genescribe.predict.summary import summarise, warnings_of
from genescribe.segment.prediction import posterior
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.segment.prediction.posterior import windows
from genescribe.segment.prediction.predictor import SegmentPredictor


@torch.no_grad()
def test_probabilities_are_those_of_the_whole_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.random.default_rng(8).integers(0, 4, 3_000).astype(np.uint8)
    # Weaker noise: probabilities of all sizes.
    model = noisy_model(gain=4.0)
    predictor = SegmentPredictor(model)
    config = PredictConfig(partial=True)
    scores = model.scores(torch.from_numpy(codes.astype(np.int64))[None])
    length = torch.tensor([len(codes)])
    path = predictor.decode(codes, predictor.read(codes, 0, len(codes)), config)
    (whole,) = model.crf.segment_marginals(scores.content, length, [path], **scores.boundaries)
    by_span = {(int(start), int(end)): float(p) for start, end, p in zip(path.starts, path.ends, whole, strict=True)}
    monkeypatch.setattr(posterior, "FLANKS", (600, 600))
    monkeypatch.setattr(posterior, "WINDOW", 500)
    found = predictor.predict_strand(codes, config).transcripts
    checked = 0
    for transcript in (item.transcript for item in found):
        assert transcript.score is not None
        assert transcript.exon_scores is not None
        # A gene is at most as probable as each part that codes.
        assert all(score is None or transcript.score <= score + 1e-4 for score in transcript.cds_scores or ())
        for exon, score in zip(transcript.exons, transcript.exon_scores, strict=True):
            if exon in by_span:  # The last exon is two segments: it holds the stop.
                assert score == pytest.approx(by_span[exon], abs=1e-4)
                checked += 1
    assert checked > 5


@torch.no_grad()
def test_on_a_genome_with_introns_a_longer_flank_changes_no_digit(
    repository: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3,000 bases, once the rule for every model, were too few here: one probability was off by 0.09."""
    predictor = SegmentPredictorFactory(repository / "models" / "all_genomes", "cpu", "populus")()
    genome = Genome.open(data_dir / "eukaryotes/Populus.trichocarpa_Chr01_8Mb/genome.fa.gz")
    codes = genome.codes("Chr01", 6_500_000, 6_700_000)
    rows = predictor.read(codes, 0, len(codes))

    def scores() -> list[float | None]:
        found = predictor.finish(codes, rows, PredictConfig()).transcripts
        return [score for item in found for score in (item.transcript.score, *(item.transcript.cds_scores or ()))]

    usual = scores()
    assert len(usual) > 30
    monkeypatch.setattr(posterior, "FLANKS", (25_000, 25_000))
    assert scores() == pytest.approx(usual, abs=1.01e-4)


def test_no_gene_is_more_probable_than_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little a window holds beside a gene: all parts of a gene are read from one."""
    monkeypatch.setattr(posterior, "FLANKS", (1, 1))
    monkeypatch.setattr(posterior, "WINDOW", 1)
    codes = np.random.default_rng(11).integers(0, 4, 3_000).astype(np.uint8)
    found = SegmentPredictor(noisy_model(gain=4.0)).predict_strand(codes, PredictConfig()).transcripts
    spliced = [item.transcript for item in found if len(item.transcript.cds) > 1]
    assert len(spliced) > 2
    for transcript in spliced:
        assert transcript.score is not None
        assert transcript.cds_scores is not None
        assert all(score is not None and transcript.score <= score for score in transcript.cds_scores)


def test_genes_too_long_and_their_exons_have_no_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posterior, "LONGEST", 300)
    codes = np.random.default_rng(11).integers(0, 4, 3_000).astype(np.uint8)
    found = SegmentPredictor(noisy_model()).predict_strand(codes, PredictConfig()).transcripts
    assert {item.transcript.end - item.transcript.start > 300 for item in found} == {False, True}
    for transcript in (item.transcript for item in found):
        too_long = transcript.end - transcript.start > 300
        scores = {transcript.score, *(transcript.exon_scores or ()), *(transcript.cds_scores or ())}
        assert (scores == {None}) if too_long else (None not in scores)


def test_every_span_is_in_one_window_with_its_flanks() -> None:
    random = np.random.default_rng(0)
    starts = random.integers(0, 990_000, 300).tolist()
    spans = [(start, start + size) for start, size in zip(starts, random.integers(1, 9_000, 300).tolist(), strict=True)]
    seen: list[int] = []
    for low, high, members in windows(spans, 1_000_000, 3_000):
        for index in members:
            assert low <= max(0, spans[index][0] - 3_000)
            assert min(1_000_000, spans[index][1] + 3_000) <= high
        seen += members
    assert sorted(seen) == list(range(300))


def test_numbers_of_the_whole_warn_of_another_kind_of_genome() -> None:
    trained = {"genes_per_mb": 480.0, "mean_cds_length": 1_480.0, "mean_exons": 1.05}
    row = {"genes": 400, "bases": 1_000_000, "genes_per_mb": 400.0, "mean_cds_length": 1_300.0, "mean_exons": 1.2}
    assert warnings_of(row, trained) == []
    (doubt,) = warnings_of({**row, "mean_posterior": 0.23}, trained)
    assert "only 23% of its genes" in doubt
    assert warnings_of({**row, "bases": 50_000, "mean_posterior": 0.23}, {}) == [doubt], "no other genome is needed"
    assert warnings_of({**row, "genes": 3, "bases": 50_000, "mean_posterior": 0.23}, {}) == []
    assert len(warnings_of({**row, "genes_per_mb": 2_000.0, "mean_cds_length": 300.0}, trained)) == 2
    assert "coding bases per gene" in warnings_of({**row, "mean_cds_length": 300.0}, trained)[0]
    assert warnings_of({**row, "bases": 5_000, "genes_per_mb": 0.0}, trained) == []
    assert warnings_of(row, {}) == []
    assert summarise([], [Piece("s", 0, 10, ((0, 10),))]) == {"genes": 0, "bases": 10, "genes_per_mb": 0.0}
