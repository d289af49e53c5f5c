"""The automaton of gene sentences: the steps allowed next, so that every sentence is a valid gene.

A sentence is written on the strand of the gene, 5' to 3': feature after feature in the order of transcription, then
transcripts as lists of features. The state knows, for each declared feature, where it could continue; it never lets a
sentence begin what it cannot finish, but for ties that `close` settles by leaving features out.

With `Signals.of` every transcript that can be written has a start codon, a stop codon, no stop codon in frame (also
none that an intron splits) and introns with known ends. A stop codon that an intron splits cannot be written then.
"""

from __future__ import annotations

import numpy as np

from genescribe.generate.text.sentence import LIMITS, Feature, GeneSentence, Kind, canonical, fault
from genescribe.generate.text.transcript_lists import Listing, Node
from genescribe.generate.text.window_signals import NEVER, Mask, Signals

CHOICES: tuple[tuple[Kind, int | None], ...] = (
    (Kind.UTR5, None),
    (Kind.CDS, 0),
    (Kind.CDS, 1),
    (Kind.CDS, 2),
    (Kind.UTR3, None),
)
"""Type and phase of a feature."""


class Grammar:
    """The state of a sentence that is being written.

    Parameters
    ----------
    signals
        Start codons, stop codons and splice sites of the window.
    most_features
        A sentence with so many features declares no more than it needs to be a gene.
    optional
        There may be no gene: the features may end before the first, and the sentence with them.
    """

    def __init__(self, signals: Signals, most_features: int = 64, optional: bool = False) -> None:
        self.signals, self.most, self.optional = signals, most_features, optional
        self.nodes: list[Node] = []
        self.listing: Listing | None = None
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

    def copy(self) -> Grammar:
        """Return an independent copy of the state; the signals of the window are shared."""
        twin = Grammar.__new__(Grammar)
        twin.__dict__.update(self.__dict__)
        for name in ("nodes", "_served", "_begin"):
            setattr(twin, name, list(getattr(self, name)))
        twin.listing = None if self.listing is None else self.listing.copy()
        return twin

    # -- features ------------------------------------------------------------------------------------------------
    def choices(self) -> list[int]:
        """Return which of `CHOICES` a further feature may be."""
        full = len(self.nodes) >= self.most
        if self.closed or (full and self.has_coding()):
            return []
        choices = self._choices(full)
        if not choices and not self.has_coding():
            # Features that wait for one that cannot come are given up: `close` leaves them out.
            self._served = [True] * len(self.nodes)
            choices = self._choices(full)
        return choices

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
        frame = start + phase
        follows = any(_may_follow_coding(node, start, phase) for node in self.nodes)
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
        for carried in range(3):
            # Bases that are left over, and so the phase behind the intron, repeat every three boundaries.
            begin, after = first + (carried - (first - frame)) % 3, signals.last_acceptor[-carried % 3]
            places[begin:last:3] &= np.arange(begin, last, 3) <= after - signals.shortest_intron
        return places

    def declare(self, choice: int, start: int, end: int) -> None:
        """Write a feature that `choices`, `starts` and `ends` allow.

        Parameters
        ----------
        choice
            Kind and phase of the feature, as the step's value.
        start, end
            Its place in the window, 0-based and half-open.
        """
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
    @property
    def closed(self) -> bool:
        """Whether the features are all declared."""
        return self.listing is not None

    @property
    def finished(self) -> bool:
        """Whether the sentence has ended."""
        return self.listing is not None and (self.listing.finished or not self.nodes)

    @property
    def chains(self) -> list[tuple[int, ...]]:
        """The transcripts that have ended, each the places of its features."""
        return [] if self.listing is None else self.listing.chains

    def can_close(self) -> bool:
        """Whether transcripts may come now: every feature leads to a transcript's end; or there is to be none."""
        if not self.nodes:
            return self.optional and not self.closed
        return not self.closed and self.has_coding() and all(self._served)

    def has_coding(self) -> bool:
        """Whether the declared features make a transcript."""
        return any(node.exit and node.feature.kind is Kind.CDS for node in self.nodes)

    def close(self) -> None:
        """End the features. Those that lead to no transcript's end are left out."""
        self.listing = Listing(self.nodes)

    @property
    def abandoned(self) -> int:
        """Declared features that no transcript has."""
        return len(self.nodes) - len({i for chain in self.chains for i in chain})

    def sentence(self) -> GeneSentence:
        """Return the sentence so far; features of no transcript, and an unfinished transcript, are left out.

        Raises
        ------
        SentenceError
            No transcript was finished.
        """
        chains = [[self.nodes[i].feature for i in chain] for chain in self.chains]
        return canonical("+", [chain for chain in chains if fault(chain, "+") is None])


def _may_follow_coding(node: Node, start: int, phase: int) -> bool:
    return node.onward is not None and node.next_phase == phase and bool(node.onward[start])
