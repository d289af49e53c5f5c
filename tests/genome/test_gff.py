"""GFF3 and GTF: the dialects of the big sources, what is rejected, and that writing and reading are inverse."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from tests.genome.gene_strategies import SEQUENCES, gene_sets

from genescribe.errors import InputError
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.catalogue.tables import REASONS, Rejected
from genescribe.genome.model import Gene, Transcript

quick = settings(max_examples=40, deadline=None)


def rows(text: str) -> str:
    """Turn the blanks between the first eight columns of each line into tabs."""
    return "".join("\t".join(line.split(None, 8)) + "\n" for line in text.strip().splitlines())


def read(folder: Path, text: str) -> list[Gene]:
    path = folder / "annotation"
    path.write_text(rows(text), encoding="utf-8")
    return read_genes(path)


def only(genes: list[Gene]) -> Transcript:
    (gene,) = genes
    (transcript,) = gene.transcripts
    return transcript


ENSEMBL_GTF = """
I sgd gene        11 60 . + . gene_id "G"; gene_name "N;n"; gene_biotype "protein_coding";
I sgd transcript  11 60 . + . gene_id "G"; transcript_id "T"; tag "basic"; tag "MANE_Select";
I sgd exon        11 30 . + . gene_id "G"; transcript_id "T"; exon_number "1";
I sgd exon        41 60 . + . gene_id "G"; transcript_id "T"; exon_number "2";
I sgd CDS         13 30 . + 0 gene_id "G"; transcript_id "T"; protein_id "P";
I sgd CDS         41 46 . + 0 gene_id "G"; transcript_id "T"; protein_id "P";
I sgd start_codon 13 15 . + 0 gene_id "G"; transcript_id "T";
I sgd stop_codon  47 49 . + 0 gene_id "G"; transcript_id "T";
"""


def test_ensembl_gtf_keeps_the_stop_codon_outside_the_cds(tmp_path: Path) -> None:
    (gene,) = read(tmp_path, ENSEMBL_GTF)
    assert (gene.id, gene.biotype, gene.attributes) == ("G", "protein_coding", {"gene_name": "N;n"})
    assert only([gene]) == Transcript("T", ((10, 30), (40, 60)), ((12, 30), (40, 49)), canonical=True)


def test_a_stop_codon_over_two_exons(tmp_path: Path) -> None:
    transcript = only(
        read(
            tmp_path,
            """
            I . exon        11 30 . - . gene_id "G"; transcript_id "T";
            I . exon        41 60 . - . gene_id "G"; transcript_id "T";
            I . CDS         43 57 . - 0 gene_id "G"; transcript_id "T";
            I . stop_codon  41 42 . - 0 gene_id "G"; transcript_id "T";
            I . stop_codon  30 30 . - 1 gene_id "G"; transcript_id "T";
            """,
        )
    )
    assert transcript.cds == ((29, 30), (40, 57))


def test_cds_rows_only_with_the_stop_inside(tmp_path: Path) -> None:
    transcript = only(
        read(
            tmp_path,
            """
            2L:1-3000000 FlyBase stop_codon 11 13 . - 0 gene_id "G"; transcript_id "T"; count "1_1";
            2L:1-3000000 FlyBase CDS 11 31 . - 1 gene_id "G"; transcript_id "T"; cds_type "Terminal";
            2L:1-3000000 FlyBase intron 32 40 . - . gene_id "G"; transcript_id "T";
            2L:1-3000000 FlyBase CDS 41 50 . - 0 gene_id "G"; transcript_id "T"; cds_type "Initial";
            """,
        )
    )
    assert transcript == Transcript("T", ((10, 31), (40, 50)), ((10, 31), (40, 50)))


def test_semicolons_in_quotes_are_part_of_an_id(tmp_path: Path) -> None:
    """Cut at the semicolon, two genes are one, and its coding sequence a chimera."""
    genes = read(
        tmp_path,
        """
