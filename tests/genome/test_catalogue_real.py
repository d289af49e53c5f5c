"""Every gene of a real annotation is in the catalogue or among the rejected."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from tests.genome.gene_strategies import structure

from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.catalogue.database import Catalogue, build_catalogue

REAL = {
    "Arabidopsis.thaliana_1pct": "annotation.gff3.gz",
    "Caenorhabditis.elegans_smallgenes": "annotation.gff3.gz",
    "Drosophila.melanogaster_2L_3Mb": "annotation.gtf.gz",
    "Homo.sapiens_chr1_chunks": "annotation.gtf.gz",
    "Leishmania.major_chr1": "annotation.gff3.gz",
    "Populus.trichocarpa_Chr01_8Mb": "annotation.gff3.gz",
    "Schizosaccharomyces.pombe_minigenome": "annotation.gff3.gz",
    "Trypanosoma.brucei_chr1": "annotation.gff3.gz",
}


def genes_in_text(path: Path) -> set[str]:
    """Return the gene names of an annotation by the plainest reading: rows of genes, or gene_id in GTF."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        columns = [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]
    if ".gtf" in path.name:
        return {match[1] for row in columns if (match := re.search(r'gene_id "([^"]+)"', row[8]))}
    rows = [row[8] for row in columns if re.fullmatch(r"\w*gene", row[2]) and "Parent=" not in row[8]]
    return {re.split("[=;]", row)[1] for row in rows}


def assert_nothing_is_lost(folder: Path, source: Path) -> Catalogue:
    build_catalogue(source.parent / "genome.fa.gz", source, folder / "catalogue.duckdb")
    catalogue = Catalogue(folder / "catalogue.duckdb")
    genes = catalogue.genes()
    kept = [gene.id for gene in genes]
    rejected = {row.gene for row in catalogue.rejected() if row.transcript is None and row.gene}
    assert len(kept) == len(set(kept))
    assert not set(kept) & rejected
    assert genes_in_text(source) == set(kept) | rejected
    # The reader sees the same genes, without what only the genome can tell.
    read = {gene.id: structure(gene) for gene in read_genes(source, [])}
    assert read == {gene.id: structure(gene) for gene in genes}
    return catalogue


@pytest.mark.parametrize("name", REAL)
def test_every_gene_of_a_real_genome_is_kept_or_rejected(data_dir: Path, tmp_path: Path, name: str) -> None:
    source = data_dir / "eukaryotes" / name / REAL[name]
    with assert_nothing_is_lost(tmp_path, source) as catalogue:
        stats = catalogue.stats()
        assert stats["counts"]["rejected_genes"] == 0
        coding = stats["counts"]["coding_transcripts"]
        # What a finished annotation is: reading frames that start, stop and do not break.
        for flag in ("broken_frame", "phase_mismatch", "internal_stop", "no_start", "no_stop"):
            assert stats["flags"][flag] <= 0.03 * coding
        introns = stats["splice_sites"]
        assert introns["GT-AG"] >= 0.97 * (sum(introns.values()) - introns["short"]) or name.startswith("Tryp")


@pytest.mark.slow
@pytest.mark.parametrize("annotation", ["annotation.gtf.gz", "annotation.refseq_R64-4-1.gff3.gz"])
def test_every_yeast_gene_is_kept_or_rejected(data_dir: Path, tmp_path: Path, annotation: str) -> None:
    source = data_dir / "eukaryotes" / "Saccharomyces.cerevisiae" / annotation
    with assert_nothing_is_lost(tmp_path, source) as catalogue:
        nuclear = [gene for gene in catalogue.genes() if gene.seqid != "Mito"]
        flags = catalogue.flags()
        coding = [t.id for gene in nuclear for t in gene.transcripts if t.cds]
        assert sum("internal_stop" in flags.get(name, ()) for name in coding) <= 10
        assert catalogue.stats()["counts"]["rejected_genes"] == 0
