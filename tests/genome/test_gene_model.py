"""Genes, phases and mirroring."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.genome.gene_strategies import SEQUENCES, gene_sets

from genescribe.genome.model import Gene, Interval, Transcript, cds_phases, gaps, mirror


@given(gene_sets())
def test_a_mirror_image_of_a_mirror_image(genes: list[Gene]) -> None:
    for gene in genes:
        length = SEQUENCES[gene.seqid]
        image = mirror(gene, length)
        assert image.strand != gene.strand
        assert (image.start, image.end) == (length - gene.end, length - gene.start)
        assert sum(t.cds_length for t in image.transcripts) == sum(t.cds_length for t in gene.transcripts)
        assert mirror(image, length) == gene


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.integers(0, 2))
def test_phases_make_the_parts_one_reading_frame(lengths: list[int], phase: int) -> None:
    cds: list[Interval] = []
    for length in lengths:
        start = cds[-1][1] + 7 if cds else 0
        cds.append((start, start + length))
    forward = cds_phases(tuple(cds), "+", phase)
    # A base opens a codon where the bases before it, less the first phase, are a multiple of three.
    done = 0
    for (start, end), found in zip(cds, forward, strict=True):
        assert (done + found - phase) % 3 == 0
        done += end - start
    backward = cds_phases(tuple(cds), "-", phase)
    mirrored = cds_phases(tuple((1000 - end, 1000 - start) for start, end in reversed(cds)), "+", phase)
    assert backward == tuple(reversed(mirrored))


@pytest.mark.parametrize(("intervals", "expected"), [([], ()), ([(0, 5)], ()), ([(0, 5), (5, 6), (9, 10)], ((6, 9),))])
def test_gaps(intervals: list[Interval], expected: tuple[Interval, ...]) -> None:
    assert gaps(intervals) == expected


def test_what_a_transcript_knows_of_itself() -> None:
    transcript = Transcript("t", ((2, 10), (20, 30)), ((5, 10), (20, 24)))
    assert (transcript.start, transcript.end, transcript.cds_length) == (2, 30, 9)
    assert transcript.introns == transcript.cds_introns == ((10, 20),)
    gene = Gene("g", "I", "+", (transcript, Transcript("u", ((25, 40),))))
    assert (gene.start, gene.end) == (2, 40)
