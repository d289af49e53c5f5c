"""From forward scores back to segments: the traceback of the best path and of exact samples.

Nothing but the forward scores is stored on the way; at each segment's end the candidates are scored again, a vector of
all starting points at once. Where a label has no tail they are at most K, else as many as bases before.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genescribe.kernels.semicrf.potentials import Potentials, Segmentation

Scores = NDArray[np.float64]
Pick = Callable[[Scores], int]
"""Chooses an index of a vector of scores, of which at least one is above -inf."""


class Walk:
    """Walks back over one chain.

    Parameters
    ----------
    p
        The batch, without `explicit`.
    chain
        Row of the batch that is followed.
    entry, leave : (T + 1, C)
        Forward scores of that row, as in `Messages`, as log-sums (samples) or maxima (best path).
    """

    def __init__(self, p: Potentials, chain: int, entry: Tensor, leave: Tensor) -> None:
        self.length = int(p.lengths[chain])
        self.entry, self.leave = _numpy(entry), _numpy(leave)
        self.content = _numpy(p.content[chain, : self.length])
        self.duration, self.tail, self.final = _numpy(p.duration), _numpy(p.tail), _numpy(p.final)
        self.transition = _numpy(p.transition)
        self.phase = 0 if p.phase_offset is None else int(p.phase_offset[chain])
        self.arrive = None if p.arrive is None else _numpy(p.arrive[chain])
        self.depart = None if p.depart is None else _numpy(p.depart[chain])
        self.spanning = None if p.spanning is None else _numpy(p.spanning[chain])
        self._bias: dict[int, Scores] = {}

    def segmentation(self, pick: Pick) -> Segmentation:
        """Return the segments that `pick` chooses, last first; empty where every segmentation is forbidden."""
        ends: list[int] = []
        labels: list[int] = []
        last = self._last(pick)
        if last is not None:
            start, label = last
            ends.append(self.length)
            labels.append(label)
            while start > 0:
                # The transition into a segment is that of the phase of its first base.
                step = self.transition[(start + self.phase) % len(self.transition), :, label]
                label = pick(self.leave[start] + step)
                ends.append(start)
                labels.append(label)
                start = self._begun(start, label, pick)
        return Segmentation(torch.tensor(ends[::-1], dtype=torch.int64), torch.tensor(labels[::-1], dtype=torch.int64))

    def _last(self, pick: Pick) -> tuple[int, int] | None:
        """Return start and label of the last segment."""
        n = self.length
        if self.depart is None:
            scores = self.leave[n] + self.final
            if scores.max() == -np.inf:
                return None
            label = pick(scores)
            return self._begun(n, label, pick), label
        # A censored last segment: its start and label are chosen together, since neither is known.
        suffix = self.content[::-1].cumsum(0)[::-1]
        open_ended = self.entry[:n] + self.depart[:n] + suffix
        if self.spanning is not None:
            open_ended[0] = self.spanning + suffix[0]
        if open_ended.max() == -np.inf:
            return None
        start, label = divmod(pick(open_ended.ravel()), open_ended.shape[1])
        return start, label

    def _begun(self, t: int, label: int, pick: Pick) -> int:
        """Return the start of the segment of `label` that ends at boundary t."""
        # Without a tail nothing is longer than the table, so that the vector of candidates stays short.
        low = max(0, t - len(self.duration)) if self.tail[label] == -np.inf else 0
        inside = self.content[low:t, label][::-1].cumsum()[::-1]
        scores = self.entry[low:t, label] + inside + self._durations(label)[: t - low][::-1]
        if self.arrive is None:
            return low + pick(scores)
        arrival = self.arrive[t, label] + self.content[:t, label].sum()
        # A censored first segment is one candidate more, in front of the starts within the chain.
        chosen = pick(np.concatenate([[arrival], scores]))
        return 0 if chosen == 0 else low + chosen - 1

    def _durations(self, label: int) -> Scores:
        """Return D(1), D(2), ... of a label, as far as it may be asked."""
        if label not in self._bias:
            table, tail = self.duration[:, label], self.tail[label]
            extra = np.arange(1, self.length - len(table) + 1) if tail > -np.inf else np.arange(0)
            self._bias[label] = np.concatenate([table, table[-1] + extra * tail])
        return self._bias[label]


def _numpy(x: Tensor) -> Scores:
    result: Scores = x.detach().to("cpu", torch.float64).numpy()
    return result
