"""The second half of a sentence: transcripts as ordered lists of declared features, each used at least once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genescribe.generate.text.sentence import Feature
from genescribe.generate.text.window_signals import Mask


@dataclass(frozen=True, slots=True)
class Node:
    """A declared feature.

    Attributes
    ----------
    feature
        Feature as declared in the sentence.
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


class Listing:
    """Transcripts that are being listed.

    Parameters
    ----------
    nodes
        The declared features. Those that are on no way from a transcript's beginning to its end are left out.

    Attributes
    ----------
    chains
        The transcripts that have ended, each the places of its features.
    chain
        The transcript that is being written.
    alive
        Features that may be in a transcript.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = tuple(nodes)
        self.chains: list[tuple[int, ...]] = []
        self.chain: tuple[int, ...] = ()
        self.finished = False
        size = len(nodes)
        self._successors: list[list[int]] = [[] for _ in nodes]
        leads = [False] * size
        for i in range(size - 1, -1, -1):
            leads[i] = nodes[i].exit or bool(self._successors[i])
            if leads[i]:
                for j in nodes[i].before:
                    self._successors[j].insert(0, i)
        reached = [False] * size
        for i, node in enumerate(nodes):
            reached[i] = node.entry or any(reached[j] for j in node.before)
        self.alive = [a and b for a, b in zip(leads, reached, strict=True)]
        # Sets of features as bits: what a transcript can come to from each, and all that must be in one.
        self._ahead, self._wanted = [0] * size, 0
        for i in range(size - 1, -1, -1):
            if self.alive[i]:
                self._wanted |= 1 << i
                self._ahead[i] = 1 << i
                for j in self._successors[i]:
                    self._ahead[i] |= self._ahead[j]

    def copy(self) -> Listing:
        """Return an independent copy in the same state."""
        twin = Listing.__new__(Listing)
        twin.__dict__.update(self.__dict__)
        twin.chains = list(self.chains)
        return twin

    def members(self) -> list[int]:
        """Return the features that may continue the transcript.

        It stays behind the one before, and no feature is passed over that no later transcript could have.
        """
        if self.finished:
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
        features = 0
        for place, used in enumerate(chain):
            for i in self._options(chain[:place]):
                features |= self._ahead[i] if i > used else 0
        return features

    def _options(self, chain: Sequence[int]) -> list[int]:
        if not chain:
            return [i for i, node in enumerate(self.nodes) if node.entry and self.alive[i]]
        return [i for i in self._successors[chain[-1]] if self.alive[i]]

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
        features = self._later(chain)
        for i in self._options(chain):
            features |= self._ahead[i]
        return features & self._missing()

    def add(self, member: int) -> None:
        """Add a feature that `members` allows."""
        self.chain = (*self.chain, member)

    def end(self, *, finish: bool) -> None:
        """End the transcript, and the sentence with it."""
        self.chains = [*self.chains, self.chain]
        self.chain = ()
        self.finished = finish
