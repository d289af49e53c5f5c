"""GTF reads back as the genes that were written; BED12 has their places."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from genescribe.errors import InputError
from genescribe.genome.annotation.exports import bed_rows, export_genes, gtf_rows
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.model import Gene, Transcript, mirror

LENGTH = 1000
# A stop codon that an intron splits, an untranslated exon on each side.
SPLIT = Transcript("g.t1", ((10, 30), (40, 70), (80, 100), (120, 150)), ((50, 70), (80, 100), (120, 122)), 0)
GENE = Gene("g", "s", "+", (SPLIT, Transcript("g.t2", ((10, 70),), ((12, 42),))), biotype="protein_coding")


def structure(gene: Gene) -> object:
    return gene.seqid, gene.strand, sorted((t.id, t.exons, t.cds, t.phase) for t in gene.transcripts)


@pytest.mark.parametrize("gene", [GENE, mirror(GENE, LENGTH)])
def test_gtf_reads_back(gene: Gene, tmp_path: Path) -> None:
    export_genes(tmp_path / "out.gtf", [gene])
    assert [structure(found) for found in read_genes(tmp_path / "out.gtf")] == [structure(gene)]
    rows = [row.split("\t") for row in gtf_rows(gene)]
    stops = [(int(row[3]) - 1, int(row[4])) for row in rows if row[2] == "stop_codon" and '"g.t1"' in row[8]]
    assert sum(end - start for start, end in stops) == 3 and len(stops) == 2
    coding = sum(int(row[4]) - int(row[3]) + 1 for row in rows if row[2] == "CDS" and '"g.t1"' in row[8])
    assert coding == 42 - 3


def test_bed_has_the_places(tmp_path: Path) -> None:
    (first, second) = bed_rows(GENE)
    assert first == "s\t10\t150\tg.t1\t0\t+\t50\t122\t0\t4\t20,30,20,30\t0,30,70,110\n"
    assert second.split("\t")[1:3] == ["10", "70"]
    (plain,) = bed_rows(Gene("n", "s", "-", (Transcript("n.t1", ((5, 9),), ()),)))
    assert plain == "s\t5\t9\tn.t1\t0\t-\t5\t5\t0\t1\t4\t0\n"
    export_genes(tmp_path / "out.bed", [GENE])
    if shutil.which("bedtools"):
        command = ["bedtools", "bed12tobed6", "-i", str(tmp_path / "out.bed")]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert [tuple(map(int, line.split("\t")[1:3])) for line in said.splitlines()][:4] == list(SPLIT.exons)


def test_another_ending_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.txt is no format"):
        export_genes(tmp_path / "out.txt", [GENE])
