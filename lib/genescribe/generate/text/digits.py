"""The digit form of a gene sentence: the tokens of the published vocabulary and their grammar."""

from __future__ import annotations

import numpy as np

from genescribe.generate.text.grammar import CHOICES, Grammar
from genescribe.generate.text.sentence import Kind
from genescribe.generate.text.tokenizer import EOS, FIRST_DIGIT, NUMBER, VOCABULARY, kind_of, name_token
from genescribe.generate.text.transcript_lists import Listing
from genescribe.generate.text.window_signals import Mask

_PHASES = (NUMBER["A"], NUMBER["B"], NUMBER["C"])
_NO_PHASE, _PLUS, _END, _TRANSCRIPTS = NUMBER["."], NUMBER["+"], NUMBER[";"], NUMBER[">"]


class DigitAutomaton:
    """The tokens allowed next in the sentence of a gene on its own strand.

    Parameters
    ----------
    grammar
        The state before anything is written.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self._field = "start"
        self._number: int | None = None
        self._start = self._stop = 0
        self._kind = Kind.CDS
        self._choice = 0
        self._cache: dict[object, Mask] = {}

    def copy(self) -> DigitAutomaton:
        """Return an independent copy of the automaton in the same state."""
        twin = DigitAutomaton.__new__(DigitAutomaton)
        twin.__dict__.update(self.__dict__)
        twin.grammar, twin._cache = self.grammar.copy(), dict(self._cache)
        return twin

    @property
    def finished(self) -> bool:
        """Whether the sentence has ended."""
        return self.grammar.finished

    def allowed(self) -> Mask:
        """Return which tokens may come next, (272,); none where the sentence cannot be finished."""
        mask = np.zeros(len(VOCABULARY), dtype=bool)
        if self.grammar.listing is not None:
            self._members(mask, self.grammar.listing)
        elif self._field == "start":
            places = self._starts()
            self._digits(mask, places)
            if self._number is not None and places[self._number]:
                mask[[self._name(CHOICES[i][0]) for i in self._possible(self._number)]] = True
            if self._number is None:
                grammar = self.grammar
                mask[_TRANSCRIPTS] = grammar.can_close() or (not mask.any() and grammar.has_coding())
        elif self._field == "end":
            places = self._ends()
            self._digits(mask, places)
            mask[_PLUS] = self._number is not None and bool(places[self._number])
        elif self._field == "phase":
            for i in self._possible(self._start):
                if CHOICES[i][0] is self._kind and self._ends_of(i)[self._stop]:
                    mask[_phase_token(CHOICES[i][1])] = True
        else:
            mask[_END] = True
        return mask

    def _members(self, mask: Mask, listing: Listing) -> None:
        grammar = self.grammar
        counts = dict.fromkeys(Kind, 0)
        names = []
        for node in grammar.nodes:
            counts[node.feature.kind] += 1
            names.append(name_token(node.feature.kind, counts[node.feature.kind]))
        mask[[names[i] for i in listing.members()]] = True
        mask[_END], mask[EOS] = listing.can_go_on(), listing.can_finish()

    def advance(self, token: int) -> None:
        """Write a token."""
        grammar = self.grammar
        if grammar.listing is not None:
            feature_name = kind_of(token)
            if feature_name is None:
                grammar.listing.end(finish=token == EOS)
            else:
                of_kind = [i for i, node in enumerate(grammar.nodes) if node.feature.kind is feature_name[0]]
                grammar.listing.add(of_kind[feature_name[1] - 1])
        elif token == _TRANSCRIPTS:
            grammar.close()
        elif FIRST_DIGIT <= token < FIRST_DIGIT + 10:
            self._number = (self._number or 0) * 10 + token - FIRST_DIGIT
        elif self._field == "start":
            feature_name = kind_of(token)
            assert feature_name is not None and self._number is not None
            self._kind, self._start, self._number, self._field = feature_name[0], self._number, None, "end"
        elif self._field == "end":
            assert self._number is not None
            self._stop, self._number, self._field = self._number, None, "phase"
        elif self._field == "phase":
            phase = None if token == _NO_PHASE else _PHASES.index(token)
            self._choice, self._field = CHOICES.index((self._kind, phase)), "mark"
        else:
            grammar.declare(self._choice, self._start, self._stop)
            self._field, self._cache = "start", {}

    # -- places --------------------------------------------------------------------------------------------------
    def _starts(self) -> Mask:
        if "starts" not in self._cache:
            places = np.zeros(self.grammar.signals.length + 1, dtype=bool)
            for i in self.grammar.choices():
                self._cache["starts", i] = self.grammar.starts(i)
                places |= self._cache["starts", i]
            self._cache["starts"] = places
        return self._cache["starts"]

    def _possible(self, start: int) -> list[int]:
        """Return the types and phases of features that may begin at a place."""
        self._starts()
        return [i for i in range(len(CHOICES)) if ("starts", i) in self._cache and self._cache["starts", i][start]]

    def _ends_of(self, choice: int) -> Mask:
        key = ("ends", choice, self._start)
        if key not in self._cache:
            self._cache[key] = self.grammar.ends(choice, self._start)
        return self._cache[key]

    def _ends(self) -> Mask:
        key = ("end", self._kind, self._start)
        if key not in self._cache:
            places = np.zeros(self.grammar.signals.length + 1, dtype=bool)
            for i in self._possible(self._start):
                if CHOICES[i][0] is self._kind:
                    places |= self._ends_of(i)
            self._cache[key] = places
        return self._cache[key]

    def _name(self, kind: Kind) -> int:
        return name_token(kind, 1 + sum(node.feature.kind is kind for node in self.grammar.nodes))

    def _digits(self, mask: Mask, places: Mask) -> None:
        """Allow the digits with which the number can become an allowed place; no number begins with a spare 0."""
        if self._number == 0:
            return
        for digit in range(10):
            low = high = (self._number or 0) * 10 + digit
            while low < len(places):
                if places[low : high + 1].any():
                    mask[FIRST_DIGIT + digit] = True
                    break
                if self._number is None and digit == 0:
                    break
                low, high = low * 10, high * 10 + 9


def _phase_token(phase: int | None) -> int:
    return _NO_PHASE if phase is None else _PHASES[phase]
