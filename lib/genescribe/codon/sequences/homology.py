"""Clusters of homologous coding sequences and near-duplicates, by short words that their proteins share.

The words are those of `genescribe.bake.leakage.sketch`; what of them two proteins have in common is near 1 for copies,
about 0.26 at 80% identity and 0.05 at 60%. Distant homologues are not found.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from genescribe.bake.leakage import FEWEST, SIMILAR, Sketch, sketch
from genescribe.genome.genetic_code import GeneticCode

CROWD = 60
"""Words that more proteins hold are passed over: they are repeats, and pairs grow with the square."""


def protein_of(codons: NDArray[np.uint8], table: int) -> str:
    """Return the translation of codon numbers, stops included."""
    return GeneticCode.from_table(table).amino_acids[codons].tobytes().decode("ascii")


def similar_pairs(proteins: Sequence[str], least: float = SIMILAR) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return pairs of proteins that share words; see `similar_sketches`.

    Parameters
    ----------
    proteins
        Amino acids; a final stop does not count.
    least
        Smallest share of words in common, of the protein with fewer.
    """
    return similar_sketches([sketch(protein) for protein in proteins], least)


def similar_sketches(
    sketches: Sequence[Sketch], least: float = SIMILAR
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return pairs of proteins that share words.

    Parameters
    ----------
    sketches
        The words of each.
    least
        Smallest share of words in common, of the protein with fewer.

    Returns
    -------
    pairs : (P, 2) int64
        Ascending.
    shares : (P,) float64
        Of the words of the smaller protein, those in common.
    """
    sizes = np.array([len(hashes) for hashes in sketches], dtype=np.int64)
    if not sizes.sum():
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0)
    words = np.concatenate(sketches)
    owners = np.repeat(np.arange(len(sketches)), sizes)
    order = np.lexsort((owners, words))
    words, owners = words[order], owners[order]
    starts = np.flatnonzero(np.append(True, words[1:] != words[:-1]))
    counts = np.diff(np.append(starts, len(words)))
    key_parts: list[NDArray[np.int64]] = []
    for size in range(2, min(CROWD, int(counts.max())) + 1):
        group = owners[starts[counts == size][:, None] + np.arange(size)]
        left, right = np.triu_indices(size, 1)
        key_parts.append((group[:, left] * len(sketches) + group[:, right]).ravel())
    if not key_parts:
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0)
    keys, common = np.unique(np.concatenate(key_parts), return_counts=True)
    pairs = np.stack([keys // len(sketches), keys % len(sketches)], axis=1)
    shares = common / sizes[pairs].min(axis=1)
    similar = (common >= FEWEST) & (shares >= least)
    return pairs[similar], shares[similar]


def clusters(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the cluster of each of `count` proteins: those that a chain of pairs connects (single linkage)."""
    links = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)
