"""The catalogue on annotation as it comes: IDs, marks and reasons that files of other programs hold."""

from __future__ import annotations

import logging
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.genome.test_catalogue import catalogue_of
from tests.genome.test_sort_dialects import text_of

from genescribe.errors import InputError
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.fasta import write_fasta
from genescribe.genome.model import Gene, Transcript
from genescribe.genome.repair.sort import sort_annotation

GENOME = {"chr1": "A" * 1000, "chr2": "A" * 500}
PREFIXES = [
    "chr1 e gene 601 900 . + . ID=gene:A", "chr1 e mRNA 601 900 . + . ID=transcript:A1;Parent=gene:A",
    "chr1 e CDS 601 900 . + 0 Parent=transcript:A1",
]  # fmt: skip
TWIN = [
    "chr2 e gene 101 400 . + . ID=A",
    "chr2 e mRNA 101 400 . + . ID=B1;Parent=A",
    "chr2 e CDS 101 400 . + 0 Parent=B1",
]


@pytest.mark.parametrize("tolerant", [False, True])
def test_prefixes_stay_where_they_tell_genes_apart(tolerant: bool, tmp_path: Path) -> None:
    with catalogue_of(tmp_path, GENOME, text_of(PREFIXES + TWIN), tolerant=tolerant) as catalogue:
        genes = catalogue.genes()
        assert catalogue.rejected() == []
    assert [(g.id, g.seqid, [t.cds for t in g.transcripts]) for g in genes] == [
        ("gene:A", "chr1", [((600, 900),)]), ("A", "chr2", [((100, 400),)]),
    ]  # fmt: skip


def test_prefixes_of_transcripts_stay_where_they_tell_them_apart(tmp_path: Path) -> None:
    twin = [row.replace("B1", "A1").replace("ID=A;", "ID=B;").replace("=A", "=B", 1) for row in TWIN[:1]]
    twin += ["chr2 e mRNA 101 400 . + . ID=A1;Parent=B", "chr2 e CDS 101 400 . + 0 Parent=A1"]
    with catalogue_of(tmp_path, GENOME, text_of(PREFIXES + twin)) as catalogue:
        found = {t.id: (g.seqid, t.cds) for g in catalogue.genes() for t in g.transcripts}
    assert found == {"transcript:A1": ("chr1", ((600, 900),)), "A1": ("chr2", ((100, 400),))}


def test_prefixes_go_where_nothing_is_lost(tmp_path: Path) -> None:
    with catalogue_of(tmp_path, GENOME, text_of(PREFIXES)) as catalogue:
        [gene] = catalogue.genes()
    assert (gene.id, gene.transcripts[0].id) == ("A", "A1")


@pytest.mark.parametrize("tolerant", [False, True])
def test_one_id_on_two_sequences_is_never_one_gene(tolerant: bool, tmp_path: Path) -> None:
    rows = [row.replace("B1", "A1") for row in TWIN]
    rows += [row.replace("chr2", "chr1").replace("101 400", "601 900") for row in rows]
    if not tolerant:
        with pytest.raises(InputError, match="A is also the ID of line 1"):
            catalogue_of(tmp_path, GENOME, text_of(rows))
        return
    with pytest.raises(InputError, match="no usable gene"):
        catalogue_of(tmp_path, GENOME, text_of(rows), tolerant=True)


MARKED = {
    "gene": ["chr1 m gene 101 400 . + . ID=g;exception=trans-splicing", "chr1 m mRNA 101 400 . + . ID=t;Parent=g"],
    "mRNA": ["chr1 m gene 101 400 . + . ID=g", "chr1 m mRNA 101 400 . + . ID=t;Parent=g;exception=trans_splicing"],
    "part of a gene": ["chr1 m gene 101 400 . + . ID=g;part=1/2", "chr1 m mRNA 101 400 . + . ID=t;Parent=g"],
    "CDS": ["chr1 m gene 101 400 . + . ID=g", "chr1 m mRNA 101 400 . + . ID=t;Parent=g"],
}


