"""Find homologous genes on two sides of a split by the short words that their proteins share.

A protein is reduced to the hashes of its 6-letter words that fall below a quarter of the hash range (FracMinHash:
Irber et al. 2022, bioRxiv 2022.01.11.475838), the same quarter for every protein. The share of the smaller set that
two proteins have in common estimates the share of words in common: near 1 for copies, about 0.26 at 80 % identity,
0.05 at 60 %. So copies, alleles and recent duplicates are found; remote homologues are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.data.cursor import hash64

WORD = 6
KEPT = 4
"""One word of so many is kept."""
SIMILAR = 0.2
"""Share of words in common from which two proteins count as homologous."""
FEWEST = 3
"""Words in common that it takes at least."""
CROWD = 200
"""Words that more proteins hold are passed over: they are repeats, and pairs grow with the square."""
SHOWN = 200

Sketch = NDArray[np.uint64]


def sketch(protein: str) -> Sketch:
    """Return the kept word hashes of a protein, ascending and distinct; a final stop does not count.

    Examples
    --------
    >>> len(sketch("MKV")), len(sketch("M" * 50)) <= 1
    (0, True)
    """
    letters = np.frombuffer(protein.rstrip("*").encode("ascii"), dtype=np.uint8).astype(np.uint64)
    if len(letters) < WORD:
        return np.zeros(0, dtype=np.uint64)
    words = np.zeros(len(letters) - WORD + 1, dtype=np.uint64)
    for place in range(WORD):
        words = words * np.uint64(128) + letters[place : place + len(words)]
    hashes = hash64(words)
    least = np.sort(hashes[hashes < np.uint64(2**64 // KEPT)])
    # What `np.unique` does, in a fifth of its time on so few.
    distinct = np.ones(len(least), dtype=bool)
    np.not_equal(least[1:], least[:-1], out=distinct[1:])
    return least[distinct]


def leakage(proteins: Mapping[str, Sequence[tuple[str, Sketch]]]) -> dict[str, Any]:
    """Return how many genes of each split have a homologue in another, and the closest pairs.

    Parameters
    ----------
    proteins
        Split -> (gene, sketch) of its genes.

    Returns
    -------
    dict
        ``genes``: genes per split; ``shared``: for each ordered pair of splits ``a/b``, the genes of a that have a
        homologue in b; ``pairs``: the closest pairs, at most `SHOWN`, with the share of words in common.
    """
    splits = [split for split, genes in proteins.items() for _ in genes]
    names = [name for genes in proteins.values() for name, _ in genes]
    sketches = [words for genes in proteins.values() for _, words in genes]
    order = list(proteins)
    pairs, shares = similar_pairs(sketches, [order.index(split) for split in splits])
    closest = sorted(
        zip(shares.tolist(), *pairs.T.tolist(), strict=True),
        key=lambda item: (-item[0], names[item[1]], names[item[2]]),
    )
    touched: dict[str, set[int]] = {}
    for left, right in pairs.tolist():
        for a, b in ((left, right), (right, left)):
            touched.setdefault(f"{splits[a]}/{splits[b]}", set()).add(a)
    return {
        "genes": {split: len(genes) for split, genes in proteins.items()},
        "shared": {pair: len(members) for pair, members in sorted(touched.items())},
        "pairs": [
            {"share": round(share, 3), "genes": [names[a], names[b]], "splits": [splits[a], splits[b]]}
            for share, a, b in closest[:SHOWN]
        ],
    }


def similar_pairs(
    sketches: Sequence[Sketch],
    sides: Sequence[int] | None = None,
    *,
    similar: float = SIMILAR,
    crowd: int = CROWD,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the pairs of homologous proteins.

    Parameters
    ----------
    sketches
        Word hashes of each protein: `sketch`.
    sides
        Of each protein; only pairs on different sides are returned. None: all pairs.
    similar
        Share of the smaller protein's words in common from which two count as homologous; `FEWEST` words it takes.
    crowd
        Words that more proteins hold are passed over.

    Returns
    -------
    pairs : (P, 2) int64
        Places in `sketches`, ascending.
    shares : (P,) float64
        Of the words of the smaller protein, those in common.
    """
    sizes = np.array([len(words) for words in sketches], dtype=np.int64)
    if not sizes.sum():
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0)
    words, owners = np.concatenate(sketches), np.repeat(np.arange(len(sketches)), sizes)
    order = np.argsort(words, kind="stable")
    words, owners = words[order], owners[order]
    starts = np.flatnonzero(np.append(True, words[1:] != words[:-1]))
    holders = np.diff(starts, append=len(words))
    side_of = np.arange(len(sketches)) if sides is None else np.array(sides, dtype=np.int64)
    keys = [np.zeros(0, dtype=np.int64)]
    # All words with the same number of holders at once.
    for number in np.unique(holders[(holders > 1) & (holders <= crowd)]).tolist():
        group = owners[starts[holders == number][:, None] + np.arange(number)]
        left, right = (group[:, side].ravel() for side in np.triu_indices(number, 1))
        apart = side_of[left] != side_of[right]
        keys.append(left[apart] * len(sketches) + right[apart])
    pair, common = np.unique(np.concatenate(keys), return_counts=True)
    pairs = np.stack([pair // len(sketches), pair % len(sketches)], axis=1)
    shares = common / sizes[pairs].min(axis=1)
    kept = (common >= FEWEST) & (shares >= similar)
    return pairs[kept], shares[kept]


def connected(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the cluster of each of `count` items; a chain of pairs connects its members."""
    # Slow to import, and of those that sketch proteins few cluster them.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)
