"""How alike the ends of introns are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene
from genescribe.predict.stretches import Piece, pieces_of
from genescribe.segment.adaptation.introns import intron_bits
from genescribe.simulate import load_parameters, simulate


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Genome, list[Piece], list[Gene]]:
    """Return a genome like that of Arabidopsis, its pieces and genes."""
    sequences, genes = simulate(load_parameters("arabidopsis_thaliana"), 6, total_bases=400_000, n_sequences=2)
    fasta = tmp_path_factory.mktemp("plant") / "plant.fa"
    write_fasta(fasta, sequences.items())
    genome = Genome.open(fasta)
    return genome, list(pieces_of(genome, [], 0, where=fasta)), genes


def moved(gene: Gene, by: int) -> Gene:
    """Return a gene whose introns lie elsewhere."""
    first = gene.transcripts[0]
    cds = tuple((start + by, end + by) for start, end in first.cds)
    return replace(gene, transcripts=(replace(first, cds=cds, exons=cds),))


def test_true_introns_are_alike_and_others_are_not(simulated: tuple[Genome, list[Piece], list[Gene]]) -> None:
    genome, pieces, genes = simulated
    true = intron_bits(genome, pieces, genes)
    # GT and AG alone are almost eight bits.
    assert true > 8
    spurious = intron_bits(genome, pieces, [moved(gene, -60) for gene in genes if gene.start > 100])
    assert abs(spurious) < 1
    half = intron_bits(genome, pieces, [*genes[::2], *(moved(gene, -60) for gene in genes[1::2] if gene.start > 100)])
    assert spurious + 1 < half < true - 1


def test_few_introns_are_not_more_alike_than_many(simulated: tuple[Genome, list[Piece], list[Gene]]) -> None:
    genome, pieces, genes = simulated
    spliced = [gene for gene in genes if gene.transcripts[0].cds_introns]
    few = [intron_bits(genome, pieces, spliced[i : i + 8]) for i in range(0, len(spliced) - 8, 8)]
    assert np.mean(few) == pytest.approx(intron_bits(genome, pieces, spliced), abs=1)


def test_strands_and_pieces_change_nothing(simulated: tuple[Genome, list[Piece], list[Gene]]) -> None:
    genome, pieces, genes = simulated
    signs = [intron_bits(genome, pieces, [gene for gene in genes if gene.strand == strand]) for strand in "+-"]
    assert signs[0] == pytest.approx(signs[1], abs=1)
    assert math.isnan(intron_bits(genome, pieces, []))
    cut = max(gene.end for gene in genes if gene.seqid == pieces[0].seqid) + 50
    length = genome.lengths[pieces[0].seqid]
    if cut < length:
        parts = [Piece(pieces[0].seqid, *span, (span,)) for span in ((0, cut), (cut, length))]
        assert intron_bits(genome, [*parts, *pieces[1:]], genes) == intron_bits(genome, pieces, genes)
