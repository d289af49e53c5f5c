"""The table geneList and GSF files: what is written of an annotation reads back as that annotation."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from tests.generate.toy_loci import LENGTH, toy_genome

from genescribe.errors import InputError
from genescribe.generate.forms.transgenic import published_window
from genescribe.generate.loci.gene_list import LONGEST, add_genome, write_gsf
from genescribe.generate.text.sentence import GeneSentence, gene_of
from genescribe.genome.alphabet import encode
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene, Transcript


def structure(gene: Gene) -> list[object]:
    return [gene.strand, *sorted((t.exons, t.cds, t.phase) for t in gene.transcripts)]


@pytest.mark.parametrize("absolute", [False, True])
def test_gsf_reads_back_as_the_annotation(tmp_path: Path, absolute: bool) -> None:
    _, annotation, genes = toy_genome(tmp_path, {"t": 10})
    assert write_gsf(tmp_path / "out.gsf", annotation, absolute=absolute) == (10, {})
    rows = dict(line.split("\t") for line in (tmp_path / "out.gsf").read_text().splitlines())
    for gene in genes:
        offset = 0 if absolute else gene.start
        assert structure(gene_of(GeneSentence.parse(rows[gene.id]), gene.id, gene.seqid, offset)) == structure(gene)


def test_genes_without_a_sentence_are_counted(tmp_path: Path) -> None:
    genes = [
        Gene("coding", "s", "+", (Transcript("a", ((0, 30),), ((0, 30),)),)),
        Gene("other", "s", "+", (Transcript("b", ((50, 80),), ()),), biotype="lncRNA"),
    ]
    write_gff3(tmp_path / "genes.gff3", genes, {"s": 100})
    assert write_gsf(tmp_path / "out.gsf", tmp_path / "genes.gff3") == (1, {"non-coding transcript": 1})
    write_gff3(tmp_path / "none.gff3", genes[1:], {"s": 100})
    with pytest.raises(InputError, match="no gene has a sentence"):
        write_gsf(tmp_path / "none.gsf", tmp_path / "none.gff3")
    assert not (tmp_path / "none.gsf").exists()


def test_a_database_holds_several_species(tmp_path: Path) -> None:
    database, given = tmp_path / "genes.duckdb", {}
    for seed, species in enumerate(("one", "two")):
        fasta, annotation, genes = toy_genome(tmp_path / species, {"t": 4}, seed=seed)
        assert add_genome(database, fasta, annotation, species, published_window) == (4, 0)
        given[species] = {gene.id: gene for gene in genes}
    before = database.read_bytes()
    with pytest.raises(InputError, match="holds two already"):
        add_genome(database, fasta, annotation, "two", published_window)
    assert database.read_bytes() == before
    with duckdb.connect(str(database), read_only=True) as connection:
        columns = [row[0] for row in connection.execute("DESCRIBE geneList").fetchall()]
        rows = connection.execute("SELECT geneList.*, species FROM geneList JOIN geneSpecies USING (rn)").fetchall()
    assert columns == [
        "geneModel", "start", "fin", "strand", "chromosome", "sequence", "gff", "static_fpb", "static_tpb",
        "five_prime_buf", "three_prime_buf", "rn",
    ]  # fmt: skip
    assert [row[11] for row in rows] == list(range(1, 9))
    for name, low, high, strand, seqid, bases, text, before_gene, after_gene, *_, species in rows:
        gene = given[species][name]
        codes = Genome.open(tmp_path / species / "genome.fa").codes(seqid, low, high)
        assert encode(bases).tolist() == (codes & 7).tolist()
        assert (low, high, strand) == (0, LENGTH, gene.strand)
        assert (before_gene, after_gene) == (gene.start, LENGTH - gene.end)
        assert structure(gene_of(GeneSentence.parse(text), name, seqid, low)) == structure(gene)


def test_what_cannot_be_added_is_one_line(tmp_path: Path) -> None:
    fasta, annotation, _ = toy_genome(tmp_path, {"t": 1})
    (tmp_path / "text.duckdb").write_text("no database")
    with pytest.raises(InputError, match="no such database"):
        add_genome(tmp_path / "text.duckdb", fasta, annotation, "x", published_window)
    assert (tmp_path / "text.duckdb").read_text() == "no database"
    write_fasta(tmp_path / "other.fa", [("other", encode("ACGT"))])
    with pytest.raises(InputError, match="outside the genome"):
        add_genome(tmp_path / "new.duckdb", tmp_path / "other.fa", annotation, "x", published_window)
    exons = ((0, 30), (LONGEST, LONGEST + 30))
    write_fasta(tmp_path / "long.fa", [("s", encode("A" * 60_000))])
    long = Gene("g", "s", "+", (Transcript("a", exons, exons),))
    write_gff3(tmp_path / "long.gff3", [long], {"s": 60_000})
    assert add_genome(tmp_path / "n.duckdb", tmp_path / "long.fa", tmp_path / "long.gff3", "x", published_window) == (
        0,
        1,
    )
