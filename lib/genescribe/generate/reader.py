"""Reading a locus: tracks, encoder, and what the features of its bases say about boundaries and contents."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor, nn

from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.hints import FLAGS, hint_tracks
from genescribe.generate.pretrained import Pretrained
from genescribe.genome.alphabet import SOFTMASK
from genescribe.genome.genetic_code import GeneticCode
from genescribe.segment.features import Tracks
from genescribe.segment.model import SegmentModel


class Content(IntEnum):
    """What a base is, in the first transcript that covers it."""

    CODON1 = 0
    CODON2 = 1
    CODON3 = 2
    UTR5 = 3
    UTR3 = 4
    INTRON = 5
    OUTSIDE = 6


@dataclass
class Reading:
    """A batch of loci as the encoder sees them.

    Attributes
    ----------
    bases : (B, T, W)
        Features of every base; zero past a locus's end.
    steps : (B, S, D)
        The encoder's steps.
    step_mask : (B, S) bool
        Which of them there are.
    lengths : (B,) int64
        Bases of each locus.
    """

    bases: Tensor
    steps: Tensor
    step_mask: Tensor
    lengths: Tensor


@dataclass
class Entered:
    """A batch of loci up to where context comes in.

    Attributes
    ----------
    local : (B, T', W)
        Features of every base that know their neighbourhood; T' is T, or more.
    steps : (B, S, D)
        What context is to be carried among.
    counts, lengths : (B,) int64
        Steps and bases of each locus.
    width
        T.
    places : (B, T + 1) float
        Where among the steps each boundary lies.
    """

    local: Tensor
    steps: Tensor
    counts: Tensor
    lengths: Tensor
    width: int
    places: Tensor

    @property
    def mask(self) -> Tensor:
        """Which steps there are, (B, S)."""
        return torch.arange(self.steps.shape[1], device=self.counts.device) < self.counts[:, None]


class Reader(nn.Module):
    """(B, T) codes -> `Reading`. What a locus is read as depends neither on padding nor on its batch.

    Parameters
    ----------
    config
        The model's options; the genetic code is set.
    segment
        A trained model whose posteriors are further tracks.
    """

    def __init__(self, config: GenerateModelConfig, segment: SegmentModel | None = None) -> None:
        super().__init__()
        code = GeneticCode.from_table(config.genetic_code)
        self.tracks = Tracks(config.features, code, config.feature_cap, config.softmask_dropout)
        self.fold = config.encoder.fold
        self.hinted = config.hints is not None
        width = self.tracks.width + len(FLAGS) * self.hinted
        # Hidden from `parameters()` and `state_dict()`: it is not trained and has a folder of its own.
        self._segment = [segment] if segment is not None else []
        if segment is not None:
            width += len(segment.scheme.channels) + 3 * len(segment.scheme.names)
        self.pretrained = None if config.pretrained is None else Pretrained(config.pretrained)
        self.adapt = None
        if self.pretrained is not None:
            self.adapt = nn.Linear(self.pretrained.width, config.encoder.conv_width)
            width += config.encoder.conv_width
        self.encoder = config.encoder.build(width, context=config.architecture == "encoder_decoder")

    def forward(self, codes: Tensor, lengths: Tensor) -> Reading:
        """Read loci with the encoder's own context.

        Parameters
        ----------
        codes : (B, T) int64
            On the strand of the gene; anything past a length.
        lengths : (B,) int64
            Bases of each locus.
        """
        entered = self.enter(codes, lengths)
        return self.leave(entered, self.context(entered))

    def context(self, entered: Entered) -> Tensor:
        """Return the steps in the encoder's own context."""
        states: Tensor = self.encoder.context(self.encoder.dropout(entered.steps), entered.counts)
        return states

    def enter(self, codes: Tensor, lengths: Tensor) -> Entered:
        """Return loci up to where context comes in."""
        local, steps = self.encoder.enter(self._tracks(codes, lengths), lengths)
        return Entered(local, steps, self.encoder.held(lengths), lengths, codes.shape[1], self._places(codes))

    def leave(self, entered: Entered, states: Tensor) -> Reading:
        """Return what was read of loci, given their steps in context (B, S, D)."""
        bases = self.encoder.leave(entered.local, states, entered.lengths)[:, : entered.width]
        return Reading(bases, states, entered.mask, entered.lengths)

    def _places(self, codes: Tensor) -> Tensor:
        places = torch.arange(codes.shape[1] + 1, device=codes.device) / self.fold
        return places.expand(len(codes), -1)

    def _tracks(self, codes: Tensor, lengths: Tensor) -> Tensor:
        parts = [self.tracks(codes, lengths)] + ([hint_tracks(codes)] if self.hinted else [])
        for segment in self._segment:
            parts.append(_posteriors(segment, codes, lengths))
        if self.pretrained is not None and self.adapt is not None:
            parts.append(self.adapt(self.pretrained(codes, lengths)))
        present = (torch.arange(codes.shape[1], device=codes.device) < lengths[:, None]).unsqueeze(-1)
        return torch.cat(parts, dim=-1) * present


@torch.no_grad()
def _posteriors(segment: SegmentModel, codes: Tensor, lengths: Tensor) -> Tensor:
    """Return what a segment model makes of every base.

    The posterior of each base by itself (B, T, channels); and, of whole segmentations, the probability that a base has
    a label, and that a segment of it begins (ends) there (B, T, 3 labels).
    """
    segment = segment.to(codes.device).eval()
    with torch.autocast(codes.device.type, enabled=False):
        scores = segment.scores(codes & (2 * SOFTMASK - 1), lengths)
        whole = segment.crf.marginals(scores.content, lengths, **scores.boundaries)
    parts = [scores.logits.softmax(dim=-1), whole.position, whole.begin, whole.end]
    return torch.cat([part.float() for part in parts], dim=-1)
