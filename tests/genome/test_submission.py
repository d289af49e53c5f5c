"""The rules of table2asn: an annotation that keeps them, and one annotation for each rule that breaks it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from genescribe.errors import InputError
from genescribe.genome.annotation.formats import AnnotationForm
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene, Transcript, mirror
from genescribe.genome.submission import check_submission

LENGTH = 400
CODING = {100: "ATGAAACCC", 150: "GGGTTTAAATAA"}


def sequence(**at: str) -> str:
    """Return a sequence with a gene of two exons, and other letters where they are asked for (`_PLACE=LETTERS`)."""
    letters = list("C" * LENGTH)
    for place, text in [*CODING.items(), *((int(key[1:]), value) for key, value in at.items())]:
        letters[place : place + len(text)] = text
    return "".join(letters)


WHOLE = Transcript("t", ((90, 109), (150, 180)), ((100, 109), (150, 162)))
START = Transcript("s", ((0, 30),), ((0, 30),), partial5=True, phase=0)


def write(folder: Path, genes: list[Gene], letters: str = "", **keywords: str) -> tuple[Path, Genome]:
    (folder / "g.fa").write_text(f">chr1\n{letters or sequence()}\n")
    write_gff3(folder / "g.gff3", genes, {"chr1": LENGTH}, **({"locus_tag": "ABC"} | keywords))  # type: ignore[arg-type]
    return folder / "g.gff3", Genome.open(folder / "g.fa")


def rules(path: Path, genome: Genome) -> set[str]:
    return {problem.rule for problem in check_submission(path, genome)}


def gene(transcript: Transcript = WHOLE, strand: str = "+") -> Gene:
    return Gene("g", "chr1", strand, (transcript,), biotype="protein_coding")


def test_a_good_annotation_breaks_no_rule(tmp_path: Path) -> None:
    letters = sequence(_27="TAA")
    partial = Gene("p", "chr1", "+", (START,), biotype="protein_coding")
    path, genome = write(tmp_path, [gene(), partial], letters)
    assert check_submission(path, genome) == []
    text = path.read_text()
    assert "locus_tag=ABC_000001" in text and "locus_tag=ABC_000002" in text
    assert text.count("product=hypothetical protein") == 5, "two mRNA rows and three CDS rows"
    # Its untranslated regions are not known: the mRNA of the partial gene is partial at both ends, its CDS at one.
    rows = [line.split("\t") for line in text.splitlines() if "\tmRNA\t" in line or "\tCDS\t" in line]
    assert [(row[2], "start_range=.,1" in row[8], "end_range=30,." in row[8]) for row in rows[:2]] == [
        ("mRNA", True, True),
        ("CDS", True, False),
    ]


def test_the_other_strand_is_read_alike(tmp_path: Path) -> None:
    other = sequence()[::-1].translate(str.maketrans("ACGT", "TGCA"))
    path, genome = write(tmp_path, [mirror(gene(), LENGTH)], other)
    assert check_submission(path, genome) == []


@pytest.mark.parametrize(
    ("rule", "letters"),
    [
        ("InternalStop", sequence(_103="TAG")),
        ("NoStop", sequence(_159="CCC")),
        ("StartCodon", sequence(_100="GGG")),
        ("FeatureBeginsOrEndsInGap", sequence(_165="N" * 10)),
        ("TerminalNs", sequence(_399="N")),
    ],
)
def test_a_rule_that_the_sequence_breaks(tmp_path: Path, rule: str, letters: str) -> None:
    assert rules(*write(tmp_path, [gene()], letters)) == {rule}


@pytest.mark.parametrize(
    ("rule", "transcript"),
    [
        ("TransLen", replace(WHOLE, cds=((100, 109), (150, 163)))),
        ("PartialProblem", replace(WHOLE, partial5=True)),
        ("ShortIntron", replace(WHOLE, exons=((90, 109), (150, 170), (175, 180)))),
    ],
)
def test_a_rule_that_the_gene_breaks(tmp_path: Path, rule: str, transcript: Transcript) -> None:
    assert rules(*write(tmp_path, [gene(transcript)])) == {rule}


def without(key: str) -> Callable[[str], str]:
    return lambda text: text.replace(f"{key}=", f"old_{key}=")


@pytest.mark.parametrize(
    ("rule", "edit"),
    [
        ("locus_tag", without("locus_tag")),
        ("locus_tag", lambda text: text.replace("ABC_000001", "A-B_000001")),
        ("product", without("product")),
        ("transcript_id", without("transcript_id")),
        ("protein_id", without("protein_id")),
        ("protein_id", lambda text: text.replace("protein_id=gnl|ABC|", "protein_id=")),
        ("seqid", lambda text: text.replace("chr1\t", "chr2\t")),
        ("seqid", lambda text: text.replace("\t180\t", "\t480\t")),
        ("partial", lambda text: text.replace("ID=t;", "ID=t;partial=true;")),
        ("phase", lambda text: text.replace("\t0\tID=t.cds", "\t1\tID=t.cds", 2).replace("\t1\t", "\t0\t", 1)),
        ("parent", lambda text: text.replace("Parent=g;", "Parent=h;")),
    ],
)
def test_a_rule_that_the_rows_break(tmp_path: Path, rule: str, edit: Callable[[str], str]) -> None:
    path, genome = write(tmp_path, [gene()])
    path.write_text(edit(path.read_text()))
    assert rule in rules(path, genome)


def test_a_row_may_be_without_attributes(tmp_path: Path) -> None:
    path, genome = write(tmp_path, [gene()])
    before = rules(path, genome)
    path.write_text(path.read_text() + "chr1\tx\trepeat_region\t1\t9\t.\t.\t.\t.\n")
    assert rules(path, genome) == before


def test_two_genes_with_one_tag(tmp_path: Path) -> None:
    path, genome = write(tmp_path, [gene(), Gene("h", "chr1", "+", (replace(WHOLE, id="u"),))])
    path.write_text(path.read_text().replace("ABC_000002", "ABC_000001"))
    assert {"locus_tag", "protein_id", "transcript_id"} <= rules(path, genome)


def test_a_sequence_may_be_too_short(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(">a\nACGT\n")
    write_gff3(tmp_path / "g.gff3", [], {"a": 4})
    assert rules(tmp_path / "g.gff3", Genome.open(tmp_path / "g.fa")) == {"ShortSeq", "gene"}


def test_a_mitochondrion_is_read_with_its_code(tmp_path: Path) -> None:
    letters = sequence(_103="TGA")
    path, genome = write(tmp_path, [gene()], letters)
    assert rules(path, genome) == {"InternalStop"}
    form = AnnotationForm("gff3", locus_tag="ABC")
    form.write(path, [gene()], {"chr1": LENGTH}, genetic_code=lambda seqid: 4)
    assert rules(path, genome) == set()


@pytest.mark.parametrize("prefix", ["AB", "1ABC", "A_BC", "ABCDEFGHIJKLM", ""])
def test_a_prefix_that_is_not_allowed(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(InputError, match="no locus tag prefix"):
        write(tmp_path, [gene()], locus_tag=prefix)
