from __future__ import annotations

import numpy as np
import pytest

from genescribe.errors import InputError
from genescribe.genome.alphabet import encode
from genescribe.simulate.branch import SEED, fit_branch
from genescribe.simulate.parameters import ACCEPTOR
from genescribe.simulate.signals import (
    Branch,
    draw_matrix,
    fit_matrix,
    matrix_scores,
    sharpened,
    shifted,
    window_sums,
)

MATRIX = ((0.7, 0.1, 0.1, 0.1), (0.0, 0.0, 1.0, 0.0), (0.25, 0.25, 0.25, 0.25))


def test_scores_at_an_offset() -> None:
    scores = matrix_scores(encode("AGCTGA"), MATRIX, 0)
    assert scores[0] == pytest.approx(np.log(0.7 * 0.25))
    assert np.isneginf(scores[[1, 4, 5]]).all()
    assert matrix_scores(encode("AGCTGA"), MATRIX, -3)[3] == pytest.approx(scores[0])
    assert np.isneginf(matrix_scores(encode("AgC"), MATRIX, 0)).all()


def test_windows_and_shifts() -> None:
    values = np.array([1.0, 2.0, 4.0, 8.0])
    assert window_sums(values, 2, -1).tolist() == [1.0, 3.0, 6.0, 12.0]
    assert shifted(values, -2).tolist() == [-np.inf, -np.inf, 1.0, 2.0]
    assert np.isneginf(shifted(values, 9)).all()


def test_drawn_words_have_the_composition_of_the_matrix() -> None:
    words = draw_matrix(MATRIX, 50_000, np.random.default_rng(1))
    fitted = np.array(fit_matrix(words))
    assert fitted == pytest.approx(np.array(MATRIX), abs=0.01)


def test_sharpened() -> None:
    rows = np.array(sharpened(MATRIX, 2.0))
    assert rows.sum(axis=1) == pytest.approx(1.0)
    assert rows[0, 0] == pytest.approx(0.49 / 0.52)
    assert rows[2] == pytest.approx([0.25] * 4)


def test_branch_scores_sum_over_the_places() -> None:
    codes = encode("ACGTACGGTCAACGTTAGCA")
    branch = Branch(matrix=((0.4, 0.2, 0.2, 0.2), (0.1, 0.7, 0.1, 0.1)), nearest=4, distances=(1.0, 0.0, 3.0))
    content = np.log(np.random.default_rng(2).uniform(0.1, 0.9, len(codes)))
    scores = branch.scores(codes, content)
    rows = np.array(branch.matrix)
    for last in range(6, len(codes)):
        expected = 0.0
        for distance, share in ((4, 0.25), (6, 0.75)):
            first = last + 1 - distance
            ratio = rows[0, codes[first]] * rows[1, codes[first + 1]] / np.exp(content[first] + content[first + 1])
            expected += share * ratio
        assert np.exp(scores[last]) == pytest.approx(expected)


def introns(rng: np.random.Generator, planted: bool) -> list[np.ndarray]:
    result = []
    for _ in range(400):
        intron = rng.integers(0, 4, 90).astype(np.uint8)
        if planted:
            first = 90 - int(rng.integers(ACCEPTOR + 10, ACCEPTOR + 20))
            intron[first : first + len(SEED)] = encode(SEED)
        result.append(intron)
    return result


def test_branch_is_found_where_it_is_and_not_where_it_is_not() -> None:
    rng = np.random.default_rng(3)
    found = fit_branch(introns(rng, planted=True), 70)
    assert found is not None
    assert "".join("ACGT"[int(np.argmax(row))] for row in found.matrix) == SEED
    shares = np.array(found.distances) / sum(found.distances)
    distances = found.nearest + np.arange(len(shares))
    assert shares[(distances >= ACCEPTOR + 10) & (distances < ACCEPTOR + 20)].sum() > 0.9
    assert fit_branch(introns(rng, planted=False), 70) is None
    assert fit_branch(introns(rng, planted=True), 27) is None


@pytest.mark.parametrize(
    ("matrix", "distances", "message"),
    [(((0.5, 0.1, 0.1, 0.1),), (1.0,), "no distributions"), (MATRIX, (), "wrong distances"), ((), (1.0,), "no dist")],
)
def test_wrong_branch(matrix: tuple[tuple[float, ...], ...], distances: tuple[float, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Branch(matrix=matrix, nearest=22, distances=distances)
