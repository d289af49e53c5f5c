from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from genescribe.genome.alphabet import encode
from genescribe.genome.model import Gene, gaps
from genescribe.simulate import load_parameters, simulate
from genescribe.simulate.isoforms import REACH, is_valid
from genescribe.simulate.loci import Isoform, Segment, major_isoform, segments_of
from genescribe.simulate.parameters import Isoforms

EVENTS = ("exon_skip", "alternative_donor", "alternative_acceptor")


def with_event(event: str, seed: int) -> list[Gene]:
    weights = {name: float(name == event) for name in EVENTS}
    law = dataclasses.replace(load_parameters("arabidopsis_thaliana"), isoforms=Isoforms(1.0, 1.5, **weights))
    return [g for g in simulate(law, seed, total_bases=300_000, n_sequences=1)[1] if len(g.transcripts) > 1]


@pytest.mark.parametrize("event", EVENTS)
def test_an_isoform_differs_by_its_event(event: str) -> None:
    genes = with_event(event, 51)
    assert {gene.strand for gene in genes} == {"+", "-"}
    for gene in genes:
        major = next(t for t in gene.transcripts if t.canonical)
        introns = set(major.introns)
        for other in gene.transcripts:
            if other.canonical:
                continue
            assert (other.start, other.end) == (major.start, major.end)
            assert (other.cds[0][0], other.cds[-1][1]) == (major.cds[0][0], major.cds[-1][1])
            (new,), lost = set(other.introns) - introns, introns - set(other.introns)
            if event == "exon_skip":
                assert new == (min(lost)[0], max(lost)[1]) and len(lost) == 2
                continue
            ((start, end),) = lost
            donor_side = (event == "alternative_donor") == (gene.strand == "+")
            kept, moved = (new[1] - end, new[0] - start) if donor_side else (new[0] - start, new[1] - end)
            assert kept == 0 and 0 < abs(moved) <= REACH and moved % 3 == 0


def test_isoforms_of_a_gene_are_distinct() -> None:
    for gene in with_event("alternative_acceptor", 52):
        assert len({t.exons for t in gene.transcripts}) == len(gene.transcripts)


@pytest.mark.parametrize(
    ("text", "valid"),
    [("ATGAAATAA", True), ("ATGTAATAA", False), ("ATGAAAAAA", False), ("ATGAATAA", False), ("ATGNAATAA", False)],
)
def test_valid_coding_sequences(text: str, valid: bool) -> None:
    codes = encode("CC" + text + "GG")
    assert is_valid(Isoform(((0, len(codes)),), (2, 2 + len(text))), codes) == valid


def test_segments_and_isoform_are_inverse() -> None:
    isoform = Isoform(((0, 20), (60, 100), (150, 180), (230, 300)), (70, 250))
    segments = segments_of(isoform)
    assert [s.kind for s in segments] == [
        *("utr5", "utr_intron", "utr5", "start", "initial", "intron"),
        *("internal", "intron", "terminal", "stop", "utr3"),
    ]
    assert segments[4] == Segment("initial", 73, 100)
    assert major_isoform(segments) == isoform
    assert np.array_equal(gaps(isoform.exons), [(s.start, s.end) for s in segments if "intron" in s.kind])


def test_a_law_without_isoforms_writes_one_transcript_a_gene() -> None:
    law = load_parameters("arabidopsis_thaliana")
    genes = simulate(law.with_one_transcript(), 5, total_bases=100_000, n_sequences=1)[1]
    assert len(genes) > 10
    assert all(len(gene.transcripts) == 1 for gene in genes)
    assert any(len(g.transcripts) > 1 for g in simulate(law, 5, total_bases=100_000, n_sequences=1)[1])
