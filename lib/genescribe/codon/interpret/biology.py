"""Known properties of codons and amino acids: order, classes, hydropathy, usage."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.evaluation.ngram import synonyms
from genescribe.genome.genetic_code import GeneticCode

if TYPE_CHECKING:
    from genescribe.codon.sequences.prepare import Gene

_TENTHS = (18, -45, -35, -35, 25, -35, -35, -4, -32, 45, 38, -39, 19, 28, -16, -8, -7, -9, -13, 42)
HYDROPATHY = {letter: tenth / 10 for letter, tenth in zip("ARNDCQEGHILKMFPSTWYV", _TENTHS, strict=True)}
"""Kyte and Doolittle 1982, J Mol Biol 157:105."""

CLASSES = {"hydrophobic": "AVILMFWC", "polar": "STNQYGPH", "positive": "KR", "negative": "DE", "stop": "*"}


@cache
def letters(table: int = 11) -> NDArray[np.uint8]:
    """Return the amino acid of each codon, (64,) ASCII."""
    return GeneticCode.from_table(table).amino_acids[:64]


def class_of(letter: str) -> str:
    """Return the class of an amino acid."""
    return next(name for name, members in CLASSES.items() if letter in members)


def codon_order(table: int = 11) -> NDArray[np.int64]:
    """Return codon numbers ordered by class, amino acid, codon: for the axes of pictures."""
    every = letters(table)
    classes = list(CLASSES)
    key = [(classes.index(class_of(chr(letter))), chr(letter), number) for number, letter in enumerate(every)]
    return np.array([number for *_, number in sorted(key)], dtype=np.int64)


def usage(genes: Sequence[Gene]) -> NDArray[np.float64]:
    """Return how often each codon occurs, (64,)."""
    if not genes:
        return np.zeros(64)
    return np.bincount(np.concatenate([gene.codons for gene in genes]), minlength=64).astype(float)


def rscu(counts: NDArray[np.float64], table: int) -> NDArray[np.float64]:
    """Return relative synonymous codon usage: observed over expected of equal use (Sharp and Li 1986)."""
    members = synonyms(table)
    total = members @ counts
    return np.asarray(np.where(total > 0, counts * members.sum(axis=1) / np.maximum(total, 1), np.nan))


def cai(own: NDArray[np.float64], reference: NDArray[np.float64], table: int) -> NDArray[np.float64]:
    """Return the codon adaptation index of genes (Sharp and Li 1987, Nucleic Acids Res 15:1281).

    The geometric mean over codons of their frequency in a reference set of highly expressed genes, each divided by
    that of the most frequent synonym. Codons without synonyms and stops do not count; counts of 0 are taken as 0.5.

    Parameters
    ----------
    own : (..., 64)
        How often each codon occurs in a gene.
    reference : (..., 64)
        How often in its reference set.
    table
        Number of the NCBI translation table.

    Returns
    -------
    (...)
        NaN where no codon counts.
    """
    counts = np.maximum(reference, 0.5)
    logs, every = np.log(counts), letters(table)
    counted = np.zeros(64, dtype=bool)
    for letter in np.unique(every[every != ord("*")]):
        mine = every == letter
        logs[..., mine] -= logs[..., mine].max(axis=-1, keepdims=True)
        counted[mine] = mine.sum() > 1
    counted_codons = own * counted
    with np.errstate(invalid="ignore"):
        return np.asarray(np.exp((counted_codons * logs).sum(axis=-1) / counted_codons.sum(axis=-1)))


def is_ribosomal(gene: Gene) -> bool:
    """Whether the product is a protein of the ribosome: the usual stand-in for high expression."""
    product = gene.product.lower()
    ribosome = "ribosomal protein" in product or "ribosomal subunit protein" in product
    return ribosome and not any(word in product for word in ("transferase", "acetyl", "methyl", "modification"))
