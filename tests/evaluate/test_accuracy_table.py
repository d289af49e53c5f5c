"""The table of benchmarks/accuracy.py: every row of some results folders, and those of others kept."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from genescribe.evaluate.metrics import measure
from genescribe.evaluate.perturb import perturb, random_genes
from genescribe.files import read_json, write_json


def run_table(repository: Path, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["accuracy.py", *map(str, words)])
    runpy.run_path(str(repository / "benchmarks" / "accuracy.py"), run_name="__main__")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    reference = random_genes(1, 60)
    orf, retrained = perturb(reference, 2, 0.9), perturb(reference, 3, 0.5)
    groups = {gene.seqid: f"group {gene.seqid}" for gene in reference}
    for name, rate in (("mine-seed1", 0.1), ("mine-seed2", 0.2)):
        others = {"orf_rule": orf, "augustus_retrained": retrained}
        found = measure(reference, perturb(reference, 4, rate), others=others, groups=groups, replicates=20)
        write_json(tmp_path / "one" / "evaluate" / name / "g" / "metrics.json", found)
    write_json(tmp_path / "one/evaluate/orf_rule/g/metrics.json", measure(reference, orf, replicates=20))
    write_json(tmp_path / "two/evaluate/orf_rule/h/metrics.json", measure(reference, orf, replicates=20))
    return tmp_path


def test_rows_means_and_groups(results: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_table(repository, monkeypatch, results / "one", "--output", results / "table")
    text = (results / "table.md").read_text()
    lines = text.splitlines()
    assert [line.split(" | ")[0] for line in lines if line.startswith("| mine")][:3] == [
        "| mine-seed1",
        "| mine-seed2",
        "| mine, mean of 2 seeds (range)",
    ]
    assert "| ORF rule |" in text
    assert "| mine-seed1: group s0 |" in text
    rows = read_json(results / "table.json")
    gain = rows["one/g/mine-seed1"]["paired"]["augustus_retrained"]["gene"]["difference"]
    assert f"{100 * gain:+.1f} [" in next(line for line in lines if line.startswith("| mine-seed1 |"))


def test_rows_of_other_folders_are_kept(results: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("one", "two", "one"):
        run_table(repository, monkeypatch, results / folder, "--output", results / "table")
    assert {key.split("/")[0] for key in read_json(results / "table.json")} == {"one", "two"}
    assert (results / "table.md").read_text().count("## ") == 2


def test_a_folder_without_scores_is_told(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run_table(repository, monkeypatch, tmp_path)
    assert "no metrics.json below it" in capsys.readouterr().err
