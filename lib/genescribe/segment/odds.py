"""What a gene is worth against none: the whole score of its segments less that of the same bases between genes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genescribe.crf.head import SemiCRF
from genescribe.kernels.potentials import Segmentation
from genescribe.segment.model import Scores

STRETCH = 1 << 14
"""Bases whose scores are at hand at a time."""


class PathOdds:
    """Log odds of stretches of a strand's best path under the whole model.

    The score of a base by itself says whether it codes; in a model of imported parameters, where all scores are
    logarithms of chances, signals, lengths and transitions weigh as they are.

    Parameters
    ----------
    crf
        Of the model.
    background
        Label between genes, whose durations are geometric.
    path
        The strand's best.
    scores
        From the first and the end of a stretch of bases to the scores of the labels on it, as a batch of one.
    """

    def __init__(
        self, crf: SemiCRF, background: int, path: Segmentation, scores: Callable[[int, int], Scores]
    ) -> None:
        table, tail = crf.durations()
        self._table, self._tail = _numbers(table), _numbers(tail)
        self._explicit = _numbers(crf.durations.explicit).astype(np.int64)
        self._transitions = _numbers(crf.transitions())
        self._ends, self._labels = path.ends.numpy(), path.labels.numpy()
        self._background, self._scores = background, scores

    def __call__(self, start: int, end: int) -> float:
        """Return the log odds of the segments of ``[start, end)``, which begin and end there."""
        first, last = (int(x) for x in np.searchsorted(self._ends, (start, end - 1), side="right"))
        ends, labels = self._ends[first : last + 1], self._labels[first : last + 1]
        starts = np.concatenate([[start], ends[:-1]])
        total = self._emitted(starts, ends, labels) + self._durations(ends - starts, labels)
        around = [self._background, *labels.tolist(), self._background]
        places = [*starts.tolist(), int(ends[-1])]
        period = len(self._transitions)
        for place, source, destination in zip(places, around[:-1], around[1:], strict=True):
            score = self._transitions[place % period, source, destination]
            # A neighbour without space between is no transition from between genes.
            total += float(score) if np.isfinite(score) else 0.0
        return total - float(self._tail[self._background]) * (end - start)

    def _durations(self, lengths: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
        explicit = self._explicit[labels]
        within = np.minimum(lengths, explicit)
        beyond = lengths - within
        tails = np.where(beyond > 0, beyond * np.where(beyond > 0, self._tail[labels], 0.0), 0.0)
        return float((self._table[within - 1, labels] + tails).sum())

    def _emitted(self, starts: NDArray[np.int64], ends: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
        """Return the content of segments less that between genes, and what their first and last bases are worth."""
        total = 0.0
        for low in range(int(starts[0]), int(ends[-1]), STRETCH):
            high = min(low + STRETCH, int(ends[-1]))
            scores = self._scores(low, high)
            part = (ends > low) & (starts < high)
            inside = np.minimum(ends[part], high) - np.maximum(starts[part], low)
            bases = np.arange(high - low)
            content = _numbers(scores.content[0])
            total += float((content[bases, labels[part].repeat(inside)] - content[:, self._background]).sum())
            for boundary, places in ((scores.begin, starts), (scores.end, ends - 1)):
                here = (places >= low) & (places < high)
                if boundary is not None:
                    total += float(_numbers(boundary[0])[places[here] - low, labels[here]].sum())
        return total


def _numbers(values: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = values.detach().cpu().double().numpy()
    return found
