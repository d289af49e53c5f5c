"""Training examples of the pointer form: steps as tensors, with the values allowed at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from genescribe.generate.network.locus_reader import Content
from genescribe.generate.text import pointer
from genescribe.generate.text.grammar import CHOICES, Grammar
from genescribe.generate.text.pointer import FIRST_MEMBER, PointerAutomaton, Step, StepKind
from genescribe.generate.text.sentence import GeneSentence, Kind
from genescribe.generate.text.window_signals import Mask, Signals

IGNORED = -100


@dataclass
class Example:
    """A sentence on its own strand, step by step.

    Attributes
    ----------
    steps
        Steps of the sentence.
    allowed
        Mask of the values that the grammar allows, one per step.
    content : (T,) int64
        Label of each base in the first transcript; `IGNORED` where only others have it.
    checked
        Whether the sentence obeys the signals of its window, so that they restrict the steps.
    """

    steps: list[Step]
    allowed: list[Mask]
    content: np.ndarray[tuple[int], np.dtype[np.int64]]
    checked: bool


def example(sentence: GeneSentence | None, signals: Signals, most_features: int, optional: bool = False) -> Example:
    """Return the example of a sentence that is written on its own strand; None: of a window without a gene.

    A gene of the annotation that breaks the rules of `signals` is taught under the grammar alone. `optional`: see
    `Grammar`.

    Parameters
    ----------
    sentence
        The answer, on its own strand; None: a window without a gene.
    signals
        Start codons, stop codons and splice sites of the window.
    most_features
        Number of features after which a sentence may only be completed.
    optional
        Whether the answer may be empty, see `Grammar`.
    """
    steps = [Step(StepKind.TYPE, pointer.CLOSE)] if sentence is None else pointer.encode(sentence)
    most = max(most_features, 0 if sentence is None else len(sentence.features) + 1)
    for candidate in (signals, Signals.free(signals.length)):
        allowed = follow(steps, candidate, most, optional)
        if allowed is not None:
            return Example(steps, allowed, contents(sentence, signals.length), candidate.checked)
    raise AssertionError("the grammar allows every sentence")


def follow(steps: Sequence[Step], signals: Signals, most_features: int, optional: bool = False) -> list[Mask] | None:
    """Return the mask of allowed values at each step; None where a step of the sentence is not allowed.

    Parameters
    ----------
    steps
        Steps of a sentence.
    signals
        Start codons, stop codons and splice sites of the window.
    most_features
        Number of features after which a sentence may only be completed.
    optional
        Whether the answer may be empty, see `Grammar`.
    """
    automaton = PointerAutomaton(Grammar(signals, most_features, optional))
    allowed = []
    for step in steps:
        mask = automaton.allowed()
        if automaton.kind is not step.kind or step.value >= len(mask) or not mask[step.value]:
            return None
        allowed.append(mask)
        automaton.advance(step.value)
    return allowed


def example_as_written(values: Sequence[int], signals: Signals, most_features: int, optional: bool = False) -> Example:
    """Return the example of steps that were written under `signals`, whether the sentence has ended or not.

    It is what scores a sequence that was sampled; the contents of bases are not known.

    For the arguments see `example`.
    """
    automaton = PointerAutomaton(Grammar(signals, most_features, optional))
    steps, allowed = [], []
    for value in values:
        allowed.append(automaton.allowed())
        steps.append(Step(automaton.kind, value))
        automaton.advance(value)
    return Example(steps, allowed, np.full(signals.length, IGNORED), signals.checked)


def contents(sentence: GeneSentence | None, length: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the label of each base, (T,): see `Content`; all are outside where there is no gene."""
    content = np.full(length, Content.OUTSIDE, dtype=np.int64)
    if sentence is None:
        return content
    begin, end = sentence.span
    content[begin:end] = IGNORED
    features = [sentence.features[i] for i in sentence.transcripts[0]]
    content[features[0].start : features[-1].end] = Content.INTRON
    for feature in features:
        here = slice(feature.start, feature.end)
        if feature.kind is Kind.CDS:
            assert feature.phase is not None
            content[here] = (np.arange(feature.end - feature.start) - feature.phase) % 3
        else:
            content[here] = Content.UTR5 if feature.kind is Kind.UTR5 else Content.UTR3
    return content


