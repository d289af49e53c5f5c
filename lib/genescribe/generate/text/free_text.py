"""Gene sentences as TransGenic's published checkpoints write them: without constraints, on the forward strand.

In the published order, coding features come first, sorted by position on the forward strand even if the gene is on the
reverse strand; untranslated features follow. Phases in these texts are unreliable. Decoding therefore allows every
token; afterwards the text is split into transcripts, invalid ones are dropped, and phases are computed from the start
of the coding sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from genescribe.generate.text.sentence import Feature, GeneSentence, Kind, fault, feature_names, transcription_order
from genescribe.generate.text.tokenizer import BOS, DIGITS, EOS, FIRST_DIGIT, NUMBER, VOCABULARY, kind_of, text_of
from genescribe.generate.text.transcript_lists import Listing
from genescribe.generate.text.window_signals import Mask

_END, _LISTS, _PLUS, _MINUS = NUMBER[";"], NUMBER[">"], NUMBER["+"], NUMBER["-"]
_ORDER = (Kind.CDS, Kind.UTR5, Kind.UTR3)
_LAST_DIGIT = FIRST_DIGIT + len(DIGITS) - 1
Check = Callable[[Sequence[Feature], str], str | None]
"""Returns why a transcript is invalid, or None. Its features are in the coordinates of the given strand."""


@dataclass
class FreeText:
    """A text in progress, with the features and transcripts parsed so far; the counterpart of `Grammar`.

    Attributes
    ----------
    length
        Bases of the window.
    check
        A further condition on transcripts.
    values
        Tokens written so far.
    nodes
        Declared features on the forward strand; None for text that is not a feature.
    chains
        Listed transcripts that have ended, each the places of its features among `nodes`.
    finished, closed
        Whether the text has ended; whether it has come to the transcripts.
    """

    length: int
    check: Check
    values: list[int] = field(default_factory=list)
    nodes: list[Feature | None] = field(default_factory=list)
    chains: list[tuple[int, ...]] = field(default_factory=list)
    finished: bool = False
    closed: bool = False
    listing: Listing | None = None
    strand: str = "+"
    _names: dict[int, int] = field(default_factory=dict)
    _part: list[int] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text written so far."""
        return text_of(self.values)

    @property
    def abandoned(self) -> int:
        """Features of no transcript."""
        return len(self.nodes) - len({i for chain in self.chains for i in chain})

    def copy(self) -> FreeText:
        """Return an independent copy."""
        return replace(
            self,
            values=list(self.values),
            nodes=list(self.nodes),
            chains=list(self.chains),
            _names=dict(self._names),
            _part=list(self._part),
        )

    def write(self, token: int) -> None:
        """Write a token."""
        self.values.append(token)
        if token == EOS:
            self._end()
            self.finished = True
        elif token == _END:
            self._end()
        elif token == _LISTS and not self.closed:
            self._end()
            self.closed = True
        elif token >= FIRST_DIGIT:
            self._part.append(token)

    def _end(self) -> None:
        """End a feature or a transcript."""
        part, self._part = self._part, []
        if not part:
            return
        if not self.closed:
            name, feature, strand = _feature(part, self.length)
            if name is not None and name in self._names:
                feature = None
            elif name is not None:
                self._names[name] = len(self.nodes)
            if feature is not None and all(node is None for node in self.nodes):
                self.strand = strand
            self.nodes.append(feature if strand == self.strand else None)
            return
        self.chains.append(tuple(self._names.get(token, -1) for token in part))

    def transcripts(self) -> list[tuple[tuple[Feature, ...], tuple[int, ...]]]:
        """Return valid transcripts in the coordinates of the gene's strand, each with the indices of its features."""
        transcripts = []
        for chain in self.chains:
            members = [self.nodes[i] if i >= 0 else None for i in chain]
            known = [feature for feature in members if feature is not None]
            if len(known) < len(members) or len(set(chain)) < len(chain):
                continue
            features = self._turned(known)
            if fault(features, "+") is None and self.check(features, self.strand) is None:
                transcripts.append((features, chain))
        return transcripts

    def _turned(self, features: Iterable[Feature]) -> tuple[Feature, ...]:
        """Return features in the order of transcription, on the gene's strand, with computed phases."""
        if self.strand == "-":
            features = [replace(f, start=self.length - f.end, end=self.length - f.start) for f in features]
        ordered, phase, turned = sorted(features, key=lambda f: transcription_order(f, "+")), 0, []
        for feature in ordered:
            if feature.kind is Kind.CDS:
                feature = replace(feature, phase=phase)
                phase = (phase - (feature.end - feature.start)) % 3
            turned.append(feature)
        return tuple(turned)


