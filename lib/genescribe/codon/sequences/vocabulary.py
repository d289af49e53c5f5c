"""Tokens: four specials and the 64 codons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.sequences.cds import codons_of
from genescribe.errors import InputError
from genescribe.genome.genetic_code import AMBIGUOUS

PAD, BOS, EOS, SEP = range(4)
SPECIALS = ("<PAD>", "<BOS_CDS>", "<EOS_CDS>", "<SEP>")
FIRST_CODON = len(SPECIALS)
CODONS = tuple(a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT")
"""In the order of their numbers, 16 a + 4 b + c."""

TOKENS = SPECIALS + CODONS
SIZE = len(TOKENS)


def to_tokens(codons: NDArray[np.uint8], *, begin: bool = True, end: bool = True) -> NDArray[np.uint8]:
    """Return the tokens of a coding sequence, between `<BOS_CDS>` and `<EOS_CDS>` unless told otherwise.

    Parameters
    ----------
    codons : (n,)
        Codon numbers 0..63.
    begin, end
        Whether to add the special tokens.

    Examples
    --------
    >>> to_tokens(codons_of("ATGTAA")).tolist()
    [1, 18, 52, 2]
    """
    middle = codons.astype(np.uint8) + np.uint8(FIRST_CODON)
    return np.concatenate([np.array([BOS] * begin, np.uint8), middle, np.array([EOS] * end, np.uint8)])


def to_codons(tokens: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return the codon numbers among some tokens; specials are left out."""
    codons = tokens[tokens >= FIRST_CODON]
    return (codons - FIRST_CODON).astype(np.uint8)


def dna_tokens(dna: str, *, where: str = "sequence") -> NDArray[np.uint8]:
    """Return the tokens of DNA that someone typed: `<BOS_CDS>` and its codons, not closed by an end.

    Raises
    ------
    InputError
        Not a multiple of three bases, or letters other than A, C, G, T (U).
    """
    text = "".join(dna.split()).upper().replace("U", "T")
    if set(text) - set("ACGT"):
        bad = "".join(sorted(set(text) - set("ACGT")))
        raise InputError(f"holds the letters {bad!r}", where=where, remedy="give A, C, G and T alone")
    if len(text) % 3:
        raise InputError(f"{len(text)} bases, no multiple of three", where=where, remedy="give whole codons")
    codons = codons_of(text)
    assert not (codons == AMBIGUOUS).any()
    return to_tokens(codons, end=False)
