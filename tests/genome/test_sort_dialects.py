"""Files as other programs and people write them, each the smallest of its kind."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from genescribe.errors import InputError
from genescribe.genome.gff import read_genes
from genescribe.genome.sort import SortReport, sort_annotation

Genes = dict[tuple[str, str], list[tuple[tuple[int, int], ...]]]

GENE = (
    "chr1 s gene 101 400 . + . ID=g1",
    "chr1 s mRNA 101 400 . + . ID=g1.t1;Parent=g1",
    "chr1 s exon 101 400 . + . Parent=g1.t1",
    "chr1 s CDS 101 400 . + 0 ID=g1.cds;Parent=g1.t1",
)
SINGLE: Genes = {("g1", "+"): [((101, 400),)]}
TWO: Genes = {("g1", "+"): [((101, 400),)], ("g2", "+"): [((601, 900),)]}


def text_of(lines: tuple[str, ...] | list[str]) -> str:
    """Return rows whose first eight columns are separated by blanks here."""
    return "".join("\t".join(line.split(" ", 8)) + "\n" for line in lines)


def sorted_genes(text: str, folder: Path) -> tuple[Genes, str, SortReport]:
    """Sort; return the CDS (1-based, closed) of each gene's transcripts, the text and the report."""
    source, target = folder / "in.gff", folder / "out.gff3"
    source.write_text(text)
    report = sort_annotation(source, target)
    return genes_of(target), target.read_text(), report


def genes_of(path: Path) -> Genes:
    return {
        (gene.id, gene.strand): sorted(tuple((a + 1, b) for a, b in t.cds) for t in gene.transcripts)
        for gene in read_genes(path)
    }


