"""Both strands of a sequence as one chain: a base is in a gene of one strand, in one of the other, or between genes.

Decoded apart, each strand explains what it can: codons of one strand look like codons of the other (shadows), and a gene
is stretched over another on the opposite strand, as an intron. In one path they exclude each other, as in AUGUSTUS's
states of both strands (Stanke & Waack 2003, Bioinformatics 19 Suppl. 2).

The labels of the minus strand stand behind those of the plus strand, in the coordinates of the plus strand: their
segments follow each other backwards, begin where they end, and count phases from the other end. Content is that of a
label less that between genes on its own strand.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from genescribe.kernels.potentials import Potentials, Segmentation
from genescribe.segment.model import Scores


class BothStrands:
    """A strand's model, mirrored.

    Parameters
    ----------
    labels
        C, of one strand.
    background
        The label between genes, which the strands share.
    length
        Bases of the sequence.
    """

    def __init__(self, labels: int, background: int, length: int) -> None:
        self._labels, self._background, self._length = labels, background, length
        self._others = torch.tensor([label for label in range(labels) if label != background])

    def potentials(self, p: Potentials) -> Potentials:
        """Return the model of 2 C - 1 labels, given that of one strand (edges included); one base of content."""
        C, others, b = self._labels, self._others, self._background
        P, both = p.period, 2 * C - 1
        transition = p.transition.new_full((P, both, both), -torch.inf)
        transition[:, :C, :C] = p.transition
        for phase in range(P):
            # A boundary lies as far from the one end as its mirror image from the other.
            mirrored = p.transition[(self._length - phase) % P].T
            transition[phase, C:, C:] = mirrored[others][:, others]
            transition[phase, b, C:] = mirrored[b, others]
            transition[phase, C:, b] = mirrored[others, b]

        def doubled(values: Tensor, other: Tensor | None = None) -> Tensor:
            return torch.cat([values, (values if other is None else other)[..., others]], dim=-1)

        return replace(
            p,
            content=p.content.new_zeros(1, 1, both),
            transition=transition,
            duration=doubled(p.duration),
            tail=doubled(p.tail),
            start=doubled(p.start, p.final),
            final=doubled(p.final, p.start),
            explicit=None if p.explicit is None else doubled(p.explicit),
        )

    def single(self, single: Tensor) -> Tensor:
        """Return which labels are single bases, (2 C - 1,) bool."""
        return torch.cat([single, single[self._others]])

    def scores(self, plus: Scores, minus: Scores) -> tuple[Tensor, Tensor, Tensor]:
        """Return content, begin and end of a stretch of the plus strand, (n, 2 C - 1) each.

        Parameters
        ----------
        plus, minus
            Scores of the stretch on either strand, 5' to 3', as batches of one.
        """
        b, others = self._background, self._others
        forward, backward = plus.content[0], minus.content[0].flip(0)
        content = torch.cat([forward - forward[:, b : b + 1], backward[:, others] - backward[:, b : b + 1]], dim=1)
        assert plus.begin is not None and plus.end is not None and minus.begin is not None and minus.end is not None
        begin = torch.cat([plus.begin[0], minus.end[0].flip(0)[:, others]], dim=1)
        end = torch.cat([plus.end[0], minus.begin[0].flip(0)[:, others]], dim=1)
        return content, begin, end

    def split(self, path: Segmentation) -> tuple[Segmentation, Segmentation]:
        """Return the path of each strand, 5' to 3': what is of the other strand lies between genes."""
        b, C = self._background, self._labels
        plus = torch.where(path.labels < C, path.labels, b)
        own = self._others[(path.labels - C).clamp(min=0)]
        minus = torch.where(path.labels >= C, own, b)
        return self._joined(path.ends, plus), self._joined(self._length - path.starts.flip(0), minus.flip(0))

    def _joined(self, ends: Tensor, labels: Tensor) -> Segmentation:
        """Return the segments, neighbours between genes made one."""
        last = torch.ones_like(labels, dtype=torch.bool)
        last[:-1] = ~((labels[1:] == self._background) & (labels[:-1] == self._background))
        return Segmentation(ends[last], labels[last])