I x CDS 11 40 . + 0 gene_id "g;1"; transcript_id "t;1";
I x CDS 51 80 . + 0 transcript_id "t;2"; gene_id "g;2"; tag "CCDS;x"; tag "cds_end_NF";
I x CDS 91 99 . + 0 gene_id g3; transcript_id t3;
""",
    )
    assert [(gene.id, only([gene]).id) for gene in genes] == [("g;1", "t;1"), ("g;2", "t;2"), ("g3", "t3")]
    assert [only([gene]).partial3 for gene in genes] == [False, True, False]


def test_augustus_gtf_names_genes_in_bare_words(tmp_path: Path) -> None:
    (gene,) = read(
        tmp_path,
        """
        c AUGUSTUS gene        11 50 0.9 + . g1
        c AUGUSTUS transcript  11 50 0.9 + . g1.t1
        c AUGUSTUS start_codon 11 13 .   + 0 transcript_id "g1.t1"; gene_id "g1";
        c AUGUSTUS CDS         11 50 0.9 + 0 transcript_id "g1.t1"; gene_id "g1";
        c AUGUSTUS stop_codon  48 50 .   + 0 transcript_id "g1.t1"; gene_id "g1";
        """,
    )
    assert (gene.id, gene.score) == ("g1", 0.9)
    assert only([gene]) == Transcript("g1.t1", ((10, 50),), ((10, 50),), score=0.9)


def test_equal_gene_and_transcript_names_in_gtf(tmp_path: Path) -> None:
    (gene,) = read(
        tmp_path,
        """
        I sgd gene       11 20 . + . gene_id "tX"; gene_biotype "tRNA";
        I sgd transcript 11 20 . + . gene_id "tX"; transcript_id "tX";
        I sgd exon       11 20 . + . gene_id "tX"; transcript_id "tX";
        """,
    )
    assert (gene.id, only([gene]).id, gene.biotype) == ("tX", "tX", "tRNA")


REFSEQ = """
I RefSeq region 1 900 . + . ID=NC_1:1..900;Is_circular=true
I RefSeq gene 11 60 . - . ID=gene-A;Dbxref=a:1,b:2;gene_biotype=protein_coding;partial=true;start_range=.,11
I RefSeq mRNA 11 60 . - . ID=rna-A;Parent=gene-A;partial=true;start_range=.,11;tag=MANE Select
I RefSeq exon 11 60 . - . ID=exon-A-1;Parent=rna-A
I RefSeq CDS  11 57 . - 0 ID=cds-A;Parent=rna-A;partial=true;start_range=.,11
I RefSeq mRNA 21 60 . - . ID=rna-B;Parent=gene-A;tag=RefSeq Select
I RefSeq exon 21 60 . - . ID=exon-B-1;Parent=rna-B
"""


def test_refseq_partial_ends_and_mane_select(tmp_path: Path) -> None:
    (gene,) = read(tmp_path, REFSEQ)
    assert gene.transcripts == (
        Transcript("rna-A", ((10, 60),), ((10, 57),), canonical=True, partial3=True),
        Transcript("rna-B", ((20, 60),)),
    )


def test_gencode_tags_of_incomplete_coding_sequences(tmp_path: Path) -> None:
    transcript = only(
        read(
            tmp_path,
            """
            c HAVANA gene 11 60 . + . gene_id "G"; gene_type "protein_coding";
            c HAVANA transcript 11 60 . + . gene_id "G"; transcript_id "T"; tag "cds_start_NF"; tag "cds_end_NF";
            c HAVANA exon 11 60 . + . gene_id "G"; transcript_id "T";
            c HAVANA CDS 11 60 . + 2 gene_id "G"; transcript_id "T";
            """,
        )
    )
    assert (transcript.partial5, transcript.partial3, transcript.phase) == (True, True, 2)


def test_phytozome_has_utrs_and_no_exons(tmp_path: Path) -> None:
    transcript = only(
        read(
            tmp_path,
            """
            Chr01 phytozomev10 gene 11 90 . - . ID=P.v3.0;Name=P
            Chr01 phytozomev10 mRNA 11 90 . - . ID=P.1.v3.0;Parent=P.v3.0;longest=1
            Chr01 phytozomev10 CDS 61 80 . - 0 ID=P.1.v3.0.CDS.1;Parent=P.1.v3.0
            Chr01 phytozomev10 five_prime_UTR 81 90 . - . ID=P.1.v3.0.five_prime_UTR.1;Parent=P.1.v3.0
            Chr01 phytozomev10 CDS 21 40 . - 1 ID=P.1.v3.0.CDS.2;Parent=P.1.v3.0
            Chr01 phytozomev10 three_prime_UTR 11 20 . - . ID=P.1.v3.0.three_prime_UTR.1;Parent=P.1.v3.0
            """,
        )
    )
    assert transcript == Transcript("P.1.v3.0", ((10, 40), (60, 90)), ((20, 40), (60, 80)), canonical=True)


def test_prokka_has_cds_below_the_gene_or_alone(tmp_path: Path) -> None:
    genes = read(
        tmp_path,
        """
        c prokka gene 11 40 . + . ID=X_1_gene;locus_tag=X_1
        c prokka CDS 11 40 . + 0 ID=X_1;Parent=X_1_gene;product=a%2Cb
        c prokka CDS 51 80 . - 0 ID=X_2;product=hypothetical protein
        c prokka tRNA 91 99 . - . ID=X_3;product=tRNA-Phe
        """,
    )
    assert [(gene.id, only([gene]).cds) for gene in genes] == [
        ("X_1_gene", ((10, 40),)),
        ("X_2", ((50, 80),)),
        ("X_3", ()),
    ]


def test_ensembl_gff3_prefixes_and_parts_of_several_transcripts(tmp_path: Path) -> None:
    (gene,) = read(
        tmp_path,
        """
        1 ensembl gene 11 60 . + . ID=gene:G;biotype=protein_coding;gene_id=G
        1 ensembl mRNA 11 60 . + . ID=transcript:T1;Parent=gene:G;tag=basic,Ensembl_canonical
        1 ensembl mRNA 11 60 . + . ID=transcript:T2;Parent=gene:G
        1 ensembl exon 11 60 . + . Parent=transcript:T1,transcript:T2;Name=E
        1 ensembl CDS 11 40 . + 0 ID=CDS:P;Parent=transcript:T1
        """,
    )
    assert gene.id == "G"
    assert gene.transcripts == (
        Transcript("T1", ((10, 60),), ((10, 40),), canonical=True),
        Transcript("T2", ((10, 60),)),
    )


def test_arabidopsis_proteins_are_no_transcripts(tmp_path: Path) -> None:
    (gene,) = read(
        tmp_path,
        """
        Chr1 TAIR10 gene 11 60 . + . ID=A;Note=protein_coding_gene
        Chr1 TAIR10 mRNA 11 60 . + . ID=A.1;Parent=A
        Chr1 TAIR10 protein 11 60 . + . ID=A.1-Protein;Derives_from=A.1
        Chr1 TAIR10 exon 11 60 . + . Parent=A.1
        Chr1 TAIR10 CDS 11 60 . + 0 Parent=A.1,A.1-Protein;
        """,
    )
    assert only([gene]).cds == ((10, 60),)


def test_escapes_crlf_comments_and_an_embedded_genome(tmp_path: Path) -> None:
    text = rows("I . gene 1 9 . + . ID=a%3Bb;Name=caf\u00e9\nI . mRNA 1 9 . + . ID=t%09;Parent=a%3Bb")
    path = tmp_path / "a.gff3"
    path.write_bytes(f"##gff-version 3\n#x\n\n{text}##FASTA\n>I\nACGTACGTA\n".replace("\n", "\r\n").encode())
    (gene,) = read_genes(path)
    assert (gene.id, gene.attributes["Name"], only([gene]).id) == ("a;b", "caf\u00e9", "t\t")


def test_wormbase_phases_are_missing(tmp_path: Path) -> None:
    transcript = only(
        read(
            tmp_path,
            """
            I WormBase gene 11 60 . + . ID=G
            I WormBase mRNA 11 60 . + . ID=T;Parent=G
            I WormBase CDS 11 30 . + . ID=C;Parent=T
            I WormBase CDS 41 60 . + . ID=C;Parent=T
            """,
        )
    )
    assert (transcript.phase, transcript.cds) == (0, ((10, 30), (40, 60)))


GENE_AND_MRNA = """
I . gene 11 90 . + . ID=g
I . mRNA 11 90 . + . ID=t;Parent=g
"""
REJECTED = {
    "overlapping_exons": GENE_AND_MRNA + "I . exon 11 30 . + . Parent=t\nI . exon 21 90 . + . Parent=t",
    "overlapping_cds": GENE_AND_MRNA + "I . CDS 11 30 . + 0 Parent=t\nI . CDS 30 90 . + 0 Parent=t",
    "cds_outside_exons": GENE_AND_MRNA + "I . exon 11 30 . + . Parent=t\nI . CDS 11 40 . + 0 Parent=t",
    "two_places": GENE_AND_MRNA + "I . exon 11 30 . + . Parent=t\nI . exon 41 50 . - . Parent=t",
    "trans_spliced": GENE_AND_MRNA + "I . exon 11 30 . + . Parent=t;exception=trans-splicing",
    "no_strand": GENE_AND_MRNA.replace("+", "."),
    "no_transcript": "I . gene 11 90 . + . ID=g",
    "missing_parent": "I . exon 11 30 . + . Parent=nowhere",
    "no_parent": "I . exon 11 30 . + .  Name=x",
}


def test_every_reason_has_an_example() -> None:
    # Those two need a gene whose transcript is rejected, and a genome.
    assert {*REJECTED, "no_usable_transcript", "across_origin"} == set(REASONS)


@pytest.mark.parametrize("reason", REJECTED)
def test_what_cannot_be_used_is_rejected_with_its_reason(tmp_path: Path, reason: str) -> None:
    path = tmp_path / "annotation"
    path.write_text(rows(REJECTED[reason]))
    rejects: list[Rejected] = []
    assert read_genes(path, rejects) == []
    assert reason in {reject.reason for reject in rejects}
    assert all(reject.detail and reject.line for reject in rejects)
    if reason not in ("missing_parent", "no_parent"):
        assert {reject.gene for reject in rejects} == {"g"}


def test_a_gene_loses_only_the_transcript_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "annotation"
    path.write_text(
        rows(REJECTED["overlapping_exons"] + "\nI . mRNA 11 30 . + . ID=u;Parent=g\nI . exon 11 30 . + . Parent=u")
    )
    rejects: list[Rejected] = []
    assert [transcript.id for gene in read_genes(path, rejects) for transcript in gene.transcripts] == ["u"]
    assert [(reject.gene, reject.transcript) for reject in rejects] == [("g", "t")]


def test_the_log_says_what_is_wrong_first_and_where(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not that a gene is left without a transcript, which follows from it."""
    text = "I x gene 1 9 . . . ID=g\nI x mRNA 1 9 . . . ID=t;Parent=g\nI x CDS 1 9 . . 0 Parent=t\n"
    read(tmp_path, text)
    assert "2 genes or transcripts cannot be used; line 2, t: on neither strand" in caplog.text
    read(tmp_path, "I x CDS 1 9 . + 0 Note=none")
    assert "1 gene or transcript cannot be used; line 1: CDS belongs to no transcript" in caplog.text


