"""The motif of branch points is found where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from genescribe.genome.alphabet import Codes, N, encode
from genescribe.segment.composition.branch_points import NEAREST, find_branch_motif

MOTIF = encode("TACTAAC")


def introns(number: int, share: float, rng: np.random.Generator) -> list[Codes]:
    """Random introns of which a share holds the motif, its last base 20 to 29 bases before the intron's last."""
    sequences = []
    for _ in range(number):
        sequence = rng.integers(0, 4, 120).astype(np.uint8)
        if rng.random() < share:
            end = len(sequence) - int(rng.integers(20, 30))
            sequence[end - len(MOTIF) : end] = MOTIF
        sequences.append(sequence)
    return sequences


def test_a_planted_motif_is_found_at_its_place() -> None:
    found = find_branch_motif(introns(150, 0.9, np.random.default_rng(1)), 7, 60)
    assert found.odds.argmax(axis=0).tolist() == MOTIF.tolist()
    # The last base of the motif is `end - 1`, the intron's last is 119: distances 20..29.
    assert found.distance[19:29].sum() > 0.75
    assert found.distance[: NEAREST - 1].sum() == 0
    assert 0.8 < found.distance.sum() < 1


def test_random_introns_give_a_flat_motif() -> None:
    planted = find_branch_motif(introns(150, 0.9, np.random.default_rng(2)), 7, 60)
    flat = find_branch_motif(introns(150, 0.0, np.random.default_rng(2)), 7, 60)
    assert np.exp(flat.odds.max(axis=0)).mean() < np.exp(planted.odds.max(axis=0)).mean()
    assert flat.distance.sum() < planted.distance.sum()


@pytest.mark.parametrize("number", [0, 19])
def test_few_introns_tell_nothing(number: int) -> None:
    found = find_branch_motif(introns(number, 1.0, np.random.default_rng(3)), 7, 60)
    assert not found.odds.any() and not found.distance.any()


def test_short_introns_and_such_with_n_are_passed_over() -> None:
    rng = np.random.default_rng(4)
    good = introns(60, 0.9, rng)
    bad = [intron[:40] for intron in introns(5, 1.0, rng)] + [np.full(120, N, dtype=np.uint8)]
    first, second = find_branch_motif(good, 7, 60), find_branch_motif(good + bad, 7, 60)
    assert np.array_equal(first.odds, second.odds) and np.array_equal(first.distance, second.distance)
