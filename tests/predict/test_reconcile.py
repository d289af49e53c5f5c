"""Two strands into one annotation: coordinates, overlaps, names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genescribe.genome.intervals import shared_length
from genescribe.genome.model import Gene, Transcript
from genescribe.genome.strand import Reject
from genescribe.predict.interface import PredictedTranscript, StrandPrediction
from genescribe.predict.reconcile import Candidate, name_genes, resolve_overlaps, to_forward


def candidate(start: int, end: int, odds: float, strand: str = "+", seqid: str = "s") -> Candidate:
    transcript = Transcript("", ((start, end),), ((start, end),))
    return Candidate(Gene("", seqid, strand, (transcript,)), odds)


def spans(candidates: list[Candidate]) -> list[tuple[int, int]]:
    return [(c.gene.start, c.gene.end) for c in candidates]


def test_minus_strand_is_turned() -> None:
    found = StrandPrediction(
        [PredictedTranscript(Transcript("", ((10, 20), (30, 45)), ((12, 20), (30, 40))), 3.0)],
        [Reject(0, 5, "no start codon")],
    )
    genes, rejects = to_forward("s", 0, 100, "-", found)
    transcript = genes[0].gene.transcripts[0]
    assert genes[0].gene.strand == "-"
    assert transcript.exons == ((55, 70), (80, 90))
    assert transcript.cds == ((60, 70), (80, 88))
    assert rejects == [Reject(95, 100, "no start codon")]


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_piece_of_a_sequence_lies_where_it_lies(strand: str) -> None:
    transcript = Transcript("", ((10, 20), (30, 45)), ((12, 20), (30, 40)), exon_scores=(0.25, 0.5), score=0.125)
    found = StrandPrediction([PredictedTranscript(transcript, 3.0)], [Reject(0, 5, "no start codon")])
    (candidate,), (reject,) = to_forward("s", 1_000, 1_100, strand, found)
    turned = candidate.gene.transcripts[0]
    forward = strand == "+"
    assert turned.exons == (((1_010, 1_020), (1_030, 1_045)) if forward else ((1_055, 1_070), (1_080, 1_090)))
    assert turned.exon_scores == ((0.25, 0.5) if forward else (0.5, 0.25))
    assert candidate.gene.score == 0.125
    assert (reject.start, reject.end) == ((1_000, 1_005) if forward else (1_095, 1_100))


def test_the_better_of_two_overlapping_genes_stays() -> None:
    kept, dropped = resolve_overlaps([candidate(0, 100, 1.0), candidate(50, 150, 2.0, "-")], 0.2)
    assert spans(kept) == [(50, 150)]
    assert [(loser.gene.start, winner.gene.start) for loser, winner in dropped] == [(0, 50)]


def test_a_small_overlap_is_allowed_and_other_sequences_are_no_rivals() -> None:
    genes = [candidate(0, 100, 1.0), candidate(90, 190, 2.0, "-"), candidate(0, 100, 0.5, seqid="t")]
    kept, dropped = resolve_overlaps(genes, 0.2)
    assert len(kept) == 3
    assert not dropped


@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 30_000), st.integers(-5, 5)), max_size=20),
    st.randoms(use_true_random=False),
)
def test_the_result_depends_neither_on_order_nor_on_cells(rows, random) -> None:  # type: ignore[no-untyped-def]
    genes = [candidate(start, start + length, float(odds)) for start, length, odds in dict.fromkeys(rows)]
    kept, dropped = resolve_overlaps(genes, 0.2)
    shuffled = list(genes)
    random.shuffle(shuffled)
    assert spans(resolve_overlaps(shuffled, 0.2)[0]) == spans(kept)
    assert len(kept) + len(dropped) == len(genes)
    for i, a in enumerate(kept):
        for b in kept[i + 1 :]:
            first, second = a.gene.transcripts[0], b.gene.transcripts[0]
            assert shared_length(first.cds, second.cds) <= 0.2 * min(first.cds_length, second.cds_length)


def test_names_follow_the_sequence_and_the_order() -> None:
    genes = name_genes([candidate(0, 10, 1.0), candidate(20, 30, 1.0)])
    assert [gene.id for gene in genes] == ["s_g000001", "s_g000002"]
    assert genes[1].transcripts[0].id == "s_g000002.t1"
