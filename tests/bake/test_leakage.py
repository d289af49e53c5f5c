"""Homologues across splits: copies found, strangers not, remote relatives rarely."""

from __future__ import annotations

import numpy as np

from genescribe.bake.leakage import SIMILAR, leakage, sketch

LETTERS = np.array(list("ACDEFGHIKLMNPQRSTVWY"))


def protein(generator: np.random.Generator, length: int = 300) -> str:
    return "".join(generator.choice(LETTERS, length))


def mutated(text: str, identity: float, generator: np.random.Generator) -> str:
    keep = generator.random(len(text)) < identity
    return "".join(np.where(keep, list(text), generator.choice(LETTERS, len(text))))


def test_copies_and_close_relatives_are_found_and_strangers_not() -> None:
    generator = np.random.default_rng(1)
    train = [protein(generator) for _ in range(60)]
    test = [mutated(text, 0.92, generator) for text in train[:20]] + [protein(generator) for _ in range(20)]
    found = leakage(
        {
            "train": [(f"t{i}", sketch(text)) for i, text in enumerate(train)],
            "test": [(f"x{i}", sketch(text)) for i, text in enumerate(test)],
        }
    )
    assert found["genes"] == {"train": 60, "test": 40}
    assert found["shared"] == {"test/train": 20, "train/test": 20}
    assert {tuple(sorted(pair["genes"])) for pair in found["pairs"]} == {(f"t{i}", f"x{i}") for i in range(20)}


def test_remote_relatives_are_below_the_limit() -> None:
    generator = np.random.default_rng(2)
    train = [protein(generator) for _ in range(40)]
    test = [mutated(text, 0.5, generator) for text in train]
    found = leakage(
        {"train": [(str(i), sketch(t)) for i, t in enumerate(train)], "test": [("x", sketch(t)) for t in test]}
    )
    assert found["shared"] == {}


def test_the_share_estimates_the_share_of_all_words() -> None:
    generator = np.random.default_rng(3)
    left = protein(generator, 20_000)
    right = left[:10_000] + protein(generator, 10_000)
    (pair,) = leakage({"train": [("a", sketch(left))], "test": [("b", sketch(right))]})["pairs"]
    assert abs(pair["share"] - 0.5) < 0.05
    assert pair["share"] > SIMILAR


def test_relatives_within_a_split_are_no_leak() -> None:
    text = protein(np.random.default_rng(4))
    found = leakage({"train": [("a", sketch(text)), ("b", sketch(text))], "test": []})
    assert found["shared"] == {} and found["pairs"] == []


def test_nothing_at_all() -> None:
    assert leakage({"train": [], "test": []})["pairs"] == []
    assert leakage({"train": [("a", sketch("MK"))], "test": [("b", sketch("MK"))]})["pairs"] == []
