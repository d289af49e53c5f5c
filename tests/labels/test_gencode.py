"""The label scheme `gencode`: hand-made genes with their labels, and properties over random strands."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genescribe.data.runs import IGNORE, labels_from_runs
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.labels.gencode import GencodeScheme
from genescribe.labels.gene_rules import GeneRules
from genescribe.labels.grammar import Encoded

SCHEME = GencodeScheme(GeneRules(shortest_intron=4))
GRAMMAR = SCHEME.grammar


def gene(identifier: str, *transcripts: Transcript) -> Gene:
    return Gene(identifier, "s", "+", transcripts)


def coding(exons: list[Interval], start: int, end: int, **options: object) -> Transcript:
    """Return a transcript whose coding sequence is all of its exons between two places."""
    cds = tuple((max(a, start), min(b, end)) for a, b in exons if a < end and b > start)
    return Transcript("t", tuple(exons), cds, **options)  # type: ignore[arg-type]


def runs(*segments: tuple[int, int]) -> list[list[int]]:
    return [list(segment) for segment in segments]


class TestLabels:
    def test_a_gene_with_utrs_and_three_coding_exons(self) -> None:
        exons = [(10, 20), (30, 60), (70, 82), (90, 120), (130, 140)]
        encoded = SCHEME.encode([gene("g", coding(exons, 40, 103))], 150)
        assert encoded.problems == []
        assert encoded.runs.tolist() == runs(
            *((10, 0), (20, 7), (30, 4), (40, 7), (43, 9), (60, 1), (70, 5), (82, 2), (90, 5)),
            *((100, 3), (103, 10), (120, 8), (130, 6), (140, 8), (150, 0)),
        )

    def test_a_single_exon_gene_keeps_both_utrs(self) -> None:
        encoded = SCHEME.encode([gene("g", coding([(5, 50)], 11, 41))], 60)
        assert encoded.runs.tolist() == runs((5, 0), (11, 7), (14, 9), (38, 1), (41, 10), (50, 8), (60, 0))

    def test_two_coding_exons_are_first_and_last_and_their_intron_is_first(self) -> None:
        encoded = SCHEME.encode([gene("g", coding([(0, 10), (20, 31)], 0, 31))], 31)
        assert encoded.runs.tolist() == runs((3, 9), (10, 1), (20, 4), (28, 3), (31, 10))

    def test_codons_split_by_introns(self) -> None:
        exons = [(0, 2), (10, 11), (20, 29), (40, 41), (50, 52)]
        encoded = SCHEME.encode([gene("g", coding(exons, 0, 52))], 52)
        assert encoded.runs.tolist() == runs(
            (2, 9), (10, 4), (11, 9), (20, 5), (29, 2), (40, 5), (41, 10), (50, 6), (52, 10)
        )

    def test_genes_that_touch_stay_two(self) -> None:
        genes = [gene("a", coding([(0, 12)], 0, 12)), gene("b", coding([(12, 24)], 12, 24))]
        encoded = SCHEME.encode(genes, 24)
        assert encoded.runs.tolist() == runs((3, 9), (9, 1), (12, 10), (15, 9), (21, 1), (24, 10))
        assert [t.exons for t in SCHEME.decode(encoded.runs).transcripts] == [((0, 12),), ((12, 24),)]

    def test_a_gene_cut_at_the_5_end_has_no_first_exon(self) -> None:
        cut = coding([(0, 10), (20, 30), (40, 50)], 0, 45, partial5=True, phase=1)
        encoded = SCHEME.encode([gene("g", cut)], 60)
        assert encoded.runs.tolist() == runs((10, 2), (20, 5), (30, 2), (40, 6), (42, 3), (45, 10), (50, 8), (60, 0))

    def test_a_gene_cut_at_the_3_end_has_no_last_exon(self) -> None:
        cut = coding([(5, 15), (20, 30)], 9, 30, partial3=True)
        encoded = SCHEME.encode([gene("g", cut)], 30)
        assert encoded.runs.tolist() == runs((5, 0), (9, 7), (12, 9), (15, 1), (20, 4), (30, 2))


class TestChoice:
    def test_the_canonical_isoform_goes_before_the_longest(self) -> None:
        long, short = coding([(0, 30)], 0, 30), Transcript("u", ((0, 12),), ((0, 12),), canonical=True)
        assert SCHEME.encode([gene("g", long, short)], 40).placed["g"] is short

    def test_then_the_longest_coding_sequence_then_the_first_id(self) -> None:
        a, b = (Transcript(name, ((0, 30),), ((0, 12),)) for name in "ab")
        short = Transcript("0", ((0, 60),), ((0, 9),))
        assert SCHEME.encode([gene("g", short, b, a)], 60).placed["g"] is a


class TestMasks:
    def test_what_two_genes_share_is_masked_and_the_rest_kept(self) -> None:
        genes = [gene("a", coding([(0, 30)], 6, 27)), gene("b", coding([(20, 60)], 33, 54))]
        encoded = SCHEME.encode(genes, 70)
        labels = labels_from_runs(encoded.runs)
        assert labels[:20].tolist() == [7] * 6 + [9] * 3 + [1] * 11
        assert set(labels[20:30].tolist()) == {IGNORE}
        assert labels[30:].tolist() == [7] * 3 + [9] * 3 + [1] * 15 + [10] * 3 + [8] * 6 + [0] * 10
        assert [p.reason for p in encoded.problems] == ["overlaps a gene on its strand"] * 2
        assert SCHEME.decode(encoded.runs).transcripts == []

    def test_a_gene_inside_an_intron_masks_its_own_span_only(self) -> None:
        genes = [gene("a", coding([(0, 9), (50, 59)], 0, 59)), gene("b", coding([(20, 29)], 20, 29))]
        encoded = SCHEME.encode(genes, 59)
        assert encoded.runs.tolist() == runs((3, 9), (9, 1), (20, 4), (29, -1), (50, 4), (56, 3), (59, 10))

    def test_a_gene_with_a_short_intron_is_masked(self) -> None:
        transcript = coding([(2, 11), (14, 23)], 2, 23)
        encoded = SCHEME.encode([gene("g", transcript)], 30)
        assert encoded.runs.tolist() == runs((2, 0), (23, -1), (30, 0))
        assert [p.reason for p in encoded.problems] == ["intron too short"]
        assert SCHEME.configured(GeneRules(shortest_intron=20)).grammar.minimum[[4, 5, 6]].tolist() == [20] * 3

    def test_non_coding_genes_are_masked(self) -> None:
        genes = [gene("n", Transcript("n", ((2, 8), (10, 20)))), gene("c", coding([(15, 27)], 15, 27))]
        encoded = SCHEME.encode(genes, 30)
        labels = labels_from_runs(encoded.runs)
        assert labels[2:15].tolist() == [IGNORE] * 13
        assert labels[15:27].tolist() == [9] * 3 + [1] * 6 + [10] * 3
        assert encoded.problems == [("n", "non-coding")]

    def test_a_doubtful_gene_is_masked_with_its_reason(self) -> None:
        encoded = SCHEME.encode([gene("g", coding([(5, 17)], 5, 17))], 20, doubtful={"g": "in-frame stop"})
        assert encoded.runs.tolist() == runs((5, 0), (17, -1), (20, 0))
        assert encoded.problems == [("g", "in-frame stop")]
        assert encoded.placed == {}

    @pytest.mark.parametrize(
        ("transcript", "reason"),
        [
            (coding([(20, 41)], 20, 41), "beyond the sequence's end"),
            (coding([(0, 9), (9, 18)], 0, 18), "exons without an intron between them"),
            (Transcript("t", ((0, 19),), ((0, 9), (10, 19))), "coding sequence with a gap inside an exon"),
            (Transcript("t", ((0, 9), (12, 18)), ((0, 8), (12, 16))), "coding sequence with a gap inside an exon"),
            (coding([(0, 40)], 0, 40, partial5=True, partial3=True), "cut at both ends"),
            (coding([(3, 15)], 3, 15, partial5=True), "incomplete inside the sequence"),
            (coding([(3, 15)], 3, 15, partial3=True), "incomplete inside the sequence"),
            (coding([(3, 16)], 3, 16, phase=1), "first codon incomplete"),
            (coding([(3, 16)], 3, 16), "coding length not a multiple of three"),
            (coding([(0, 10)], 0, 10, partial5=True), "coding length not a multiple of three"),
            (coding([(3, 6)], 3, 6), "coding sequence shorter than its start and stop codon"),
        ],
    )
    def test_what_labels_cannot_hold_is_masked_with_a_reason(self, transcript: Transcript, reason: str) -> None:
        encoded = SCHEME.encode([gene("g", transcript)], 40)
        assert encoded.problems == [("g", reason)]
        end = min(transcript.end, 40)
        assert set(labels_from_runs(encoded.runs)[transcript.start : end].tolist()) == {IGNORE}
        assert set(labels_from_runs(encoded.runs)[end:].tolist()) <= {0}

    def test_no_genes_is_one_intergenic_run(self) -> None:
        assert SCHEME.encode([], 7).runs.tolist() == [[7, 0]]


@st.composite
def transcripts(draw: st.DrawFn) -> tuple[Transcript, int]:
    """Draw a complete transcript that starts at base 0, and its length."""
    widths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=6))
    gaps = draw(st.lists(st.integers(4, 12), min_size=len(widths) - 1, max_size=len(widths) - 1))
    exons, position = [], 0
    for width, gap in zip(widths, [*gaps, 0], strict=True):
        exons.append((position, position + width))
        position += width + gap
    spliced = [base for start, end in exons for base in range(start, end)]
    if len(spliced) < 6:
        exons[-1] = (exons[-1][0], exons[-1][1] + 6)
        spliced = [base for start, end in exons for base in range(start, end)]
    codons = draw(st.integers(2, len(spliced) // 3))
    first = draw(st.integers(0, len(spliced) - 3 * codons))
    return coding(exons, spliced[first], spliced[first + 3 * codons - 1] + 1), exons[-1][1]


def moved(transcript: Transcript, by: int) -> Transcript:
    exons, cds = (tuple((a + by, b + by) for a, b in part) for part in (transcript.exons, transcript.cds))
    return Transcript(transcript.id, exons, cds)


@st.composite
def strands(draw: st.DrawFn, smallest_gap: int) -> tuple[list[Gene], int]:
    """Draw genes in order and the strand's length; a negative gap makes overlaps."""
    genes, position = [], 0
    for number in range(draw(st.integers(0, 6))):
        transcript, length = draw(transcripts())
        position = max(0, position + draw(st.integers(smallest_gap, 15)))
        genes.append(gene(f"g{number}", moved(transcript, position)))
        position += length
    longest = max((g.end for g in genes), default=0)
    return genes, max(1, longest + draw(st.integers(0, 15)))


