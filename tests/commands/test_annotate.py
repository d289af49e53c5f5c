"""Where `genescribe annotate` writes when it is not told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genescribe.commands import console
from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.genome.fasta import write_fasta
from genescribe.report.annotation.completeness import FAILED, measure_completeness


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, beside which lies a small genome."""
    (tmp_path / "data").mkdir()
    bases = np.random.default_rng(3).integers(0, 4, 3_000, dtype=np.uint8)
    write_fasta(tmp_path / "data" / "my.genome.fa", [("a", bases)])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


COMMAND = ["annotate", "../data/my.genome.fa", "--model", "yeast", "--workers", "1"]


def test_a_genome_is_all_that_must_be_given(folder: Path) -> None:
    console.main(COMMAND)
    kinds = ("cds.fa", "exons.fa", "gff3", "introns.fa", "proteins.fa", "rejects.jsonl", "report.html", "summary.json")
    assert sorted(path.name for path in folder.iterdir()) == [f"my.genome.{kind}" for kind in kinds]
    names = ("my.genome.gff3", "my.genome.report.html")
    first = [(folder / name).read_bytes() for name in names]
    console.main(COMMAND)  # its own result may be written again
    assert [(folder / name).read_bytes() for name in names] == first


def test_a_report_that_cannot_be_written_costs_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    console.main(COMMAND)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(*_: object) -> None:
        raise ValueError("a fault of the report")

    monkeypatch.setattr("genescribe.report.annotation.sections.sections_of", fail)
    console.main(COMMAND)
    assert "no report was written (ValueError: a fault of the report)" in caplog.text
    del first["my.genome.report.html"]  # it would be of other genes, if these had changed
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def lineage_of(folder: Path) -> Path:
    """Return a folder that looks like a lineage of BUSCO."""
    (folder / "x_odb10").mkdir()
    (folder / "x_odb10" / "dataset.cfg").write_text("name=x_odb10\nnumber_of_BUSCOs=5\n")
    return folder / "x_odb10"


def busco(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    """Put a program of that name on the path, or nothing."""
    (folder / "bin").mkdir()
    if text is not None:
        (folder / "bin" / "busco").write_text(f"#!/bin/sh\n{text}\n")
        (folder / "bin" / "busco").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "bin"))


def test_completeness_without_busco_or_lineage_is_refused_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lineage = lineage_of(folder.parent)
    busco(folder.parent, monkeypatch, None)
    for given, message in (("/no/x_odb10", "no BUSCO lineage"), (str(lineage), "busco is not on PATH")):
        with pytest.raises(InputError, match=message):
            console.main([*COMMAND, "--busco", given])
    assert not list(folder.iterdir())


def test_a_busco_that_fails_costs_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    busco(folder.parent, monkeypatch, "echo '2026 ERROR:\tno profiles here'; exit 1")
    (folder / "proteins.longest.fa").write_text(">g.t1\nMK\n")
    (folder / "summary.json").write_text("{}")
    found = measure_completeness(folder, str(lineage_of(folder.parent)), 1)
    assert found == {FAILED: "BUSCO failed: no profiles here"} and (folder / "summary.json").read_text() == "{}"
    assert "completeness was not measured" in caplog.text and "the annotation is complete" in caplog.text


def test_completeness_of_no_gene_needs_no_busco(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lineage = lineage_of(folder.parent)
    busco(folder.parent, monkeypatch, "exit 1")
    write_fasta(Path("../data/my.genome.fa"), [("a", np.zeros(3_000, dtype=np.uint8))])
    console.main([*COMMAND, "--busco", str(lineage)])
    counts = read_json(folder / "my.genome.summary.json")["busco"]
    assert (counts["complete"], counts["missing"], counts["total"]) == (0, 5, 5)


@pytest.mark.parametrize("name", ["my.genome.gff3", "my.genome.proteins.fa", "my.genome.summary.json"])
def test_files_of_others_stay(folder: Path, name: str) -> None:
    (folder / name).write_text("##gff-version 3\n#!processor NCBI annotwriter\n")
    with pytest.raises(InputError, match=rf"{name}: exists already, and .*; give another name with --output"):
        console.main(COMMAND)
    assert [path.name for path in folder.iterdir()] == [name]
    assert "NCBI" in (folder / name).read_text()


@pytest.mark.parametrize("form", ["gff3", "gtf", "bed"])
def test_the_annotation_of_another_genome_stays(folder: Path, form: str) -> None:
    """Assemblies in folders of their own often have one name: annotated in a loop, each would replace the last."""
    words = [*COMMAND, "--format", form]
    console.main(words)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    genome = folder.parent / "data" / "my.genome.fa"
    genome.write_text(genome.read_text().replace(">", ">other_") + ">more\nACGT\n")
    with pytest.raises(InputError, match=rf"my.genome.{form}: exists already, and is of another genome; give another"):
        console.main(words)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    genome.write_text(genome.read_text().replace(">other_", ">"))
    console.main(words)  # sequences may be added


def test_another_form_and_its_index(folder: Path) -> None:
    console.main([*COMMAND, "--format", "gtf"])
    assert (folder / "my.genome.gtf").read_text().startswith("#genescribe ")
    console.main([*COMMAND, "--format", "gtf"])  # its own result may be written again
    console.main([*COMMAND, "-o", "b.gff3.gz", "--locus-tag", "ABC"])
    assert {"b.gff3.gz", "b.gff3.gz.tbi", "b.proteins.fa", "b.summary.json"} <= {path.name for path in folder.iterdir()}
    console.main([*COMMAND, "-o", "b.gff3"])
    assert b"locus_tag" not in (folder / "b.gff3").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--locus-tag", "1A"], "no locus tag prefix"),
        (["--locus-tag", "ABC", "-o", "b.bed"], "locus tags are for GFF3"),
    ],
)
def test_a_form_that_cannot_be_is_refused_before_the_work(folder: Path, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        console.main([*COMMAND, *words])
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--hints", "a\tx\tintron\t101\t9000\t1\t+\t.\tsrc=E\n", "a:101-9000 lies outside the genome"),
        ("--hints", "a\tx\tmRNA\t101\t900\t1\t+\t.\tsrc=E\n", "type mRNA is no evidence"),
        ("--bam", "a\t1\t2\n", "not a BAM file"),
        ("--proteins", ">p\nMKV*LAAG\n", "a stop inside the protein 'p'"),
        ("--proteins", f">p\n{'ACGT' * 80}\n", "nucleotides, not proteins"),
    ],
)
def test_evidence_that_is_none_ends_the_run_before_anything_is_written(
    folder: Path, option: str, text: str, message: str
) -> None:
    (folder / "evidence").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        console.main([*COMMAND, option, "evidence"])
    assert "\n" not in str(error.value) and "evidence" in str(error.value)
    assert [path.name for path in folder.iterdir()] == ["evidence"]


def test_an_aligner_that_fails_leaves_nothing_half_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "p.fa").write_text(">p\nMKVLAAGIVGLLLAQWERTYK\n")
    tools = folder.parent / "tools"
    tools.mkdir()
    (tools / "miniprot").write_text("#!/bin/sh\necho '##gff-version 3'\necho 'no memory' >&2\nexit 1\n")
    (tools / "miniprot").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    with pytest.raises(InputError, match="miniprot ended with 1; its last line: no memory"):
        console.main([*COMMAND, "--proteins", "p.fa"])
    assert [path.name for path in folder.iterdir()] == ["p.fa"]
