from __future__ import annotations

import numpy as np
import pytest

from genescribe.errors import InputError
from genescribe.genome.alphabet import decode, encode
from genescribe.simulate.codons import MEMORIES, STOPS, CodonModel, draw_coding, memory_of, number


@pytest.fixture(scope="module")
def model() -> CodonModel:
    usage = np.random.default_rng(1).gamma(1.0, size=64) + 0.05
    usage[[number(encode(stop)) for stop in STOPS]] = 0
    weights = ((1.0, 0.5, 0.4, 0.3), (1.0, 0.2, 0.2, 0.2), (0.1, 0.1, 1.0, 0.1))
    return CodonModel(tuple(usage.tolist()), (3.0, 1.0, 2.0), weights)


def test_usage_of_drawn_codons(model: CodonModel) -> None:
    bases = draw_coding(model, np.array([], dtype=int), 300_000, np.random.default_rng(2))
    observed = np.bincount(bases.reshape(-1, 3) @ np.array([16, 4, 1]), minlength=64) / 100_000
    expected = model.joint.reshape(-1)
    assert (np.abs(observed - expected) < 5 * np.sqrt(expected / 100_000) + 1e-12).all()


@pytest.mark.parametrize("used", [0, 1, 2])
def test_split_codons_never_spell_a_stop_and_donors_have_their_bases(model: CodonModel, used: int) -> None:
    splits = np.arange(30 + used, 60_000, 30)
    bases = draw_coding(model, splits, 60_000, np.random.default_rng(3))
    text = decode(bases)
    assert not {text[i : i + 3] for i in range(0, len(text), 3)} & set(STOPS)
    last = np.bincount(bases[splits - 1], minlength=4) / len(splits)
    context = bases[(splits - 5)[:, None] + np.arange(2)] @ np.array([4, 1])
    expected = model.donor_tables[0][used, context].mean(axis=0).reshape(16, 4).sum(axis=0)
    assert last == pytest.approx(expected, abs=0.04)
    assert last[2] > 0.5


def test_memory() -> None:
    names = {MEMORIES[memory_of(encode(p))] for p in ("", "A", "T", "TA", "TG", "TC", "GT")}
    assert names == set(MEMORIES)
    assert MEMORIES[memory_of(encode("TC"))] == (2, "")


def test_suffixes_exclude_exactly_the_stops(model: CodonModel) -> None:
    for (length, word), table in zip(MEMORIES, model.suffixes, strict=True):
        assert table.sum() == pytest.approx(1.0)
        for suffix in range(len(table)):
            text = "".join("ACGT"[suffix // 4**i % 4] for i in reversed(range(3 - length))) if length else ""
            assert (table[suffix] == 0) == (bool(word) and word + text in STOPS)


def test_scores_of_a_codon_are_its_probability(model: CodonModel) -> None:
    codes = encode("ACGTTGTAAC")
    scores = model.scores(codes)
    for first in range(len(codes) - 2):
        expected = model.joint[tuple(codes[first : first + 3])]
        score = scores[0, first] + scores[1, first + 1] + scores[2, first + 2]
        assert np.exp(score) == pytest.approx(expected)
    assert scores[2, 8] == -np.inf  # TAA


def test_masked_and_unknown_bases_do_not_code(model: CodonModel) -> None:
    assert np.isneginf(model.scores(encode("AaN"))[:, 1:]).all()
    assert np.isneginf(model.scores(encode("AC"))[2]).all()
    assert np.isneginf(model.donor_scores(encode("ACGTA"))).all()


def test_wrong_usage() -> None:
    with pytest.raises(InputError, match="codon frequencies"):
        CodonModel((1.0,) * 64, (1.0, 1.0, 1.0), ((1.0,) * 4,) * 3)
    usage = [1.0] * 64
    for stop in STOPS:
        usage[number(encode(stop))] = 0.0
    with pytest.raises(InputError, match="donor weights"):
        CodonModel(tuple(usage), (1.0, 1.0, 1.0), ((1.0,) * 4,) * 2)
