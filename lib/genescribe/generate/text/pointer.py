"""The pointer form of a gene sentence: coordinates are positions in the encoder's output.

A sentence on the strand of its gene is a list of steps. Each feature takes three, `TYPE` (type and phase at once),
`START` and `END` (boundaries 0..T of the window); `TYPE` with the value `CLOSE` ends the features. Then transcripts,
in `MEMBER` steps: a declared feature (`FIRST_MEMBER` + its place), `NEXT` transcript, or `FINISH`. Running numbers,
strands and digits have no steps: they follow from the others.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from genescribe.generate.text.grammar import CHOICES, Grammar
from genescribe.generate.text.sentence import GeneSentence, SentenceError
from genescribe.generate.text.window_signals import Mask

CLOSE = len(CHOICES)
NEXT, FINISH, FIRST_MEMBER = 0, 1, 2


class StepKind(IntEnum):
    """Kind of a step."""

    TYPE = 0
    START = 1
    END = 2
    MEMBER = 3


class Step(NamedTuple):
    """One step of a sentence."""

    kind: StepKind
    value: int


def encode(sentence: GeneSentence) -> list[Step]:
    """Return the steps of a sentence that is written on its own strand.

    Raises
    ------
    SentenceError
        The sentence is of the other strand: turn it first (`GeneSentence.reverse_complement`).
    """
    if sentence.strand != "+":
        raise SentenceError("not on its own strand")
    steps = []
    for feature in sentence.features:
        steps.append(Step(StepKind.TYPE, CHOICES.index((feature.kind, feature.phase))))
        steps.append(Step(StepKind.START, feature.start))
        steps.append(Step(StepKind.END, feature.end))
    steps.append(Step(StepKind.TYPE, CLOSE))
    for number, chain in enumerate(sentence.transcripts):
        if number:
            steps.append(Step(StepKind.MEMBER, NEXT))
        steps.extend(Step(StepKind.MEMBER, FIRST_MEMBER + i) for i in chain)
    return [*steps, Step(StepKind.MEMBER, FINISH)]


class PointerAutomaton:
    """The steps allowed next.

    Parameters
    ----------
    grammar
        The state before anything is written.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self._choice: int | None = None
        self._start: int | None = None

    def copy(self) -> PointerAutomaton:
        """Return an independent copy of the automaton in the same state."""
        twin = PointerAutomaton(self.grammar.copy())
        twin._choice, twin._start = self._choice, self._start
        return twin

    @property
    def kind(self) -> StepKind:
        """Kind of the next step."""
        if self.grammar.closed:
            return StepKind.MEMBER
        if self._choice is None:
            return StepKind.TYPE
        return StepKind.START if self._start is None else StepKind.END

    @property
    def finished(self) -> bool:
        """Whether the sentence has ended."""
        return self.grammar.finished

    def allowed(self) -> Mask:
        """Return which values the next step may have; none where the sentence cannot be finished."""
        grammar, kind = self.grammar, self.kind
        if kind is StepKind.START:
            assert self._choice is not None
            return grammar.starts(self._choice)
        if kind is StepKind.END:
            assert self._choice is not None and self._start is not None
            return grammar.ends(self._choice, self._start)
        if kind is StepKind.TYPE:
            mask = np.zeros(CLOSE + 1, dtype=bool)
            mask[grammar.choices()] = True
            mask[CLOSE] = grammar.can_close() or (not mask.any() and grammar.has_coding())
            return mask
        listing = grammar.listing
        assert listing is not None
        mask = np.zeros(FIRST_MEMBER + len(grammar.nodes), dtype=bool)
        mask[[FIRST_MEMBER + i for i in listing.members()]] = True
        mask[NEXT], mask[FINISH] = listing.can_go_on(), listing.can_finish()
        return mask

    def advance(self, value: int) -> None:
        """Write a step."""
        grammar, kind = self.grammar, self.kind
        if grammar.listing is not None and value >= FIRST_MEMBER:
            grammar.listing.add(value - FIRST_MEMBER)
        elif grammar.listing is not None:
            grammar.listing.end(finish=value == FINISH)
        elif kind is StepKind.TYPE and value == CLOSE:
            grammar.close()
        elif kind is StepKind.TYPE:
            self._choice = value
        elif kind is StepKind.START:
            self._start = value
        else:
            assert self._choice is not None and self._start is not None
            grammar.declare(self._choice, self._start, value)
            self._choice = self._start = None
