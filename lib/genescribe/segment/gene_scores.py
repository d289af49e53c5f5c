r"""Scores of the labels of the scheme `gene`, with -inf wherever the sequence forbids.

With the grammar of `gene_labels`, what is left is valid genes and nothing else:

* An initial or single exon begins only at a start codon in its own frame; a stop segment, three bases, only at a stop.
* The content of a coding base is -inf where it is the third of its codon and the codon always stops.
* An intron begins only at a donor and ends only at an acceptor.
* Introns within codons are named by what stands before them: `intron1_T` after T, `intron2_TA` after TA, `intron2_TG`
  after TG, the others after anything else. These three may not end where the next bases complete a stop codon. The
  exon behind has at least two bases, so the next bases are the codon's.

The second rule reads the three bases before a codon's end wherever they lie. Behind an intron one or two of them are
the intron's last: G behind AG, C behind AC, or AG and AC. Stops begin with T, so that no codon is forbidden wrongly.

An N is no signal and never part of a stop; what lies beyond a sequence's edge may be any base, and an intron that an
edge cuts needs no signal there. Both matter only within two bases of the edge, where a whole segment of the grammar's
least duration does not fit: what is read past an edge lets no invalid gene in.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genescribe.genome.alphabet import SOFTMASK
from genescribe.genome.genetic_code import GeneticCode
from genescribe.segment.expansion import Expansion
from genescribe.segment.gene import GeneScheme
from genescribe.segment.gene_labels import (
    EXONS,
    FRAMES,
    INITIAL,
    INTRON0,
    INTRON1,
    INTRON1_T,
    INTRON2,
    INTRON2_TA,
    INTRON2_TG,
    NAMES,
    SINGLE,
    STOP,
    UTR3_INTRON,
    UTR5_INTRON,
)
from genescribe.segment.gene_rules import EDGE, LETTERS, SignalTables

SIGNALS = ("start", "donor", "acceptor", "stop")
"""Boundaries that the network scores, whatever the label."""
_A, _G, _T = 0, 2, 3
_ALL_INTRONS = (UTR5_INTRON, *range(INTRON0, INTRON2_TG + 1), UTR3_INTRON)
_STARTS = tuple((frame, exon + frame) for exon in (SINGLE, INITIAL) for frame in FRAMES)


class GeneExpansion(Expansion):
    """Scores of ten channels and four signals into those of twenty-four labels, masked by the sequence.

    Parameters
    ----------
    scheme
        Which signals a gene must have.
    code
        Whose codons start and stop.
    """

    reach = 2
    start: Tensor
    stop: Tensor
    stop_inside: Tensor
    donor: Tensor
    acceptor: Tensor
    third: Tensor

    def __init__(self, scheme: GeneScheme, code: GeneticCode) -> None:
        super().__init__(scheme)
        self.signals = len(SIGNALS)
        tables = SignalTables.of(scheme.rules, code)
        for name in ("start", "stop", "stop_inside", "donor", "acceptor"):
            self.register_buffer(name, torch.from_numpy(getattr(tables, name)), persistent=False)
        third = torch.zeros(3, len(NAMES), dtype=torch.bool)
        for exon in EXONS:
            for frame in FRAMES:
                third[(frame + 2) % 3, exon + frame] = True
        self.register_buffer("third", third, persistent=False)

    def forward(
        self, content: Tensor, signals: Tensor | None, codes: Tensor, lengths: Tensor, offset: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return content, begin and end scores, (B, T, C) each; see `Expansion.forward`."""
        words = _Words(codes, lengths)
        position = words.position if offset is None else words.position + offset.unsqueeze(1)
        frames = (position % 3).expand(codes.shape)
        content = content.gather(2, self.routes[frames]).masked_fill(self._stopped(words, frames), -torch.inf)
        if signals is None:
            signals = content.new_zeros(*codes.shape, len(SIGNALS))
        begin, end = self._signals(signals)
        return (
            content,
            begin.masked_fill(~self._may_begin(words, frames), -torch.inf),
            end.masked_fill(~self._may_end(words), -torch.inf),
        )

    def _stopped(self, words: _Words, frames: Tensor) -> Tensor:
        """Return where a coding base completes a stop codon, (B, T, C) bool."""
        return self.third[frames] & self.stop_inside[words.number(-2, -1, 0)].unsqueeze(2)

    def _may_begin(self, words: _Words, frames: Tensor) -> Tensor:
        """Return which labels the sequence lets begin at each base, (B, T, C) bool."""
        may = torch.ones(*frames.shape, self.labels, dtype=torch.bool, device=frames.device)
        start = self.start[words.number(0, 1, 2)]
        for frame, label in _STARTS:
            may[..., label] = start & (frames == frame)
        may[..., STOP] = self.stop[words.number(0, 1, 2)]
        donor = self.donor[words.number(0, 1)] | words.first
        before, second = words.base(-1), words.base(-2)
        t, ta, tg = (before == _T), (second == _T) & (before == _A), (second == _T) & (before == _G)
        for label in (UTR5_INTRON, INTRON0, UTR3_INTRON):
            may[..., label] = donor
        may[..., INTRON1], may[..., INTRON1_T] = donor & ~t, donor & (t | (before == EDGE))
        may[..., INTRON2] = donor & ~ta & ~tg
        beyond = second == EDGE
        may[..., INTRON2_TA] = donor & (ta | (beyond & ((before == _A) | (before == EDGE))))
        may[..., INTRON2_TG] = donor & (tg | (beyond & ((before == _G) | (before == EDGE))))
        return may

    def _may_end(self, words: _Words) -> Tensor:
        """Return which labels the sequence lets end at each base, (B, T, C) bool."""
        may = torch.ones(*words.shape, self.labels, dtype=torch.bool, device=self.acceptor.device)
        acceptor = self.acceptor[words.number(-1, 0)] | words.last
        for label in _ALL_INTRONS:
            may[..., label] = acceptor
        following = words.number(1, 2)
        may[..., INTRON1_T] &= ~self.stop_inside[36 * _T + following]
        for label, base in ((INTRON2_TA, _A), (INTRON2_TG, _G)):
            may[..., label] &= ~self.stop_inside[36 * _T + LETTERS * base + words.base(1)]
        return may

    def _signals(self, signals: Tensor) -> tuple[Tensor, Tensor]:
        """Return the begin and end score of each label, (B, T, C), before masks."""
        start, donor, acceptor, stop = range(len(SIGNALS))
        none = len(SIGNALS)
        begins, ends = [none] * self.labels, [none] * self.labels
        for _, label in _STARTS:
            begins[label] = start
        begins[STOP] = stop
        for label in _ALL_INTRONS:
            begins[label], ends[label] = donor, acceptor
        padded = nn.functional.pad(signals, (0, 1))
        return padded[..., begins], padded[..., ends]


