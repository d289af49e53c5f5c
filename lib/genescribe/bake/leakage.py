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
    pairs = similar_pairs(sketches, [order.index(split) for split in splits])
    pairs.sort(key=lambda item: (-item[0], names[item[1]], names[item[2]]))
    touched: dict[str, set[int]] = {}
    for _, left, right in pairs:
        for a, b in ((left, right), (right, left)):
            touched.setdefault(f"{splits[a]}/{splits[b]}", set()).add(a)
    return {
        "genes": {split: len(genes) for split, genes in proteins.items()},
        "shared": {pair: len(members) for pair, members in sorted(touched.items())},
        "pairs": [
            {"share": round(share, 3), "genes": [names[a], names[b]], "splits": [splits[a], splits[b]]}
            for share, a, b in pairs[:SHOWN]
        ],
    }


def similar_pairs(
    sketches: Sequence[Sketch], sides: Sequence[int], similar: float = SIMILAR
) -> list[tuple[float, int, int]]:
    """Return the pairs of homologous proteins on different sides.

    Parameters
    ----------
    sketches
        Word hashes of each protein: `sketch`.
    sides
        Of each protein; pairs of one side are not looked for.
    similar
        Share of the smaller protein's words in common from which two count as homologous; `FEWEST` words it takes.

    Returns
    -------
    list of (float, int, int)
        Share, and the places of the two in `sketches`.
    """
    sizes = [len(words) for words in sketches]
    pairs = _shared_words(sketches, np.array(sides, dtype=np.intp))
    shares = ((count, count / min(sizes[left], sizes[right]), left, right) for (left, right), count in pairs.items())
    return [(share, left, right) for count, share, left, right in shares if count >= FEWEST and share >= similar]


def _shared_words(sketches: Sequence[Sketch], sides: NDArray[np.intp]) -> dict[tuple[int, int], int]:
    """Return the number of words in common of each pair of proteins on different sides that share any."""
    words = np.concatenate(sketches) if sketches else np.zeros(0, dtype=np.uint64)
    if not len(words):
        return {}
    owners = np.repeat(np.arange(len(sketches)), [len(words) for words in sketches])
    order = np.argsort(words, kind="stable")
    words, owners = words[order], owners[order]
    edges = np.flatnonzero(np.append(True, words[1:] != words[:-1]))
    counts: dict[tuple[int, int], int] = {}
    for start, end in zip(edges.tolist(), [*edges[1:].tolist(), len(words)], strict=True):
        if not 1 < end - start <= CROWD:
            continue
        group = owners[start:end]
        left, right = (group[side] for side in np.triu_indices(len(group), 1))
        apart = sides[left] != sides[right]
        for pair in zip(left[apart].tolist(), right[apart].tolist(), strict=True):
            counts[pair] = counts.get(pair, 0) + 1
    return counts
