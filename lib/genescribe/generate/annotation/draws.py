"""Chance in sampling: a generator for each locus and draw, and which values are drawn from."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def kept_weights(weights: NDArray[np.float64], top_k: int, top_p: float) -> NDArray[np.float64]:
    """Return weights of which all but the largest are 0.

    Parameters
    ----------
    weights : (n,)
        Of the values, in proportion to their probability.
    top_k
        How many are kept; 0: all. Of equals the first are kept.
    top_p
        The largest are kept until their sum reaches this share.

    Examples
    --------
    >>> kept_weights(np.array([1.0, 4.0, 3.0, 2.0]), 3, 0.6).tolist()
    [0.0, 4.0, 3.0, 0.0]
    """
    order = np.argsort(-weights, kind="stable")
    count = min(top_k or len(weights), len(weights))
    if top_p < 1:
        shares = np.cumsum(weights[order]) / weights.sum()
        count = min(count, int(np.searchsorted(shares, top_p - 1e-12)) + 1)
    result = np.zeros_like(weights)
    result[order[:count]] = weights[order[:count]]
    return result


def generator(seed: int, name: str, draw: int) -> np.random.Generator:
    """Return the generator of a draw for a locus: seeded by its name, so that batches do not matter.

    Parameters
    ----------
    seed
        Seed of the search.
    name
        Name of the locus.
    draw
        Number of the draw, from 0.
    """
    text = f"{seed}\0{name}" + (f"\0{draw}" if draw else "")
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
