"""Both strands of a sequence as one chain: a base is in a gene of one strand, in one of the other, or between genes.

Decoded apart, each strand explains what it can: codons of one strand look like codons of the other (shadows), and a
gene is stretched over another on the opposite strand, as an intron. In one path they exclude each other, as in
AUGUSTUS's states of both strands (Stanke & Waack 2003, Bioinformatics 19 Suppl. 2).

All is in the coordinates of the plus strand: segments of the minus strand follow each other backwards, begin where they
end, and count phases from the other end. Content is that of a label less that between genes on its own strand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genescribe.crf.stream import RunStream
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation
from genescribe.segment.network.model import Scores, SegmentModel

Rows = NDArray[Any]


class BothStrands:
    """A strand's model, mirrored: the label between genes, then those of the plus and those of the minus strand.

    Parameters
    ----------
    p
        The model of one strand, its edges included; of its content nothing is read.
    background
        Label between genes, which the strands share.
    length
        Bases of the sequence.
    groups
        First and end of labels that stand together; both strands' labels of a group come before those of the next. Of
        the last labels the native kernels step over those that are forbidden throughout a block of bases.
    """

    def __init__(
        self, p: Potentials, background: int, length: int, groups: Sequence[tuple[int, int]] | None = None
    ) -> None:
        self._background, self._length, self._count = background, length, p.transition.shape[-1]
        kept = _reachable(p, background)
        # Labels of both strands, those of the minus strand counted on; the label between genes is that of the plus.
        index = [background]
        for first, end in groups or [(0, self._count)]:
            inside = [label for label in kept if first <= label < end]
            index += [*inside, *(self._count + label for label in inside)]
        self._index = torch.tensor(index)
        self._runs = _slices(index, self._count)
        self.potentials = self._mirrored(p)
        self._begun: list[RunStream] = []

    def of_length(self, length: int) -> BothStrands:
        """Return this for a sequence of another length, the same modulo the period of the model.

        Parameters
        ----------
        length
            Number of bases of the sequence.
        """
        other = copy(self)
        other._length = length
        return other

    @property
    def labels(self) -> int:
        """Number of labels of both strands together."""
        return len(self._index)

    def _mirrored(self, p: Potentials) -> Potentials:
        b, n = self._background, self._count
        plus, minus = slice(0, n), slice(n, 2 * n)
        transition = p.transition.new_full((p.period, 2 * n, 2 * n), -torch.inf)
        for phase in range(p.period):
            # A boundary lies as far from the one end as its mirror image from the other.
            mirrored = p.transition[(self._length - phase) % p.period].T
            transition[phase, plus, plus], transition[phase, minus, minus] = p.transition[phase], mirrored
            transition[phase, b, minus], transition[phase, minus, b] = mirrored[b], mirrored[:, b]

        def doubled(values: Tensor, reverse: Tensor) -> Tensor:
            return torch.cat([values, reverse], dim=-1)[..., self._index]

        return replace(
            p,
            content=p.content.new_zeros(1, 1, self.labels),
            transition=transition[:, self._index][:, :, self._index],
            duration=doubled(p.duration, p.duration),
            tail=doubled(p.tail, p.tail),
            start=doubled(p.start, p.final),
            final=doubled(p.final, p.start),
            explicit=None if p.explicit is None else doubled(p.explicit, p.explicit),
        )

    def single(self, single: Tensor) -> Tensor:
        """Return which labels are single bases, given those of one strand, (labels,) bool."""
        return torch.cat([single, single])[self._index]

    def scores(self, plus: Scores, minus: Scores) -> tuple[Rows, Rows, Rows]:
        """Return content, begin and end of a stretch of the plus strand, (n, labels) each.

        Parameters
        ----------
        plus, minus
            Scores of the stretch on either strand, 5' to 3', as batches of one.
        """
        assert plus.begin is not None and plus.end is not None and minus.begin is not None and minus.end is not None
        b = slice(self._background, self._background + 1)
        forward, backward = plus.content[0].numpy(), minus.content[0].numpy()
        # Against between genes, each on its own strand.
        forward = forward - forward[:, b] if forward[:, b].any() else forward
        backward = backward - backward[:, b] if backward[:, b].any() else backward
        return (
            self._columns(forward, backward),
            self._columns(plus.begin[0].numpy(), minus.end[0].numpy()),
            self._columns(plus.end[0].numpy(), minus.begin[0].numpy()),
        )

    def decode(
        self, scores: Callable[[int, int], tuple[Scores, Scores]], stretch: int, single: Tensor, backend: str
    ) -> tuple[Segmentation, Segmentation]:
        """Return the best path of each strand, 5' to 3'.

        Parameters
        ----------
        scores
            From the first and the end of a stretch of the plus strand to the scores of it on either strand.
        stretch
            Bases at a time.
        single : (C,) bool
            Labels of one strand that are single bases.
        backend
            As `RunStream`.
        """
        # Laid out once for all sequences: of short ones there may be thousands.
        if not self._begun:
            self._begun.append(RunStream(self.potentials, self.single(single), 0, backend))
        stream = self._begun[0].another()
        for start in range(0, self._length, stretch):
            content, begin, end = self.scores(*scores(start, min(start + stretch, self._length)))
            stream.push(content, begin=begin, end=end)
        return self.split(stream.finish())

    def _columns(self, plus: Rows, minus: Rows) -> Rows:
        columns = np.empty((len(plus), self.labels), dtype=plus.dtype)
        backwards, to = minus[::-1], 0
        for run in self._runs:
            source, first = (plus, run.start) if run.start < self._count else (backwards, run.start - self._count)
            size = run.stop - run.start
            columns[:, to : to + size] = source[:, first : first + size]
            to += size
        return columns

    def split(self, path: Segmentation) -> tuple[Segmentation, Segmentation]:
        """Return the path of each strand, 5' to 3': segments of the other strand are intergenic."""
        n, b = self._count, self._background
        plus = torch.where(self._index < n, self._index, b)
        minus = torch.where(self._index < n, b, self._index - n)
        backwards = self._length - path.starts.flip(0)
        return self._joined(path.ends, plus[path.labels]), self._joined(backwards, minus[path.labels].flip(0))

    def _joined(self, ends: Tensor, labels: Tensor) -> Segmentation:
        """Return the segments, neighbours between genes made one."""
        last = torch.ones_like(labels, dtype=torch.bool)
        last[:-1] = ~((labels[1:] == self._background) & (labels[:-1] == self._background))
        return Segmentation(ends[last], labels[last])


class Pairs:
    """The models of both strands of sequences without evidence, laid out once each.

    Parameters
    ----------
    model
        Model of a strand.
    edges
        With which labels a strand may begin and end, (C,) bool; None: as the model allows.

    Attributes
    ----------
    single_strand
        The model of one strand without scores of bases, on the CPU.
    """

    def __init__(self, model: SegmentModel, edges: tuple[Tensor | None, Tensor | None]) -> None:
        device = next(model.parameters()).device
        nothing = torch.zeros(1, 1, len(model.scheme.names), device=device)
        p = model.crf.potentials(nothing, torch.ones(1, dtype=torch.int64, device=device))
        self.single_strand = p.restricted(*edges).detach().to(device=torch.device("cpu"))
        self._background, self._known = model.scheme.background, dict[int, BothStrands]()

    def of_length(self, length: int) -> BothStrands:
        """Return the model of both strands of a sequence; those of one length modulo the period share their tables.

        Parameters
        ----------
        length
            Bases of the sequence.
        """
        phase = length % self.single_strand.period
        if phase not in self._known:
            self._known[phase] = BothStrands(self.single_strand, self._background, length)
        return self._known[phase].of_length(length)


def _reachable(p: Potentials, background: int) -> list[int]:
    """Return the labels but the background that some path may come to."""
    leads = (p.transition > -torch.inf).any(dim=0)
    reached = (p.start > -torch.inf) | leads[background]
    for _ in range(len(reached)):
        reached = reached | leads[reached].any(dim=0)
    return [label for label in reached.nonzero().flatten().tolist() if label != background]


def _slices(labels: list[int], count: int) -> list[slice]:
    """Return labels as slices of neighbours, all of which are below `count` or none."""
    slices: list[slice] = []
    for label in labels:
        if slices and slices[-1].stop == label != count:
            slices[-1] = slice(slices[-1].start, label + 1)
        else:
            slices.append(slice(label, label + 1))
    return slices