class _Words:
    """Bases around each base: codes 0..4 without softmask, `EDGE` beyond a sequence."""

    def __init__(self, codes: Tensor, lengths: Tensor) -> None:
        self.shape = codes.shape
        self.position = torch.arange(codes.shape[1], device=codes.device).unsqueeze(0)
        past = self.position >= lengths.unsqueeze(1)
        bases = (codes & (SOFTMASK - 1)).long().masked_fill(past, EDGE)
        self._padded = nn.functional.pad(bases, (2, 2), value=EDGE)

    def base(self, shift: int) -> Tensor:
        """Return the base `shift` places behind (before, if negative) each base, (B, T) int64."""
        return self._padded[:, 2 + shift : 2 + shift + self.shape[1]]

    def number(self, *shifts: int) -> Tensor:
        """Return the number of the word of the bases at these shifts, (B, T) int64."""
        number = torch.zeros(self.shape, dtype=torch.int64, device=self._padded.device)
        for shift in shifts:
            number = LETTERS * number + self.base(shift)
        return number

    @property
    def first(self) -> Tensor:
        """Whether each base is a sequence's first, (B, T) bool."""
        return self.base(-1) == EDGE

    @property
    def last(self) -> Tensor:
        """Whether each base is a sequence's last or past it, (B, T) bool."""
        return self.base(1) == EDGE