DIALECTS: dict[str, tuple[list[str], Genes]] = {
    "attributes quoted twice by a spreadsheet": (
        [
            "chr1 AUGUSTUS gene 101 400 0.6 + . g1",
            "chr1 AUGUSTUS transcript 101 400 0.6 + . g1.t1",
            'chr1 AUGUSTUS CDS 101 400 1 + 0 "transcript_id ""g1.t1""; gene_id ""g1"";"',
            "chr1 AUGUSTUS gene 601 900 0.6 + . g2",
            "chr1 AUGUSTUS transcript 601 900 0.6 + . g2.t1",
            'chr1 AUGUSTUS CDS 601 900 1 + 0 "transcript_id ""g2.t1""; gene_id ""g2"";"',
        ],
        TWO,
    ),
    "Tiberius, sorted by place": (
        [
            "c T gene 101 1000 . + . g1",
            "c T transcript 101 1000 . + . g1.t1",
            'c T CDS 101 251 . + 0 transcript_id "g1.t1"; gene_id "g1"; cds_type=initial;',
            'c T exon 101 251 . + 0 transcript_id "g1.t1"; gene_id "g1"; cds_type=initial;',
            "c T gene 452 631 . - . g2",
            "c T transcript 452 631 . - . g2.t1",
            'c T CDS 452 631 . - 0 transcript_id "g2.t1"; gene_id "g2"; cds_type=single;',
            'c T CDS 852 1000 . + 2 transcript_id "g1.t1"; gene_id "g1"; cds_type=terminal;',
            'c T exon 852 1000 . + 2 transcript_id "g1.t1"; gene_id "g1"; cds_type=terminal;',
        ],
        {("g1", "+"): [((101, 251), (852, 1000))], ("g2", "-"): [((452, 631),)]},
    ),
    "Tiberius's pair in another place": (
        [
            'c T CDS 101 400 . + 0 gene_id "g1"; cds_type=single; transcript_id "g1.t1"; note "a=b; c"',
            'c T CDS 601 900 . + 0 gene_id "g2"; cds_type="single"; transcript_id "g2.t1"',
        ],
        TWO,
    ),
    "GeMoMa's predictions": (
        [
            "chr1 GAF gene 101 900 . + . ID=gene_0;transcripts=2",
            "chr1 GeMoMa prediction 101 400 . + . ID=R0;Parent=gene_0;AA=100",
            "chr1 GeMoMa CDS 101 400 . + 0 ID=R0_c0;Parent=R0",
            "chr1 GeMoMa prediction 101 900 . + . ID=R1;Parent=gene_0;AA=100",
            "chr1 GeMoMa CDS 101 250 . + 0 ID=R1_c0;Parent=R1",
            "chr1 GeMoMa CDS 601 900 . + 0 ID=R1_c1;Parent=R1",
        ],
        {("gene_0", "+"): [((101, 250), (601, 900)), ((101, 400),)]},
    ),
    "a transcript type nobody knows, its parts above it": (
        [
            "chr1 s CDS 101 400 . + 0 ID=c;Parent=t",
            "chr1 s protein_coding_transcript 101 400 . + . ID=t;Parent=g1",
            "chr1 s gene 101 400 . + . ID=g1",
        ],
        SINGLE,
    ),
    "accessions of the Sequence Ontology": (
        [
            "chr1 s SO:0000704 101 400 . + . ID=g1",
            "chr1 s SO:0000234 101 400 . + . ID=g1.t1;Parent=g1",
            "chr1 s so:0000147 101 400 . + . Parent=g1.t1",
            "chr1 s SO:0000316 101 400 . + 0 ID=g1.cds;Parent=g1.t1",
        ],
        SINGLE,
    ),
    "rows switched off": ([f"#{row.replace('400', '370')}" for row in GENE] + list(GENE), SINGLE),
    "empty parents": (
        [
            "chr1 s gene 101 400 . + . ID=g1;Parent=",
            "chr1 s mRNA 101 400 . + . ID=g1.t1;Parent=,g1",
            "chr1 s CDS 101 400 . + 0 Parent=;ID=p",
        ],
        SINGLE,
    ),
    "an empty transcript_id": (
        [
            'chr1 s gene 101 400 . + . gene_id "g1"; transcript_id "";',
            'chr1 s transcript 101 400 . + . gene_id "g1"; transcript_id "t";',
            'chr1 s CDS 101 400 . + 0 gene_id "g1"; transcript_id "t";',
        ],
        SINGLE,
    ),
    "IDs that differ in a prefix": (
        [
            "chr1 e gene 601 900 . + . ID=gene:g1",
            "chr1 e mRNA 601 900 . + . ID=transcript:A1;Parent=gene:g1",
            "chr1 e CDS 601 900 . + 0 Parent=transcript:A1",
            "chr2 e gene 101 400 . + . ID=g1",
            "chr2 e mRNA 101 400 . + . ID=B1;Parent=g1",
            "chr2 e CDS 101 400 . + 0 Parent=B1",
        ],
        {("gene:g1", "+"): [((601, 900),)], ("g1", "+"): [((101, 400),)]},
    ),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_dialect(name: str, tmp_path: Path) -> None:
    lines, expected = DIALECTS[name]
    found, text, _ = sorted_genes(text_of(lines), tmp_path)
    assert found == expected
    assert 'transcript_id "' not in text and "genescribe-gene" not in text


BOTH = [name for name in DIALECTS if "empty parents" not in name and "its parts" not in name]


@pytest.mark.parametrize("name", BOTH)
def test_the_evaluation_reads_it_unsorted_too(name: str, tmp_path: Path) -> None:
    lines, expected = DIALECTS[name]
    source = tmp_path / "in.gff"
    source.write_text(text_of(lines))
    assert genes_of(source) == expected


def test_values_of_both_kinds_are_kept(tmp_path: Path) -> None:
    lines, _ = DIALECTS["Tiberius's pair in another place"]
    _, text, _ = sorted_genes(text_of(lines), tmp_path)
    assert "gene_id=g1;cds_type=single;transcript_id=g1.t1;note=a%3Db%3B c" in text


def test_nothing_but_unknown_types_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r":1: none of the 2 rows belongs to a gene, as type hint belongs to no gene"):
        sorted_genes(text_of(["c s hint 1 9 . + . x=1", "c s SO:9999999 1 9 . + . ID=a"]), tmp_path)


