"""Counted content by class of GC content: chosen from the bases, interpolated, the same in every tile."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genescribe.data.sample import Sample, WindowMeta
from genescribe.genome.alphabet import N
from genescribe.genome.genetic_code import GeneticCode
from genescribe.segment.config import EvidenceConfig
from genescribe.segment.evidence import CODON, CountedEvidence
from genescribe.segment.evidence_fit import class_contents, class_odds, content_odds, fit_evidence
from genescribe.segment.gc_classes import GCClasses
from genescribe.segment.gene import GeneScheme
from genescribe.segment.gene_labels import CHANNELS, INTERGENIC, SINGLE, STOP
from genescribe.segment.gene_rules import GeneRules, SignalTables

CODE = GeneticCode.from_table(1)
CONFIG = EvidenceConfig(order=2, window=31, branch_reach=20, gc_classes=2, gc_window=200)


def test_weights_follow_the_gc_content_around() -> None:
    classes = GCClasses([0.3, 0.4, 0.6], window=100)
    parts = [torch.full((200,), 0), torch.arange(200) % 2, torch.full((200,), 1), torch.full((100,), N)]
    bases = torch.cat(parts)[None]
    weights = classes(bases)[0]
    assert weights.sum(dim=1).tolist() == pytest.approx([1.0] * 700)
    assert weights[100].tolist() == [1.0, 0.0, 0.0] and weights[500].tolist() == [0.0, 0.0, 1.0]
    # Half of all bases are C: between the second class and the third.
    assert weights[300].tolist() == pytest.approx([0.0, 0.5, 0.5], abs=0.06)
    assert weights[680].tolist() == [0.0, 1.0, 0.0]
    assert GCClasses([0.5], window=100)(bases).eq(1).all()


def test_classes_are_quantiles_of_the_bases() -> None:
    bases = np.zeros(50, dtype=np.int64)
    bases[15:25] = 1000
    found = class_contents(bases, 2)
    assert found == pytest.approx([0.35, 0.45], abs=0.011)
    # All in one bin: still ascending.
    alone = np.eye(50, dtype=np.int64)[20] * 7
    assert (np.diff(class_contents(alone, 4)) > 0).all()


def test_a_class_without_bases_of_its_own_is_as_all() -> None:
    rng = np.random.default_rng(0)
    counts = np.zeros((50, len(CHANNELS), 64), dtype=np.int64)
    counts[10] = rng.integers(1000, 50_000, size=counts.shape[1:])
    odds = class_odds(counts, np.array([0.21, 0.8]))
    assert odds[1] == pytest.approx(content_odds(counts[10]), abs=1e-9)
    assert odds[0] == pytest.approx(content_odds(counts[10]), abs=0.1)
    counts[40] = rng.integers(1000, 50_000, size=counts.shape[1:])
    both = class_odds(counts, np.array([0.21, 0.8]))
    assert np.abs(both[0] - both[1]).max() > 0.5


def samples() -> list[Sample]:
    """Return windows of two kinds: one rich in AT, its genes rich in A, one rich in GC, its genes rich in C."""
    rng = np.random.default_rng(1)
    found = []
    for number in range(20):
        rich = number % 2
        chances = np.array([0.1, 0.4, 0.4, 0.1] if rich else [0.4, 0.1, 0.1, 0.4])
        coding = np.array([0.1, 0.7, 0.1, 0.1] if rich else [0.7, 0.1, 0.1, 0.1])
        codes = np.concatenate(
            [rng.choice(4, 500, p=chances), rng.choice(4, 300, p=coding), [3, 0, 0], rng.choice(4, 497, p=chances)]
        ).astype(np.uint8)
        frame = 500 % 3
        runs = np.array([[500, INTERGENIC], [800, SINGLE + frame], [803, STOP], [1300, INTERGENIC]], dtype=np.int32)
        found.append(
            Sample(f"k{number}", codes, runs, WindowMeta("g", f"s{number}", "+", 0, 1300, "train", False, False))
        )
    return found


def fitted() -> CountedEvidence:
    evidence = CountedEvidence(CONFIG, CODE, 300)
    fit_evidence(evidence, samples(), GeneScheme(), SignalTables.of(GeneRules(), CODE))
    return evidence


def test_each_region_is_judged_by_its_own_class() -> None:
    evidence = fitted()
    assert evidence.classes is not None
    low, high = evidence.classes.contents.tolist()
    assert 0.1 < low < 0.35 and 0.65 < high < 0.9
    poly = {letter: torch.full((1, 400), letter) for letter in (0, 1)}
    lengths = torch.tensor([400])
    for letter in (0, 1):
        # Of A where all is AT, of C where all is GC: codons.
        assert float(evidence(poly[letter], lengths).content[0, 200, CODON]) > 0.3
    one = CountedEvidence(EvidenceConfig(order=2, window=31, branch_reach=20), CODE, 300)
    fit_evidence(one, samples(), GeneScheme(), SignalTables.of(GeneRules(), CODE))
    assert one.classes is None and "classes.contents" not in one.state_dict()
    assert "classes.contents" in evidence.state_dict()


def test_tiles_and_kernels_say_the_same() -> None:
    evidence = fitted()
    rng = np.random.default_rng(2)
    gc = np.repeat(rng.uniform(0.1, 0.9, 30), 50)
    bases = np.where(rng.random(1500) < gc, rng.choice([1, 2], 1500), rng.choice([0, 3], 1500))
    codes = torch.from_numpy(bases)[None]
    whole, plain = (find(codes, torch.tensor([1500])) for find in (evidence.forward, evidence.reference))
    for ours, theirs in zip(whole, plain, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
    reach = evidence.reach
    part = evidence(codes[:, 100:1400], torch.tensor([1300]))
    for ours, theirs in zip(part, whole, strict=True):
        assert torch.equal(ours[:, reach : 1300 - reach], theirs[:, 100 + reach : 1400 - reach])