def test_rejects_are_logged_where_nobody_takes_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(tmp_path, REJECTED["no_transcript"])
    assert "1 gene or transcript cannot be used" in caplog.text


@quick
@given(gene_sets())
def test_what_is_written_is_read(tmp_path: Path, genes: list[Gene]) -> None:
    path = tmp_path / "out.gff3"
    write_gff3(path, genes, SEQUENCES)
    if not genes:
        assert path.read_text().count("\n") == 1 + len(SEQUENCES)
        return
    again = read_genes(path)
    order = list(dict.fromkeys(gene.seqid for gene in genes))
    assert sorted(again, key=lambda gene: order.index(gene.seqid)) == genes
    assert [gene.attributes for gene in again] == [gene.attributes for gene in genes]


@quick
@given(gene_sets())
def test_equal_genes_are_equal_bytes(tmp_path: Path, genes: list[Gene]) -> None:
    write_gff3(tmp_path / "a.gff3", genes, SEQUENCES, header=["made here"])
    write_gff3(tmp_path / "b.gff3", genes[::-1], SEQUENCES, header=["made here"])
    assert (tmp_path / "a.gff3").read_bytes() == (tmp_path / "b.gff3").read_bytes()


EXAMPLE = [
    Gene(
        "g1",
        "I",
        "-",
        (
            Transcript("g1.1", ((10, 30), (40, 60)), ((20, 30), (40, 51)), partial5=True, score=0.5),
            Transcript("g1.2", ((10, 70),)),
        ),
        score=0.75,
        biotype="protein_coding",
        attributes={"Name": "a;b=c", "Note": "x,y"},
    ),
    Gene("g1.1", "I", "+", (Transcript("g1", ((100, 130),), ((101, 128),), phase=1, canonical=True),)),
]
WRITTEN = """\
##gff-version 3
#by hand
##sequence-region I 1 200
I\tgenescribe\tgene\t11\t70\t0.75\t-\t.\tID=g1;biotype=protein_coding;Name=a%3Bb%3Dc;Note=x,y
I\tgenescribe\tmRNA\t11\t60\t0.5\t-\t.\tID=g1.1;Parent=g1
I\tgenescribe\texon\t11\t30\t.\t-\t.\tParent=g1.1
I\tgenescribe\tthree_prime_UTR\t11\t20\t.\t-\t.\tParent=g1.1
I\tgenescribe\ttranscript\t11\t70\t.\t-\t.\tID=g1.2;Parent=g1
I\tgenescribe\texon\t11\t70\t.\t-\t.\tParent=g1.2
I\tgenescribe\tCDS\t21\t30\t.\t-\t1\tID=g1.1.cds;Parent=g1.1
I\tgenescribe\texon\t41\t60\t.\t-\t.\tParent=g1.1
I\tgenescribe\tCDS\t41\t51\t.\t-\t0\tID=g1.1.cds;Parent=g1.1;partial=true;end_range=51,.
I\tgenescribe\tfive_prime_UTR\t52\t60\t.\t-\t.\tParent=g1.1
I\tgenescribe\tgene\t101\t130\t.\t+\t.\tID=gene:g1.1
I\tgenescribe\tmRNA\t101\t130\t.\t+\t.\tID=transcript:g1;Parent=gene:g1.1;tag=canonical
I\tgenescribe\texon\t101\t130\t.\t+\t.\tParent=transcript:g1
I\tgenescribe\tfive_prime_UTR\t101\t101\t.\t+\t.\tParent=transcript:g1
I\tgenescribe\tCDS\t102\t128\t.\t+\t1\tID=transcript:g1.cds;Parent=transcript:g1
I\tgenescribe\tthree_prime_UTR\t129\t130\t.\t+\t.\tParent=transcript:g1
"""


