"""Scores of the labels of the scheme `gene`, with -inf wherever the sequence forbids a label.

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
from genescribe.kernels.cpu import sequence_tracks
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_labels import (
    CHANNELS,
    EXONS,
    FRAMES,
    INITIAL,
    INTRON0,
    INTRON1,
    INTRON1_T,
    INTRON2,
    INTRON2_TA,
    INTRON2_TG,
    SINGLE,
    STOP,
    UTR3_INTRON,
    UTR5_INTRON,
)
from genescribe.labels.gene_rules import EDGE, LETTERS, SignalTables
from genescribe.segment.network.expansion import Expansion

SIGNALS = ("start", "donor", "acceptor", "stop")
"""Boundaries that the network scores, for all labels alike."""
PHASES = 3
"""Additional scores of donors and acceptors, by the bases of a codon before the intron: further signals, or none."""
PHASED = ("donor", "acceptor")
"""Signals that have them, in their order behind `SIGNALS`."""
_A, _G, _T = 0, 2, 3

# Labels that share a column of scores, column by column; all others share column 0, which is 0 everywhere.
_BEGINS: tuple[tuple[int, ...], ...] = (
    *((SINGLE + frame, INITIAL + frame) for frame in FRAMES),
    (STOP,),
    (INTRON0, UTR5_INTRON, UTR3_INTRON),
    *((intron,) for intron in (INTRON1, INTRON1_T, INTRON2, INTRON2_TA, INTRON2_TG)),
)
_ENDS = (
    (INTRON0, UTR5_INTRON, UTR3_INTRON),
    *((intron,) for intron in (INTRON1, INTRON2, INTRON1_T, INTRON2_TA, INTRON2_TG)),
)


class GeneExpansion(Expansion):
    """Scores of ten channels and four or ten signals into those of twenty-four labels, masked by the sequence.

    Parameters
    ----------
    scheme
        Label scheme, with the start codons, stop codons and splice sites that it allows.
    code
        Genetic code, for its start and stop codons.
    phased
        There are signals of `PHASES` too.
    """

    reach = 2
    start: Tensor
    stop: Tensor
    stop_inside: Tensor
    donor: Tensor
    acceptor: Tensor
    content_column: Tensor
    begin_column: Tensor
    end_column: Tensor

    def __init__(self, scheme: GeneScheme, code: GeneticCode, phased: bool = False) -> None:
        super().__init__(scheme)
        self.signals = len(SIGNALS) + (len(PHASED) * PHASES if phased else 0)
        tables = SignalTables.of(scheme.rules, code, training=False)
        for name in ("start", "stop", "stop_inside", "donor", "acceptor"):
            self.register_buffer(name, torch.from_numpy(getattr(tables, name)), persistent=False)
        # Behind the channels stand the three frames of coding bases.
        content = self.routes[0].clone()
        for exon in EXONS:
            for frame in FRAMES:
                content[exon + frame] = self.channels + frame
        self.register_buffer("content_column", content, persistent=False)
        for name, groups in (("begin_column", _BEGINS), ("end_column", _ENDS)):
            columns = torch.zeros(self.labels, dtype=torch.int64)
            for column, labels in enumerate(groups, 1):
                columns[list(labels)] = column
            self.register_buffer(name, columns, persistent=False)

    def forward(
        self, content: Tensor, signals: Tensor | None, codes: Tensor, lengths: Tensor, offset: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return content, begin and end scores, (B, T, C) each; see `Expansion.forward`."""
        if self._suits_native(content, codes, lengths):
            tables = {name: getattr(self, name) for name in (*sequence_tracks.WORDS, *sequence_tracks.LABEL_COLUMNS)}
            offsets = [0] * len(codes) if offset is None else offset.tolist()
            return sequence_tracks.gene_scores(content, signals, codes, offsets, tables, CHANNELS.index("codon1"))
        return self.reference(content, signals, codes, lengths, offset)

    def reads(self, codes: Tensor, lengths: Tensor) -> Tensor:
        """Return which signals `forward` reads, (B, T, signals) bool: those that the sequence allows."""
        words = _Words(codes, lengths)
        codon = words.number(0, 1, 2)
        donor, acceptor = self.donor[words.number(0, 1)] | words.first, self.acceptor[words.number(-1, 0)] | words.last
        phased = [donor] * PHASES + [acceptor] * PHASES if self.signals > len(SIGNALS) else []
        return torch.stack([self.start[codon], donor, acceptor, self.stop[codon], *phased], dim=2)

    @staticmethod
    def _suits_native(content: Tensor, codes: Tensor, lengths: Tensor) -> bool:
        plain = not torch.is_grad_enabled() and content.dtype == torch.float32 and content.device.type == "cpu"
        return plain and sequence_tracks.takes(codes) and int(lengths.min()) == codes.shape[1]

    def reference(
        self, content: Tensor, signals: Tensor | None, codes: Tensor, lengths: Tensor, offset: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the same by PyTorch, differentiable; see `GeneExpansion.forward`."""
        words = _Words(codes, lengths)
        position = words.position if offset is None else words.position + offset.unsqueeze(1)
        frames = (position % 3).expand(codes.shape)
        if signals is None:
            signals = content.new_zeros(*codes.shape, len(SIGNALS))
        start, donor, acceptor, stop, *phased = signals.unbind(2)
        donors, acceptors = [donor] * PHASES, [acceptor] * PHASES
        if phased:
            donors = [donor + more for more in phased[:PHASES]]
            acceptors = [acceptor + more for more in phased[PHASES:]]
        return (
            _spread(self._content(content, words, frames), self.content_column),
            _spread(self._begin(start, donors, stop, words, frames), self.begin_column),
            _spread(self._end(acceptors, words), self.end_column),
        )

    def _content(self, content: Tensor, words: _Words, frames: Tensor) -> Tensor:
        """Return the channels, and the scores of coding bases of each frame, -inf where a stop is completed."""
        place = (frames.unsqueeze(2) - torch.arange(3, device=frames.device)) % 3
        coding = content.gather(2, place + CHANNELS.index("codon1"))
        stopped = self.stop_inside[words.number(-2, -1, 0)].unsqueeze(2) & (place == 2)
        return torch.cat([content, coding.masked_fill(stopped, -torch.inf)], dim=2)

    def _begin(self, start: Tensor, donors: list[Tensor], stop: Tensor, words: _Words, frames: Tensor) -> Tensor:
        codon = words.number(0, 1, 2)
        is_start, site = self.start[codon], self.donor[words.number(0, 1)] | words.first
        before, second = words.base(-1), words.base(-2)
        t, ta, tg = (before == _T), (second == _T) & (before == _A), (second == _T) & (before == _G)
        # Beyond the edge may be what an intron carries, and may be anything else.
        unseen, half = before == EDGE, second == EDGE
        return _stack(
            *(_where(is_start & (frames == frame), start) for frame in FRAMES),
            _where(self.stop[codon], stop),
            _where(site, donors[0]),
            _where(site & ~t, donors[1]),
            _where(site & (t | unseen), donors[1]),
            _where(site & ~ta & ~tg, donors[2]),
            _where(site & (ta | unseen | (half & (before == _A))), donors[2]),
            _where(site & (tg | unseen | (half & (before == _G))), donors[2]),
        )

    def _end(self, acceptors: list[Tensor], words: _Words) -> Tensor:
        site = self.acceptor[words.number(-1, 0)] | words.last
        following, carried = words.base(1), LETTERS * LETTERS * _T
        return _stack(
            *(_where(site, acceptor) for acceptor in acceptors),
            _where(site & ~self.stop_inside[carried + words.number(1, 2)], acceptors[1]),
            _where(site & ~self.stop_inside[carried + LETTERS * _A + following], acceptors[2]),
            _where(site & ~self.stop_inside[carried + LETTERS * _G + following], acceptors[2]),
        )


def _where(allowed: Tensor, score: Tensor) -> Tensor:
    return score.masked_fill(~allowed, -torch.inf)


def _stack(*columns: Tensor) -> Tensor:
    """Return a column of zeros and the given, (B, T, columns)."""
    return torch.stack([torch.zeros_like(columns[0]), *columns], dim=2)


def _spread(columns: Tensor, column: Tensor) -> Tensor:
    """Return the column of each label, (B, T, C)."""
    return columns.gather(2, column.expand(*columns.shape[:2], len(column)))


class _Words:
    """Bases around each base: codes 0..4 without softmask, `EDGE` beyond a sequence."""

    def __init__(self, codes: Tensor, lengths: Tensor) -> None:
        self.shape = codes.shape
        self.position = torch.arange(codes.shape[1], device=codes.device).unsqueeze(0)
        past = self.position >= lengths.unsqueeze(1)
        bases = (codes & (SOFTMASK - 1)).long().masked_fill(past, EDGE)
        self._padded = nn.functional.pad(bases, (2, 2), value=EDGE)

    def base(self, shift: int) -> Tensor:
        """Return the base `shift` places behind each base (before it, if negative), (B, T) int64."""
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
