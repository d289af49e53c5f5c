"""Proteins and coding sequences."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from genescribe.genome.alphabet import decode, encode, reverse_complement
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.fasta import Genome, expand_fasta, write_fasta
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript, mirror
from genescribe.genome.products import coding_codes, is_complete, write_products

STANDARD = GeneticCode.from_table(1)
#       0         10        20        30
TEXT = "ccATGGCTgtaagTTTTTAAccGCATGTTTNAATGA"


def records(path: Path) -> dict[str, str]:
    """Return header -> sequence."""
    parts = (part.partition("\n") for part in path.read_text().split(">")[1:])
    return {header: body.replace("\n", "") for header, _, body in parts}


@pytest.fixture
def genome(tmp_path: Path) -> Genome:
    write_fasta(tmp_path / "genome.fa", [("I", TEXT), ("II", "TTAGCCCAT")])
    return Genome.open(tmp_path / "genome.fa")


def test_all_isoforms_and_the_longest(tmp_path: Path, genome: Genome) -> None:
    short = Transcript("short", ((2, 8), (13, 20)), ((2, 8), (17, 20)))
    long = Transcript("long", ((2, 8), (13, 20)), ((2, 8), (14, 20)))
    genes = [
        Gene("reverse", "II", "-", (Transcript("r", ((0, 9),), ((0, 9),)),)),
        Gene("noncoding", "I", "+", (Transcript("n", ((0, 5),)),)),
        Gene("two", "I", "+", (short, long)),
        Gene("cut", "I", "+", (Transcript("p", ((22, 36),), ((22, 36),), phase=2, partial5=True),)),
    ]
    write_products(genes, genome, STANDARD, tmp_path / "out")
    assert records(tmp_path / "out/cds.fa") == {
        "short gene=two I:3-20(+) complete=yes": "ATGGCTTAA",
        "long gene=two I:3-20(+) complete=yes": "ATGGCTTTTTAA",
        "p gene=cut I:23-36(+) complete=no": "GCATGTTTNAATGA",
        "r gene=reverse II:1-9(-) complete=yes": "ATGGGCTAA",
    }
    assert list(records(tmp_path / "out/proteins.fa").values()) == ["MA", "MAF", "MFX", "MG"]
    assert list(records(tmp_path / "out/proteins.longest.fa").values()) == ["MAF", "MFX", "MG"]
    assert [name.split()[0] for name in records(tmp_path / "out/cds.longest.fa")] == ["long", "p", "r"]


@pytest.mark.parametrize(
    ("bases", "phase", "expected"),
    [
        ("ATGTAA", 0, True), ("TTGGCATAG", 0, True), ("ATGGCA", 0, False), ("GCATAA", 0, False),
        ("ATGTAAGCATAA", 0, False), ("ATGGTAA", 0, False), ("TAA", 0, False), ("GATGTAA", 1, False), ("", 0, False),
    ],
)  # fmt: skip
def test_a_complete_coding_sequence(bases: str, phase: int, expected: bool) -> None:
    transcript = Transcript("t", ((0, max(len(bases), 1)),), ((0, len(bases)),), phase=phase)
    assert is_complete(encode(bases), transcript, STANDARD) == expected


def test_both_strands_give_the_same_protein(tmp_path: Path) -> None:
    text = "ccATGGCTgtaagTTTTTAAcc"
    gene = Gene("g", "I", "+", (Transcript("t", ((2, 8), (14, 20)), ((2, 8), (14, 20))),))
    write_fasta(tmp_path / "forward.fa", [("I", text)])
    forward = Genome.open(tmp_path / "forward.fa")
    write_fasta(tmp_path / "backward.fa", [("I", reverse_complement(encode(text)))])
    backward = Genome.open(tmp_path / "backward.fa")
    image = mirror(gene, len(text))
    assert decode(coding_codes(forward, gene, gene.transcripts[0])) == "ATGGCTTTTTAA"
    assert decode(coding_codes(backward, image, image.transcripts[0])) == "ATGGCTTTTTAA"


@pytest.mark.parametrize(
    ("name", "annotation", "share"),
    [
        ("Drosophila.melanogaster_2L_3Mb", "annotation.gtf.gz", 0.97),
        ("Homo.sapiens_chr1_chunks", "annotation.gtf.gz", 0.97),
        ("Populus.trichocarpa_Chr01_8Mb", "annotation.gff3.gz", 0.95),
    ],
)
def test_proteins_of_real_genes(data_dir: Path, tmp_path: Path, name: str, annotation: str, share: float) -> None:
    genome = Genome.open(data_dir / "eukaryotes" / name / "genome.fa.gz")
    genes = read_genes(data_dir / "eukaryotes" / name / annotation)
    write_products(genes, genome, STANDARD, tmp_path)
    proteins, coding = records(tmp_path / "proteins.fa"), records(tmp_path / "cds.fa")
    assert list(proteins) == list(coding)
    assert len(proteins) == sum(bool(t.cds) for gene in genes for t in gene.transcripts)
    complete = [header for header in proteins if header.endswith("complete=yes")]
    assert len(complete) >= share * len(proteins)
    for header in complete:
        assert proteins[header].startswith("M") and "*" not in proteins[header]
        assert coding[header][-3:].upper() in STANDARD.stops
        assert len(coding[header]) == 3 * len(proteins[header]) + 3


TOOLS = [tool for tool in ("gt", "gffread") if shutil.which(tool) is None]


@pytest.mark.skipif(bool(TOOLS), reason=f"needs GenomeTools and gffread, not installed: {', '.join(TOOLS)}")
@pytest.mark.parametrize(
    "name",
    [
        "Schizosaccharomyces.pombe_minigenome/annotation.gff3.gz",
        "Drosophila.melanogaster_2L_3Mb/annotation.gtf.gz",
        pytest.param("Populus.trichocarpa_Chr01_8Mb/annotation.gff3.gz", marks=pytest.mark.slow),
        pytest.param("Saccharomyces.cerevisiae/annotation.gtf.gz", marks=pytest.mark.slow),
        pytest.param("Saccharomyces.cerevisiae/annotation.refseq_R64-4-1.gff3.gz", marks=pytest.mark.slow),
    ],
)
def test_other_programs_read_the_same_proteins(data_dir: Path, tmp_path: Path, name: str) -> None:
    annotation = data_dir / "eukaryotes" / name
    expand_fasta(annotation.parent / "genome.fa.gz", tmp_path / "genome.fa")
    genome, genes = Genome.open(tmp_path / "genome.fa"), read_genes(annotation)
    write_gff3(tmp_path / "out.gff3", genes, genome.lengths)
    write_products(genes, genome, STANDARD, tmp_path)
    subprocess.run(["gt", "gff3validator", tmp_path / "out.gff3"], check=True, capture_output=True)
    command = ["gffread", tmp_path / "out.gff3", "-g", tmp_path / "genome.fa", "-y", tmp_path / "theirs.fa"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = {
        header.split()[0].removeprefix("transcript:"): protein.rstrip(".").replace(".", "*")
        for header, protein in records(tmp_path / "theirs.fa").items()
    }
    ours = {header.split()[0]: protein for header, protein in records(tmp_path / "proteins.fa").items()}
    assert len(ours) == sum(bool(t.cds) for gene in genes for t in gene.transcripts)
    assert ours.keys() == theirs.keys()
    # gffread does not read a start codon other than ATG as methionine.
    assert {name: protein[1:] for name, protein in ours.items()} == {name: p[1:] for name, p in theirs.items()}
