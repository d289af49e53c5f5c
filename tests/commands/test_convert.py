"""`genescribe convert` and `genescribe check` as they are typed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genescribe.commands import console
from genescribe.errors import InputError
from genescribe.figures.page import write_report
from genescribe.files import GZIP_MAGIC
from genescribe.genome.annotation.formats import AnnotationForm
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.model import Gene, Transcript

LENGTH = 300


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a genome and the annotation of its gene."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.fa").write_text(">s\n" + "C" * 100 + "ATGAAATAA" + "C" * (LENGTH - 109) + "\n")
    gene = Gene("g", "s", "+", (Transcript("t", ((90, 150),), ((100, 109),), score=0.5),), 0.5, "protein_coding")
    write_gff3(tmp_path / "g.gff3", [gene], {"s": LENGTH}, ["genescribe 9", "species: yeast"])
    return tmp_path


def test_every_form_and_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for target in ("a.gtf", "a.bed", "a.gff3.gz", "a.gtf.gz", "g.gff3.gz"):
        for _ in range(2):  # Again over what it wrote.
            console.main(["convert", "g.gff3", target])
        assert f"1 gene: {target}" in capsys.readouterr().out
    assert (folder / "a.gtf").read_text().startswith("#genescribe 9\n#species: yeast\n")
    assert (folder / "g.gff3.gz.tbi").exists()
    console.main(["convert", "a.gff3.gz", "back.gff3"])
    assert (folder / "back.gff3").read_bytes() == (folder / "g.gff3").read_bytes()
    console.main(["convert", "a.gtf.gz", "back.gff3"])
    assert [gene.transcripts[0].cds for gene in read_genes(folder / "back.gff3")] == [((100, 109),)]
    console.main(["convert", "g.gff3", "named.txt", "--format", "bed"])
    assert "\t500\t+\t100\t109\t" in (folder / "named.txt").read_text()


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("a.gff3", "gtf"),
        ("a.gff", "bed"),
        ("a.GTF.gz", "gff3"),
        ("a.gtf", "bed"),
        ("a.bed.bgz", "gtf"),
        ("a.fa", "gtf"),
        ("a.gb", "gff3"),
        ("a.zip", "gff3"),
        ("a.gff3.bz2", "gff3"),
    ],
)
def test_a_file_is_what_its_name_says(folder: Path, target: str, asked: str) -> None:
    """In every command that takes --format."""
    for words in (["convert", "g.gff3", target], ["annotate", "g.fa", "--model", "yeast", "--output", target]):
        with pytest.raises((InputError, SystemExit)):
            console.main([*words, "--format", asked])
    assert sorted(path.name for path in folder.iterdir()) == ["g.fa", "g.gff3"]
    AnnotationForm.of(Path("a.txt"), "gtf", None)


def test_capitals_in_a_name_mean_the_same(folder: Path) -> None:
    console.main(["convert", "g.gff3", "A.GTF.GZ"])
    assert (folder / "A.GTF.GZ").read_bytes()[:2] == GZIP_MAGIC and (folder / "A.GTF.GZ.tbi").exists()
    assert read_genes(folder / "A.GTF.GZ")


@pytest.mark.parametrize("words", [["g.gff3", "g.gff3"], ["g.gff3", "./g.gff3"], ["missing.gff3", "a.gtf"]])
def test_nothing_is_overwritten_or_made_up(folder: Path, words: list[str]) -> None:
    before = (folder / "g.gff3").read_bytes()
    with pytest.raises(InputError):
        console.main(["convert", *words])
    assert (folder / "g.gff3").read_bytes() == before and not (folder / "a.gtf").exists()


def test_a_submission_is_made_and_checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    console.main(["convert", "g.gff3", "submit.gff3", "--locus-tag", "ABC"])
    console.main(["check", "submit.gff3", "--fasta", "g.fa"])
    assert "submit.gff3: no rule is broken" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        console.main(["check", "g.gff3", "--fasta", "g.fa"])
    said = capsys.readouterr().out.splitlines()
    assert end.value.code == 1 and said[0].split() == ["rule", "times", "first"]
    assert {line.split()[0] for line in said[1:]} == {"locus_tag", "product", "protein_id", "transcript_id"}


def test_what_is_no_gff3_is_one_line(folder: Path) -> None:
    (folder / "a.bed").write_text("s\t1\t2\n")
    with pytest.raises(InputError, match=r"a\.bed:1: is no row of GFF3; give GFF3, as genescribe convert --locus-tag"):
        console.main(["check", "a.bed", "--fasta", "g.fa"])
    for words in (["convert", "a.bed", "b.gff3"], ["evaluate", "a.bed", "a.bed"]):
        with pytest.raises(InputError, match=r"a\.bed: a BED file; give the same annotation as GFF3 or GTF"):
            console.main(words)


@pytest.mark.parametrize("text", ["", "s\tx\tintron\t91\t150\t.\t+\t.\tID=i\n"])
def test_no_gene_is_told_and_not_taken_for_right(
    folder: Path, text: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "none.gff3").write_text(f"##gff-version 3\n{text}")
    with pytest.raises(SystemExit):
        console.main(["check", "none.gff3", "--fasta", "g.fa"])
    assert "none.gff3: there is no row of type gene" in capsys.readouterr().out
    with pytest.raises(InputError, match="no gene with a coding sequence to compare with"):
        console.main(["evaluate", "none.gff3", "g.gff3"])
    caplog.clear()
    console.main(["evaluate", "g.gff3", "none.gff3"])
    assert ("no gene with a coding sequence" in caplog.text) == bool(text)


def test_a_name_may_be_any_bytes(folder: Path) -> None:
    """Those of an old disk are Latin-1."""
    name = os.fsdecode(b"caf\xe9.gtf")
    words = [sys.executable, "-m", "genescribe", "convert", "g.gff3", name]
    environment = os.environ | {"PYTHONUTF8": "0", "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"1 gene: caf\xe9.gtf\n", b"")
    write_report(folder / "page.html", [], title=name, subtitle="")
    assert "caf?.gtf" in (folder / "page.html").read_text(encoding="utf-8")
