"""Search for sentences: greedy, beam, or sampling, always within the grammar."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genescribe.config import option
from genescribe.generate.annotation.draws import generator, kept_weights
from genescribe.generate.model import Automaton, Session
from genescribe.generate.text.free_text import FreeText
from genescribe.generate.text.sentence import (
    Feature,
    GeneSentence,
    Kind,
    SentenceError,
    canonical,
    fault,
    feature_names,
)
from genescribe.generate.text.window_signals import Mask


@dataclass(frozen=True)
class SearchConfig:
    """Options of the search for sentences."""

    method: Literal["greedy", "beam", "sample"] = option(
        "greedy", doc="most probable step, most probable sentence, or random"
    )
    beams: int = option(4, doc="sentences kept per locus", minimum=1, needs="method: beam")
    samples: int = option(
        1, doc="sentences drawn per locus; the most probable is used", minimum=1, needs="method: sample"
    )
    isoforms: float = option(
        1.0,
        doc="also write a transcript of another sentence if the sentences with its coding "
        "sequence have at least this total probability; 1: none",
        minimum=0.0001,
        maximum=1.0,
        needs="method: beam or sample",
    )
    temperature: float = option(1.0, doc="temperature that divides the scores", minimum=0.01, needs="method: sample")
    top_k: int = option(
        0, doc="draw from this many most probable values; 0: from all", minimum=0, needs="method: sample"
    )
    top_p: float = option(
        1.0,
        doc="draw from the most probable values that together have at least this probability",
        minimum=0.0001,
        maximum=1.0,
        needs="method: sample",
    )
    seed: int = option(1, doc="random seed; the result does not depend on the batch", minimum=0, needs="method: sample")
    max_length: int = option(2048, doc="largest number of steps or tokens in a sentence", minimum=1)


@dataclass
class Outcome:
    """Outcome of a locus.

    Attributes
    ----------
    status
        "accepted"; "repaired", with the reason: something was left out to make it a gene; or "rejected".
    reason
        Short and countable; empty for accepted ones.
    raw
        The text as it was written.
    sentence
        The sentence on its own strand; None where rejected.
    log_probability
        Of what was written, natural logarithm, within the grammar.
    scores
        For each transcript of the sentence, the probability of its features and of their choice; of one that another
        sentence brought (`SearchConfig.isoforms`), that of the sentences with its coding sequence.
    borrowed
        For each transcript, whether another sentence brought it.
    values, logs
        The steps as written, and the log probability of each step within the grammar, at temperature 1.
        `SentenceModel.example_as_written(values, ...)` scores them again.
    strand
        Strand of the window that the sentence is on: "-" only of models that read the forward strand alone.
    """

    status: Literal["accepted", "repaired", "rejected"]
    reason: str
    raw: str
    sentence: GeneSentence | None = None
    log_probability: float = 0.0
    scores: tuple[float, ...] = ()
    borrowed: tuple[bool, ...] = ()
    values: tuple[int, ...] = ()
    logs: tuple[float, ...] = ()
    strand: Literal["+", "-"] = "+"


@dataclass
class _Hypothesis:
    automaton: Automaton
    locus: int
    draw: int = 0
    total: float = 0.0
    values: tuple[int, ...] = ()
    logs: tuple[float, ...] = ()
    # Log probability by declared feature, and by transcript.
    features: dict[int, float] = field(default_factory=dict)
    chains: dict[int, float] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Steps written."""
        return len(self.values)

    def extended(self, value: int, log: float) -> _Hypothesis:
        values, logs = (*self.values, value), (*self.logs, log)
        longer = _Hypothesis(self.automaton.copy(), self.locus, self.draw, self.total + log, values, logs)
        longer.features, longer.chains = dict(self.features), dict(self.chains)
        grammar = longer.automaton.grammar
        part, place = (longer.chains, len(grammar.chains)) if grammar.closed else (longer.features, len(grammar.nodes))
        part[place] = part.get(place, 0.0) + log
        longer.automaton.advance(value)
        return longer