@pytest.mark.parametrize("where", MARKED)
@pytest.mark.parametrize("sort", [False, True])
def test_trans_splicing_is_seen_on_every_level(where: str, sort: bool, tmp_path: Path) -> None:
    mark = ";exception=trans-splicing" if where == "CDS" else ""
    text = text_of([*MARKED[where], f"chr1 m CDS 101 400 . + 0 Parent=t{mark}", *TWIN])
    if sort:
        (tmp_path / "in.gff3").write_text(text)
        sort_annotation(tmp_path / "in.gff3", tmp_path / "sorted.gff3")
        text = (tmp_path / "sorted.gff3").read_text()
    with catalogue_of(tmp_path, GENOME, text) as catalogue:
        assert [gene.id for gene in catalogue.genes()] == ["A"]
        assert {(r.gene, r.reason) for r in catalogue.rejected()} >= {("g", "trans_spliced")}


SLIP = [
    "chr1 RefSeq gene 101 399 . + . ID=gene-A",
    "chr1 RefSeq CDS 101 250 . + 0 ID=cds-A;Parent=gene-A;exception=ribosomal slippage",
    "chr1 RefSeq CDS 250 399 . + 0 ID=cds-A;Parent=gene-A;exception=ribosomal slippage",
]


@pytest.mark.parametrize(
    ("lines", "remedy"),
    [
        (SLIP, r"overlapping_cds 1\); correct the CDS rows; a gene that reads bases twice \(frameshift of -1\)"),
        ([f"{row};exception=trans-splicing" for row in TWIN], "trans-spliced genes cannot"),
        (["chr1 s gene 101 400 . . . ID=g", "chr1 s CDS 101 400 . . 0 Parent=g"], "give the strand"),
        (["chr1 s match 101 400 . + . ID=m"], "no gene, transcript or CDS row; give an annotation with genes"),
        (["chr1 s gene 101 400 . + . ID=g"], "sort the annotation first, which builds missing levels"),
    ],
)  # fmt: skip
def test_the_remedy_fits_the_reason(lines: list[str], remedy: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=remedy):
        catalogue_of(tmp_path, GENOME, text_of(lines))


PANSN = {"HG1#1#chrV": 900, "plain|name.1:x*^$@!+_?-": 900}
GENES = [Gene("g", "HG1#1#chrV", "+", (Transcript("t", ((100, 400),), ((100, 400),)),))]


def test_names_are_plain_where_gff3_allows_and_told_where_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "o.gff3"
    with caplog.at_level(logging.WARNING):
        write_gff3(path, GENES, PANSN)
    assert [record.getMessage() for record in caplog.records] == [
        "HG1#1#chrV is written as HG1%231%23chrV, as GFF3 requires; gffread and bedtools do not decode this: "
        "rename the sequences before annotating if you use them"
    ]
    assert "##sequence-region plain|name.1:x*^$@!+_?- 1 900\n" in path.read_text()
    assert read_genes(path)[0].seqid == "HG1#1#chrV"
    caplog.clear()
    write_gff3(path, [], {"plain|name.1:x*^$@!+_?-": 900})
    assert caplog.records == []


@pytest.mark.skipif(shutil.which("gffread") is None, reason="needs gffread, not installed")
def test_gffread_finds_plain_names(tmp_path: Path) -> None:
    name = "plain|name.1:x*^$@!+_?-"
    write_gff3(tmp_path / "o.gff3", [Gene("g", name, "+", GENES[0].transcripts)], {name: 900})
    write_fasta(tmp_path / "g.fa", [(name, "A" * 900)])
    command = ["gffread", tmp_path / "o.gff3", "-g", tmp_path / "g.fa", "-y", tmp_path / "p.fa"]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "p.fa").read_text().startswith(">t")
