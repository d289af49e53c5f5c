"""The k best segmentations of a chain, with their scores.

The recurrence of the best path with a sorted list of N scores a cell instead of one (Huang and Chiang 2005, IWPT,
algorithm 1), each with a pointer to the cell and rank that it came from.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genescribe.kernels.semicrf.potentials import Potentials, Segmentation


def k_best(p: Potentials, k: int) -> list[tuple[Tensor, list[Segmentation]]]:
    """Return for each chain the scores of its k best segmentations, descending, and the segmentations.

    Fewer than k where fewer are allowed. O(T N K C + T N C^2) time and O(T C N) memory per chain.
    """
    p = p.detach().checked().expanded().to(dtype=torch.float64, device=torch.device("cpu"))
    with torch.no_grad():
        return [_Lists(p, chain, k).best() for chain in range(len(p.lengths))]


class _Lists:
    """The tables of one chain. A list is (C, N), best first, -inf where there are fewer.

    `entry` scores what precedes a segment that begins at boundary s, `source` says as ``label * N + rank`` of the
    list of segments ended there which one came before. `started` and `rank` say where in `entry` a segment ended at t
    comes from.
    """

    def __init__(self, p: Potentials, chain: int, k: int) -> None:
        self.p, self.chain, self.k = p, chain, k
        self.n, self.labels = int(p.lengths[chain]), p.shape[3]
        n, C = self.n, self.labels
        self.content = p.content[chain, :n]
        self.entry = torch.full((n, C, k), -torch.inf, dtype=torch.float64)
        self.source = torch.zeros(n, C, k, dtype=torch.int64)
        self.started = torch.zeros(n + 1, C, k, dtype=torch.int64)
        self.rank = torch.zeros(n + 1, C, k, dtype=torch.int64)

    def best(self) -> tuple[Tensor, list[Segmentation]]:
        """Return scores and segmentations."""
        last = self._forward()
        p, n, k = self.p, self.n, self.k
        paths: list[Segmentation] = []
        if p.depart is None:
            scores, chosen = _top((last + p.final.unsqueeze(1)).reshape(1, -1), k)
        else:
            suffix = self.content.flip(0).cumsum(0).flip(0)
            closing = self.entry + (p.depart[self.chain, :n] + suffix).unsqueeze(2)
            if p.spanning is not None:
                closing[0, :, 0] = p.spanning[self.chain] + suffix[0]
            scores, chosen = _top(closing.reshape(1, -1), k)
        allowed = scores[0] > -torch.inf
        for cell in chosen[0, allowed].tolist():
            start, (label, rank) = 0, divmod(cell % (self.labels * k), k)
            if p.depart is None:
                start, rank = int(self.started[n, label, rank]), int(self.rank[n, label, rank])
            else:
                start = cell // (self.labels * k)
            paths.append(self._path(start, label, rank))
        return scores[0, allowed], paths

    def _path(self, start: int, label: int, rank: int) -> Segmentation:
        """Return the path whose last segment begins at `start`, from the entry of that label and rank."""
        ends, labels = [self.n], [label]
        while start > 0:
            label, rank = divmod(int(self.source[start, label, rank]), self.k)
            ends.append(start)
            labels.append(label)
            start, rank = int(self.started[start, label, rank]), int(self.rank[start, label, rank])
        return Segmentation(torch.tensor(ends[::-1]), torch.tensor(labels[::-1]))

    def _forward(self) -> Tensor:
        """Fill the tables; return the list of segments that end at the chain's end."""
        p, n, k, C, chain = self.p, self.n, self.k, self.labels, self.chain
        K = p.duration.shape[0]
        phase = 0 if p.phase_offset is None else int(p.phase_offset[chain])
        if p.arrive is None:
            self.entry[0, :, 0] = p.start + (0 if p.begin is None else p.begin[chain, 0])
        reach = self.entry.clone()  # entry plus the content since
        longer = self.entry.new_full((C, k), -torch.inf)  # segments of K bases and more
        longer_from = torch.zeros(2, C, k, dtype=torch.int64)  # their start and rank
        ranks = torch.arange(k)
        prefix = self.entry.new_zeros(C)
        leave = longer
        for t in range(1, n + 1):
            low = max(0, t - K)
            base = self.content[t - 1]
            prefix = prefix + base
            reach[low:t] += base.unsqueeze(1)
            longer = longer + (base + p.tail).unsqueeze(1)
            exact = reach[low:t] + p.duration[: t - low].flip(0).unsqueeze(2)
            arrival = prefix + p.arrive[chain, t] if p.arrive is not None else torch.full_like(prefix, -torch.inf)
            scores = torch.cat([exact.permute(1, 0, 2).reshape(C, -1), longer, arrival.unsqueeze(1)], 1)
            origin = torch.stack([torch.arange(low, t).repeat_interleave(k), ranks.repeat(t - low)])
            origins = torch.cat(
                [origin.unsqueeze(1).expand(2, C, -1), longer_from, torch.zeros_like(longer_from[..., :1])], 2
            )
            leave, chosen = _top(scores, k)
            self.started[t], self.rank[t] = origins.gather(2, chosen.expand(2, C, k))
            if p.end is not None:
                leave = leave + p.end[chain, t - 1].unsqueeze(1)
            if t >= K:
                candidates = torch.cat([longer, exact[0]], 1)
                fresh = torch.stack([torch.full((C, k), t - K), ranks.expand(C, k)])
                longer, choice = _top(candidates, k)
                longer_from = torch.cat([longer_from, fresh], 2).gather(2, choice.expand(2, C, k))
            if t < n:
                step = p.transition[(t + phase) % p.period]
                onto = (leave.unsqueeze(2) + step.unsqueeze(1)).reshape(C * k, C).T
                self.entry[t], self.source[t] = _top(onto, k)
                if p.begin is not None:
                    self.entry[t] += p.begin[chain, t].unsqueeze(1)
                reach[t] = self.entry[t]
        return leave


def _top(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest of each row and their places; a shorter row is filled with -inf at place 0."""
    value, place = torch.topk(scores, min(k, scores.shape[1]), dim=1)
    missing = (0, k - value.shape[1])
    return torch.nn.functional.pad(value, missing, value=-torch.inf), torch.nn.functional.pad(place, missing)