def write(
    session: Session,
    automata: Sequence[Automaton],
    config: SearchConfig,
    *,
    names: Sequence[str] = (),
    prompts: Sequence[Sequence[int]] = (),
) -> list[Outcome]:
    """Write the sentences of a batch of loci.

    Parameters
    ----------
    session
        The model, which has read the loci.
    automata
        One per locus: the steps that its grammar allows.
    config
        Kind and width of the search, temperature.
    names
        Of the loci, for chance; their places where there are none.
    prompts
        Steps that a sentence begins with, a locus each.

    Returns
    -------
    list of Outcome
        One a locus.
    """
    search = _Search(session, automata, config, names)
    for locus, prompt in enumerate(prompts):
        search.forced[locus] = list(prompt)
    while search.live:
        search.step()
    return [search.outcome(locus) for locus in range(len(automata))]


class _Search:
    def __init__(
        self, session: Session, automata: Sequence[Automaton], config: SearchConfig, names: Sequence[str]
    ) -> None:
        self.session, self.config = session, config
        self.width = {"greedy": 1, "beam": config.beams, "sample": config.samples}[config.method]
        self.draws = config.samples if config.method == "sample" else 1
        rows = [locus for locus in range(len(automata)) for _ in range(self.draws)]
        if self.draws > 1:
            session.keep(rows)
        self.live = [_Hypothesis(automata[locus].copy(), locus, i % self.draws) for i, locus in enumerate(rows)]
        self.done: list[list[_Hypothesis]] = [[] for _ in automata]
        self.stuck: list[_Hypothesis | None] = [None] * len(automata)
        self.forced: dict[int, list[int]] = {}
        labels = names or [str(i) for i in range(len(automata))]
        self.chance = (
            [[generator(config.seed, name, draw) for draw in range(self.draws)] for name in labels]
            if config.method == "sample"
            else []
        )

    def step(self) -> None:
        """Take a step of every live sentence."""
        candidates: dict[int, list[tuple[float, int, int, float]]] = {}
        for row, (hypothesis, scores) in enumerate(zip(self.live, self.session.scores(), strict=True)):
            options = self._options(hypothesis, scores)
            if not options:
                self.stuck[hypothesis.locus] = hypothesis
            for value, log in options:
                candidates.setdefault(hypothesis.locus, []).append((hypothesis.total + log, row, value, log))
        rows, values, survivors = [], [], []
        for locus in sorted(candidates):
            # Ties go to the earlier row and the smaller value: the order of a batch does not show.
            best = sorted(candidates[locus], key=lambda item: (-item[0], item[1], item[2]))[: self.width]
            for _, row, value, log in best:
                grown = self.live[row].extended(value, log)
                if grown.automaton.finished:
                    self.done[locus].append(grown)
                else:
                    rows.append(row)
                    values.append(value)
                    survivors.append(grown)
        chosen = [i for i, hypothesis in enumerate(survivors) if self._is_promising(hypothesis)]
        self._continue([rows[i] for i in chosen], [values[i] for i in chosen], [survivors[i] for i in chosen])

    def _options(self, hypothesis: _Hypothesis, scores: NDArray[np.float32]) -> list[tuple[int, float]]:
        """Return the values that may come next in a sentence, and their log probabilities."""
        mask = hypothesis.automaton.allowed()
        if not mask.any():
            return []
        allowed, logs = _log_softmax(scores, mask)
        forced = self.forced.get(hypothesis.locus, [])
        if hypothesis.length < len(forced):
            value = forced[hypothesis.length]
            place = int(np.searchsorted(allowed, value))
            known = place < len(allowed) and allowed[place] == value
            return [(value, float(logs[place]))] if known else []
        if self.config.method == "sample":
            scaled = logs / self.config.temperature
            weights = kept_weights(np.exp(scaled - scaled.max()), self.config.top_k, self.config.top_p)
            draw = self.chance[hypothesis.locus][hypothesis.draw].random() * weights.sum()
            place = min(int(np.searchsorted(np.cumsum(weights), draw, side="right")), len(allowed) - 1)
            return [(int(allowed[place]), float(logs[place]))]
        best = np.argsort(-logs, kind="stable")[: self.width]
        return [(int(allowed[i]), float(logs[i])) for i in best]

    def _is_promising(self, hypothesis: _Hypothesis) -> bool:
        """Whether a sentence can still be the best of its locus, or likely enough beside it."""
        if hypothesis.length >= self.config.max_length:
            self.stuck[hypothesis.locus] = hypothesis
            return False
        finished = self.done[hypothesis.locus]
        if not finished or self.config.method == "sample":
            return True
        return hypothesis.total > max(rival.total for rival in finished) + math.log(self.config.isoforms)

    def _continue(self, rows: list[int], values: list[int], survivors: list[_Hypothesis]) -> None:
        if rows and rows != list(range(len(self.live))):
            self.session.keep(rows)
        self.live = survivors
        if rows:
            self.session.advance(values)

    def outcome(self, locus: int) -> Outcome:
        """Return the outcome of a locus."""
        if finished := self.done[locus]:
            best = self._outcome(max(finished, key=lambda hypothesis: hypothesis.total), "")
            return self._with_isoforms(best, finished) if self.config.isoforms < 1 else best
        stuck = self.stuck[locus]
        if stuck is None:
            return Outcome("rejected", "nothing can be written here", "")
        reason = "longer than max_length" if stuck.length >= self.config.max_length else "dead end"
        return self._outcome(stuck, reason)

    @staticmethod
    def _outcome(hypothesis: _Hypothesis, reason: str) -> Outcome:
        outcome = _outcome_of(hypothesis, reason)
        return replace(outcome, values=hypothesis.values, logs=hypothesis.logs, strand=_strand(hypothesis))

    def _with_isoforms(self, best: Outcome, finished: Sequence[_Hypothesis]) -> Outcome:
        """Return the best sentence with the transcripts of the others that are likely enough."""
        if best.sentence is None:
            return best
        features = best.sentence.features
        chains = [tuple(features[i] for i in transcript) for transcript in best.sentence.transcripts]
        scores = dict(zip(chains, best.scores, strict=True))
        have = {_coding(chain) for chain in chains}
        for share, chain in self._by_probability([rival for rival in finished if _strand(rival) == best.strand]):
            if _coding(chain) in have or share < self.config.isoforms:
                continue
            grown = scores | {chain: min(share, 1.0)}
            try:
                sentence = canonical("+", list(grown))
            except SentenceError:  # More features of a type than a sentence may have.
                continue
            scores = grown
            best = replace(best, sentence=sentence)
        assert best.sentence is not None
        written = [tuple(best.sentence.features[i] for i in chain) for chain in best.sentence.transcripts]
        borrowed = tuple(chain not in chains for chain in written)
        return replace(best, scores=tuple(scores[chain] for chain in written), borrowed=borrowed)

    def _by_probability(self, finished: Sequence[_Hypothesis]) -> list[tuple[float, tuple[Feature, ...]]]:
        """Return the transcripts of sentences, one for each coding sequence, the most probable first.

        The sentences of a beam share one probability; drawn ones count as often as they were drawn. That of a coding
        sequence is the sum over the sentences that hold it: other untranslated ends do not make it another.
        """
        logs = np.array([0.0 if self.config.method == "sample" else hypothesis.total for hypothesis in finished])
        shares = np.exp(logs - logs.max())
        shares /= shares.sum()
        likely: dict[tuple[Feature, ...], float] = {}
        shown: dict[tuple[Feature, ...], tuple[float, tuple[Feature, ...]]] = {}
        for hypothesis, share in zip(finished, shares.tolist(), strict=True):
            listed = {_coding(chain): chain for chain in _transcripts(hypothesis)}
            for coding, chain in listed.items():
                likely[coding] = likely.get(coding, 0.0) + share
                if coding not in shown or hypothesis.total > shown[coding][0]:
                    shown[coding] = hypothesis.total, chain
        return [(share, shown[coding][1]) for coding, share in sorted(likely.items(), key=lambda item: -item[1])]


