"""The codons of a coding sequence, and the facts on which every check of one rests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genescribe.genome.genetic_code import AMBIGUOUS, GeneticCode, codon_numbers


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A coding sequence read from its first whole codon on.

    Which of these facts is a fault, and which fault is named first, is for the caller to say: the end of a contig, the
    rules of a database and the needs of training differ in that.

    Attributes
    ----------
    codons : (n,) uint8
        Codon numbers, `AMBIGUOUS` where there is an N.
    leftover
        Bases behind the last whole codon: 0, 1 or 2.
    starts, ends
        Whether the first codon can start, and the last can end, a protein; None where there is no such codon or it is
        ambiguous.
    stops : (k,) int64
        Indices of the codons that are always a stop, the last codon included.
    """

    codons: NDArray[np.uint8]
    leftover: int
    starts: bool | None
    ends: bool | None
    stops: NDArray[np.int64]

    def inner_stops(self, open_end: bool) -> NDArray[np.int64]:
        """Return the indices of stops within the reading frame; at an open 3' end the last codon is within it too."""
        return self.stops if open_end else self.stops[self.stops < len(self.codons) - 1]


def read_codons(
    bases: NDArray[np.uint8],
    code: GeneticCode,
    *,
    starts: NDArray[np.bool_] | None = None,
    recoded: NDArray[np.bool_] | None = None,
) -> Reading:
    """Read a coding sequence codon by codon.

    Parameters
    ----------
    bases : (n,) uint8
        Spliced base codes in reading direction from the first whole codon on, softmasked or not.
    code
        Genetic code that gives start and stop codons.
    starts : (65,) bool
        True at the codon numbers that can start a protein; None: those that the genetic code lists.
    recoded : (n // 3,) bool
        Codons that stand for an amino acid against the code, such as selenocysteine; None: none.

    Examples
    --------
    >>> from genescribe.genome.alphabet import encode
    >>> read_codons(encode("ATGTAAAAATA"), GeneticCode.from_table(1))
    Reading(codons=array([14, 48,  0], dtype=uint8), leftover=2, starts=True, ends=False, stops=array([1]))
    """
    codons = codon_numbers(bases)
    members = code.is_start if starts is None else starts
    always = code.always_stop[codons]
    end = bool(code.is_stop[codons[-1]]) if len(codons) else False
    if recoded is not None:
        always &= ~recoded
        end &= not (len(codons) and recoded[-1])
    known = [len(codons) > 0 and codons[place] != AMBIGUOUS for place in (0, -1)]
    return Reading(
        codons,
        len(bases) % 3,
        bool(members[codons[0]]) if known[0] else None,
        end if known[1] else None,
        np.flatnonzero(always),
    )
