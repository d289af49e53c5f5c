"""Posterior probabilities of the exons and genes of a decoded path, each exactly as written.

The probability of a chain of neighbouring segments is that of all segmentations that hold it. It is read from the
messages of the semi-Markov CRF (`kernels.semicrf.potentials.Messages`) over a window around its gene: memory
follows the window, not the chromosome. A window begins and ends with any label, and a CRF forgets: beyond flanks of
half the mean length between genes, within bounds, this changes no digit that is written (docs/annotate.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genescribe.kernels.semicrf.dispatch import boundary_messages
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation

FLANKS = (1_000, 12_000)
"""Least and most bases to both sides of a gene that its window holds."""
WINDOW = 100_000
"""Genes share a window up to so many bases."""
LONGEST = 400_000
"""Chains of a longer gene get no probability: the messages of its window would take gigabytes."""


class Chain(NamedTuple):
    """The segments ``first`` to ``last`` of a path, both included."""

    first: int
    last: int


PotentialsOf = Callable[[int, int], Potentials]
"""Gives the scores of the window ``[start, end)`` of a strand as one chain."""
CopiesOf = Callable[[int], list[int]]
"""Gives the labels that stand for a label as well; a window may lack the last of them."""


def chain_posteriors(
    path: Segmentation,
    chains: Sequence[Chain],
    potentials: PotentialsOf,
    single: NDArray[np.bool_],
    flank: int,
    backend: str = "auto",
    copies: CopiesOf | None = None,
    genes: Sequence[tuple[int, int]] | None = None,
) -> list[float | None]:
    """Return the posterior probability of each chain of segments, None where its gene is too long.

    Parameters
    ----------
    path
        The decoded segments of a strand.
    chains
        Chains of segments of `path`, in any order.
    potentials
        Scores of any window.
    single : (C,) bool
        Labels that last one base only: a segment of the path is a run of them.
    flank
        Bases to both sides of a gene that its window holds: `flank_of`.
    backend
        As in `genescribe.kernels.semicrf.dispatch`.
    copies
        Labels that stand for a label of the path as well: a chain is as probable as all ways to read it.
    genes
        The gene of each chain, which its window holds: one cut within introns knows nothing of the exons beyond. None:
        each chain is a gene.
    """
    ends, labels = path.ends.numpy(), path.labels.numpy()
    starts = path.starts.numpy()
    posteriors: list[float | None] = [None] * len(chains)
    spans = [(int(starts[chain.first]), int(ends[chain.last])) for chain in chains]
    for low, high, members in windows(genes or spans, path.length, flank):
        edges = np.unique([edge - low for index in members for edge in spans[index]])
        window = _Window(potentials(low, high), low, edges, single, backend, copies)
        for index in members:
            rows = slice(chains[index].first, chains[index].last + 1)
            posteriors[index] = window.probability(starts[rows], ends[rows], labels[rows])
    return posteriors


def flank_of(tail: Tensor) -> int:
    """Return after how many bases a CRF has forgotten where its window began: half the mean length between genes.

    Parameters
    ----------
    tail : () float
        Score of each further base of the label between genes, below 0.

    Examples
    --------
    >>> flank_of(torch.tensor(-1 / 8_000)), flank_of(torch.tensor(-1 / 100)), flank_of(torch.tensor(-1e-6))
    (4000, 1000, 12000)
    """
    half = -0.5 / float(torch.special.expm1(tail.detach().double()))
    return round(min(max(half, FLANKS[0]), FLANKS[1]))


def windows(spans: Sequence[tuple[int, int]], length: int, flank: int) -> Iterator[tuple[int, int, list[int]]]:
    """Yield windows with the indices of the spans that each holds, flanks included; spans too long are in none.

    Parameters
    ----------
    spans
        Genes, ascending, 0-based and half-open.
    length
        Bases of the strand.
    flank
        Bases on each side of a gene that a window holds too.

    Examples
    --------
    >>> list(windows([(10_000, 11_000), (12_000, 13_000), (40_000, 41_000)], 50_000, 3_000))
    [(7000, 16000, [0, 1]), (37000, 44000, [2])]
    """
    order = sorted((index for index, (start, end) in enumerate(spans) if end - start <= LONGEST), key=spans.__getitem__)
    low, high, members = 0, 0, list[int]()
    for index in order:
        start, end = max(0, spans[index][0] - flank), min(length, spans[index][1] + flank)
        inside = end <= high
        if members and not inside and (start > high or end - low > WINDOW):
            yield low, high, members
            members = []
        if not members:
            low, high = start, end
        members, high = [*members, index], max(high, end)
    if members:
        yield low, high, members


class _Window:
    """Messages at the edges of a window's chains, and the scores that a chain of segments is made of."""

    def __init__(
        self,
        p: Potentials,
        low: int,
        edges: NDArray[np.int64],
        single: NDArray[np.bool_],
        backend: str,
        copies: CopiesOf | None = None,
    ) -> None:
        self._copies = copies
        self._low, self._edges, self._single = low, edges, single
        messages = boundary_messages(p, torch.from_numpy(edges), backend)
        self._entry, self._onward = messages.entry.numpy(), messages.onward.numpy()
        self._log_z = float(messages.log_partition)
        self._content = p.content[0].numpy()
        self._begin, self._end = (None if x is None else x[0].numpy() for x in (p.begin, p.end))
        self._transition = p.transition.double().numpy()
        self._duration, self._tail = p.duration.double().numpy(), p.tail.double().numpy()
        rows = torch.full_like(p.tail, len(p.duration)) if p.explicit is None else p.explicit
        self._explicit = rows.long().numpy()
        self._phase = 0 if p.phase_offset is None else int(p.phase_offset[0])

    def probability(self, starts: NDArray[np.int64], ends: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
        """Return the probability of neighbouring segments, given in the strand's coordinates."""
        s, e = starts - self._low, ends - self._low
        each = labels.repeat(e - s)
        alone = self._single[labels]
        pieces = np.where(alone, e - s, 1)
        e = s[0] + np.cumsum(np.where(alone, 1, e - s).repeat(pieces))
        s, labels = np.concatenate([s[:1], e[:-1]]), labels.repeat(pieces)
        # Sums of a chain's bases in float64, in order: the same for any window around them.
        if self._copies is not None:
            return self._either_way(s, e, labels)
        total = float(np.sum(self._content[np.arange(s[0], e[-1]), each], dtype=np.float64))
        total += float(np.sum(self._durations(e - s, labels)))
        total += float(np.sum(self._transition[(s[1:] + self._phase) % len(self._transition), labels[:-1], labels[1:]]))
        if self._begin is not None and self._end is not None:
            total += float(np.sum(self._begin[s[1:], labels[1:]], dtype=np.float64))
            total += float(np.sum(self._end[e - 1, labels], dtype=np.float64))
        first, last = np.searchsorted(self._edges, (s[0], e[-1]))
        before, after = self._entry[first, labels[0]], self._onward[last, labels[-1]]
        return float(min(1.0, np.exp(before + total + after - self._log_z)))

    def _either_way(self, s: NDArray[np.int64], e: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
        """Return the probability of neighbouring segments, each with its label or a copy of it.

        No two neighbours have copies, so that the sum over all ways is a product of sums.
        """
        assert self._copies is not None and self._begin is not None and self._end is not None
        total, last = 0.0, len(labels) - 1
        steps = self._transition[(s + self._phase) % len(self._transition)]
        known = self._content.shape[1]
        copies = [[way for way in self._copies(int(label)) if way < known] for label in labels]
        for i, (start, end, label) in enumerate(zip(s, e, labels, strict=True)):
            ways = []
            for way in (int(label), *copies[i]):
                x = float(np.sum(self._content[start:end, way], dtype=np.float64) + self._end[end - 1, way])
                x += float(self._durations(np.array([end - start]), np.array([way]))[0])
                x += 0.0 if i == 0 else float(self._begin[start, way])
                # The steps on both sides of a label with copies are its own.
                if i and (copies[i] or not copies[i - 1]):
                    x += float(steps[i, labels[i - 1], way])
                if i < last and copies[i]:
                    x += float(steps[i + 1, way, labels[i + 1]])
                ways.append(x)
            total += float(np.logaddexp.reduce(ways))
        first, after = np.searchsorted(self._edges, (s[0], e[-1]))
        total += float(self._entry[first, labels[0]] + self._onward[after, labels[-1]])
        return float(min(1.0, np.exp(total - self._log_z)))

    def _durations(self, k: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        explicit = self._explicit[labels]
        beyond = np.maximum(k - explicit, 0)
        # Not `beyond * tail` alone: 0 * -inf is NaN.
        extra = np.where(beyond > 0, beyond * np.where(beyond > 0, self._tail[labels], 0.0), 0.0)
        result: NDArray[np.float64] = self._duration[np.minimum(k, explicit) - 1, labels] + extra
        return result


def chains_of(path: Segmentation, spans: Iterable[tuple[int, int]]) -> list[Chain]:
    """Return the segments that make up each span; spans begin and end where segments do."""
    ends = path.ends.numpy()

    def chain(start: int, end: int) -> Chain:
        return Chain(int(np.searchsorted(ends, start, "right")), int(np.searchsorted(ends, end, "left")))

    return [chain(start, end) for start, end in spans]
