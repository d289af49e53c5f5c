"""Coding sequences of genes that have UTRs and introns of reads: exact, on both strands, under a shift."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.run_script import run_script

from genescribe.genome.alphabet import decode, encode, reverse_complement
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import write_fasta

EXONS = ("ATGGCTGCA", "GCTGCTGCTGC", "TGCATAA")
"""Coding exons; the introns between them begin with GT and end with AG."""
INTRON = "GT" + "CCTTCC" * 10 + "AG"
FIVE, THREE = "CCACCACC", "CCTTCCTTCCTT"
GENE = FIVE + INTRON.join(EXONS) + THREE
START = 200


def sequence(strand: str) -> str:
    """Return a gene between bases that hold no ends of introns."""
    gene = GENE if strand == "+" else decode(reverse_complement(encode(GENE)))
    return "C" * START + gene + "C" * 300


def parts(strand: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the places of coding exons and of introns in the sequence."""
    ends = np.cumsum([len(FIVE), *[len(part) for exon in EXONS for part in (exon, INTRON)][:-1]])
    spans = [(int(a), int(b)) for a, b in pairwise(ends)]
    if strand == "-":
        spans = [(len(GENE) - b, len(GENE) - a) for a, b in reversed(spans)]
    placed = [(START + a, START + b) for a, b in spans]
    return placed[::2], placed[1::2]


def files(folder: Path, strand: str, off: int) -> tuple[Path, Path, Path]:
    """Write a genome, its annotation without CDS, and introns `off` bases from their places."""
    exons, introns = parts(strand)
    fasta, annotation, gff = folder / "g.fa", folder / "a.gff3", folder / "i.gff"
    write_fasta(fasta, [("chrI", sequence(strand))])
    first, last = START, START + len(GENE)
    low, high = (first, exons[0][0]), (exons[-1][1], last)
    five, three = (low, high) if strand == "+" else (high, low)
    rows = [
        ("gene", (first, last), "ID=g;Name=name"),
        ("mRNA", (first, last), "ID=g.1;Parent=g"),
        ("five_prime_UTR", five, "Parent=g.1"),
        ("three_prime_UTR", three, "Parent=g.1"),
    ]
    lines = [f"chrI\tx\t{kind}\t{a + 1}\t{b}\t.\t{strand}\t.\t{more}\n" for kind, (a, b), more in rows]
    annotation.write_text("".join(lines))
    reads = [f"I\tx\tintron\t{a + 1 + off}\t{b + off}\t20\t{strand}\t.\t.\n" for a, b in introns]
    gff.write_text("".join(reads))
    return fasta, annotation, gff


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("off", [0, 7, -5])
def test_a_gene_gets_the_coding_sequence_between_its_utrs(
    repository: Path, tmp_path: Path, strand: str, off: int
) -> None:
    fasta, annotation, introns = files(tmp_path, strand, off)
    words = f"--fasta {fasta} --annotation {annotation} --introns {introns} --prefix chr --shift 10"
    run_script(repository, f"coding_from_introns.py {words} -o {tmp_path}/out.gff3")
    ((transcript,),) = (gene.transcripts for gene in read_genes(tmp_path / "out.gff3"))
    assert list(transcript.cds) == parts(strand)[0]
    assert transcript.phase == 0 and not transcript.partial5 and not transcript.partial3


def test_a_gene_without_an_open_frame_or_named_gets_none(repository: Path, tmp_path: Path) -> None:
    fasta, annotation, introns = files(tmp_path, "+", 0)
    words = f"--fasta {fasta} --annotation {annotation} --prefix chr -o {tmp_path}/out.gff3"
    (tmp_path / "few.gff").write_text(introns.read_text().splitlines(keepends=True)[0])
    (tmp_path / "names").write_text("name\n")
    for more in (f"--introns {tmp_path}/few.gff", f"--introns {introns} --without {tmp_path}/names"):
        run_script(repository, f"coding_from_introns.py {words} {more}")
        ((transcript,),) = (gene.transcripts for gene in read_genes(tmp_path / "out.gff3"))
        assert not transcript.cds