@dataclass
class Steps:
    """B sentences, padded to L steps, P of them boundaries and M members.

    Attributes
    ----------
    kinds, values : (B, L) int64
        The steps; kind -1 past the end.
    next_phase : (B, L) int64
        Phase of the coding feature that would follow the one that ends in this step; 3 in other steps.
    type_mask : (B, L, 6) bool
        Values that were allowed in steps of `TYPE`.
    pointer_step, choice, anchor, target : (B, P) int64; is_end, first, pointed : (B, P) bool
        The steps that point, see `Sought`; `pointed` is False past the last.
    pointer_mask : (B, P, T + 1) bool
        Boundaries that were allowed.
    member_step, member_target : (B, M) int64; member_mask : (B, M, 2 + N) bool
        The steps of transcripts; target -100 past the last.
    feature_step : (B, N) int64
        The step in which each feature ends.
    content : (B, T) int64
        See `Example`.
    """

    kinds: Tensor
    values: Tensor
    next_phase: Tensor
    type_mask: Tensor
    pointer_step: Tensor
    choice: Tensor
    anchor: Tensor
    target: Tensor
    is_end: Tensor
    first: Tensor
    pointed: Tensor
    pointer_mask: Tensor
    member_step: Tensor
    member_target: Tensor
    member_mask: Tensor
    feature_step: Tensor
    content: Tensor

    def to(self, device: torch.device | str) -> Steps:
        """Return the steps on a device."""
        return Steps(*(getattr(self, f.name).to(device) for f in fields(self)))


def batch_steps(examples: Sequence[Example], length: int) -> Steps:
    """Return the tensors of some examples, their windows padded to `length` bases."""
    B, L = len(examples), max(len(e.steps) for e in examples)
    # At least one of each: a sentence that was broken off may have no feature, or an end too few.
    N = max(1, *(sum(step.kind is StepKind.START for step in e.steps) for e in examples))
    P, M = 2 * N, max(1, *(sum(step.kind is StepKind.MEMBER for step in e.steps) for e in examples))
    long = {name: np.zeros((B, P), dtype=np.int64) for name in ("pointer_step", "choice", "anchor", "target")}
    flags = {name: np.zeros((B, P), dtype=bool) for name in ("is_end", "first", "pointed")}
    kinds, values = np.full((B, L), -1), np.zeros((B, L), dtype=np.int64)
    next_phase, type_mask = np.full((B, L), 3), np.ones((B, L, len(CHOICES) + 1), dtype=bool)
    pointer_mask = np.ones((B, P, length + 1), dtype=bool)
    member_step, member_target = np.zeros((B, M), dtype=np.int64), np.full((B, M), IGNORED)
    member_mask = np.ones((B, M, FIRST_MEMBER + N), dtype=bool)
    feature_step, content = np.zeros((B, N), dtype=np.int64), np.full((B, length), IGNORED)
    for b, e in enumerate(examples):
        p = m = n = choice = start = end = 0
        content[b, : len(e.content)] = e.content
        for i, (step, allowed) in enumerate(zip(e.steps, e.allowed, strict=True)):
            kinds[b, i], values[b, i] = step
            if step.kind is StepKind.TYPE:
                type_mask[b, i], choice = allowed, step.value
            elif step.kind is StepKind.MEMBER:
                member_step[b, m], member_target[b, m] = i, step.value
                member_mask[b, m] = False
                member_mask[b, m, : len(allowed)] = allowed
                m += 1
            else:
                is_end = step.kind is StepKind.END
                long["pointer_step"][b, p], long["choice"][b, p], long["target"][b, p] = i, choice, step.value
                long["anchor"][b, p] = start if is_end else end
                flags["is_end"][b, p], flags["first"][b, p], flags["pointed"][b, p] = is_end, n == 0, True
                pointer_mask[b, p] = False
                pointer_mask[b, p, : len(allowed)] = allowed
                p += 1
                if is_end:
                    end, feature_step[b, n] = step.value, i
                    next_phase[b, i] = phase_after(choice, start, end)
                    n += 1
                else:
                    start = step.value
    arrays = {**long, **flags, "kinds": kinds, "values": values, "next_phase": next_phase, "type_mask": type_mask}
    arrays |= {"pointer_mask": pointer_mask, "member_step": member_step, "member_target": member_target}
    arrays |= {"member_mask": member_mask, "feature_step": feature_step, "content": content}
    return Steps(**{name: torch.from_numpy(array) for name, array in arrays.items()})


def phase_after(choice: int, start: int, end: int) -> int:
    """Return the phase of a coding feature behind this one; 3 behind an untranslated one.

    Parameters
    ----------
    choice
        Kind and phase of the feature, as the step's value.
    start, end
        Its place in the window, 0-based and half-open.
    """
    phase = CHOICES[choice][1]
    return 3 if phase is None else (phase - (end - start)) % 3
