"""Signals in a window: where translation may begin and must end, where introns may be.

Everything is on the strand that the gene is read from, 5' to 3'. A boundary p, 0..T, lies before base p.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from genescribe.genome.alphabet import Codes, N, encode, gaps, unmasked
from genescribe.genome.genetic_code import AMBIGUOUS, GeneticCode, codon_set
from genescribe.labels.gene_rules import GeneRules

Mask = NDArray[np.bool_]
NEVER = np.iinfo(np.int32).max
"""A place past every window."""


@dataclass
class Signals:
    """The boundaries of a window of T bases; arrays are (T + 1,).

    Attributes
    ----------
    length
        Number of bases, T.
    checked
        Whether genes must have an open reading frame and known splice sites. If not, every boundary serves for
        everything, and only the grammar restricts what is written.
    shortest_intron
        Bases between two features that do not touch, at least.
    start
        A start codon begins here, and its frame reaches a stop codon in the window.
    stop_end : int32
        One past the first stop codon of the frame that begins here; `NEVER` where the window ends, or a gap of the
        assembly begins, before one.
    donor, acceptor
        An intron may begin here; an intron may end here.
    last_acceptor
        For each phase, the last acceptor behind which a feature of this phase reaches a stop codon; -1 if none.
    """

    length: int
    checked: bool
    shortest_intron: int
    start: Mask
    stop_end: NDArray[np.int32]
    donor: Mask
    acceptor: Mask
    last_acceptor: tuple[int, int, int]
    _codes: Codes = field(repr=False)
    _is_stop: Mask = field(repr=False)
    _rare: tuple[Mask, Mask] | None = field(default=None, repr=False)
    _joined: dict[tuple[int, ...], Mask] = field(default_factory=dict, repr=False)

    @classmethod
    def free(cls, length: int, shortest_intron: int = 1, bases: Codes | None = None) -> Signals:
        """Return signals that restrict nothing; `bases` (T,) are for forms that spell the window.

        Parameters
        ----------
        length
            Bases of the window, T.
        shortest_intron
            Fewest bases of an intron.
        bases : (T,) uint8 or None
            Base codes, for forms that read the window itself.
        """
        everywhere = np.ones(length + 1, dtype=bool)
        never = np.full(length + 1, NEVER, dtype=np.int32)
        last = (length - 1,) * 3
        nothing = np.zeros(AMBIGUOUS + 1, dtype=bool)
        codes = np.full(length, N, dtype=np.uint8) if bases is None else unmasked(bases)
        return cls(length, False, shortest_intron, everywhere, never, everywhere, everywhere, last, codes, nothing)

    @classmethod
    def of(cls, codes: Codes, code: GeneticCode, rules: GeneRules) -> Signals:
        """Read the signals of a strand.

        Parameters
        ----------
        codes : (T,)
            The window, in the direction of transcription.
        code
            Genetic code, for its stop codons.
        rules
            Give start codons, splice sites and the shortest intron.
        """
        bases, length = unmasked(codes), len(codes)
        codons = _codons(bases)
        stop_end = _stop_ends(code.is_stop[codons], length)
        for left, right in gaps(codes):
            before = stop_end[:right]
            before[before > left] = NEVER
        start = np.zeros(length + 1, dtype=bool)
        start[: len(codons)] = codon_set(rules.start_codons(code))[codons]
        start &= stop_end != NEVER
        pairs = [tuple(site.split("-")) for site in rules.splice_sites]
        usual = [(donor, acceptor) for donor, acceptor in pairs if acceptor == "AG"]
        donor, acceptor = _words(bases, {d for d, _ in usual}, 0), _words(bases, {a for _, a in usual}, 2)
        rare = None
        if len(usual) < len(pairs):  # AT-AC: its ends go with each other alone.
            rare = _words(bases, {"AT"}, 0), _words(bases, {"AC"}, 2)
        last = []
        for phase in range(3):
            reached = np.zeros(length + 1, dtype=bool)
            reached[: length + 1 - phase] = stop_end[phase:] != NEVER
            places = np.flatnonzero((acceptor if rare is None else acceptor | rare[1]) & reached)
            last.append(int(places[-1]) if len(places) else -1)
        return cls(
            length,
            True,
            rules.shortest_intron,
            start,
            stop_end,
            donor if rare is None else donor | rare[0],
            acceptor if rare is None else acceptor | rare[1],
            (last[0], last[1], last[2]),
            bases,
            code.is_stop,
            rare,
        )

    @property
    def bases(self) -> Codes:
        """The window, (T,), without softmask."""
        return self._codes

    def stops(self, first: int, second: int, third: int) -> bool:
        """Whether three known bases are a stop codon.

        Parameters
        ----------
        first, second, third
            Codes of the bases, 0..3.
        """
        return bool(self._is_stop[16 * first + 4 * second + third])

    def intron(self, donor: int, acceptor: int) -> bool:
        """Whether an intron may lie on [donor, acceptor)."""
        if acceptor - donor < self.shortest_intron or not (self.donor[donor] and self.acceptor[acceptor]):
            return False
        return self._rare is None or bool(self._rare[0][donor]) == bool(self._rare[1][acceptor])

    def acceptors_after(self, donor: int) -> Mask:
        """Return where an intron that begins at `donor` may end, (T + 1,)."""
        places = self.acceptor.copy()
        places[: donor + self.shortest_intron] = False
        if not self.donor[donor]:
            places[:] = False
        elif self._rare is not None:
            places &= self._rare[1] == self._rare[0][donor]
        return places

    def continuations(self, end: int, phase: int) -> Mask:
        """Return where the next coding feature may begin, (T + 1,).

        Behind an intron that begins at boundary `end`; where its frame reaches a stop codon; and where the codon that
        the intron splits, of which `phase` bases are still to come, is no stop codon.
        """
        places = self.acceptors_after(end)
        if not self.checked:
            return places
        size = self.length + 1
        reached = np.zeros(size, dtype=bool)
        reached[: size - phase] = self.stop_end[phase:] != NEVER
        places &= reached
        if phase:
            places &= ~self._split_stops(tuple(int(base) for base in self._codes[end - (3 - phase) : end]))
        return places

    def _split_stops(self, carried: tuple[int, ...]) -> Mask:
        """Return where the carried bases and those that follow here are a stop codon."""
        if carried not in self._joined:
            size, stops = self.length + 1, np.zeros(self.length + 1, dtype=bool)
            missing = 3 - len(carried)
            if size - missing > 0 and N not in carried:
                number, ambiguous = np.zeros(size - missing, dtype=np.int64), np.zeros(size - missing, dtype=bool)
                for base in carried:
                    number = 4 * number + base
                for i in range(missing):
                    following = self._codes[i : i + size - missing]
                    number, ambiguous = 4 * number + following, ambiguous | (following == N)
                stops[: size - missing] = self._is_stop[np.where(ambiguous, AMBIGUOUS, number)]
            self._joined[carried] = stops
        return self._joined[carried]


def _codons(bases: Codes) -> NDArray[np.int64]:
    """Return the codon that begins at each base but the last two."""
    wide = bases.astype(np.int64)
    first, second, third = wide[:-2], wide[1:-1], wide[2:]
    known = (first < N) & (second < N) & (third < N)
    return np.where(known, 16 * first + 4 * second + third, AMBIGUOUS)


def _stop_ends(stops: Mask, length: int) -> NDArray[np.int32]:
    """Return, for each boundary, one past the first stop codon of its frame."""
    ends = np.full(length + 1, NEVER, dtype=np.int32)
    for frame in range(3):
        places = np.arange(frame, max(len(stops), frame), 3)
        here = np.where(stops[places], places + 3, NEVER)
        ends[places] = np.minimum.accumulate(here[::-1])[::-1]
    return ends


def _words(bases: Codes, words: set[str], shift: int) -> Mask:
    """Return the boundaries p at which a word of two bases begins (shift 0) or ends (shift 2)."""
    boundaries = np.zeros(len(bases) + 1, dtype=bool)
    for word in words:
        first, second = encode(word).tolist()
        here = (bases[:-1] == first) & (bases[1:] == second)
        boundaries[shift : shift + len(here)] |= here
    return boundaries
