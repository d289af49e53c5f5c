"""Interspersed repeats: families with a consensus, and diverged, truncated, softmasked copies on either strand."""

from __future__ import annotations

import numpy as np

from genescribe.genome.alphabet import SOFTMASK, Codes, reverse_complement
from genescribe.simulate.chains import FREE, MarkovChain, fill
from genescribe.simulate.parameters import Repeats

_MARGIN = 10
"""Bases at either end of an intergenic stretch that stay free of repeats."""


def draw_families(law: Repeats, chain: MarkovChain, rng: np.random.Generator) -> list[Codes]:
    """Draw the consensus of each family from the chain; the longest copies are whole.

    Parameters
    ----------
    law
        Numbers and lengths of repeats.
    chain
        Composition of intergenic sequence.
    rng
        Random generator.
    """
    sizes = law.lengths.sample(rng, (law.families * 4)).reshape(law.families, 4).max(axis=1)
    tracts = np.concatenate([[0], np.cumsum(sizes)])
    codes = np.full(tracts[-1], FREE, dtype=np.uint8)
    fill(codes, tracts, np.zeros(len(codes), np.uint8), np.zeros(len(codes), bool), [chain], rng)
    return np.split(codes, tracts[1:-1])


def insert_repeats(tract: Codes, law: Repeats, families: list[Codes], rng: np.random.Generator) -> None:
    """Write copies into an intergenic tract, in place, until about the wanted share of it is covered.

    The number of copies is Poisson with the mean that gives that share; a copy that would touch another or the
    margins is left out, which makes the share a little smaller.

    Parameters
    ----------
    tract : (n,) uint8
        Base codes; changed in place.
    law
        Numbers, lengths and divergence of repeats.
    families
        Consensus of each family.
    rng
        Random generator.
    """
    copies = rng.poisson(len(tract) * law.fraction / law.lengths.mean())
    for size in law.lengths.sample(rng, copies):
        consensus = families[rng.integers(len(families))]
        size = min(int(size), len(consensus))
        space = len(tract) - 2 * _MARGIN - size
        if space < 0:
            continue
        start = _MARGIN + int(rng.integers(space + 1))
        if (tract[start - 1 : start + size + 1] != FREE).any():
            continue
        offset = int(rng.integers(len(consensus) - size + 1))
        copy = _diverged(consensus[offset : offset + size], law.divergence, rng)
        tract[start : start + size] = copy if rng.random() < 0.5 else reverse_complement(copy)


def _diverged(piece: Codes, mean: float, rng: np.random.Generator) -> Codes:
    """Return a masked copy; its age, uniform between 0 and twice the mean divergence, is its own."""
    changed = rng.random(len(piece)) < rng.uniform(0, min(0.75, 2 * mean))
    substituted = (piece + rng.integers(1, 4, len(piece))) % 4
    return np.where(changed, substituted, piece).astype(np.uint8) | np.uint8(SOFTMASK)