VALID = {
    "a score that is no number": ([GENE[0].replace(". +", "0,95 +"), *GENE[1:3], GENE[3].replace(". +", "nan +")], 2),
    "a bad sequence-region": (["##sequence-region chr1 1", *GENE], 1),
    "a sequence-region from zero": (["##sequence-region chr1 0 900", *GENE], 1),
    "a sequence-region that ends too soon": (["##sequence-region chr1 1 399", *GENE], 1),
    "a sequence-region backwards": (["##sequence-region chr1 900 1", *GENE], 1),
    "two sequence-regions": (["##sequence-region chr1 1 900", "##sequence-region chr1 1 800", *GENE], 1),
    "a sequence-region behind rows": ([*GENE, "##sequence-region chr1 1 900"], 0),
    "inverted phases": (
        [
            "c T gene 101 460 . - . ID=g1", "c T mRNA 101 460 . - . ID=t1;Parent=g1",
            "c T CDS 101 249 . - 1 ID=c;Parent=t1", "c T exon 101 249 . - . Parent=t1",
            "c T CDS 310 460 . - 0 ID=c;Parent=t1", "c T exon 310 460 . - . Parent=t1",
        ],
        1,
    ),
    "rows of one CDS with sources and names of their own": (
        [
            *GENE[:2], "chr1 s exon 101 160 . + . Parent=g1.t1", "chr1 s exon 301 400 . + . Parent=g1.t1",
            "chr1 s CDS 101 160 . + 0 ID=c;Parent=g1.t1", "chr1 z CDS 301 400 . + 0 ID=c;Parent=g1.t1;Name=x;Note=y",
        ],
        2,
    ),
    "reserved attributes with other values": (
        [f"{GENE[0]};Is_circular=no;Target=a 9 1;Note=a=b", f"{GENE[1]};Is_circular=TRUE;Target=x%20y 1 9", *GENE[2:]],
        2,
    ),
    "a PanSN name": ([row.replace("chr1", "HG1#1#chrV") for row in GENE], 0),
    "a name with a blank": (["chr 1\ts\tCDS\t1\t90\t.\t+\t0\tID=p"], 4),
    "UTF-8 in the first columns": ([row.replace("chr1 s", "\u03b21 \u03b2") for row in GENE], 0),
}  # fmt: skip


@pytest.mark.skipif(shutil.which("gt") is None, reason="needs GenomeTools (`gt`), not installed")
@pytest.mark.parametrize("name", VALID)
def test_the_output_is_valid(name: str, tmp_path: Path) -> None:
    lines, repairs = VALID[name]
    text = "".join(f"{line}\n" if line.startswith("##") or "\t" in line else text_of([line]) for line in lines)
    _, _, report = sorted_genes(text, tmp_path)
    assert len(report.repairs) == repairs, report.repairs
    subprocess.run(["gt", "gff3validator", tmp_path / "out.gff3"], check=True, capture_output=True)


def test_wrong_phases_follow_from_the_first(tmp_path: Path) -> None:
    lines, _ = VALID["inverted phases"]
    _, text, report = sorted_genes(text_of(lines), tmp_path)
    assert "\tCDS\t101\t249\t.\t-\t2\t" in text and "\tCDS\t310\t460\t.\t-\t0\t" in text
    assert report.repairs == [(3, "CDS phase 1 corrected to 2")]


def test_well_formed_rows_are_left_as_they_are(tmp_path: Path) -> None:
    text = text_of(GENE)
    _, written, report = sorted_genes(f"##sequence-region chr1 1 900\n{text}", tmp_path)
    assert written == f"##gff-version 3\n##sequence-region chr1 1 900\n{text}" and report.repairs == []
