"""Advantages, clipped ratios, the estimate of the divergence; rewards, and the annotation's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generate.toy_loci import toy_gene

from genescribe.errors import InputError
from genescribe.evaluate.accuracy import compare
from genescribe.generate.annotation.search import Outcome
from genescribe.generate.reinforce.config import RewardConfig
from genescribe.generate.reinforce.objective import advantages, k3, surrogate
from genescribe.generate.reinforce.reward import TERMS, Judge
from genescribe.generate.text.sentence import GeneSentence, gene_of, sentence_of
from genescribe.genome.alphabet import Codes, reverse_complement

EVERY = RewardConfig(exon=1, gene=2, transcript=1)


def loci(count: int, seed: int = 0) -> list[tuple[GeneSentence, Codes]]:
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        codes, gene = toy_gene(f"g{number}", rng)
        sentence = sentence_of(gene)
        if gene.strand == "-":
            codes, sentence = reverse_complement(codes), sentence.reverse_complement(len(codes))
        found.append((sentence, codes))
    return found


def less(sentence: GeneSentence) -> GeneSentence:
    """Return a sentence of which a feature ends three bases early."""
    features = list(sentence.features)
    place = next(i for i, f in enumerate(features) if f.phase is not None and f.end - f.start > 6)
    old = features[place]
    features[place] = type(old)(old.start, old.end - 3, old.kind, old.phase)
    return GeneSentence(sentence.strand, tuple(features), sentence.transcripts)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=5))
def test_advantages_are_centred_and_of_one_size(rows: list[list[float]]) -> None:
    rewards = torch.tensor(rows, dtype=torch.float64)
    found = advantages(rewards)
    assert torch.isfinite(found).all()
    assert torch.allclose(found.mean(dim=1), torch.zeros(len(rows), dtype=torch.float64), atol=1e-6)
    for row, size in zip(rewards, found.square().mean(dim=1).sqrt().tolist(), strict=True):
        spread = float(row.std(correction=0))
        assert size == pytest.approx(1.0, abs=1e-6) if spread > 1e-5 else size <= 1.0 + 1e-6


def test_the_clipped_objective_by_hand() -> None:
    ratio = torch.tensor([0.5, 1.0, 1.5, 0.5, 1.5], dtype=torch.float64)
    advantage = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0], dtype=torch.float64)
    assert surrogate(ratio, advantage, 0.2).tolist() == pytest.approx([0.5, 1.0, 1.2, -0.8, -1.5])


def test_the_divergence_is_estimated_without_bias_and_has_a_gradient() -> None:
    torch.manual_seed(0)
    policy, reference = torch.randn(2, 6, dtype=torch.float64).log_softmax(dim=1)
    exact = float((policy.exp() * (policy - reference)).sum())
    expected = float((policy.exp() * k3(policy, reference)).sum())
    assert expected == pytest.approx(exact)
    assert bool((k3(policy, reference) >= 0).all())
    scores = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    logs = scores.log_softmax(dim=0)
    k3(logs, torch.tensor(0.5, dtype=torch.float64).log())[:1].sum().backward()
    assert scores.grad is not None and float(scores.grad[0]) < 0, "descent makes the step likelier, as the reference is"


def test_the_annotation_is_worth_one_in_reward_validation_and_evaluation() -> None:
    """One convention of coordinates: the oracle scores 1.0 everywhere; three bases less are wrong everywhere."""
    judge = Judge(EVERY)
    for sentence, _ in loci(12):
        reward = judge.of(sentence, sentence)
        assert reward.value == 1.0
        assert reward.terms == (1.0,) * len(TERMS)
        truth = [gene_of(sentence, "g", "s")]
        assert {compare(truth, truth)[level]["f1"] for level in ("base", "exon", "transcript", "gene")} == {1.0}
        spoiled = less(sentence)
        found = compare(truth, [gene_of(spoiled, "p", "s")])
        terms = dict(zip(TERMS, judge.of(sentence, spoiled).terms, strict=True))
        for level in ("exon", "gene"):
            assert terms[level] == pytest.approx(found[level]["f1"] or 0.0)
            assert terms[level] < 1


def test_rewards_of_what_is_no_gene() -> None:
    (sentence, _), *_ = loci(1)
    judge = Judge(EVERY)
    assert judge(sentence, Outcome("accepted", "", "", sentence)).value == 1.0
    assert judge(sentence, Outcome("repaired", "features of no transcript", "", sentence)).value == 1.0
    assert judge(sentence, Outcome("repaired", "longer than max_length", "", sentence)).value == 0.0
    assert judge(sentence, Outcome("rejected", "dead end", "")).value == 0.0
    assert judge.of(sentence, None).value == 0.0
    with pytest.raises(InputError, match="no term"):
        Judge(RewardConfig(exon=0, gene=0))
    assert math.isclose(sum(judge.weights), 1.0)