def test_what_is_written_to_the_letter(tmp_path: Path) -> None:
    write_gff3(tmp_path / "out.gff3", EXAMPLE, {"I": 200}, header=["by hand"])
    assert (tmp_path / "out.gff3").read_text() == WRITTEN


def test_genes_outside_the_genome_are_not_written(tmp_path: Path) -> None:
    for lengths in ({"II": 200}, {"I": 100}):
        with pytest.raises(InputError, match="outside the genome"):
            write_gff3(tmp_path / "out.gff3", EXAMPLE, lengths)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(shutil.which("gt") is None, reason="needs GenomeTools (`gt`), not installed")
@quick
@given(gene_sets())
def test_genometools_finds_the_files_valid(tmp_path: Path, genes: list[Gene]) -> None:
    write_gff3(tmp_path / "out.gff3", genes, SEQUENCES)
    result = subprocess.run(["gt", "gff3validator", tmp_path / "out.gff3"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(shutil.which("gffread") is None, reason="needs gffread, not installed")
def test_gffread_reads_what_is_written(tmp_path: Path) -> None:
    write_gff3(tmp_path / "out.gff3", EXAMPLE, {"I": 200})
    command = ["gffread", tmp_path / "out.gff3", "--keep-genes", "-o", tmp_path / "again.gff3"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    again = {t.id: (t.exons, t.cds) for gene in read_genes(tmp_path / "again.gff3") for t in gene.transcripts}
    assert again == {t.id: (t.exons, t.cds) for gene in EXAMPLE for t in gene.transcripts}
