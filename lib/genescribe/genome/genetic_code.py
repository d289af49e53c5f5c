"""NCBI genetic codes, from Biopython's tables: translation of codons, start codons and stop codons."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from Bio.Data.CodonTable import unambiguous_dna_by_id
from numpy.typing import NDArray

from genescribe.errors import InputError
from genescribe.genome.alphabet import N, encode, unmasked

AMBIGUOUS = 64
"""Codon number of a codon that holds an N; the others are 16 a + 4 b + c of its three bases, 0..63."""


def codon_numbers(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the number of each codon of base codes (softmasked or not), from the first base on.

    Parameters
    ----------
    codes : (n,)
        Base codes in reading direction; up to two bases left over at the end are dropped.

    Returns
    -------
    (n // 3,) uint8
        16 a + 4 b + c, or `AMBIGUOUS`.

    Examples
    --------
    >>> codon_numbers(encode("AAAaacTNA")).tolist()
    [0, 1, 64]
    """
    codons = unmasked(codes[: len(codes) // 3 * 3]).reshape(-1, 3)
    first, second, third = codons.T
    numbers: NDArray[np.uint8] = 16 * first + 4 * second + third
    if (codons >= N).any():
        numbers[(codons >= N).any(axis=1)] = AMBIGUOUS
    return numbers


def codon_set(codons: frozenset[str]) -> NDArray[np.bool_]:
    """Return a lookup by codon number, (65,) bool: whether it is one of `codons`."""
    member = np.zeros(AMBIGUOUS + 1, dtype=bool)
    for codon in codons:
        member[codon_numbers(encode(codon))] = True
    member.flags.writeable = False
    return member


ATG = codon_set(frozenset({"ATG"}))
"""The start of most genes in every table, as a lookup by codon number."""


@dataclass(frozen=True)
class GeneticCode:
    """One NCBI translation table.

    Attributes
    ----------
    number
        As NCBI counts them.
    starts
        Codons that NCBI lists as possible initiators.
    stops
        Codons that can end a protein. In tables 27, 28 and 31 some of them also stand for an amino acid.
    amino_acids : (65,) uint8
        ASCII letter of each codon number; ``X`` for `AMBIGUOUS`.
    is_start, is_stop, always_stop : (65,) bool
        Lookups by codon number; `always_stop` leaves out stops that may also be read through.
    canonical_starts
        ATG alone: what most genes begin with, in every table.
    """

    number: int
    starts: frozenset[str]
    stops: frozenset[str]
    amino_acids: NDArray[np.uint8] = field(repr=False, compare=False)
    is_start: NDArray[np.bool_] = field(repr=False, compare=False)
    is_stop: NDArray[np.bool_] = field(repr=False, compare=False)
    always_stop: NDArray[np.bool_] = field(repr=False, compare=False)
    canonical_starts: frozenset[str] = frozenset({"ATG"})

    @classmethod
    def from_table(cls, number: int) -> GeneticCode:
        """Return NCBI table `number`.

        Raises
        ------
        InputError
            No such table.

        Examples
        --------
        >>> sorted(GeneticCode.from_table(1).stops)
        ['TAA', 'TAG', 'TGA']
        """
        if number not in unambiguous_dna_by_id:
            known = ", ".join(map(str, sorted(unambiguous_dna_by_id)))
            raise InputError(f"no NCBI table {number}", where="genetic code", remedy=f"give one of {known}")
        table = unambiguous_dna_by_id[number]
        starts, stops = frozenset(table.start_codons), frozenset(table.stop_codons)
        amino_acids = np.full(AMBIGUOUS + 1, ord("X"), dtype=np.uint8)
        # A stop that may also be read through, as in table 27, is in the forward table too: its amino acid counts.
        for codon in stops | table.forward_table.keys():
            amino_acids[codon_numbers(encode(codon))] = ord(table.forward_table.get(codon, "*"))
        amino_acids.flags.writeable = False
        return cls(
            number,
            starts,
            stops,
            amino_acids=amino_acids,
            is_start=codon_set(starts),
            is_stop=codon_set(stops),
            always_stop=amino_acids == ord("*"),
        )

    def translate(self, codes: NDArray[np.uint8], *, complete: bool = False) -> str:
        """Return the protein of a coding sequence, read from its first base.

        Parameters
        ----------
        codes : (n,)
            Base codes in reading direction; an incomplete last codon is dropped.
        complete
            Read the first codon as methionine where it is one of `starts`, and the last as ``*`` where it is one of
            `stops`.

        Returns
        -------
        str
            ``X`` for a codon with an N, ``*`` for a stop.

        Examples
        --------
        >>> GeneticCode.from_table(11).translate(encode("GTGaaaNAATAA"), complete=True)
        'MKX*'
        """
        numbers = codon_numbers(codes)
        protein = self.amino_acids[numbers]
        if complete and len(numbers):
            if self.is_start[numbers[0]]:
                protein[0] = ord("M")
            if self.is_stop[numbers[-1]]:
                protein[-1] = ord("*")
        return protein.tobytes().decode("ascii")
