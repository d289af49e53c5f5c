"""The label scheme `gene`: hand-made genes with their labels, what it refuses, windows, decoding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genescribe.config import from_mapping, to_mapping
from genescribe.data.runs import IGNORE, labels_from_runs
from genescribe.errors import InputError
from genescribe.genome.alphabet import encode
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_rules import GeneRules
from genescribe.labels.grammar import Encoded

CODE = GeneticCode.from_table(1)
SCHEME = GeneScheme(GeneRules(shortest_intron=6))
GRAMMAR = SCHEME.grammar


def gene(text: str, identifier: str = "g", at: int = 0, **options: object) -> tuple[str, Gene]:
    """Return bases and gene of a drawing: coding letters upper-case, UTR and introns lower-case, introns in ``()``.

    UTR touches coding letters or an intron; ``.`` separates the gene from what is around it.
    """
    exons: list[Interval] = []
    cds: list[Interval] = []
    bases, place, inside = "", at, False
    for letter in text:
        if letter in "()":
            inside = letter == "("
            continue
        if letter == ".":
            bases, place = bases + "c", place + 1
            continue
        for parts, belongs in ((exons, not inside), (cds, letter.isupper())):
            if belongs:
                joined = bool(parts) and parts[-1][1] == place
                parts[-1:] = [(parts[-1][0], place + 1)] if joined else [*parts[-1:], (place, place + 1)]
        bases, place = bases + letter, place + 1
    transcript = Transcript(f"{identifier}.t", tuple(exons), tuple(cds), **options)  # type: ignore[arg-type]
    return bases, Gene(identifier, "s", "+", (transcript,))


def labelled(text: str, **options: object) -> list[tuple[int, str]]:
    """Return length and name of each run of a drawing with one gene; assert that it comes back."""
    bases, drawn = gene(text, **options)
    (transcript,) = drawn.transcripts
    assert SCHEME.fault(transcript, encode(bases), CODE) is None
    encoded = SCHEME.encode([drawn], len(bases), codes=encode(bases))
    assert encoded.problems == []
    decoded = SCHEME.decode(encoded.runs)
    assert decoded.rejects == []
    (found,) = decoded.transcripts
    assert (found.exons, found.cds) == (transcript.exons, transcript.cds)
    assert (found.phase, found.partial5, found.partial3) == (
        transcript.phase,
        transcript.partial5,
        transcript.partial3,
    )
    lengths = np.diff(encoded.runs[:, 0], prepend=0).tolist()
    return [(n, SCHEME.names[label]) for n, label in zip(lengths, encoded.runs[:, 1].tolist(), strict=True)]


class TestLabels:
    def test_a_single_exon_gene_with_utrs(self) -> None:
        assert labelled("..ccaATGAAATAAcccc.") == [
            *[(2, "intergenic"), (3, "utr5"), (6, "single_2"), (3, "stop"), (4, "utr3"), (1, "intergenic")]
        ]

    def test_introns_by_phase_and_what_they_carry(self) -> None:
        names = {
            "ATGCCC(gtccag)CCCTAA": "intron0",
            "ATGCCT(gtccag)CCCTAA": "intron0",
            "ATGC(gtccag)CCTAA": "intron1",
            "ATGT(gtccag)CCTAA": "intron1_T",
            "ATGCA(gtccag)CTAA": "intron2",
            "ATGTC(gtccag)CTAA": "intron2",
            "ATGTA(gtccag)CTAA": "intron2_TA",
            "ATGTG(gtccag)CTAA": "intron2_TG",
        }
        for text, name in names.items():
            assert (6, name) in labelled(text), text

    def test_frames_are_positions_modulo_three(self) -> None:
        assert labelled(".ATGC(gtccccag)CCCCAC(gcaaag)CCTAA.") == [
            *[(1, "intergenic"), (4, "initial_1"), (8, "intron1"), (6, "internal_0"), (6, "intron1")],
            *[(2, "terminal_0"), (3, "stop"), (1, "intergenic")],
        ]

    def test_introns_of_utrs_and_beside_codons(self) -> None:
        assert labelled("c(gtccag)cc(gtccag)ATGCCC(gtccag)TAA(gtccag)c") == [
            *[(1, "utr5"), (6, "utr5_intron"), (2, "utr5"), (6, "utr5_intron"), (6, "initial_0"), (6, "intron0")],
            *[(3, "stop"), (6, "utr3_intron"), (1, "utr3")],
        ]

    def test_genes_that_touch_stay_two(self) -> None:
        first, a = gene("ATGAAATAA", "a")
        second, b = gene("ATGCCCTAA", "b", at=9)
        encoded = SCHEME.encode([a, b], 18, codes=encode(first + second))
        assert [SCHEME.names[label] for label in encoded.runs[:, 1]] == ["single_0", "stop"] * 2
        assert [t.exons for t in SCHEME.decode(encoded.runs).transcripts] == [((0, 9),), ((9, 18),)]

    @pytest.mark.parametrize(
        ("text", "options", "first", "last"),
        [
            ("CCAAATAA.", {"partial5": True, "phase": 2}, "terminal_2", "intergenic"),
            ("CAAA(gtccag)TAA", {"partial5": True, "phase": 1}, "internal_1", "stop"),
            ("TAA.", {"partial5": True}, "stop", "intergenic"),
            (".ATGCCCT", {"partial3": True}, "intergenic", "initial_1"),
            ("ATGCC(gtccag)CCCTG", {"partial3": True}, "initial_0", "internal_0"),
        ],
    )
    def test_genes_that_the_sequence_cuts(self, text: str, options: dict[str, object], first: str, last: str) -> None:
        found = labelled(text, **options)
        assert (found[0][1], found[-1][1]) == (first, last)
        bases, drawn = gene(text, **options)
        runs = SCHEME.encode([drawn], len(bases), codes=encode(bases)).runs
        assert [r.reason for r in SCHEME.decode(runs, partial=False).rejects] == ["cut by the sequence's end"]


class TestFaults:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("AT(gtccag)GCCCTAA", "start codon split by an intron"),
            ("ATGCCCT(gtccag)AA", "stop codon split by an intron"),
            ("ATGCC(gtccag)C(gtccag)CCCTAA", "coding exon of one base"),
            ("ATGCC(gtcag)CTAA", "intron too short"),
            ("ATGCC(ggccag)CTAA", "splice sites not among the allowed"),
            ("ATGCC(gtccac)CTAA", "splice sites not among the allowed"),
            ("ATGCC(atccac)CTAA", "splice sites not among the allowed"),
            ("ATGCC(ntccag)CTAA", "splice sites not among the allowed"),
            ("c(ccccag)cATGCCCTAA", "splice sites not among the allowed"),
            ("CTGCCCTAA", "start codon not among the allowed"),
            ("ATNCCCTAA", "start codon not among the allowed"),
            ("ATGCCCTNA", "no stop codon"),
            ("ATGCCCTTA", "no stop codon"),
            ("ATGTAACCCTAA", "in-frame stop"),
            ("ATGT(gtccag)AACCCTAA", "in-frame stop"),
            ("ATGTG(gtccag)ACCCTAA", "in-frame stop"),
            ("ATGCCCC", "coding length not a multiple of three"),
        ],
    )
    def test_what_the_labels_cannot_hold(self, text: str, reason: str) -> None:
        bases, drawn = gene(text)
        assert SCHEME.fault(drawn.transcripts[0], encode(bases), CODE) == reason

    def test_rules_switch_sites_and_starts(self) -> None:
        scheme = GeneScheme(GeneRules(["AT-AC"], "table", 6))
        for text, reason in {
            "ATGCC(atccac)CTAA": None,
            "ATGCC(gtccac)CTAA": "splice sites not among the allowed",
            "ATGCC(gtccag)CTAA": "splice sites not among the allowed",
            "CTGCCCTAA": None,
        }.items():
            bases, drawn = gene(text)
            assert scheme.fault(drawn.transcripts[0], encode(bases), CODE) == reason

    def test_rules_are_strict_options(self) -> None:
        rules = GeneRules(["GT-AG"], "table", 30)
        assert from_mapping(GeneRules, to_mapping(rules), where="x") == rules
        with pytest.raises(InputError, match="splice_sites"):
            from_mapping(GeneRules, {"splice_sites": ["GT-AC"]}, where="x")


class TestMasks:
    def encode(self, *genes: Gene, length: int = 60, **options: object) -> Encoded:
        return SCHEME.encode(genes, length, codes=encode("C" * length), **options)  # type: ignore[arg-type]

    def orf(self, identifier: str, start: int, end: int) -> Gene:
        return Gene(identifier, "s", "+", (Transcript(identifier, ((start, end),), ((start, end),)),))

    def test_of_overlapping_genes_the_longest_keeps_what_it_has_alone(self) -> None:
        encoded = self.encode(self.orf("short", 18, 36), self.orf("long", 0, 30), self.orf("other", 39, 51))
        labels = labels_from_runs(encoded.runs)
        assert [SCHEME.names[label] for label in labels[:18]] == ["single_0"] * 18
        assert set(labels[18:36].tolist()) == {IGNORE}
        assert set(labels[36:39].tolist()) == {0}
        assert set(encoded.placed) == {"long", "other"}
        assert encoded.problems == [(name, "overlaps a gene on its strand") for name in ("short", "long")]
        assert [t.exons for t in SCHEME.decode(encoded.runs).transcripts] == [((39, 51),)]

    def test_doubtful_and_non_coding_genes(self) -> None:
        noncoding = Gene("n", "s", "+", (Transcript("n", ((2, 8),)),))
        genes = (noncoding, self.orf("d", 12, 24))
        encoded = self.encode(*genes, doubtful={"d": "why"})
        assert encoded.runs.tolist() == [[2, 0], [8, IGNORE], [12, 0], [24, IGNORE], [60, 0]]
        assert encoded.problems == [("n", "non-coding"), ("d", "why")]

    def test_the_bases_are_needed(self) -> None:
        with pytest.raises(ValueError, match="needs the bases"):
            SCHEME.encode([], 10)


def runs(*segments: tuple[int, str]) -> np.ndarray:
    return np.array([(end, SCHEME.names.index(name)) for end, name in segments], dtype=np.int32)


class TestDecoding:
    @pytest.mark.parametrize(
        ("segments", "reason"),
        [
            ([(3, "intergenic"), (9, "internal_0"), (12, "stop"), (20, "intergenic")], "parts out of order"),
            ([(3, "utr5"), (9, "terminal_0"), (12, "stop"), (20, "intergenic")], "parts out of order"),
            ([(3, "intergenic"), (9, "terminal_0"), (12, "stop"), (20, "intergenic")], "no start codon"),
            ([(3, "intergenic"), (10, "single_0"), (13, "stop"), (20, "intergenic")], "parts out of order"),
            ([(3, "intergenic"), (9, "single_0"), (11, "stop"), (20, "intergenic")], "stop codon not of three bases"),
            ([(3, "intergenic"), (9, "initial_0"), (20, "intergenic")], "no stop codon"),
            ([(3, "intergenic"), (9, "initial_0"), (19, "intron1"), (30, "internal_0")], "parts out of order"),
            ([(3, "intergenic"), (9, "initial_0"), (19, "intron0"), (30, "internal_0")], "parts out of order"),
            ([(3, "intergenic"), (9, "utr5"), (20, "intergenic")], "no coding sequence"),
            ([(3, "intergenic"), (9, "intron0"), (20, "intergenic")], "intron without exons"),
            ([(3, "intergenic"), (9, "initial_0"), (19, "intron0"), (30, "intergenic")], "intron at a gene's end"),
            ([(2, "internal_1"), (20, "intron1")], "less than a codon within the sequence"),
        ],
    )
    def test_what_spells_no_gene_is_rejected(self, segments: list[tuple[int, str]], reason: str) -> None:
        decoded = SCHEME.decode(runs(*segments))
        assert decoded.transcripts == []
        assert reason in [reject.reason for reject in decoded.rejects]

    def test_introns_that_the_strand_cuts(self) -> None:
        labels = runs((9, "intron1"), (17, "internal_2"), (30, "intron0"))
        (transcript,) = SCHEME.decode(labels).transcripts
        assert transcript == Transcript("1", ((9, 17),), ((9, 17),), phase=2, partial5=True, partial3=True)

    def test_a_gene_cut_at_both_ends_keeps_its_frame(self) -> None:
        (transcript,) = SCHEME.decode(runs((11, "internal_1"))).transcripts
        assert (transcript.phase, transcript.partial5, transcript.partial3) == (1, True, True)

    def test_no_labels_no_genes(self) -> None:
        assert SCHEME.decode(np.zeros((0, 2), dtype=np.int32)).transcripts == []


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(-1, 23)), min_size=1, max_size=8), st.integers(0, 50))
def test_shifting_moves_frames_and_nothing_else(segments: list[tuple[int, int]], offset: int) -> None:
    ends = np.cumsum([length for length, _ in segments])
    labels = np.stack([ends, [label for _, label in segments]], axis=1).astype(np.int32)
    shifted = SCHEME.shifted(labels, offset)
    assert shifted[:, 0].tolist() == labels[:, 0].tolist()
    for before, after in zip(labels[:, 1].tolist(), shifted[:, 1].tolist(), strict=True):
        if 3 <= before < 15:
            assert after // 3 == before // 3 and (before - after - offset) % 3 == 0
        else:
            assert after == before
    assert np.array_equal(SCHEME.shifted(shifted, -offset), labels)
    assert shifted.dtype == np.int32


def test_the_grammar_is_the_same_in_every_frame() -> None:
    assert GRAMMAR.phases is not None and GRAMMAR.tied is not None
    assert np.array_equal(GRAMMAR.transitions, GRAMMAR.phases.any(axis=0))
    turned = [label if not 3 <= label < 15 else label - label % 3 + (label + 1) % 3 for label in range(24)]
    for position in range(3):
        following = GRAMMAR.phases[(position + 1) % 3][turned][:, turned]
        assert np.array_equal(GRAMMAR.phases[position], following)
    assert [SCHEME.names[label] for label in sorted(set(GRAMMAR.tied))][3:7] == [
        *("single_0", "initial_0", "internal_0", "terminal_0")
    ]
