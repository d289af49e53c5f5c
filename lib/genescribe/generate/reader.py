"""Reading a locus: tracks, encoder, and what the features of its bases say about boundaries and contents."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor, nn

from genescribe.generate.config import GenerateModelConfig
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
        width = self.tracks.width
        # Hidden from `parameters()` and `state_dict()`: it is not trained and has a folder of its own.
        self._segment = [segment] if segment is not None else []
        if segment is not None:
            width += len(segment.scheme.channels)
        self.pretrained = None if config.pretrained is None else Pretrained(config.pretrained)
        self.adapt = None
        if self.pretrained is not None:
            self.adapt = nn.Linear(self.pretrained.width, config.encoder.conv_width)
            width += config.encoder.conv_width
        self.encoder = config.encoder.build(width)

    def forward(self, codes: Tensor, lengths: Tensor) -> Reading:
        """Read loci.

        Parameters
        ----------
        codes : (B, T) int64
            On the strand of the gene; anything past a length.
        lengths : (B,) int64
            Bases of each locus.
        """
        parts = [self.tracks(codes, lengths)]
        for segment in self._segment:
            parts.append(_posteriors(segment, codes, lengths))
        if self.pretrained is not None and self.adapt is not None:
            parts.append(self.adapt(self.pretrained(codes, lengths)))
        present = (torch.arange(codes.shape[1], device=codes.device) < lengths[:, None]).unsqueeze(-1)
        tracks = torch.cat(parts, dim=-1) * present
        bases, steps = self.encoder.both(tracks, lengths)
        held = -(-lengths // self.fold)
        mask = torch.arange(steps.shape[1], device=codes.device) < held[:, None]
        return Reading(bases, steps, mask, lengths)


@torch.no_grad()
def _posteriors(segment: SegmentModel, codes: Tensor, lengths: Tensor) -> Tensor:
    segment = segment.to(codes.device).eval()
    return segment.scores(codes & (2 * SOFTMASK - 1), lengths).logits.softmax(dim=-1)
