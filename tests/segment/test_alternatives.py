"""Candidates that introns of reads ask for: what they are, that they are genes, and how they are scored."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from genescribe.crf.head import SemiCRF
from genescribe.genome.alphabet import encode
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Interval, Transcript
from genescribe.kernels.semicrf.dispatch import viterbi
from genescribe.kernels.semicrf.potentials import Potentials
from genescribe.labels.decode import validate_gene
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_labels import INTERGENIC, UTR3, UTR3_INTRON, UTR5, UTR5_INTRON
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.gene_scores import SIGNALS, GeneExpansion
from genescribe.segment.network.head import build_head
from genescribe.segment.prediction.predictor import runs_of
from genescribe.segment.support import alternatives as module
from genescribe.segment.support.alternatives import FEATURES, GeneWindow, alternatives, probability

CODE, SCHEME = GeneticCode.from_table(1), GeneScheme()
INTRON = "GTAAGT" + "C" * 24 + "TTTCAG"
PARTS = (
    ("between", "C" * 80),
    ("other_first", "ATGGCC"),
    ("other_intron", "GTAAGTTAA" + "C" * 18 + "TTTCAG"),
    ("first", "ATGGCCGCC"),
    ("intron1", INTRON),
    ("near", "CAG"),
    ("second", "GCCGCC"),
    ("intron2", INTRON),
    ("third", "GCCGCCGCCTAA"),
    ("after", "C" * 80),
)
SEQUENCE = "".join(text for _, text in PARTS)
PLACE: dict[str, Interval] = {}
for _name, _text in PARTS:
    _start = max((end for _, end in PLACE.values()), default=0)
    PLACE[_name] = (_start, _start + len(_text))
GENE = (PLACE["first"], (PLACE["near"][0], PLACE["second"][1]), PLACE["third"])


def scores_of(text: str, seed: int, low: int = 0) -> Potentials:
    """Return random scores of a window that begins at base `low` of its strand."""
    torch.manual_seed(seed)
    crf = build_head(SegmentModelConfig(scheme="gene", head="semicrf", max_duration=24, genetic_code=1), SCHEME)
    assert isinstance(crf, SemiCRF)
    lengths, codes = torch.tensor([len(text)]), torch.from_numpy(encode(text))[None].long()
    with torch.no_grad():
        expansion = GeneExpansion(SCHEME, CODE)
        content, signals = torch.randn(1, len(text), expansion.channels), torch.randn(1, len(text), len(SIGNALS))
        content, begin, end = expansion(content, signals, codes, lengths, torch.tensor([low]))
        p = crf.potentials(content, lengths, begin=begin, end=end, phase_offset=torch.tensor([low % 3]))
    return p.detach().to(dtype=torch.float64)


def window(low: int = 0) -> GeneWindow:
    return GeneWindow(GENE, low, encode(SEQUENCE), scores_of(SEQUENCE, 1, low), SCHEME, CODE)


def test_the_score_is_that_of_the_best_path_where_that_is_the_gene() -> None:
    compared, outside = 0, [UTR5, UTR5_INTRON, UTR3, UTR3_INTRON]
    for seed in range(30):
        low = seed % 5
        p = scores_of(SEQUENCE, seed, low)
        p.content[:, :, outside] = -torch.inf
        p.content[:, :, INTERGENIC] -= 1
        edge = torch.tensor([label == INTERGENIC for label in range(len(SCHEME.names))])
        p = p.restricted(edge, edge)
        (best,), (path,) = viterbi(p)
        found = SCHEME.decode(SCHEME.shifted(runs_of(path), low), partial=False)
        if len(found.transcripts) == 1 and not found.rejects:
            (cds,) = (transcript.cds for transcript in found.transcripts)
            assert GeneWindow(cds, low, encode(SEQUENCE), p, SCHEME, CODE).score(cds) == pytest.approx(float(best))
            compared += 1
    assert compared > 3


@pytest.mark.parametrize("low", [0, 1, 2])
def test_the_gene_is_possible_and_what_is_no_gene_is_not(low: int) -> None:
    gene = window(low)
    assert np.isfinite(gene.score(GENE))
    assert gene.score((GENE[0], (GENE[1][0] + 1, GENE[1][1]), GENE[2])) == -np.inf


def test_exons_are_read_to_the_first_stop_codon() -> None:
    gene = window()
    assert gene.read(GENE) == GENE
    assert gene.read((*GENE[:2], (GENE[2][0], GENE[2][0] + 3))) == GENE, "the last exon goes on to its stop codon"
    assert gene.read((*GENE[:2], (GENE[2][0], GENE[2][1] + 30))) == GENE
    assert gene.read(((GENE[0][0], GENE[0][1] - 1), *GENE[1:])) != GENE
    assert gene.read((GENE[0], (GENE[0][1] + 10, GENE[1][1]), GENE[2])) is None, "an intron is too short"
    assert gene.read(((PLACE["after"][0], PLACE["after"][0] + 30),)) is None, "no stop codon"


def test_introns_of_reads_bring_the_coding_sequences_that_have_them() -> None:
    first, second, third = GENE
    supported = {
        "acceptor": (first[1], PLACE["second"][0]),
        "skipped": (first[1], third[0]),
        "first exon": (PLACE["other_first"][1], first[0]),
        "one read": (first[1], second[0] + 2),
    }
    wanted = {
        "acceptor": (first, PLACE["second"], third),
        "skipped": (first, third),
        "first exon": (PLACE["other_first"], *GENE),
    }
    gene = window()
    found = alternatives(gene, {place: 1.0 if name == "one read" else 9.0 for name, place in supported.items()})
    assert {one.cds for one in found} == set(wanted.values())
    assert [one.probability for one in found] == sorted((one.probability for one in found), reverse=True)
    for one in found:
        assert validate_gene(Transcript("x", one.cds, one.cds), encode(SEQUENCE), CODE) is None
        assert one.probability == probability(one.features)
    described = {one.cds: dict(zip(FEATURES, one.features, strict=True)) for one in found}
    acceptor, skipped = (described[wanted[name]] for name in ("acceptor", "skipped"))
    assert acceptor["few_bases"] and acceptor["same_start"] and acceptor["introns_lost"] == 1
    assert acceptor["reads_gained"] == pytest.approx(np.log(10))
    assert (skipped["introns_gained"], skipped["introns_lost"]) == (1, 2)
    assert not described[wanted["first exon"]]["same_start"]


def test_two_introns_of_reads_bring_an_exon_between_them() -> None:
    gene = GeneWindow((GENE[0], GENE[2]), 0, encode(SEQUENCE), scores_of(SEQUENCE, 1), SCHEME, CODE)
    supported = {(a[1], b[0]): 5.0 for a, b in pairwise(GENE)}
    assert GENE in {one.cds for one in alternatives(gene, supported)}


def test_without_reads_there_is_nothing() -> None:
    assert alternatives(window(), {}) == []
    assert alternatives(window(), {(GENE[0][1], GENE[1][0]): 9.0}) == [], "the gene has that intron"


def test_more_reads_are_more_probable() -> None:
    known = module._weights()
    assert all(set(known[part]) == set(FEATURES) for part in ("mean", "scale", "weight"))
    mean = [known["mean"][name] for name in FEATURES]
    assert probability(mean) == pytest.approx(1 / (1 + np.exp(-known["intercept"])))
    more = [value + (name == "reads_gained") for name, value in zip(FEATURES, mean, strict=True)]
    assert probability(more) > probability(mean)
