"""The signals of a gene in the label scheme `gene`, as lookups over short words of bases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genescribe.config import option
from genescribe.errors import InputError
from genescribe.genome.alphabet import BASES, N, encode
from genescribe.genome.genetic_code import GeneticCode

EDGE = 5
"""Code of what lies beyond a sequence's edge: it may be any base. An N (4) is none of the four."""
LETTERS = 6
_CARRIED = ("TA", "TG")


@dataclass(frozen=True)
class GeneRules:
    """Signals that a gene must have; annotated genes without them are masked. `gencode` ignores the signals."""

    splice_sites: list[Literal["GT-AG", "GC-AG", "AT-AC"]] = option(
        default_factory=lambda: ["GT-AG", "GC-AG"], doc="first and last two bases of an intron"
    )
    starts: Literal["ATG", "table"] = option("ATG", doc="start codons: ATG, or all that the genetic code lists")
    shortest_intron: int = option(
        20, doc="length of the shortest intron in bases; a shorter one bridges a frameshift", minimum=4
    )

    def start_codons(self, code: GeneticCode) -> frozenset[str]:
        """Return the codons that a gene may begin with."""
        return code.canonical_starts | (code.starts if self.starts == "table" else frozenset())


@dataclass(frozen=True, eq=False)
class SignalTables:
    """Lookups by word number: the sum of code times 6 to the power of the bases that follow, codes 0..5.

    Attributes
    ----------
    start, stop : (216,) bool
        The word may be a start codon, or the stop codon that ends a gene.
    stop_inside : (216,) bool
        The word is a codon that always stops; words with an N or beyond an edge are none.
    donor, acceptor : (36,) bool
        The word may be the first (last) two bases of an intron.
    """

    start: NDArray[np.bool_]
    stop: NDArray[np.bool_]
    stop_inside: NDArray[np.bool_]
    donor: NDArray[np.bool_]
    acceptor: NDArray[np.bool_]

    @classmethod
    def of(cls, rules: GeneRules, code: GeneticCode, *, training: bool = True) -> SignalTables:
        """Return the tables.

        Stop codons other than TA. and TG. cannot be recognised across an intron. Labels with such a code are an error;
        genes predicted with one, for the mitochondrion of a genome, are checked after decoding.

        Parameters
        ----------
        rules
            Start codons, splice sites and shortest intron.
        code
            Genetic code that gives start and stop codons.
        training
            Refuse codes whose stop codons labels cannot tell across an intron.

        Raises
        ------
        InputError
            A genetic code with a stop codon other than TA. and TG.: the labels could not see it across an intron.
        """
        stops = _codons(code.always_stop)
        for codon in sorted(stops):
            if training and not codon.startswith(_CARRIED):
                raise InputError(
                    f"genetic code {code.number} has the stop codon {codon}",
                    where="scheme 'gene'",
                    remedy="use the scheme 'gencode': only stops TA. and TG. are distinguished across introns",
                )
        return cls(
            start=_words(rules.start_codons(code), 3),
            stop=_words(code.stops, 3),
            stop_inside=_words(stops, 3, edge=False),
            donor=_words((pair[:2] for pair in rules.splice_sites), 2),
            acceptor=_words((pair[3:] for pair in rules.splice_sites), 2),
        )


def _codons(member: NDArray[np.bool_]) -> set[str]:
    """Return the codons of a lookup by codon number."""
    return {BASES[n // 16] + BASES[n // 4 % 4] + BASES[n % 4] for n in np.flatnonzero(member[:64]).tolist()}


def _words(words: Iterable[str], length: int, *, edge: bool = True) -> NDArray[np.bool_]:
    """Return the lookup of words of `length` bases; with `edge`, a base beyond the edge may be any."""
    table = np.zeros(LETTERS**length, dtype=bool)
    for word in words:
        choices = [(int(base), EDGE) if edge else (int(base),) for base in encode(word)]
        for letters in product(*choices):
            table[word_number(letters)] = True
    return table


def word_number(letters: Iterable[int]) -> int:
    """Return the place of a word in a lookup.

    Examples
    --------
    >>> word_number([0, 3, 2])
    20
    """
    number = 0
    for letter in letters:
        number = LETTERS * number + letter
    return number


assert N < EDGE < LETTERS
