"""Organelles are known by name or description, and each sequence is read with its genetic code."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import numpy as np
import pytest

from genescribe.errors import InputError
from genescribe.genome.alphabet import decode
from genescribe.genome.catalogue import Catalogue, build_catalogue
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.organelles import choose_codes, organelle_of, organelles_of, parse_codes


@pytest.mark.parametrize(
    ("seqid", "description", "kind"),
    [
        ("MT", "", "mitochondrion"),
        ("chrM", "", "mitochondrion"),
        ("chrMT", "", "mitochondrion"),
        ("Mito", "", "mitochondrion"),
        ("chrmt", "", "mitochondrion"),
        ("mitochondrion_genome", "", "mitochondrion"),
        ("ChrC", "", "plastid"),
        ("Pt", "", "plastid"),
        ("chloroplast", "", "plastid"),
        ("NC_012920.1", "Homo sapiens mitochondrion, complete genome", "mitochondrion"),
        ("NC_000932.1", "Arabidopsis thaliana chloroplast, complete genome", "plastid"),
        ("X1", "Plasmodium falciparum apicoplast", "plastid"),
        ("ref|NC_001224|", "[org=Saccharomyces cerevisiae] [location=mitochondrion] [top=circular]", "mitochondrion"),
        ("contig7", "Fusarium mitochondrial genome", "mitochondrion"),
        ("chr1", "", None),
        ("M", "", None),
        ("C", "", None),
        ("chrMA", "", None),
        ("matador", "", None),
        ("scaffold_mt12", "", None),
        ("NM_1", "nuclear gene for mitochondrial ribosomal protein", None),
        ("chr3", "chloroplast protein locus", None),
    ],
)
def test_organelles_are_known_by_name_or_description(seqid: str, description: str, kind: str | None) -> None:
    assert organelle_of(seqid, description) == kind


def test_lettered_chromosomes_are_no_organelles() -> None:
    assert organelles_of(dict.fromkeys(["chrA", "chrB", "chrC", "chrM"], "")) == {}
    assert organelles_of(dict.fromkeys(["chrX", "chrY", "chrM"], "")) == {"chrM": "mitochondrion"}


def test_a_plastid_has_its_code_and_a_mitochondrion_must_be_told() -> None:
    kinds = organelles_of({"1": "", "Mt": "", "Pt": ""})
    assert choose_codes(kinds, {}, 1) == ({"Pt": 11}, ["Mt"])
    assert choose_codes(kinds, {"Mt": 1, "Pt": 4}, 1) == ({"Pt": 4}, [])
    assert choose_codes(kinds, {}, 4) == ({}, [])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["MT"], "'MT' is no SEQID=NUMBER"),
        (["MT=two"], "is no SEQID=NUMBER"),
        (["MT=2", "MT=5"], "two genetic codes for 'MT'"),
        (["X=2"], "no sequence 'X' in the genome"),
        (["MT=99"], "99"),
    ],
)
def test_codes_that_make_no_sense_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_codes(words, ["1", "MT"])


@pytest.mark.parametrize("packed", [False, True])
def test_descriptions_are_read_from_headers(tmp_path: Path, packed: bool) -> None:
    text = ">a\nACGT\n>b  some words\nACGT\nAC\n>c d>e\r\nACGT\r\n>" + "x" * 30 + " " + "y" * 5000 + "\nAC\n"
    path = tmp_path / ("g.fa.gz" if packed else "g.fa")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    genome = Genome.open(path)
    assert [genome.description(name) for name in genome.lengths] == ["", "some words", "d>e", ""]


def mitochondrial(tmp_path: Path, table: str, name: str = "MT") -> tuple[Path, Path]:
    """Return a genome whose second sequence codes with TGA for tryptophan, and its annotation."""
    generator = np.random.default_rng(0)
    filler = decode(generator.integers(0, 4, 100).astype(np.uint8))
    nuclear, own = "ATG" + "GCA" * 40 + "TAA", "ATG" + "GCATGA" * 20 + "TAA"
    fasta, annotation = tmp_path / "g.fa", tmp_path / "a.gff3"
    write_fasta(fasta, [("chr1", filler + nuclear + filler), (name, filler + own + filler)])
    rows = []
    for gene, seqid, end, more in (("g", "chr1", 226, ""), ("m", name, 226, table)):
        columns = (seqid, ".", "{}", "101", str(end), ".", "+", "{}")
        row = "\t".join(columns)
        rows.append(row.format("gene", ".") + f"\tID={gene}")
        rows.append(row.format("mRNA", ".") + f"\tID={gene}.t1;Parent={gene}")
        rows.append(row.format("CDS", "0") + f"\tID={gene}.c;Parent={gene}.t1{more}")
    annotation.write_text("##gff-version 3\n" + "\n".join(rows) + "\n")
    return fasta, annotation


@pytest.mark.parametrize("name", ["MT", "contig9"])
def test_transl_table_is_the_code_of_its_sequence(tmp_path: Path, name: str) -> None:
    build_catalogue(*mitochondrial(tmp_path, ";transl_table=2", name), tmp_path / "c.duckdb")
    with Catalogue(tmp_path / "c.duckdb") as catalogue:
        assert catalogue.flags() == {}
        assert catalogue.genetic_codes == {name: 2}
        assert catalogue.genetic_code.number == 1


def test_a_mitochondrion_without_a_code_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        build_catalogue(*mitochondrial(tmp_path, ""), tmp_path / "c.duckdb")
    assert "MT is a mitochondrion, and no row says its genetic code" in caplog.text
    with Catalogue(tmp_path / "c.duckdb") as catalogue:
        assert catalogue.flags() == {"m.t1": {"internal_stop"}}


def test_contradictions_of_the_code_are_refused(tmp_path: Path) -> None:
    fasta, annotation = mitochondrial(tmp_path, ";transl_table=2")
    with pytest.raises(InputError, match="every transl_table of the annotation is 2; leave 12 out"):
        build_catalogue(fasta, annotation, tmp_path / "c.duckdb", 12)
    annotation.write_text(annotation.read_text() + "MT\t.\tCDS\t301\t303\t.\t+\t0\tParent=m.t1;transl_table=4\n")
    with pytest.raises(InputError, match="transl_table 2 and 4 on sequence 'MT'"):
        build_catalogue(fasta, annotation, tmp_path / "c.duckdb")
