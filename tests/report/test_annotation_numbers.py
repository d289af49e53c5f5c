"""The numbers of an annotation's report, counted again from the genes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.report.annotated import annotation

from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene, Transcript
from genescribe.predict.stretches import pieces_of
from genescribe.report.annotation.cautions import cautions
from genescribe.report.annotation.evidence import CLASSES, support_of
from genescribe.report.annotation.numbers import BaseCounts, count_bases, count_genes, masked_genes
from genescribe.report.annotation.places import most_and_least_probable


def gene(name: str, *parts: tuple[int, int], score: float | None = None, strand: str = "+", seqid: str = "a") -> Gene:
    return Gene(name, seqid, strand, (Transcript(f"{name}.t1", parts, parts),), score)


GENES = [
    gene("one", (10, 40), (60, 90), score=0.9),
    gene("two", (80, 110), score=0.25, strand="-"),
    gene("three", (0, 30), seqid="b"),
]


def test_genes_are_counted(tmp_path: Path) -> None:
    write_fasta(tmp_path / "g.fa", [("a", "A" * 200), ("b", "C" * 50), ("c", "G" * 50)])
    genome = Genome.open(tmp_path / "g.fa")
    numbers = count_genes(GENES, pieces_of(genome, [], 0, where="g.fa"))
    assert len(numbers) == 3
    assert numbers.spans.tolist() == [80, 30, 30]
    assert numbers.coding.tolist() == [60, 30, 30]
    assert numbers.exons.tolist() == [2, 1, 1]
    assert numbers.exon_lengths.tolist() == [30, 30, 30, 30]
    assert numbers.intron_lengths.tolist() == [20]
    assert numbers.coding_bases == 110, "ten bases code on both strands, and count once"
    assert numbers.empty == 1
    assert numbers.expected_right() == (2, pytest.approx(1.15))
    assert numbers.expected_right(0.5) == (1, pytest.approx(0.9))


def test_bases_are_counted_in_the_regions_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fasta(tmp_path / "g.fa", [("a", "ACGTNNacgtn" * 10), ("b", "G" * 40)])
    genome = Genome.open(tmp_path / "g.fa")
    whole = pieces_of(genome, [], 0, where="g.fa")
    expected = BaseCounts(2, 150, 120, 80, 50)
    assert count_bases(genome, whole) == expected
    monkeypatch.setattr("genescribe.report.annotation.numbers.BLOCK", 7)
    assert count_bases(genome, whole) == expected, "the blocks change nothing"
    part = pieces_of(genome, ["a:1-11"], 30, where="g.fa")
    assert count_bases(genome, part) == BaseCounts(1, 11, 8, 4, 5)


def test_genes_in_repeats_are_counted(tmp_path: Path) -> None:
    write_fasta(tmp_path / "g.fa", [("a", "a" * 40 + "A" * 160), ("b", "C" * 50)])
    genome = Genome.open(tmp_path / "g.fa")
    assert masked_genes(GENES, genome) == 1, "30 of the 60 coding bases of the first gene are masked"


def test_support_is_counted_from_what_the_genes_say(tmp_path: Path) -> None:
    made = annotation(tmp_path, evidence=True)
    found = support_of(made.genes)
    first = [gene.transcripts[0] for gene in made.genes]
    assert found.introns == sum(len(transcript.introns) for transcript in first)
    assert sum(found.genes.values()) == len(made.genes)
    assert found.genes[CLASSES[3]] == sum(not transcript.introns for transcript in first)
    assert found.genes[CLASSES[0]] >= sum(bool(t.introns) for t in first[::2]), "every other gene has evidence"
    assert found.proteins >= len(first[::4])
    assert found.covered >= len(first[::4])
    summed = sum(total for total, _ in found.scores.values())
    assert summed == pytest.approx(sum(gene.score or 0 for gene in made.genes))


def test_no_gene_is_among_both_the_most_and_the_least_probable() -> None:
    genes = [gene(f"g{number}", (0, 30), score=number / 20) for number in range(14)] + [gene("unknown", (0, 30))]
    most, least = most_and_least_probable(genes)
    assert [one.score for one in most] == [number / 20 for number in range(13, 3, -1)]
    assert [one.id for one in least] == ["g0", "g1", "g2", "g3"]


@pytest.mark.parametrize(
    ("bases", "genes", "in_repeats", "least", "words"),
    [
        ((1, 30_000_000, 30_000_000, 1, 0), 20, 0, 0.0, ["not soft-masked"]),
        ((1, 30_000_000, 30_000_000, 1, 9_000_000), 20, 1, 0.0, ["1 genes (5.0%)"]),
        ((1, 1_000_000, 800_000, 1, 0), 20, 0, 0.0, ["20.0% of the assembly is N"]),
        ((4, 1_000_000, 1_000_000, 1, 0), 20, 0, 0.0, ["3 of 4 sequences have no gene"]),
        ((1, 150_000, 150_000, 1, 0), 20, 0, 0.0, ["Only 150,000 bases"]),
        ((1, 1_000_000, 1_000_000, 1, 0), 20, 0, 0.8, ["below 0.8 were left out"]),
        ((1, 1_000_000, 1_000_000, 1, 0), 20, 0, 0.0, []),
    ],
)
def test_what_is_doubtful_is_said(
    tmp_path: Path, bases: tuple[int, ...], genes: int, in_repeats: int, least: float, words: list[str]
) -> None:
    write_fasta(tmp_path / "g.fa", [(f"s{number}", "A" * 100) for number in range(bases[0])])
    pieces = pieces_of(Genome.open(tmp_path / "g.fa"), [], 0, where="g.fa")
    numbers = count_genes([gene(f"g{n}", (0, 30), score=1.0, seqid="s0") for n in range(genes)], pieces)
    lines = cautions(BaseCounts(*bases), numbers, in_repeats, least)
    assert len(lines) == len(words)
    assert all(word in line for word, line in zip(words, lines, strict=True))


def test_no_gene_is_no_error(tmp_path: Path) -> None:
    numbers = count_genes([], annotation(tmp_path).pieces)
    assert len(numbers) == 0
    assert numbers.expected_right() == (0, 0.0)
    assert np.isnan(numbers.scores).sum() == 0
