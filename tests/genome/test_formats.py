"""GTF, BED12, compressed files and coordinate order: what other tools read of what is written."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pysam
import pytest
from hypothesis import given, settings
from tests.genome.gene_strategies import SEQUENCES, gene_sets

from genescribe.errors import InputError
from genescribe.genome.annotation.formats import AnnotationForm
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.annotation.written import read_written, with_scores
from genescribe.genome.model import Gene, Transcript
from genescribe.genome.repair.sort import sort_annotation

quick = settings(max_examples=15, deadline=None)

# The stop codon of the first is split by an intron; the second is cut at both ends; the third lies within the first.
SPLIT = Transcript("a.1", ((10, 40), (60, 89), (120, 130)), ((20, 40), (60, 89), (120, 122)), score=0.5)
CUT = Transcript("b.1", ((200, 300),), ((200, 300),), phase=1, partial5=True, partial3=True)
NESTED = Transcript("c.1", ((42, 57),), ((42, 57),), canonical=True)
GENES = [
    Gene("a", "chr1", "+", (Transcript("a.2", ((10, 40),)), SPLIT), score=0.25, biotype="protein_coding"),
    Gene("b", "chr1", "-", (CUT,), biotype="protein_coding"),
    Gene("c", "chr1", "-", (NESTED,), biotype="protein_coding"),
]
LENGTHS = {"chr1": 300, "chr2": 10}


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"needs {tool}, not installed")


def said_by(*words: str | Path) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def chains(genes: list[Gene]) -> dict[str, tuple[object, ...]]:
    return {t.id: (g.strand, t.exons, t.cds, t.phase, t.partial5, t.partial3) for g in genes for t in g.transcripts}


def test_a_stop_codon_is_no_part_of_the_cds_rows_of_gtf(tmp_path: Path) -> None:
    AnnotationForm("gtf").write(tmp_path / "g.gtf", GENES, LENGTHS, ["made here"])
    lines = (tmp_path / "g.gtf").read_text().splitlines()
    assert lines[0] == "#made here"
    rows = [line.split("\t") for line in lines[1:]]
    mine = [(r[2], int(r[3]), int(r[4]), r[7]) for r in rows if 'transcript_id "a.1"' in r[8]]
    assert [row for row in mine if row[0] in ("CDS", "start_codon", "stop_codon")] == [
        ("CDS", 21, 40, "0"),
        ("start_codon", 21, 23, "0"),
        ("CDS", 61, 88, "1"),
        ("stop_codon", 89, 89, "0"),
        ("stop_codon", 121, 122, "2"),
    ]
    assert not [r for r in rows if '"b.1"' in r[8] and "codon" in r[2]]
    assert sum(r[8].count("cds_start_NF") + r[8].count("cds_end_NF") for r in rows) == 2


@pytest.mark.parametrize("form", ["gff3", "gtf", "bed"])
def test_rows_stand_by_sequence_and_start(tmp_path: Path, form: str) -> None:
    AnnotationForm(form).write(tmp_path / "g", GENES[::-1], LENGTHS)  # type: ignore[arg-type]
    rows = [line.split("\t") for line in (tmp_path / "g").read_text().splitlines() if not line.startswith("#")]
    starts = [int(row[1 if form == "bed" else 3]) for row in rows]
    assert starts == sorted(starts) and len(set(starts)) > 2
    if form == "gff3":
        names = [row[8].partition("ID=")[2].partition(";")[0] for row in rows]
        assert names.index("c") < names.index("c.1")


@quick
@given(gene_sets())
def test_gtf_is_read_as_it_was(tmp_path: Path, genes: list[Gene]) -> None:
    # GTF has no way to write a quote or a semicolon: the names are others.
    named = [
        replace(gene, id=f"g{n}", transcripts=tuple(replace(t, id=f"g{n}.{i}") for i, t in enumerate(gene.transcripts)))
        for n, gene in enumerate(genes)
    ]
    AnnotationForm("gtf").write(tmp_path / "out.gtf", named, SEQUENCES)
    assert not named or chains(read_genes(tmp_path / "out.gtf")) == chains(named)


def test_the_sorter_makes_the_same_genes_of_gtf(tmp_path: Path) -> None:
    AnnotationForm("gtf").write(tmp_path / "g.gtf", GENES, LENGTHS)
    sort_annotation(tmp_path / "g.gtf", tmp_path / "again.gff3")
    again, wanted = chains(read_genes(tmp_path / "again.gff3")), chains(GENES)
    assert {name: again[name][:3] for name in again} == {name: wanted[name][:3] for name in wanted}


@needs("gffread")
def test_gffread_reads_gtf_and_bed(tmp_path: Path) -> None:
    for form, options in (("gtf", ()), ("bed", ("--in-bed",))):
        source, target = tmp_path / f"g.{form}", tmp_path / f"{form}.gff3"
        AnnotationForm(form).write(source, GENES, LENGTHS)  # type: ignore[arg-type]
        said_by("gffread", *options, source, "-o", target)
        again = {t.id: t for gene in read_genes(target) for t in gene.transcripts}
        assert {name: t.exons for name, t in again.items()} == {t.id: t.exons for g in GENES for t in g.transcripts}
        if form == "bed":
            assert again["a.1"].cds == SPLIT.cds


@needs("bedtools")
def test_bedtools_reads_bed(tmp_path: Path) -> None:
    AnnotationForm("bed").write(tmp_path / "g.bed", GENES, LENGTHS, ["made here"])
    blocks = [line.split("\t") for line in said_by("bedtools", "bed12tobed6", "-i", tmp_path / "g.bed").splitlines()]
    found = sorted((row[3], int(row[1]), int(row[2]), row[5]) for row in blocks)
    assert found == sorted((t.id, *exon, g.strand) for g in GENES for t in g.transcripts for exon in t.exons)
    rows = [line.split("\t") for line in (tmp_path / "g.bed").read_text().splitlines()[1:]]
    assert {row[3]: (row[4], row[6], row[7]) for row in rows}["a.1"] == ("500", "20", "122")
    assert {row[3]: (row[6], row[7]) for row in rows}["a.2"] == ("10", "10")


@needs("gt")
def test_genometools_takes_nested_genes_in_coordinate_order(tmp_path: Path) -> None:
    write_gff3(tmp_path / "g.gff3", GENES, LENGTHS, locus_tag="ABC")
    assert "valid" in said_by("gt", "gff3validator", tmp_path / "g.gff3")


@pytest.mark.parametrize("form", ["gff3", "gtf", "bed"])
def test_a_compressed_file_has_an_index(tmp_path: Path, form: str) -> None:
    target = tmp_path / f"g.{form}.gz"
    made = AnnotationForm.of(target, None, None)
    assert (made.form, made.compressed, made.suffix) == (form, True, f".{form}.gz")
    made.write(target, GENES, LENGTHS)
    assert sorted(path.name for path in tmp_path.iterdir()) == [target.name, f"{target.name}.tbi"]
    with pysam.TabixFile(str(target)) as file:
        assert list(file.contigs) == ["chr1"]
        assert {row.split("\t")[3 if form == "bed" else 2] for row in file.fetch("chr1", 290, 300)} & {"b.1", "gene"}
        assert not list(file.fetch("chr1", 150, 190))


@needs("tabix")
def test_tabix_takes_the_rows(tmp_path: Path) -> None:
    plain = tmp_path / "g.gff3"
    write_gff3(plain, GENES, LENGTHS)
    said_by("bgzip", plain)
    said_by("tabix", "-p", "gff", f"{plain}.gz")
    rows = said_by("tabix", f"{plain}.gz", "chr1:44-50").splitlines()
    assert {row.split("\t")[8].partition("ID=")[2].partition(";")[0] for row in rows} >= {"a", "a.1", "c", "c.1"}


def test_a_long_sequence_has_an_index_of_the_other_kind(tmp_path: Path) -> None:
    far = replace(CUT, exons=((2**30, 2**30 + 9),), cds=((2**30, 2**30 + 9),))
    genes, target = [Gene("f", "chr1", "+", (far,))], tmp_path / "g.gff3.gz"
    AnnotationForm.of(target, None, None).write(target, GENES, LENGTHS)
    AnnotationForm.of(target, None, None).write(target, genes, {"chr1": 2**30 + 20})
    assert sorted(path.name for path in tmp_path.iterdir()) == [target.name, f"{target.name}.csi"]
    with pysam.TabixFile(str(target), index=f"{target}.csi") as file:
        assert len(list(file.fetch("chr1", 2**30, 2**30 + 5))) == 4


def test_what_a_file_says_beside_its_genes_is_kept(tmp_path: Path) -> None:
    scored = replace(GENES[1], transcripts=(replace(CUT, exon_scores=(0.5,), cds_scores=(0.25,)),))
    first, second = tmp_path / "a.gff3", tmp_path / "b.gff3"
    write_gff3(first, [GENES[0], scored], LENGTHS, ["genescribe 1", "species: yeast"], genetic_code=lambda seqid: 4)
    written = read_written(first)
    genes = with_scores(read_genes(first), written)
    write_gff3(second, genes, written.lengths_for(genes), written.header, genetic_code=written.genetic_code)
    assert second.read_bytes() == first.read_bytes()
    assert b"transl_table=4" in second.read_bytes()


def test_attributes_without_a_value_are_not_written(tmp_path: Path) -> None:
    """They come from empty ones, and from semicolons in quotes, which GFF3 does not know."""
    first = tmp_path / "in.gff3"
    write_gff3(first, [GENES[0]], LENGTHS)
    first.write_text(first.read_text().replace("\tID=", '\tNote="a;b";Alias=;ID=', 1))
    write_gff3(tmp_path / "out.gff3", read_genes(first), LENGTHS)
    (gene,) = (line for line in (tmp_path / "out.gff3").read_text().splitlines() if "\tgene\t" in line)
    assert gene.endswith(';biotype=protein_coding;Note="a')


def test_locus_tags_are_for_gff3() -> None:
    with pytest.raises(InputError, match="locus tags are for GFF3"):
        AnnotationForm.of(Path("a.gtf"), None, "ABC")
