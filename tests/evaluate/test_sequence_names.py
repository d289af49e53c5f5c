"""Two files that call their sequences differently are told so, not scored as nothing of nothing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from tests.scripts import programs

from genescribe.files import read_json


def annotation(path: Path, *names: str) -> Path:
    rows = (
        ("gene", "ID={0}.g"),
        ("mRNA", "ID={0}.t;Parent={0}.g"),
        ("exon", "Parent={0}.t"),
        ("CDS", "ID={0}.c;Parent={0}.t"),
    )
    lines = [
        f"{name}\tx\t{kind}\t11\t28\t.\t+\t{'0' if kind == 'CDS' else '.'}\t{text.format(name)}\n"
        for name in names
        for kind, text in rows
    ]
    path.write_text("##gff-version 3\n" + "".join(lines))
    return path


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    path = tmp_path / "g.fa"
    path.write_text("".join(f">{name}\nACGTACGTAAATGAAATTTGGGCCCTAAACGTACGT\n" for name in ("chr1", "chr2")))
    return path


def evaluate(genome: Path, reference: Path, predicted: Path, capsys: Any, *more: str) -> programs.Ended:
    words = [str(reference), str(predicted), "--fasta", str(genome), *more]
    return programs.run("evaluate", [*words, "--bootstrap", "0", "--output", "m.json"], genome.parent, capsys)


@pytest.mark.parametrize("strange", ["predicted", "reference", "against"])
def test_no_name_in_common_is_an_error_that_shows_both(genome: Path, tmp_path: Path, capsys: Any, strange: str) -> None:
    files = {
        name: annotation(tmp_path / f"{name}.gff3", "chr1", "chr2") for name in ("reference", "predicted", "against")
    }
    annotation(files[strange], "1", "2")
    ended = evaluate(genome, files["reference"], files["predicted"], capsys, "--against", f"x={files['against']}")
    assert ended.status == 2 and ended.raised is None
    (line,) = ended.err.splitlines()
    assert str(files[strange]) in line and "1, 2 here, chr1, chr2 there" in line
    assert not (tmp_path / "m.json").exists()


def test_some_names_missing_is_a_warning_that_names_them(
    genome: Path, tmp_path: Path, capsys: Any, caplog: pytest.LogCaptureFixture
) -> None:
    reference = annotation(tmp_path / "r.gff3", "chr1", "chr2")
    predicted = annotation(tmp_path / "p.gff3", "chr1", "2")
    with caplog.at_level(logging.WARNING):
        ended = evaluate(genome, reference, predicted, capsys)
    assert ended.status == 0, ended
    assert any("p.gff3: 2 not in" in record.message for record in caplog.records)
    gene = read_json(tmp_path / "m.json")["cds"]["gene"]
    assert (gene["tp"], gene["reference"]) == (1, 2)


def test_nothing_predicted_is_no_error(genome: Path, tmp_path: Path, capsys: Any) -> None:
    empty = tmp_path / "e.gff3"
    empty.write_text("##gff-version 3\n")
    ended = evaluate(genome, annotation(tmp_path / "r.gff3", "chr1"), empty, capsys)
    assert ended.raised is None and (ended.status == 0 or "no annotation row" in ended.err)
