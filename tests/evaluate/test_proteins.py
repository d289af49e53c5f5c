"""Proteins compared letter by letter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from genescribe.evaluate.proteins import compare_proteins, translation
from genescribe.genome.alphabet import decode, encode, reverse_complement
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript

STANDARD = GeneticCode.from_table(1)
CODING = "ATGGCATGCAAATTTTAA"


@pytest.fixture
def genome(tmp_path: Path) -> Genome:
    spliced = CODING[:7] + "gttaag" + CODING[7:]
    write_fasta(tmp_path / "g.fa", [("s", "CC" + spliced + "CC" + decode(reverse_complement(encode(CODING))))])
    return Genome.open(tmp_path / "g.fa")


def gene(*cds: tuple[int, int], strand: str = "+", phase: int = 0) -> Gene:
    return Gene("g", "s", strand, (Transcript("t", cds, cds, phase),))


FORWARD = gene((2, 9), (15, 26))
REVERSE = gene((28, 46), strand="-")


@pytest.mark.parametrize("one", [FORWARD, REVERSE])
def test_translation(one: Gene, genome: Genome) -> None:
    assert translation(one, one.transcripts[0], genome, STANDARD) == "MACKF"


def test_identical_and_different(genome: Genome) -> None:
    both = [FORWARD, REVERSE]
    assert compare_proteins(both, both, genome, STANDARD) == {
        "reference": 2,
        "identical": 2,
        "phase_differs": 0,
        "internal_stop": 0,
    }
    assert compare_proteins(both, [FORWARD], genome, STANDARD)["identical"] == 1


def test_the_same_protein_elsewhere_does_not_count(genome: Genome) -> None:
    turned = replace(REVERSE, strand="+")
    assert compare_proteins([FORWARD], [REVERSE], genome, STANDARD)["identical"] == 0
    assert compare_proteins([turned], [REVERSE], genome, STANDARD)["identical"] == 0


def test_the_stop_codon_is_no_part_of_the_protein(genome: Genome) -> None:
    assert compare_proteins([FORWARD], [gene((2, 9), (15, 23))], genome, STANDARD)["identical"] == 1


def test_another_phase_is_another_protein(genome: Genome) -> None:
    shifted = gene((2, 9), (15, 26), phase=1)
    found = compare_proteins([FORWARD], [shifted], genome, STANDARD)
    assert (found["identical"], found["phase_differs"], found["internal_stop"]) == (0, 1, 0)
    assert compare_proteins([FORWARD], [gene((2, 26))], genome, STANDARD)["internal_stop"] == 1


def test_genes_that_code_for_nothing_are_not_counted(genome: Genome) -> None:
    rna = Gene("r", "s", "+", (Transcript("r.1", ((2, 9),)),))
    assert compare_proteins([rna], [rna], genome, STANDARD)["reference"] == 0
