"""Grammar of exon text on the strand of a gene: the letters and marks allowed next, and their positions.

The text of `genescribe.generate.text.exon_text`, one value per letter or mark, against the window: every exon is
spelled by a stretch of it, in order. As long as several stretches begin with the letters that were written, all are
followed; with each letter there are fewer, and behind the first few there is one, whose next base is the only letter
that is allowed. What is left to decide is then whether the exon ends here.

With `Signals.of` a text is an open reading frame: it begins with a start codon, ends with the first stop codon of its
frame, and its exons lie between known splice sites. The grammar's own limits hold too (no split start or stop codon).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from genescribe.generate.text.exon_text import END as END_MARK
from genescribe.generate.text.exon_text import NEXT as NEXT_MARK
from genescribe.generate.text.exon_text import STRANDS, Chain, chains_of_sentence, placed
from genescribe.generate.text.sentence import Feature, GeneSentence, Kind
from genescribe.generate.text.transcript_lists import Listing, Node
from genescribe.generate.text.window_signals import NEVER, Mask, Signals
from genescribe.genome.alphabet import BASES, N
from genescribe.genome.alphabet import decode as letters_of

NEXT, CHAIN, END = 5, 6, 7
"""Values behind those of the letters A, C, G, T, N: the next exon, the next transcript, the end."""
ITEMS = (*BASES, NEXT_MARK, STRANDS["+"], END_MARK)
MOST_CHAINS = 32


def encode(sentence: GeneSentence | None, window: NDArray[np.uint8]) -> list[int]:
    """Return the values that spell the coding sequences of a sentence on its own strand; see `Signals.bases`.

    Untranslated features are not said, and transcripts that differ in these alone are one.
    """
    values = []
    for chain in [] if sentence is None else chains_of_sentence(sentence):
        for number, (start, end) in enumerate(chain.exons):
            values += [NEXT if number else CHAIN, *window[start:end].tolist()]
    return [*values, END]


def spelled(values: list[int]) -> str:
    """Return values as exon text.

    Examples
    --------
    >>> spelled([6, 0, 3, 2, 5, 1, 7])
    '<+>ATG<exon>C<eos>'
    """
    return "".join(ITEMS[value] for value in values)


@dataclass
class Written:
    """The features and transcripts that a text has come to so far, as `Grammar` has those of a sentence.

    Attributes
    ----------
    values
        The text.
    nodes
        Exons of ended transcripts at their places; of the transcript at hand where they may lie.
    chains
        The transcripts that have ended, each the places of its exons among `nodes`.
    finished
        Whether the text has ended.
    """

    values: list[int] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    chains: list[tuple[int, ...]] = field(default_factory=list)
    finished: bool = False
    closed: bool = False
    listing: Listing | None = None

    @property
    def text(self) -> str:
        """The text written so far."""
        return spelled(self.values)

    @property
    def abandoned(self) -> int:
        """Exons of no transcript."""
        return len(self.nodes) - len({i for chain in self.chains for i in chain})

    def copy(self) -> Written:
        """Return an independent copy."""
        return Written(list(self.values), list(self.nodes), list(self.chains), self.finished)


class Speller:
    """The values allowed next in the exon text of a window, and the boundary at which each is written.

    Parameters
    ----------
    signals
        What the window allows; they know its bases.
    most_exons
        A text with so many exons goes on to no further one.
    optional
        The text may end before it begins: there may be no gene.
    """

    def __init__(self, signals: Signals, most_exons: int, optional: bool = False) -> None:
        self.signals, self.most, self.optional = signals, most_exons, optional
        self.bases = signals.bases.astype(np.uint8)
        self.grammar = Written()
        # Where the exon at hand may end as far as it is written: boundaries, ascending.
        self.places: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.length = 0
        """Letters of the exon at hand."""
        self.anchor, self.first = 0, True
        self._coded: list[int] = []
        self._exons: list[str] = []
        self._texts: list[tuple[str, ...]] = []
        self._stopped, self._bound, self._base = False, 0, 0
        self._onward: NDArray[np.int64] | None = None

    def copy(self) -> Speller:
        """Return an independent copy in the same state."""
        other = Speller.__new__(Speller)
        other.__dict__.update(self.__dict__)
        other.grammar = self.grammar.copy()
        for name in ("_coded", "_exons", "_texts"):
            setattr(other, name, list(getattr(self, name)))
        return other

    @property
    def finished(self) -> bool:
        """Whether the text has ended."""
        return self.grammar.finished

    @property
    def place(self) -> int:
        """The boundary at which the next value is written: the leftmost that it can be; between exons the anchor."""
        return int(self.places[0]) if self.length else self.anchor

    @property
    def starts(self) -> NDArray[np.int64]:
        """Possible starts of the current exon."""
        return self.places - self.length

    @property
    def phase(self) -> int:
        """Phase of the exon at hand."""
        return (self.length - len(self._coded)) % 3

    @property
    def exon(self) -> int:
        """Number of the exon at hand, through all transcripts; -1 before the first."""
        return self._base + len(self._exons) - 1

    # -- what may come ---------------------------------------------------------------------------------------------
    def allowed(self) -> Mask:
        """Return which values may come next, (8,); none at the end, or where no exon begins."""
        mask = np.zeros(len(ITEMS), dtype=bool)
        if self.finished:
            return mask
        if not self.grammar.values:
            mask[CHAIN] = len(self._first_starts()) > 0
            mask[END] = self.optional
            return mask
        if not self._stopped:
            mask[self.letters()] = True
        if self.length and not (self.signals.checked and not self._stopped):
            mask[END] = True
            mask[CHAIN] = self._may_have_another()
        if self.length and not self._stopped and self.exon + 1 < self.most:
            mask[NEXT] = len(self._next_starts()) > 0
        return mask

    def letters(self) -> NDArray[np.int64]:
        """Return which letters may come next, ascending."""
        if not len(self.places):
            return self.places
        inside = self.places[: len(self.places) - int(self.places[-1] == self.signals.length)]
        if len(inside) == 1:
            return self.bases[inside].astype(np.int64)
        return np.unique(self.bases[inside]).astype(np.int64)

    def _first_starts(self) -> NDArray[np.int64]:
        starts = np.flatnonzero(self.signals.start[: self.signals.length])
        return starts[starts >= self._bound]

    def _next_starts(self) -> NDArray[np.int64]:
        """Return where the next exon may begin if this one ends here."""
        if self._onward is None:
            self._onward = self._splice()
        return self._onward

    def _splice(self) -> NDArray[np.int64]:
        signals = self.signals
        if not signals.checked:
            return np.arange(int(self.places[0]) + signals.shortest_intron, signals.length)
        phase, size = -len(self._coded) % 3, len(self._coded)
        ends = self.places[signals.donor[self.places]]
        if size < 3 or not len(ends):  # A start codon is not split.
            return np.zeros(0, dtype=np.int64)
        carried = tuple(self._coded[size - (3 - phase) :]) if phase else ()
        found = np.zeros(signals.length + 1, dtype=bool)
        for end in ends.tolist():
            if end + signals.shortest_intron <= signals.last_acceptor[phase]:
                found |= signals.continuations(end, phase, carried)
        return np.flatnonzero(found[:-1])

    def _may_have_another(self) -> bool:
        """Whether another transcript may follow: not behind one that was written before."""
        texts = [*self._texts, tuple(self._exons)]
        here = len(self._first_starts()) > 0
        return here and len(texts) < MOST_CHAINS and self.exon + 1 < self.most and len(set(texts)) == len(texts)

    # -- writing -----------------------------------------------------------------------------------------------------
    def advance(self, value: int) -> None:
        """Write a value that `allowed` names."""
        self.grammar.values.append(value)
        if value in (CHAIN, END):
            if self._exons:
                self._end_chain()
            if value == END:
                self.grammar.finished = True
            else:
                self._begin_exon(self._first_starts())
        elif value == NEXT:
            starts = self._next_starts()
            self.grammar.nodes.append(self._node(int(self.places[0]) - self.length, int(self.places[0]), self.phase))
            self.anchor, self.first = int(self.places[0]), False
            self._begin_exon(starts)
        else:
            self.places = self.places[self.places < self.signals.length]
            self.places = self.places[self.bases[self.places] == value] + 1
            self.length += 1
            self._coded.append(value)
            self._exons[-1] += BASES[value]
            self._onward = None
            self._stopped = self.signals.checked and self._is_stop()

    def _begin_exon(self, starts: NDArray[np.int64]) -> None:
        self.places, self.length, self._onward = starts, 0, None
        self._exons.append("")

    def _is_stop(self) -> bool:
        coded = self._coded
        return len(coded) % 3 == 0 and N not in coded[-3:] and self.signals.stops(coded[-3], coded[-2], coded[-1])

    def _end_chain(self) -> None:
        """Put the transcript that has ended at its place, by the rule of `exon_text.decode`."""
        written, exons = self.grammar, self._exons
        found = placed(exons, letters_of(self.bases), "+", self._bound, self.signals.shortest_intron)
        assert found is not None
        del written.nodes[self._base :]
        phase = 0
        for start, end in found:
            written.nodes.append(self._node(start, end, phase))
            phase = (phase - (end - start)) % 3
        written.chains.append(tuple(range(self._base, self._base + len(found))))
        self._bound, self._base = found[0][0], len(written.nodes)
        self._texts.append(tuple(exons))
        self._exons, self._coded, self._stopped = [], [], False
        self.anchor, self.first, self.length = self._bound, True, 0

    @staticmethod
    def _node(start: int, end: int, phase: int) -> Node:
        return Node(Feature(start, end, Kind.CDS, phase), False, True, (), NEVER)


def chains_written(speller: Speller) -> list[Chain]:
    """Return the transcripts that a text has come to."""
    found = []
    for chain in speller.grammar.chains:
        features = [speller.grammar.nodes[i].feature for i in chain]
        found.append(Chain(tuple((f.start, f.end) for f in features), "+"))
    return found
