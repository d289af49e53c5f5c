"""Probabilities against outcomes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genescribe.evaluate.calibration import calibration, reliability
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.annotation.written import read_written
from genescribe.genome.model import Gene, Transcript


def gene(start: int, score: float | None, strand: str = "+", end: int = 60) -> Gene:
    parts = ((start, start + 30), (start + 50, start + end + 10))
    return Gene(f"g{start}", "s", strand, (Transcript(f"t{start}", parts, parts),), score=score)


def test_honest_probabilities_have_no_error_and_boasts_have_theirs() -> None:
    random = np.random.default_rng(0)
    p = random.random(40_000)
    right = random.random(40_000) < p
    assert reliability(p.tolist(), right.tolist())["expected_calibration_error"] < 0.01
    boast = reliability([1.0] * 10, [True] * 7 + [False] * 3)
    assert boast["expected_calibration_error"] == pytest.approx(0.3)
    assert boast["brier"] == pytest.approx(0.3)
    (row,) = boast["bins"]
    assert (row["low"], row["high"], row["count"], row["right"]) == (0.9, 1.0, 10, 0.7)


def test_genes_and_their_parts_are_right_when_exact() -> None:
    reference = [gene(0, None), gene(200, None), gene(400, None, "-")]
    # Exact; its second part wrong; on the other strand.
    predicted = [gene(0, 0.9), gene(200, 0.8, end=63), gene(400, 0.1)]
    parts = {("s", "+", 0, 30): 0.95, ("s", "+", 50, 70): 0.85, ("s", "+", 200, 230): 0.75, ("s", "+", 250, 273): 0.65}
    found = calibration(reference, predicted, parts)
    assert found["gene"]["count"] == 3
    assert [(row["low"], row["right"]) for row in found["gene"]["bins"]] == [(0.1, 0.0), (0.8, 0.0), (0.9, 1.0)]
    assert [(row["low"], row["right"]) for row in found["exon"]["bins"]] == [
        (0.6, 0.0),
        (0.7, 1.0),
        (0.8, 1.0),
        (0.9, 1.0),
    ]
    assert calibration(reference, [gene(0, None)], {}) == {}
    assert calibration(reference, [gene(0, 57.5)], {}) == {}, "a score that is no probability"


def test_scores_of_parts_are_read_from_what_is_written(tmp_path: Path) -> None:
    parts = ((0, 30), (50, 70))
    transcript = Transcript("t", parts, parts, cds_scores=(0.25, None))
    write_gff3(tmp_path / "a.gff3", [Gene("g", "a b", "-", (transcript,))], {"a b": 100})
    assert read_written(tmp_path / "a.gff3").scores["CDS"] == {("a b", "-", 0, 30): 0.25}
