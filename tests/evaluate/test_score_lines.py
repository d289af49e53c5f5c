"""`genescribe evaluate` alone: two annotations in, a table to read out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from genescribe.commands import console
from genescribe.evaluate.accuracy import LEVELS
from genescribe.evaluate.perturb import perturb, random_genes
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.model import Gene, Transcript


def gene(name: str, *cds: tuple[int, int]) -> Gene:
    return Gene(name, "s", "+", (Transcript(f"{name}.t", cds, cds),))


# Four genes; of three predicted, one is right, one has an exon too short, one is nowhere in the reference.
REFERENCE = [gene("a", (0, 30), (60, 90)), gene("b", (200, 260)), gene("c", (300, 390)), gene("d", (500, 530))]
PREDICTED = [gene("a", (0, 30), (60, 90)), gene("b", (200, 251)), gene("x", (700, 709))]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.fa").write_text(">s\n" + "ACG" * 300 + "\n")
    for name, genes in (("r", REFERENCE), ("p", PREDICTED), ("q", PREDICTED[:1])):
        write_gff3(tmp_path / f"{name}.gff3", genes, {"s": 900})
    return tmp_path


def table(text: str) -> dict[str, list[str]]:
    return {line[:17].strip(): line[17:].split() for line in text.splitlines() if line[:17].strip()}


def test_two_files_are_enough(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(files.iterdir())
    console.main(["evaluate", "r.gff3", "p.gff3"])
    rows = table(capsys.readouterr().out)
    assert list(rows)[1:] == [level.replace("_", " ") for level in LEVELS]
    assert rows["base"] == ["240", "120", "111", "46.2", "92.5", "61.7"]
    assert rows["exon"] == ["5", "4", "2", "40.0", "50.0", "44.4"]
    assert rows["gene"] == ["4", "3", "1", "25.0", "33.3", "28.6"]
    assert rows["intron chain"] == ["1", "1", "1", "100.0", "100.0", "100.0"]
    assert set(files.iterdir()) == before


def test_with_the_genome_proteins_regions_and_another_tool(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "r.gff3", "p.gff3", "--genome", "g.fa", "--regions", "s:1-290", "--against", "q=q.gff3"]
    console.main([*words, "--bootstrap", "20"])
    said = capsys.readouterr().out
    assert table(said)["gene"][:3] == ["2", "2", "1"]
    assert "identical proteins: 1 of 2" in said
    assert "F1 above q: base +" in said and "gene -16.7 [" in said


@pytest.mark.parametrize("option", ["--regions=s", "--mask-ends=1", "--genetic-code=1"])
def test_what_needs_the_genome_says_so(files: Path, option: str) -> None:
    with pytest.raises(Exception, match="it needs --fasta"):
        console.main(["evaluate", "r.gff3", "p.gff3", option])


KEPT = json.loads((Path(__file__).parent / "gffcompare.json").read_text(encoding="utf-8"))["sets"]


@pytest.mark.parametrize("kept", [one for one in KEPT if one.get("genes") == 40], ids=lambda one: f"seed{one['seed']}")
def test_the_table_has_the_numbers_that_gffcompare_printed(
    kept: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = random_genes(kept["seed"], kept["genes"], spread=kept["spread"])
    sides = {"r": reference, "p": perturb(reference, kept["seed"] + 1000, kept["rate"])}
    for name, genes in sides.items():
        lengths = {gene.seqid: 10**9 for gene in genes}
        write_gff3(tmp_path / f"{name}.gff3", genes, lengths)
    console.main(["evaluate", str(tmp_path / "r.gff3"), str(tmp_path / "p.gff3")])
    rows = table(capsys.readouterr().out)
    for level, shares in kept["reported"]["percent"].items():
        assert rows[level.replace("_", " ")][3:5] == shares, level
