from __future__ import annotations

import numpy as np
import pytest

from genescribe.errors import InputError
from genescribe.genome.alphabet import encode
from genescribe.simulate.chains import FREE, MarkovChain, fill, fit_chain


def chain(seed: int) -> MarkovChain:
    return MarkovChain(tuple(np.random.default_rng(seed).gamma(2.0, size=256).tolist()))


def drawn(law: MarkovChain, lengths: list[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    tracts = np.concatenate([[0], np.cumsum(lengths)])
    codes = np.full(tracts[-1], FREE, dtype=np.uint8)
    fill(codes, tracts, np.zeros_like(codes), np.zeros(len(codes), bool), [law], np.random.default_rng(seed))
    return codes, tracts


def test_fill_follows_the_chain() -> None:
    law = chain(1)
    codes, _ = drawn(law, [300] * 1000, 2)
    words = np.lib.stride_tricks.sliding_window_view(codes.astype(int), 4) @ np.array([64, 16, 4, 1])
    counts = np.bincount(words, minlength=256).reshape(64, 4)
    expected = law.table.reshape(5, 5, 5, 4)[:4, :4, :4].reshape(64, 4)
    error = np.sqrt(expected / counts.sum(axis=1, keepdims=True))
    # A tract's first three bases follow other rows: 1% of the words, hence the constant.
    assert (np.abs(counts / counts.sum(axis=1, keepdims=True) - expected) < 5 * error + 0.01).all()


def test_first_bases_of_a_tract_and_of_a_restart_have_no_context() -> None:
    law = chain(3)
    tracts = np.arange(0, 40_001, 8)
    codes = np.full(40_000, FREE, dtype=np.uint8)
    restart = np.zeros(40_000, dtype=bool)
    restart[4::8] = True
    fill(codes, tracts, np.zeros_like(codes), restart, [law], np.random.default_rng(4))
    for first in (0, 4):
        observed = np.bincount(codes[first::8], minlength=4) / 5000
        assert observed == pytest.approx(law.composition, abs=0.03)


def test_fill_keeps_what_is_drawn_and_reads_it_as_context() -> None:
    certain = np.full((4, 4, 4, 4), 1e-9)
    certain[:, :, 2, 3] = 1.0  # T follows G.
    certain[:, :, 3, 0] = 1.0  # A follows T.
    law = MarkovChain(tuple(certain.reshape(-1).tolist()))
    codes = np.array([2, FREE, FREE, 2, FREE], dtype=np.uint8)
    fill(codes, np.array([0, 5]), np.zeros_like(codes), np.zeros(5, bool), [law], np.random.default_rng(5))
    assert codes.tolist() == [2, 3, 0, 2, 3]


def test_many_tracts_at_once_are_each_filled() -> None:
    codes, _ = drawn(chain(6), [1, 50, 2, 0, 7], 7)
    assert (codes < 4).all()


def test_restart_is_the_difference_of_two_readings() -> None:
    law = chain(8)
    codes = encode("ACGTTGCAACGTagGTCCANNACGT")
    usual, gain = law.scores(codes), law.restart(codes)
    for start in range(len(codes) - 3):
        anew = law.scores(codes[start:])
        assert usual[start : start + 3].sum() + gain[start] == pytest.approx(anew[:3].sum())
    assert usual[12] == 0.0  # a masked base
    assert usual[14] == pytest.approx(np.log(law.composition[2]))  # the base after two masked ones has no context


def test_fit_recovers_the_chain() -> None:
    law = chain(9)
    codes, tracts = drawn(law, [500] * 600, 10)
    fitted = fit_chain(np.split(codes, tracts[1:-1]))
    assert np.abs(fitted.table[:31] - law.table[:31]).max() < 0.06
    assert fitted.composition == pytest.approx(np.bincount(codes, minlength=4) / len(codes), abs=0.005)


def test_fit_leaves_out_masked_words() -> None:
    assert fit_chain([encode("acgtacgt" * 50)]).composition == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("kmers", [(1.0,) * 255, (0.0,) + (1.0,) * 255])
def test_wrong_kmers(kmers: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="256 positive"):
        MarkovChain(kmers)
