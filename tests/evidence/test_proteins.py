"""Proteins: what is no file of proteins, and an aligner that is absent, fails or aligns."""

from __future__ import annotations

from pathlib import Path

import pytest

from genescribe.errors import InputError
from genescribe.evidence import proteins
from genescribe.evidence.proteins import check_proteins, read_proteins
from genescribe.evidence.table import Collector
from genescribe.genome.fasta import Genome

PROTEIN = ">a first\nMKVLAAGIVGLLLAQWERTYK*\n>b\nMSTNPKPQRKTKRNT\nNRRPQDVKF\n"
ALIGNED = (
    "c\tminiprot\tmRNA\t101\t160\t90\t+\t.\tID=M;Identity=0.8;Target=a 1 20\n"
    "c\tminiprot\tCDS\t101\t160\t60\t+\t0\tParent=M\n"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">a\nMKV*LAAG\n", "a stop inside the protein 'a'"),
        (">a\nMKVL*\nAAG\n", "a stop inside"),
        (">a\nMKVL1AAG\n", "no amino acid"),
        (f">a\n{'ACGTTGCA' * 50}\n", "nucleotides, not proteins"),
        (">a\nMKV\n>a\nMKV\n", "occurs twice"),
        (">\nMKV\n", "without a name"),
        (">a\n>b\n", "no protein"),
    ],
)
def test_what_is_no_protein_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "p.fa"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        check_proteins(path)
    assert "\n" not in str(error.value)
    path.write_text(PROTEIN)
    assert check_proteins(path) == 2


def test_the_form_of_a_file_of_proteins_is_told_by_its_text(tmp_path: Path) -> None:
    path, genome = tmp_path / "p.fa", tmp_path / "g.fa"
    genome.write_text(">c\nACGT\n")
    path.write_text(f"\ufeff{PROTEIN}", encoding="utf-8")
    assert proteins._is_fasta(path) and check_proteins(path) == 2
    for nothing in ("", "\n"):
        path.write_text(nothing)
        with pytest.raises(InputError, match="no protein; give FASTA of proteins, or the GFF of miniprot or GeMoMa"):
            read_proteins(path, Genome.open(genome), Collector({"c": 4}))


def program(folder: Path, script: str) -> None:
    path = folder / "miniprot"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_aligner_is_run_in_pieces_and_its_failures_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fasta, given = tmp_path / "g.fa", tmp_path / "p.fa"
    fasta.write_text(f">c\n{'ACGTA' * 100}\n>d\n{'ACGTA' * 100}\n")
    given.write_text(PROTEIN)
    genome = Genome.open(fasta)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"miniprot is not installed.*bioconda") as error:
        read_proteins(given, genome, Collector(genome.lengths))
    assert "\n" not in str(error.value)
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    program(tools, "echo 'some help' >&2; echo 'out of memory' >&2; exit 3")
    with pytest.raises(InputError, match="miniprot ended with 3; its last line: out of memory"):
        read_proteins(given, genome, Collector(genome.lengths))
    monkeypatch.setattr(proteins, "PIECE", 600)
    aligned = tmp_path / "aligned.gff"
    aligned.write_text(ALIGNED)
    program(tools, f"for last; do :; done; echo '##gff-version 3'; grep -q '^>c' \"$6\" && cat {aligned}; exit 0")
    collector = Collector(genome.lengths)
    read_proteins(given, genome, collector)
    assert collector.table().counts() == {"start": 1, "CDSpart": 1}
    # An alignment that is that of a pseudogene says nothing, and is no fault of the file.
    aligned.write_text(ALIGNED.replace("Identity", "Frameshift=2;Identity"))
    silent = Collector(genome.lengths)
    read_proteins(given, genome, silent)
    assert silent.table().counts() == {}
    aligned.write_text(ALIGNED)
    finished = Collector(genome.lengths)
    read_proteins(aligned, genome, finished)
    assert finished.table().digest() == collector.table().digest()
