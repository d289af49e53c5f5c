"""Intron evidence as input: marked on the bases of a window as flags, with noise in training.

A flag is a bit of a base's code above the softmask bit: an intron begins or ends here, or goes through, by evidence of
high or of low confidence. Everything else that reads codes looks at the lower bits alone, so that evidence travels
with the bases through windows, batches and scoring.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor

from genescribe.evidence.junctions import Hint
from genescribe.genome.alphabet import Codes

BEGIN, END, THROUGH = 16, 64, 256
"""Flags of high confidence; those of low confidence are twice as large."""
WITHOUT = 0.3
"""Fraction of the training loci that are shown without evidence."""
MISSING, SHIFTED, MISTAKEN = 0.15, 0.05, 0.1
"""Fractions of the introns of a training locus that are left out, have one end moved, or the other confidence."""
SHIFT = 12
"""Largest shift of an end, in bases."""
SPURIOUS = 0.5
"""Mean number of false introns added to a training locus."""
FLAGS = (BEGIN, 2 * BEGIN, END, 2 * END, THROUGH, 2 * THROUGH)


def oriented(hints: Iterable[Hint], strand: str, low: int, high: int) -> list[Hint]:
    """Return the hints of a window ``[low, high)`` as its strand `strand` has them, relative to its first base.

    Hints of the other strand, and those that reach out of the window, are left out.

    Parameters
    ----------
    hints
        Introns with evidence, in the coordinates of the sequence.
    strand
        Strand of the window.
    low, high
        The window, 0-based and half-open.
    """
    turned = []
    for hint in hints:
        if hint.strand in (".", strand) and low <= hint.start and hint.end <= high:
            start, end = (hint.start - low, hint.end - low) if strand == "+" else (high - hint.end, high - hint.start)
            turned.append(Hint(start, end, "+", hint.score))
    return sorted(turned)


def spoiled(hints: Sequence[Hint], length: int, high: float) -> list[Hint]:
    """Return hints as training shows them: some missing, shifted, of another confidence, and some that are false.

    Draws from torch's generator, which the engine seeds by step and sample.

    Parameters
    ----------
    hints
        Introns of a window, relative to its first base.
    length
        Bases of the window.
    high
        Score from which evidence has high confidence.
    """
    if float(torch.rand(())) < WITHOUT:
        return []
    noisy = []
    for start, end, strand, score in hints:
        rates = torch.tensor([MISSING, SHIFTED, MISTAKEN])
        missing, shifted, mistaken = (torch.rand(3) < rates).tolist()
        if missing:
            continue
        if shifted:
            by = int(torch.randint(1, SHIFT + 1, ())) * (1 if float(torch.rand(())) < 0.5 else -1)
            start, end = (start + by, end) if float(torch.rand(())) < 0.5 else (start, end + by)
        if mistaken:
            score = high - 1 if score >= high else high
        noisy.append(Hint(start, end, strand, score))
    for _ in range(int(torch.poisson(torch.tensor(SPURIOUS)))):
        ends = sorted(torch.randint(0, length + 1, (2,)).tolist())
        strong = float(torch.rand(())) < 0.5
        noisy.append(Hint(ends[0], ends[1], "+", high if strong else high - 1))
    return [hint for hint in noisy if 0 <= hint.start < hint.end <= length]


def marked(codes: Codes, hints: Iterable[Hint], high: float) -> Codes:
    """Return the codes of a window, in 16 bits, with the flags of its hints; where both confidences meet, both.

    Parameters
    ----------
    codes : (T,) uint8
        Base codes of the window.
    hints
        Introns relative to its first base, on its strand.
    high
        Score from which evidence has high confidence.
    """
    flagged = codes.astype(np.uint16)
    for hint in hints:
        times = 1 if hint.score >= high else 2
        flagged[hint.start] |= np.uint16(BEGIN * times)
        flagged[hint.end - 1] |= np.uint16(END * times)
        flagged[hint.start : hint.end] |= np.uint16(THROUGH * times)
    return cast(Codes, flagged)


def hint_tracks(codes: Tensor) -> Tensor:
    """Return the flags of codes (B, T) int64 as tracks (B, T, 6) of 0 and 1, in the order of `FLAGS`."""
    flags = torch.tensor(FLAGS, device=codes.device)
    return (codes.unsqueeze(-1) & flags > 0).float()