def signature(items: list[Transcript]) -> list[tuple[object, ...]]:
    return sorted((t.exons, t.cds, t.phase, t.partial5, t.partial3) for t in items)


@given(strands(smallest_gap=0))
def test_disjoint_genes_come_back_exactly_and_keep_the_grammar(strand: tuple[list[Gene], int]) -> None:
    genes, length = strand
    encoded = SCHEME.encode(genes, length)
    assert encoded.problems == []
    decoded = SCHEME.decode(encoded.runs)
    assert decoded.rejects == []
    assert signature(decoded.transcripts) == signature([g.transcripts[0] for g in genes])
    labels, ends = encoded.runs[:, 1], encoded.runs[:, 0]
    assert all(GRAMMAR.transitions[a, b] for a, b in pairwise(labels))
    assert GRAMMAR.first[labels[0]] and GRAMMAR.last[labels[-1]]
    durations = np.diff(ends, prepend=0)
    assert (durations >= GRAMMAR.minimum[labels]).all()
    limited = GRAMMAR.maximum[labels] > 0
    assert (durations[limited] <= GRAMMAR.maximum[labels][limited]).all()


@given(strands(smallest_gap=-60))
def test_overlapping_genes_give_no_wrong_label_and_no_wrong_gene(strand: tuple[list[Gene], int]) -> None:
    genes, length = strand
    encoded = SCHEME.encode(genes, length)
    overlapping = {p.gene_id for p in encoded.problems}
    labels = labels_from_runs(encoded.runs)
    assert len(labels) == length
    owners = np.zeros(length, dtype=int)
    for g in genes:
        owners[g.start : g.end] += 1
        alone = labels_from_runs(SCHEME.encode([g], length).runs)
        seen = labels[g.start : g.end]
        assert ((seen == IGNORE) | (seen == alone[g.start : g.end])).all()
        assert (g.id in overlapping) == bool((seen == IGNORE).any())
    assert ((labels == IGNORE) == (owners > 1)).all()
    assert (labels[owners == 0] == 0).all()
    kept = [g.transcripts[0] for g in genes if g.id not in overlapping]
    assert signature(SCHEME.decode(encoded.runs).transcripts) == signature(kept)
    assert _some_path_exists(encoded)


def _some_path_exists(encoded: Encoded) -> bool:
    """Whether a labelling of the masked bases keeps the grammar, so that a CRF gives the strand a likelihood."""
    stay_or_go = GRAMMAR.transitions | np.eye(len(SCHEME.names), dtype=bool)
    reachable = GRAMMAR.first.copy()
    start, previous = 0, IGNORE
    for end, label in encoded.runs.tolist():
        if label == IGNORE:
            for base in range(start, end):
                reachable = reachable if base == 0 else reachable @ stay_or_go
        else:
            enters = reachable[label] if start == 0 else (reachable @ stay_or_go)[label]
            if previous != IGNORE:
                enters = reachable @ GRAMMAR.transitions[:, label]
            if not enters:
                return False
            reachable = np.arange(len(SCHEME.names)) == label
        start, previous = end, label
    return bool((reachable & GRAMMAR.last).any())
