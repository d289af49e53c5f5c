"""Control genes from which part of the information is removed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.sequences.prepare import Gene
from genescribe.genome.genetic_code import GeneticCode


def generator_of(gene: Gene, seed: int, purpose: str) -> np.random.Generator:
    """Return a random generator of a gene's own: the result does not depend on what was drawn for others.

    Parameters
    ----------
    gene
        The gene; its genome and name are part of the seed.
    seed
        Seed of the evaluation.
    purpose
        Name of the random stream: each purpose has its own.
    """
    digest = hashlib.sha256(f"{seed} {purpose} {gene.genome} {gene.id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def sample_genes(genes: Sequence[Gene], count: int, *, seed: int) -> list[Gene]:
    """Return at most `count` genes, drawn without replacement, in their order.

    Parameters
    ----------
    genes
        Genes to draw from.
    count
        Most genes to return.
    seed
        Seed of the draw.
    """
    if len(genes) <= count:
        return list(genes)
    chosen = np.random.default_rng(seed).choice(len(genes), count, replace=False)
    return [genes[i] for i in sorted(chosen.tolist())]


def shuffled(gene: Gene, seed: int) -> NDArray[np.uint8]:
    """Return the codons in a random order, the first and the last in their places: composition without order."""
    codons = gene.codons.copy()
    generator_of(gene, seed, "shuffle").shuffle(codons[1:-1])
    return codons


def synonym_shuffled(gene: Gene, seed: int) -> NDArray[np.uint8]:
    """Return the gene with its synonymous codons exchanged among each other: the same protein, the same usage."""
    codons = gene.codons.copy()
    letters = GeneticCode.from_table(gene.table).amino_acids[codons]
    generator = generator_of(gene, seed, "synonyms")
    for letter in np.unique(letters[1:-1]):
        places = 1 + np.flatnonzero(letters[1:-1] == letter)
        codons[places] = generator.permutation(codons[places])
    return codons
