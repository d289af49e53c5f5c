"""No exon lies in a gap of the assembly, whatever a model says: runs of N code for nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.predict.noisy_model import noisy_model

from genescribe.evaluate.baselines import orf_rule
from genescribe.genome.alphabet import GAP, SOFTMASK, Codes, N, encode, gaps, reverse_complement
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Transcript
from genescribe.predict.config import PredictConfig
from genescribe.segment import predictor as predictor_module
from genescribe.segment.decode import GAP_REASON, validate_gene
from genescribe.segment.predictor import SegmentPredictor

STANDARD = GeneticCode.from_table(1)


def with_gaps(seed: int, size: int, places: list[tuple[int, int]]) -> Codes:
    codes = np.random.default_rng(seed).integers(0, 4, size).astype(np.uint8)
    for start, length in places:
        codes[start : start + length] = N
    return codes


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000),
    st.lists(st.tuples(st.integers(0, 1490), st.sampled_from([3, 12, 13, 14, 30, 200, 600])), max_size=4),
    st.booleans(),
)
def test_no_exon_lies_in_a_gap(seed: int, places: list[tuple[int, int]], partial: bool) -> None:
    codes = with_gaps(seed, 1500, places)
    predictor = SegmentPredictor(noisy_model())
    for strand in (codes, reverse_complement(codes)):
        found = predictor.predict_strand(strand, PredictConfig(partial=partial, posteriors=False))
        unknown = np.zeros(len(strand), dtype=bool)
        for start, end in gaps(strand):
            unknown[start:end] = True
        assert not any(unknown[start:end].any() for item in found.transcripts for start, end in item.transcript.exons)


def test_a_gap_that_stretches_cut_is_seen_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = with_gaps(5, 2000, [(300, GAP), (700, GAP - 1), (1000, 400)])
    predictor = SegmentPredictor(noisy_model())
    rows = predictor.read(codes, 0, len(codes))
    whole = predictor._scores(codes, rows, 0, len(codes)).content
    exonic = predictor._exonic
    forbidden = (whole == -torch.inf)[0][:, exonic].all(1).numpy()
    assert [tuple(span) for span in np.flatnonzero(np.diff(forbidden, prepend=False, append=False)).reshape(-1, 2)] == [
        (300, 300 + GAP),
        (1000, 1400),
    ]
    assert bool((whole[0][:, ~exonic] > -torch.inf).all())
    for size in (1, 5, 13, 301):
        parts = [predictor._scores(codes, rows, at, min(at + size, 2000)).content for at in range(0, 2000, size)]
        assert torch.equal(torch.cat(parts, 1), whole)
    first = predictor.finish(codes, rows, PredictConfig())
    monkeypatch.setattr(predictor_module, "STRETCH", 64)
    assert predictor.finish(codes, rows, PredictConfig()) == first


def test_a_genome_without_gaps_keeps_its_scores() -> None:
    codes = with_gaps(6, 900, [(200, 12), (400, 1)])
    predictor = SegmentPredictor(noisy_model())
    rows = predictor.read(codes, 0, len(codes))
    model = predictor.model
    given = torch.from_numpy(rows)[None]
    width = model.expansion.channels
    with torch.no_grad():
        plain = model.expansion(
            given[..., :width], given[..., width:], torch.from_numpy(codes.astype(np.int64))[None], torch.tensor([900])
        )
    assert torch.equal(predictor._scores(codes, rows, 0, 900).content, plain[0])


def test_runs_of_n_are_gaps_from_thirteen_on() -> None:
    text = "N" * 13 + "A" + "N" * 12 + "C" + "n" * 5 + "N" * 9
    assert gaps(encode(text)) == [(0, 13), (27, 41)]
    assert gaps(encode("ACGT" * 5)) == []
    assert gaps(np.full(14, N | SOFTMASK, dtype=np.uint8)) == [(0, 14)]


@pytest.mark.parametrize(("unknown", "reason"), [(12, None), (15, GAP_REASON)])
def test_a_coding_sequence_over_a_gap_is_no_gene(unknown: int, reason: str | None) -> None:
    codes = encode("ATG" + "GCA" * 20 + "N" * unknown + "GCA" * 20 + "TAA")
    span = ((0, len(codes)),)
    assert validate_gene(Transcript("t", span, span), codes, STANDARD) == reason


@pytest.mark.parametrize(("unknown", "genes"), [(12, 1), (15, 0)])
def test_the_rule_of_long_frames_takes_none_over_a_gap(tmp_path: Path, unknown: int, genes: int) -> None:
    open_frame = "ATG" + "GCA" * 60 + "N" * unknown + "GCA" * 60 + "TAA"
    write_fasta(tmp_path / "g.fa", [("c", "TAA" + open_frame + "TAA")])
    assert len(orf_rule(Genome.open(tmp_path / "g.fa"), STANDARD)) == genes
