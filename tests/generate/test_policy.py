"""What is drawn has the probability that scoring gives it, for every architecture and form, with gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.generate.toy_loci import random_model, toy_gene

from genescribe.generate.model import load_model
from genescribe.generate.reinforce.policy import Policy
from genescribe.genome.alphabet import Codes, reverse_complement


def windows(count: int) -> list[Codes]:
    rng = np.random.default_rng(4)
    found = []
    for number in range(count):
        codes, gene = toy_gene(f"g{number}", rng)
        codes = codes if gene.strand == "+" else reverse_complement(codes)
        found.append(codes[: len(codes) - 13 * number])
    return found


@pytest.mark.parametrize("architecture", ["encoder_decoder", "prefix_lm"])
def test_a_drawn_sequence_is_scored_as_it_was_drawn(architecture: str, tmp_path: Path) -> None:
    policy = Policy(load_model(random_model(tmp_path / "model", architecture=architecture)))
    loci = windows(3)
    limit = 40
    groups = policy.sample(loci, 3, seed=5, max_length=limit, temperature=1.3)
    assert [len(group) for group in groups] == [3, 3, 3]
    drawn = [outcome for group in groups for outcome in group]
    assert len({outcome.values for outcome in drawn}) > 3
    assert any(len(outcome.values) == limit for outcome in drawn), "one that was broken off is scored as well"
    scored = policy.score([locus for locus in loci for _ in range(3)], [outcome.values for outcome in drawn])
    assert scored.present.sum(dim=1).tolist() == [len(outcome.values) for outcome in drawn]
    for row, outcome in zip(scored.logs, drawn, strict=True):
        assert row[: len(outcome.logs)].tolist() == pytest.approx(outcome.logs, abs=1e-4)
    assert scored.logs.sum(dim=1).tolist() == pytest.approx([outcome.log_probability for outcome in drawn], abs=1e-4)
    scored.logs.sum().backward()
    gradients = [p.grad for p in policy.model.parameters() if p.grad is not None]
    assert gradients and all(bool(torch.isfinite(gradient).all()) for gradient in gradients)


def test_a_locus_is_drawn_alike_in_any_batch(tmp_path: Path) -> None:
    policy = Policy(load_model(random_model(tmp_path / "model")))
    loci = windows(3)
    together = policy.sample(loci, 2, max_length=60, names=["a", "b", "c"])
    (alone,) = policy.sample(loci[1:2], 2, max_length=60, names=["b"])
    assert [outcome.values for outcome in alone] == [outcome.values for outcome in together[1]]
    assert alone[0].values != alone[1].values
