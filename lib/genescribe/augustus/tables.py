"""Tables of a parameter set of AUGUSTUS.

Words of bases are numbers, a, c, g, t being 0 to 3, the last base least. Columns of content tables are codon positions
of a word's last base. Probabilities are not logarithms here, and are as the files give them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genescribe.augustus.sections import COMMON, FloatArray, Section, Sections

KINDS = ("single", "initial", "internal", "terminal")
"""Of coding exons, in the order of the columns of length tables."""


@dataclass(frozen=True)
class Motif:
    """An inhomogeneous Markov chain: chances of a base given those before it, (n, 4^(order + 1))."""

    chances: FloatArray

    @property
    def order(self) -> int:
        """Bases before a base that it is given."""
        return (int(self.chances.shape[1]).bit_length() - 1) // 2 - 1

    @classmethod
    def of(cls, section: Section) -> Motif:
        """Return the motif of a section."""
        values = section.numbers()
        if len(values) < 2:
            raise section.damaged("neither width nor order")
        width, order = int(values[0]), int(values[1])
        if width == 0:
            return cls(np.zeros((0, 4 ** (order + 1))))
        rows = section.rows(1 + 4 ** (order + 1), skip=2)
        if len(rows) != width:
            raise section.damaged(f"{len(rows)} rows for a width of {width}")
        return cls(rows[:, 1:])


@dataclass(frozen=True)
class Steps:
    """A step function: below ``borders[0]`` the first of `values`, from ``borders[i]`` on ``values[i + 1]``."""

    borders: FloatArray
    values: FloatArray

    @classmethod
    def of(cls, sections: Sections, name: str, number: int = COMMON) -> Steps | None:
        """Return the steps of a section, or None where it is not there.

        Parameters
        ----------
        sections
            The species' file of parameters.
        name
            Name of the section.
        number
            Number of the class of GC content, from 0.
        """
        if not sections.has(name, number):
            return None
        section = sections.section(name, number)
        values = section.numbers()
        if len(values) < 2 or len(values) != 2 * int(values[0]):
            raise section.damaged(f"{len(values)} numbers for {int(values[0]) if len(values) else 0} bins")
        return cls(values[2::2], np.concatenate([values[1:2], values[3::2]]))

    def __call__(self, chances: FloatArray) -> FloatArray:
        """Return the value of each chance."""
        values: FloatArray = self.values[np.searchsorted(self.borders, chances, side="right")]
        return values


@dataclass(frozen=True)
class ExonClass:
    """Coding sequence of one class of GC content.

    Attributes
    ----------
    emission, first, last : (4^(order + 1), 3)
        Chance of a base given those before it: in general, behind the start codon, and before a donor.
    beginnings : (4^order, 3)
        Chance of a word at the beginning of a stretch.
    start : Motif
        Before the start codon.
    start_steps : Steps or None
        From the chance of motif and start codon to its score.
    """

    emission: FloatArray
    first: FloatArray
    last: FloatArray
    beginnings: FloatArray
    start: Motif
    start_steps: Steps | None


@dataclass(frozen=True)
class IntronClass:
    """Introns of one class of GC content.

    Attributes
    ----------
    emission : (4^(order + 1),)
        Chance of a base given those before it.
    acceptor : Motif
        Before the acceptor's pattern: polypyrimidine tract and branch point.
    short : float
        Share of introns not longer than the table of lengths.
    excess : float
        Mean length of the others beyond it.
    """

    emission: FloatArray
    acceptor: Motif
    short: float
    excess: float


@dataclass(frozen=True)
class Introns:
    """Parameters of introns.

    Attributes
    ----------
    donor, acceptor : (4^n,)
        Chance of the bases around GT (AG), without these two.
    lengths : (d + 1,)
        Chance of each length up to d among the short ones.
    classes
        One per class of GC content, ascending.
    """

    donor: FloatArray
    acceptor: FloatArray
    lengths: FloatArray
    classes: tuple[IntronClass, ...]


@dataclass(frozen=True)
class Windows:
    """Numbers of bases.

    Attributes
    ----------
    start
        Of the motif before a start codon.
    first, last
        Of coding sequence of its own kind behind the start codon's first word, and before a donor's pattern.
    donor, acceptor
        Of the patterns, before GT (AG) and behind it.
    tract
        Of the motif before an acceptor's pattern.
    """

    start: int
    first: int
    last: int
    donor: tuple[int, int]
    acceptor: tuple[int, int]
    tract: int


@dataclass(frozen=True)
class Species:
    """A parameter set.

    Attributes
    ----------
    name, folder
        Name of the species, and the folder of its parameter files.
    genetic_code
        Number of the NCBI translation table.
    gc, gc_window
        GC content of each class, and the bases over which it is taken.
    windows
        Sizes of the signals' windows, in bases.
    exons
        By class of GC content.
    lengths : (4, D + 1)
        Chance of each length of a coding exon, the stop codon included, by `KINDS`.
    beyond : (4,)
        Share of longer ones.
    starts, stops
        Chance of each codon.
    introns
        None: genes have none.
    intergenic : list of (4^(order + 1),)
        By class.
    other_donors
        Factor of donors GC; 0: there are none.
    unknown
        Chance of an N in coding sequence.
    genes
        Training genes with and without introns.
    """

    name: str
    folder: Path
    genetic_code: int
    gc: tuple[float, ...]
    gc_window: int
    windows: Windows
    exons: tuple[ExonClass, ...]
    lengths: FloatArray
    beyond: FloatArray
    starts: Mapping[int, float]
    stops: Mapping[int, float]
    introns: Introns | None
    intergenic: tuple[FloatArray, ...]
    other_donors: float
    unknown: float
    genes: tuple[int, int]