def _feature(part: Sequence[int], length: int) -> tuple[int | None, Feature | None, str]:
    """Return a feature's name token, the feature and its strand; None for a name or feature that is missing."""
    names = [(place, token) for place, token in enumerate(part) if kind_of(token) is not None]
    if len(names) != 1:
        return None, None, "+"
    place, name = names[0]
    before = list(part[:place])
    after = [token for token in part[place + 1 :] if token <= _LAST_DIGIT]
    strand, phase = [*part[place + 1 + len(after) :], 0, 0][:2]
    sound = before and after and strand in (_PLUS, _MINUS) and len(part) == place + len(after) + 3
    if not sound or not all(FIRST_DIGIT <= token <= _LAST_DIGIT for token in before + after):
        return name, None, "+"
    start, end = (int("".join(VOCABULARY[token] for token in digits)) for digits in (before, after))
    kind = kind_of(name)
    letter = VOCABULARY[phase]
    if kind is None or not 0 <= start < end <= length or letter not in "ABC.":
        return name, None, "+"
    return name, Feature(start, end, kind[0], None if kind[0] is not Kind.CDS else 0), VOCABULARY[strand]


class FreeAutomaton:
    """Lets every token be written.

    Parameters
    ----------
    length
        Bases of the window.
    check
        See `FreeText`.
    capacity
        Positions of the decoder; the last one can only hold the end token.
    """

    def __init__(self, length: int, check: Check, capacity: int) -> None:
        self.grammar, self._capacity = FreeText(length, check), capacity

    @property
    def finished(self) -> bool:
        """Whether the text has ended."""
        return self.grammar.finished

    def allowed(self) -> Mask:
        """Return which tokens may come next, (272,)."""
        mask = np.ones(len(VOCABULARY), dtype=bool)
        if len(self.grammar.values) + 1 >= self._capacity:
            mask[:] = False
            mask[EOS] = True
        return mask

    def advance(self, token: int) -> None:
        """Write a token."""
        self.grammar.write(token)

    def copy(self) -> FreeAutomaton:
        """Return an independent copy of the automaton in the same state."""
        twin = FreeAutomaton.__new__(FreeAutomaton)
        twin.grammar, twin._capacity = self.grammar.copy(), self._capacity
        return twin


def published_text(sentence: GeneSentence) -> str:
    """Return a sentence in the order of the published training data.

    Features of the first transcript, then new ones of each further transcript: coding features by position on the
    forward strand, then 5' and 3' untranslated ones. Transcripts list their features in the same order.

    Examples
    --------
    >>> published_text(GeneSentence.parse("0|five_prime_UTR1|5|+|.;5|CDS1|9|+|A;>five_prime_UTR1|CDS1"))
    '5|CDS1|9|+|A;0|five_prime_UTR1|5|+|.>CDS1|five_prime_UTR1'
    """
    chains = []
    for chain in sentence.transcripts:
        members = [sentence.features[i] for i in chain]
        chains.append([f for kind in _ORDER for f in sorted(members, key=lambda f: f.start) if f.kind is kind])
    chosen = list(dict.fromkeys(feature for chain in chains for feature in chain))
    names = dict(zip(chosen, feature_names(chosen), strict=True))
    letters = {None: ".", 0: "A", 1: "B", 2: "C"}
    head = (f"{f.start}|{name}|{f.end}|{sentence.strand}|{letters[f.phase]}" for f, name in names.items())
    return ";".join(head) + ">" + ";".join("|".join(names[f] for f in chain) for chain in chains)


def published_prompt(sentence: GeneSentence) -> list[int]:
    """Return the tokens of a sentence's features, as a published checkpoint writes them: after ``<s>``, up to ``>``."""
    tokens = [BOS]
    for number, part in enumerate(published_text(sentence).partition(">")[0].split(";")):
        start, name, end, *remaining = part.split("|")
        words = [*start, name, *end, *remaining]
        tokens += [NUMBER[word] for word in ([";"] if number else []) + words]
    return tokens