def _transcripts(hypothesis: _Hypothesis) -> dict[tuple[Feature, ...], float]:
    """Return the transcripts that a sentence lists, each with the probability of its features and of their choice."""
    grammar = hypothesis.automaton.grammar
    listed: Iterable[tuple[tuple[Feature, ...], tuple[int, ...]]]
    if isinstance(grammar, FreeText):
        listed = grammar.transcripts()
    else:
        listed = ((tuple(grammar.nodes[i].feature for i in chain), chain) for chain in grammar.chains)
    numbers = {chain: number for number, chain in enumerate(grammar.chains)}
    probabilities = {}
    for features, chain in listed:
        if fault(features, "+") is None:
            logs = hypothesis.chains.get(numbers[chain], 0.0) + sum(hypothesis.features.get(i, 0.0) for i in chain)
            probabilities[features] = math.exp(logs)
    return probabilities


def _strand(hypothesis: _Hypothesis) -> Literal["+", "-"]:
    grammar = hypothesis.automaton.grammar
    return "-" if isinstance(grammar, FreeText) and grammar.strand == "-" else "+"


def _coding(chain: Sequence[Feature]) -> tuple[Feature, ...]:
    return tuple(feature for feature in chain if feature.kind is Kind.CDS)


def _outcome_of(hypothesis: _Hypothesis, reason: str) -> Outcome:
    """Return the outcome of a sentence; `reason` is why it did not end by itself."""
    grammar = hypothesis.automaton.grammar
    raw = spelled(hypothesis.automaton)
    by_chain = _transcripts(hypothesis)
    if not by_chain:
        if not grammar.nodes and not reason:
            reason = "no gene" if hypothesis.automaton.finished else "dead end"
        return Outcome("rejected", reason or "no transcript", raw, log_probability=hypothesis.total)
    try:
        sentence = canonical("+", list(by_chain))
    except SentenceError as error:
        return Outcome("rejected", error.reason, raw, log_probability=hypothesis.total)
    scores = tuple(by_chain[tuple(sentence.features[i] for i in chain)] for chain in sentence.transcripts)
    if not reason and (grammar.abandoned or len(by_chain) < len(grammar.chains)):
        reason = "features of no transcript"
    status: Literal["accepted", "repaired"] = "repaired" if reason else "accepted"
    return Outcome(status, reason, raw, sentence, hypothesis.total, scores, (False,) * len(scores))


def spelled(automaton: Automaton) -> str:
    """Return the text written so far, whether it is a sentence or not."""
    grammar = automaton.grammar
    if isinstance(grammar, FreeText):
        return grammar.text
    features = [node.feature for node in grammar.nodes]
    names = feature_names(features)
    letters = {None: ".", 0: "A", 1: "B", 2: "C"}
    rows = [f"{f.start}|{name}|{f.end}|+|{letters[f.phase]};" for f, name in zip(features, names, strict=True)]
    text = "".join(rows)
    if grammar.listing is None:
        return text
    chains = [*grammar.chains, *([grammar.listing.chain] if grammar.listing.chain else [])]
    return text + ">" + ";".join("|".join(names[i] for i in chain) for chain in chains)


def _log_softmax(scores: NDArray[np.float32], mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the allowed values and their log probabilities among themselves."""
    allowed = np.flatnonzero(mask)
    chosen = scores[allowed].astype(np.float64)
    chosen = np.where(np.isfinite(chosen), chosen, -1e30)
    shifted = chosen - chosen.max()
    return allowed, shifted - np.log(np.exp(shifted).sum())
