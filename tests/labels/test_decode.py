"""Labels into gene models: what is read, what is refused and why, and the check against the sequence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genescribe.genome.alphabet import encode
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Transcript
from genescribe.labels.decode import Decoded, coding_codes, validate_gene
from genescribe.labels.schemes import SCHEMES

SCHEME = SCHEMES["gencode"]
STANDARD = GeneticCode.from_table(1)


def decode(*segments: tuple[int, int], partial: bool = True) -> Decoded:
    """Decode segments given as (duration, label)."""
    durations, labels = zip(*segments, strict=True)
    return SCHEME.decode(np.stack([np.cumsum(durations), labels], axis=1).astype(np.int32), partial=partial)


def reasons(decoded: Decoded) -> list[str]:
    assert not decoded.transcripts
    return [reject.reason for reject in decoded.rejects]


class TestRead:
    def test_a_gene_with_utrs(self) -> None:
        decoded = decode((5, 0), (4, 7), (3, 9), (6, 1), (10, 4), (3, 3), (3, 10), (2, 8), (5, 0))
        expected = Transcript("1", ((5, 18), (28, 36)), ((9, 18), (28, 34)))
        assert decoded == Decoded([expected], [])

    def test_ranks_are_not_needed(self) -> None:
        assert decode((5, 0), (3, 9), (6, 3), (9, 6), (6, 1), (3, 10), (5, 0)).transcripts[0].cds == ((5, 14), (23, 32))

    def test_a_start_after_a_3_utr_begins_the_next_gene(self) -> None:
        decoded = decode((3, 9), (3, 10), (4, 8), (3, 9), (3, 10), (2, 7), (3, 9), (3, 10))
        assert [t.exons for t in decoded.transcripts] == [((0, 10),), ((10, 16),), ((16, 24),)]
        assert [t.id for t in decoded.transcripts] == ["1", "2", "3"]

    def test_a_strand_that_begins_in_a_gene_takes_the_phase_from_the_stop(self) -> None:
        (transcript,) = decode((5, 2), (8, 6), (6, 3), (3, 10), (4, 0)).transcripts
        assert (transcript.partial5, transcript.phase, transcript.cds) == (True, 2, ((0, 5), (13, 22)))

    def test_a_strand_that_begins_in_an_intron_begins_the_gene_with_the_exon(self) -> None:
        (transcript,) = decode((8, 5), (7, 3), (3, 10), (1, 0)).transcripts
        assert (transcript.partial5, transcript.phase, transcript.exons) == (True, 1, ((8, 18),))

    def test_a_strand_that_begins_in_a_start_codon(self) -> None:
        (transcript,) = decode((2, 9), (6, 1), (3, 10), (1, 0)).transcripts
        assert (transcript.partial5, transcript.phase) == (True, 2)

    def test_a_strand_that_ends_in_a_gene(self) -> None:
        (transcript,) = decode((4, 0), (3, 9), (7, 1), (5, 4)).transcripts
        assert (transcript.partial3, transcript.phase, transcript.exons) == (True, 0, ((4, 14),))


class TestRefuse:
    @pytest.mark.parametrize(
        ("segments", "reason"),
        [
            ([(5, 0), (6, 1), (3, 10), (5, 0)], "no start codon"),
            ([(5, 0), (4, 7), (6, 1), (3, 10), (5, 0)], "no start codon"),
            ([(5, 0), (3, 9), (6, 1), (5, 0)], "no stop codon"),
            ([(5, 0), (3, 9), (6, 1), (3, 8), (5, 0)], "no stop codon"),
            ([(5, 0), (2, 9), (7, 1), (3, 10), (5, 0)], "start codon not of three bases"),
            ([(5, 0), (3, 9), (7, 1), (2, 10), (5, 0)], "stop codon not of three bases"),
            ([(5, 0), (3, 9), (7, 1), (3, 10), (5, 0)], "coding length not a multiple of three"),
            ([(5, 0), (6, 1), (3, 9), (3, 10), (5, 0)], "parts out of order"),
            ([(5, 0), (3, 9), (3, 10), (4, 4), (3, 9), (3, 10), (5, 0)], "parts out of order"),
            ([(5, 0), (4, 4), (3, 9), (3, 10), (5, 0)], "intron at a gene's end"),
            ([(5, 0), (3, 9), (3, 10), (4, 4), (5, 0)], "intron at a gene's end"),
            ([(5, 0), (4, 4), (5, 0)], "intron without exons"),
            ([(5, 0), (4, 7), (5, 0)], "no coding sequence"),
            ([(5, 0), (3, 9), (3, 10), (5, -1)], "beside ignored bases"),
            ([(5, -1), (3, 9), (3, 10), (5, 0)], "beside ignored bases"),
            ([(9, 2)], "cut at both ends"),
        ],
    )
    def test_what_spells_no_gene_has_a_reason(self, segments: list[tuple[int, int]], reason: str) -> None:
        assert reasons(decode(*segments)) == [reason]

    def test_cut_genes_can_be_refused(self) -> None:
        assert reasons(decode((6, 2), (3, 10), (5, 0), (3, 9), (6, 1), partial=False)) == (
            ["cut by the sequence's end"] * 2
        )

    def test_a_reject_says_where(self) -> None:
        (reject,) = decode((5, 0), (6, 1), (3, 10), (5, 0)).rejects
        assert (reject.start, reject.end) == (5, 14)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(-1, 10)), max_size=25))
def test_any_labels_decode_to_well_formed_transcripts_or_rejects(segments: list[tuple[int, int]]) -> None:
    decoded = decode(*segments) if segments else SCHEME.decode(np.zeros((0, 2), dtype=np.int32))
    spans = sorted([(t.start, t.end) for t in decoded.transcripts] + [(r.start, r.end) for r in decoded.rejects])
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
    for t in decoded.transcripts:
        assert t.partial3 or (t.cds_length - t.phase) % 3 == 0
        assert not (t.partial5 and t.partial3)
        assert t.partial5 or t.phase == 0
        assert all(left[1] < right[0] for left, right in zip(t.exons, t.exons[1:], strict=False))
        inside = tuple((max(a, t.cds[0][0]), min(b, t.cds[-1][1])) for a, b in t.exons)
        assert tuple(part for part in inside if part[0] < part[1]) == t.cds
    # Every base with a label of a gene is accounted for, but for introns beyond a strand's ends.
    covered = sum(end - start for start, end in spans)
    labelled = sum(duration for duration, label in segments if label > 0)
    assert covered <= labelled
    if not any(t.partial5 or t.partial3 for t in decoded.transcripts) and not any(s[1] in (4, 5, 6) for s in segments):
        assert covered == labelled


class TestSequence:
    @pytest.mark.parametrize(
        ("sequence", "reason"),
        [
            ("ATGAAATAA", None),
            ("atgaaataa", None),
            ("ATGNNNTAA", None),
            ("NNNAAANNN", None),
            ("CTGAAATAG", None),
            ("ATCAAATAG", "no start codon"),
            ("ATGAAATAC", "no stop codon"),
            ("ATGTGATAA", "in-frame stop"),
            ("ATGAATAA", "coding length not a multiple of three"),
        ],
    )
    def test_reasons(self, sequence: str, reason: str | None) -> None:
        whole = ((0, len(sequence)),)
        assert validate_gene(Transcript("t", whole, whole), encode(sequence), STANDARD) == reason

    def test_a_stop_split_by_an_intron_is_found(self) -> None:
        sequence = encode("ATGT" + "GTAAGCAG" + "AGTAA")
        split = Transcript("t", ((0, 4), (12, 17)), ((0, 4), (12, 17)))
        assert validate_gene(split, sequence, STANDARD) == "in-frame stop"
        assert coding_codes(split, sequence).tolist() == encode("ATGTAGTAA").tolist()

    def test_atg_alone_on_request(self) -> None:
        whole = ((0, 9),)
        reason = validate_gene(Transcript("t", whole, whole), encode("CTGAAATAG"), STANDARD, alternative_starts=False)
        assert reason == "no start codon"

    def test_the_genetic_code_decides(self) -> None:
        whole = Transcript("t", ((0, 9),), ((0, 9),))
        assert validate_gene(whole, encode("ATGTGATAA"), GeneticCode.from_table(4)) is None

    def test_cut_genes_need_no_codon_at_the_cut(self) -> None:
        five = Transcript("t", ((0, 8),), ((0, 8),), phase=2, partial5=True)
        assert validate_gene(five, encode("GGAAATAA"), STANDARD) is None
        three = Transcript("t", ((0, 8),), ((0, 8),), partial3=True)
        assert validate_gene(three, encode("ATGAAATA"), STANDARD) is None
        assert validate_gene(three, encode("ATGTAATA"), STANDARD) == "in-frame stop"
