"""Training examples of the exon text form: values, allowed values, and positions in the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genescribe.generate.forms.examples import IGNORED, contents
from genescribe.generate.text.exon_speller import CHAIN, END, ITEMS, NEXT, Speller, encode
from genescribe.generate.text.sentence import GeneSentence
from genescribe.generate.text.window_signals import Mask, Signals

LETTERS = NEXT
"""Values below it are letters."""


@dataclass
class ExonExample:
    """A text on the strand of its gene, value by value.

    Attributes
    ----------
    values, places, exons : (L,) int64
        What is to be written, at which boundary, and in which exon (-1 before the first).
    allowed : (L, 8) bool
        What might have been.
    begins : (E, 4) int64
        Of each exon: the step of its first letter, its phase, the anchor, and whether it is a transcript's first.
    rivals : (n, 3) int64
        Where more than one letter was allowed: the step, a boundary at which the exon may begin, and the letter next.
    content : (T,) int64
        See `examples.Example`.
    checked
        Whether the text obeys the signals of its window.
    """

    values: NDArray[np.int64]
    places: NDArray[np.int64]
    exons: NDArray[np.int64]
    allowed: Mask
    begins: NDArray[np.int64]
    rivals: NDArray[np.int64]
    content: NDArray[np.int64]
    checked: bool


def example(sentence: GeneSentence | None, signals: Signals, most_exons: int, optional: bool = False) -> ExonExample:
    """Return the example of a sentence that is written on its own strand; None: of a window without a gene.

    A gene that breaks the rules of `signals` is taught under the grammar alone; where a text of several transcripts is
    placed so that their order cannot be kept, the first of them is taught.
    """
    whole = encode(sentence, signals.bases)
    ends = [i for i, value in enumerate(whole) if value in (CHAIN, END)]
    content = contents(sentence, signals.length)
    for values in (whole, [*whole[: ends[min(1, len(ends) - 1)]], END]):
        most = max(most_exons, 1 + sum(value in (NEXT, CHAIN) for value in values))
        for candidate in (signals, Signals.free(signals.length, bases=signals.bases)):
            found = follow(values, candidate, most, content, optional)
            if found is not None:
                return found
    raise AssertionError("the grammar allows every transcript")


def follow(
    values: Sequence[int],
    signals: Signals,
    most_exons: int,
    content: NDArray[np.int64] | None = None,
    optional: bool = False,
) -> ExonExample | None:
    """Return the example of values as they are written under `signals`, ended or not; None where one is not allowed."""
    speller, size = Speller(signals, most_exons, optional), len(values)
    allowed = np.zeros((size, len(ITEMS)), dtype=bool)
    places, exons = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    begins: list[tuple[int, int, int, int]] = []
    rivals: list[NDArray[np.int64]] = []
    for i, value in enumerate(values):
        mask = speller.allowed()
        if not mask[value]:
            return None
        allowed[i], places[i], exons[i] = mask, speller.place, speller.exon
        if value < LETTERS and not speller.length:
            begins.append((i, speller.phase, speller.anchor, int(speller.first)))
        if mask[:LETTERS].sum() > 1:
            starts, letters = rivals_of(speller)
            rivals.append(np.stack([np.full(len(starts), i), starts, letters], axis=1))
        speller.advance(value)
    return ExonExample(
        np.array(values, dtype=np.int64),
        places,
        exons,
        allowed,
        np.array(begins, dtype=np.int64).reshape(-1, 4),
        np.concatenate(rivals) if rivals else np.zeros((0, 3), dtype=np.int64),
        np.full(signals.length, IGNORED) if content is None else content,
        signals.checked,
    )


def rivals_of(speller: Speller) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the exon at hand may begin and still go on, and with which letter."""
    inside = speller.places < speller.signals.length
    return speller.starts[inside], speller.bases[speller.places[inside]].astype(np.int64)


@dataclass
class ExonSteps:
    """B texts, padded to L values and E exons.

    Attributes
    ----------
    kinds, values, places, exons : (B, L) int64
        Kind -1 past the end; see `ExonModel.step_kinds`.
    mask : (B, L, 8) bool
        What was allowed.
    begin, phase, anchor : (B, E) int64; first : (B, E) bool
        Of each exon, see `ExonExample`.
    rivals : (n, 5) int64
        The text, step, exon, boundary and letter of each.
    content : (B, T) int64
        See `examples.Example`.
    """

    kinds: Tensor
    values: Tensor
    places: Tensor
    exons: Tensor
    mask: Tensor
    begin: Tensor
    phase: Tensor
    anchor: Tensor
    first: Tensor
    rivals: Tensor
    content: Tensor

    def to(self, device: torch.device | str) -> ExonSteps:
        """Return the steps on a device."""
        return ExonSteps(*(getattr(self, f.name).to(device) for f in fields(self)))


def batch_steps(examples: Sequence[ExonExample], length: int) -> ExonSteps:
    """Return the tensors of some examples, their windows padded to `length` bases."""
    B, L = len(examples), max(len(e.values) for e in examples)
    E = max(1, *(len(e.begins) for e in examples))
    kinds = np.full((B, L), -1)
    values, places, exons = (np.zeros((B, L), dtype=np.int64) for _ in range(3))
    mask = np.ones((B, L, len(ITEMS)), dtype=bool)
    begins, content = np.zeros((B, E, 4), dtype=np.int64), np.full((B, length), IGNORED)
    rivals = []
    for b, e in enumerate(examples):
        size = len(e.values)
        kinds[b, :size] = np.maximum(e.values - (LETTERS - 1), 0)
        values[b, :size], places[b, :size], mask[b, :size] = e.values, e.places, e.allowed
        exons[b, :size] = np.maximum(e.exons, 0)
        begins[b, : len(e.begins)], content[b, : len(e.content)] = e.begins, e.content
        steps, starts, letters = e.rivals.T
        rivals.append(np.stack([np.full(len(steps), b), steps, e.exons[steps], starts, letters], axis=1))
    begin, phase, anchor, first = np.moveaxis(begins, 2, 0)
    arrays = (kinds, values, places, exons, mask, begin, phase, anchor, first > 0, np.concatenate(rivals), content)
    return ExonSteps(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))
