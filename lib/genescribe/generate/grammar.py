"""The automaton of gene sentences: what may be written next, so that what is written is a gene.

A sentence is written on the strand of the gene, 5' to 3': feature after feature in the order of transcription, then
transcripts as lists of features. The state knows, for each declared feature, where it could go on; it never lets a
sentence begin what it cannot finish, but for ties that `close` settles by leaving features out.

With `Signals.of` every transcript that can be written has a start codon, a stop codon, no stop codon in frame (also
none that an intron splits) and introns with known ends. A stop codon that an intron splits cannot be written then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genescribe.generate.sentence import LIMITS, Feature, GeneSentence, Kind, canonical, fault
from genescribe.generate.signals import NEVER, Mask, Signals

CHOICES: tuple[tuple[Kind, int | None], ...] = (
    (Kind.UTR5, None),
    (Kind.CDS, 0),
    (Kind.CDS, 1),
    (Kind.CDS, 2),
    (Kind.UTR3, None),
)
"""Type and phase of a feature."""


@dataclass(frozen=True, slots=True)
class Node:
    """A declared feature.

    Attributes
    ----------
    feature
        What was declared.
    entry, exit
        A transcript may begin (end) with it.
    before
        Declared features that it may follow.
    deadline
        Last boundary at which a feature can begin that follows it; `NEVER` where none need follow.
    onward : (T + 1,)
        Where a coding feature may begin that follows this coding one, of the phase `next_phase`; None if none may.
    """

    feature: Feature
    entry: bool
    exit: bool
    before: tuple[int, ...]
    deadline: int
    onward: Mask | None = None

    @property
    def next_phase(self) -> int:
        """Phase of the coding feature that follows this one."""
        assert self.feature.phase is not None
        return (self.feature.phase - (self.feature.end - self.feature.start)) % 3


class Grammar:
    """The state of a sentence that is being written.

    Parameters
    ----------
    signals
        What the window allows.
    most_features
        A sentence with so many features declares no more than it needs to be a gene.
    """

    def __init__(self, signals: Signals, most_features: int = 64) -> None:
        self.signals, self.most = signals, most_features
        self.nodes: list[Node] = []
        self.closed = self.finished = False
        self.chains: list[tuple[int, ...]] = []
        self.chain: tuple[int, ...] = ()
        self._served: list[bool] = []
        size = signals.length + 1
        nowhere = np.zeros(size, dtype=bool)
        self._begin: list[Mask] = [nowhere] * len(CHOICES)
        if signals.checked:
            starts = np.flatnonzero(signals.start)
            self._last_start = int(starts[-1]) if len(starts) else -1
            splice = np.flatnonzero(signals.acceptor[: self._last_start + 1])
            self._last_leader = int(splice[-1]) if len(splice) else -1
            self._begin[1] = signals.start
        else:
            self._last_start = self._last_leader = signals.length - 1
            inside = ~nowhere
            inside[-1] = False
            self._begin[1:4] = [inside] * 3
        self._leader_ends = self._ends_of_leaders()
        leaders = np.flatnonzero(self._leader_ends)
        begin = nowhere.copy()
        begin[: int(leaders[-1]) if len(leaders) else 0] = True
        self._begin[0] = begin
        self._successors: list[list[int]] = []
        self._alive: list[bool] = []
        # Sets of features as bits: what a transcript can come to from each, and all that must be in one.
        self._ahead: list[int] = []
        self._wanted = 0

    def copy(self) -> Grammar:
        """Return a state that goes on by itself; what the window allows is shared."""
        other = Grammar.__new__(Grammar)
        other.__dict__.update(self.__dict__)
        for name in ("nodes", "chains", "_served", "_begin"):
            setattr(other, name, list(getattr(self, name)))
        return other

    # -- features ------------------------------------------------------------------------------------------------
    def choices(self) -> list[int]:
        """Return which of `CHOICES` a further feature may be."""
        full = len(self.nodes) >= self.most
        if self.closed or (full and self.has_coding()):
            return []
        found = self._choices(full)
        if not found and not self.has_coding():
            # Features that wait for one that cannot come are given up: `close` leaves them out.
            self._served = [True] * len(self.nodes)
            found = self._choices(full)
        return found

    def _choices(self, full: bool) -> list[int]:
        counts = {kind: sum(node.feature.kind is kind for node in self.nodes) for kind in LIMITS}
        return [
            i
            for i, (kind, _) in enumerate(CHOICES)
            if counts[kind] < LIMITS[kind] and (kind is Kind.CDS or not full) and bool(self.starts(i).any())
        ]

    def starts(self, choice: int) -> Mask:
        """Return the boundaries at which a feature may begin, (T + 1,)."""
        places = self._begin[choice]
        if not self.nodes:
            return places
        places = places.copy()
        last = self.nodes[-1].feature
        places[: last.start] = False
        deadline = min(
            (node.deadline for node, served in zip(self.nodes, self._served, strict=True) if not served), default=NEVER
        )
        if deadline != NEVER:
            places[deadline + 1 :] = False
        if places[last.start] and not self.ends(choice, last.start).any():
            places[last.start] = False
        return places

    def ends(self, choice: int, start: int) -> Mask:
        """Return the boundaries at which a feature that begins at `start` may end, (T + 1,)."""
        kind, phase = CHOICES[choice]
        if kind is Kind.UTR5:
            places = self._leader_ends.copy()
        elif kind is Kind.UTR3:
            places = np.ones(self.signals.length + 1, dtype=bool)
        else:
            assert phase is not None
            places = self._coding_ends(start, phase)
        places[: start + 1] = False
        if self.nodes and self.nodes[-1].feature.start == start:
            last = self.nodes[-1].feature
            places[: last.end] = False
            mine = (kind, -1 if phase is None else phase)
            if mine <= (last.kind, -1 if last.phase is None else last.phase):
                places[last.end] = False
        return places

    def _ends_of_leaders(self) -> Mask:
        signals = self.signals
        if not signals.checked:
            places = np.ones(signals.length + 1, dtype=bool)
            places[signals.length :] = False
            return places
        places = signals.donor.copy()
        places[max(0, self._last_leader - signals.shortest_intron + 1) :] = False
        return places | signals.start

    def _coding_ends(self, start: int, phase: int) -> Mask:
        signals = self.signals
        if not signals.checked:
            return np.ones(signals.length + 1, dtype=bool)
        places = np.zeros(signals.length + 1, dtype=bool)
        frame, follows = start + phase, self._follows(start, phase)
        if frame > signals.length:
            return places
        stop = int(signals.stop_end[frame])
        # A start codon is not split; the first bases of another feature end the codon that an intron split.
        first, last = (frame if follows else start + 3), min(stop, signals.length + 1)
        if stop != NEVER and stop > start:
            places[stop] = True
            if len(self.nodes) + 1 >= self.most:
                return places
        if first >= last:
            return places
        places[first:last] = signals.donor[first:last]
        for rest in range(3):
            # Bases that are left over, and so the phase behind the intron, repeat every three boundaries.
            begin, after = first + (rest - (first - frame)) % 3, signals.last_acceptor[-rest % 3]
            places[begin:last:3] &= np.arange(begin, last, 3) <= after - signals.shortest_intron
        return places

    def _follows(self, start: int, phase: int) -> bool:
        """Whether a coding feature may follow a declared one there, and not only begin a transcript."""
        return any(_may_follow_coding(node, start, phase) for node in self.nodes)

    def declare(self, choice: int, start: int, end: int) -> None:
        """Write a feature that `choices`, `starts` and `ends` allow."""
        kind, phase = CHOICES[choice]
        feature = Feature(start, end, kind, phase)
        before = tuple(i for i, node in enumerate(self.nodes) if self._may_follow(node, feature))
        for i in before:
            self._served[i] = True
        entry, exit_, onward = kind is Kind.UTR5, kind is not Kind.UTR5, None
        deadline = NEVER
        if kind is Kind.UTR5:
            deadline = self._leave_leader(end)
        elif kind is Kind.UTR3:
            self._begin[4] = self._begin[4] | self._acceptors(end)
        else:
            assert phase is not None
            checked = self.signals.checked
            entry = not checked or (phase == 0 and bool(self.signals.start[start]) and end >= start + 3)
            exit_ = not checked or end == self.signals.stop_end[start + phase]
            onward = self._leave_coding(end, (phase - (end - start)) % 3, exit_)
            if not exit_:
                assert onward is not None
                places = np.flatnonzero(onward)
                deadline = int(places[-1]) if len(places) else -1
        self.nodes.append(Node(feature, entry, exit_, before, deadline, onward))
        self._served.append(exit_)

    def _acceptors(self, end: int) -> Mask:
        places = self.signals.acceptors_after(end)
        places[-1] = False
        return places

    def _leave_leader(self, end: int) -> int:
        """Return how late a feature may begin that follows an untranslated one."""
        signals = self.signals
        if not signals.checked:
            return signals.length - 1
        spliced = bool(signals.donor[end]) and self._last_leader >= end + signals.shortest_intron
        return self._last_leader if spliced else end

    def _leave_coding(self, end: int, phase: int, exit_: bool) -> Mask | None:
        """Note where features may follow a coding one; return where coding ones may."""
        signals = self.signals
        if exit_:
            trailing = self._acceptors(end)
            trailing[end] = end < signals.length
            self._begin[4] = self._begin[4] | trailing
        if exit_ and signals.checked:
            return None
        places = signals.continuations(end, phase)
        places[-1] = False
        self._begin[1 + phase] = self._begin[1 + phase] | places
        return places

    # -- which feature follows which -----------------------------------------------------------------------------
    def _may_follow(self, node: Node, after: Feature) -> bool:
        before, signals = node.feature, self.signals
        if before.kind > after.kind or (before.kind is Kind.UTR5 and after.kind is Kind.UTR3):
            return False
        if before.kind is Kind.CDS and after.kind is Kind.CDS:
            assert after.phase is not None
            return _may_follow_coding(node, after.start, after.phase)
        if before.kind is Kind.UTR5 and after.kind is Kind.CDS and signals.checked:
            starts = after.phase == 0 and bool(signals.start[after.start]) and after.end >= after.start + 3
            if not starts:
                return False
        if before.kind is Kind.CDS and not node.exit:
            return False
        touch = before.end == after.start and before.kind is not after.kind
        return touch or signals.intron(before.end, after.start)

    # -- transcripts ---------------------------------------------------------------------------------------------
    def can_close(self) -> bool:
        """Whether transcripts may come now: every feature leads to a transcript's end."""
        return not self.closed and self.has_coding() and all(self._served)

    def has_coding(self) -> bool:
        """Whether the declared features make a transcript."""
        return any(node.exit and node.feature.kind is Kind.CDS for node in self.nodes)

    def close(self) -> None:
        """End the features. Those that lead to no transcript's end are left out."""
        self.closed = True
        self._successors = [[] for _ in self.nodes]
        self._alive = [False] * len(self.nodes)
        for i in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[i]
            self._alive[i] = node.exit or bool(self._successors[i])
            if self._alive[i]:
                for j in node.before:
                    self._successors[j].insert(0, i)
        # A leader that reaches nothing but leaders is no transcript, nor is what only they lead to.
        reached = [False] * len(self.nodes)
        for i, node in enumerate(self.nodes):
            reached[i] = node.entry or any(reached[j] for j in node.before)
        self._alive = [alive and seen for alive, seen in zip(self._alive, reached, strict=True)]
        self._ahead = [0] * len(self.nodes)
        for i in range(len(self.nodes) - 1, -1, -1):
            if self._alive[i]:
                self._wanted |= 1 << i
                self._ahead[i] = 1 << i
                for j in self._successors[i]:
                    self._ahead[i] |= self._ahead[j]

    @property
    def abandoned(self) -> int:
        """Declared features that no transcript has."""
        used = {i for chain in self.chains for i in chain}
        return len(self.nodes) - len(used)

    def members(self) -> list[int]:
        """Return the features that the transcript may go on with.

        It stays behind the one before, and no feature is passed over that no later transcript could have.
        """
        if not self.closed or self.finished:
            return []
        options = self._options(self.chain)
        previous = self.chains[-1] if self.chains else ()
        place = len(self.chain)
        if self.chain == previous[:place] and place < len(previous):
            options = [
                i
                for i in options
                if i > previous[place] or (i == previous[place] and self._can_exceed((*self.chain, i), previous))
            ]
        missing = self._missing()
        later = self._later(self.chain)
        thrifty = []
        for i in options:
            beside = later
            for j in options:
                beside |= self._ahead[j] if j > i else 0
            if not missing & ~(self._ahead[i] | beside):
                thrifty.append(i)
        return thrifty or options

    def _missing(self) -> int:
        """Return the features that are in no transcript yet."""
        missing = self._wanted
        for chain in (*self.chains, self.chain):
            for i in chain:
                missing &= ~(1 << i)
        return missing

    def _later(self, chain: Sequence[int]) -> int:
        """Return the features of transcripts that can follow all those which begin with `chain`."""
        found = 0
        for place, taken in enumerate(chain):
            for i in self._options(chain[:place]):
                found |= self._ahead[i] if i > taken else 0
        return found

    def _options(self, chain: Sequence[int]) -> list[int]:
        if not chain:
            return [i for i, node in enumerate(self.nodes) if node.entry and self._alive[i]]
        return [i for i in self._successors[chain[-1]] if self._alive[i]]

    def _can_exceed(self, chain: tuple[int, ...], previous: tuple[int, ...]) -> bool:
        """Whether a transcript that begins with `chain`, a beginning of `previous`, can come after it."""
        options = self._options(chain)
        if len(chain) == len(previous):
            return bool(options)
        after = previous[len(chain)]
        return any(i > after for i in options) or (after in options and self._can_exceed((*chain, after), previous))

    def can_end(self) -> bool:
        """Whether the transcript may end here."""
        if not self.chain or not self.nodes[self.chain[-1]].exit:
            return False
        # The same transcript again, or the beginning of the one before, would not be in order.
        previous = self.chains[-1] if self.chains else ()
        return self.chain > previous

    def can_go_on(self) -> bool:
        """Whether a further transcript may follow this one, which may end here."""
        return self.can_end() and self._can_exceed((), self.chain)

    def can_finish(self) -> bool:
        """Whether the sentence may end: every feature is used, or no transcript is left that could use it."""
        return self.can_end() and (not self._missing() or not self._reachable(self.chain))

    def _reachable(self, chain: tuple[int, ...]) -> int:
        """Return the missing features that a transcript after `chain` can have."""
        found = self._later(chain)
        for i in self._options(chain):
            found |= self._ahead[i]
        return found & self._missing()

    def add(self, member: int) -> None:
        """Go on with a feature that `members` allows."""
        self.chain = (*self.chain, member)

    def end(self, *, finish: bool) -> None:
        """End the transcript, and the sentence with it."""
        self.chains = [*self.chains, self.chain]
        self.chain = ()
        self.finished = finish

    def sentence(self) -> GeneSentence:
        """Return what was written; features of no transcript, and an unfinished transcript, are left out.

        Raises
        ------
        SentenceError
            No transcript was finished.
        """
        chains = [[self.nodes[i].feature for i in chain] for chain in self.chains]
        if self.chain and self.can_end():
            chains.append([self.nodes[i].feature for i in self.chain])
        whole = [chain for chain in chains if fault(chain, "+") is None]
        return canonical("+", whole)


def _may_follow_coding(node: Node, start: int, phase: int) -> bool:
    return node.onward is not None and node.next_phase == phase and bool(node.onward[start])
