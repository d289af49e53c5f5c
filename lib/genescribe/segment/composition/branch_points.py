"""The branch point: a motif at an unknown position before the acceptor, found by expectation maximisation.

Each intron's end has the motif once, at a distance drawn from a histogram, or not at all (ZOOPS: Bailey & Elkan,
ISMB 1994). In yeasts this is TACTAAC or CTAAY and tells more than the acceptor itself; where branch points are
degenerate the motif comes out flat and says little.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genescribe.genome.alphabet import Codes, N

NEAREST = 4
"""Nearest end of the motif before the intron's last base: closer lies the acceptor itself."""
_SEEDS, _ROUNDS, _FEWEST = 8, 40, 20
_PSEUDO_LETTER, _PSEUDO_PLACE = 2.0, 2.0


class BranchMotif(NamedTuple):
    """A motif and where it stands.

    Attributes
    ----------
    odds : (4, width)
        log P(letter) - log P(letter in introns).
    distance : (reach,)
        Probability that the motif's last base is 1, 2, ... bases before the intron's last; the rest to 1: no motif.
    """

    odds: NDArray[np.float64]
    distance: NDArray[np.float64]


def find_branch_motif(introns: Sequence[Codes], width: int, reach: int) -> BranchMotif:
    """Return the motif of the ends of introns; all zeros where there are fewer than 20.

    Parameters
    ----------
    introns
        Sequences that end with the intron's last base, softmask removed; only their last `width` + `reach` bases are
        read, and those that are shorter or hold an N are passed over.
    width, reach
        Bases of the motif and its farthest distance.
    """
    nothing = BranchMotif(np.zeros((4, width)), np.zeros(reach))
    ends = [intron[-(width + reach) :] for intron in introns if len(intron) >= width + reach]
    ends = [end for end in ends if int(end.max()) < N]
    if len(ends) < _FEWEST:
        return nothing
    letters = np.stack(ends).astype(np.int64)
    background = np.divide(np.bincount(letters.ravel(), minlength=4) + 1.0, letters.size + 4.0, dtype=np.float64)
    # Place i: the motif is letters[:, i : i + width], its last base width + reach - 1 - (i + width - 1) before the end.
    places = np.lib.stride_tricks.sliding_window_view(letters, width, axis=1)[:, : reach + 1 - NEAREST]
    motifs = [_maximise(places, seed, background) for seed in _seeds(places, background)]
    _, odds, place = max(motifs, key=lambda motif: motif[0])
    distance = np.zeros(reach)
    distance[NEAREST - 1 :] = place[::-1]
    return BranchMotif(odds, distance)


def _seeds(places: NDArray[np.int64], background: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Return the words that stand in more sequences than their letters explain, most first."""
    words: Counter[tuple[int, ...]] = Counter()
    for row in places:
        words.update(set(map(tuple, row.tolist())))
    trials = places.shape[0] * places.shape[1]

    def excess(word: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
        expected = trials * float(np.prod(background[list(word)]))
        return ((words[word] - expected) / np.sqrt(expected + 1.0), word)

    ranked = sorted(words, key=excess, reverse=True)[:_SEEDS]
    return [np.array(word) for word in ranked]


def _maximise(
    places: NDArray[np.int64], seed: NDArray[np.int64], background: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return log likelihood, log odds (4, width) and the probabilities of places, from one seed."""
    sequences, count, width = places.shape
    motif = np.full((4, width), 0.1)
    motif[seed, np.arange(width)] = 0.7
    place = np.full(count, 0.5 / count)
    column = np.arange(width)
    likelihood = -np.inf
    for _ in range(_ROUNDS):
        odds = np.log(motif) - np.log(background)[:, None]
        joint = np.exp(odds[places, column].sum(axis=2)) * place
        total = joint.sum(axis=1) + (1.0 - place.sum())
        share = joint / total[:, None]
        likelihood = float(np.log(total).sum())
        counts = np.zeros((4, width))
        for i in range(width):
            counts[:, i] = np.bincount(places[:, :, i].ravel(), weights=share.ravel(), minlength=4)
        motif = counts + _PSEUDO_LETTER * background[:, None]
        motif /= motif.sum(axis=0)
        smoothed = np.convolve(share.sum(axis=0), np.array([1, 2, 3, 2, 1]) / 9, mode="same")
        place = (smoothed + _PSEUDO_PLACE / count) / (sequences + 2 * _PSEUDO_PLACE)
    return likelihood, np.log(motif) - np.log(background)[:, None], place
