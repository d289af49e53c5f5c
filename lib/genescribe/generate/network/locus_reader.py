"""Reading a locus: tracks, encoder, and scores of boundaries and contents from the features of its bases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor, nn

from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.loci.hint_flags import FLAGS, hint_tracks
from genescribe.generate.network.bpe import DnaTokenizer
from genescribe.generate.network.pretrained import Pretrained
from genescribe.genome.alphabet import SOFTMASK
from genescribe.genome.genetic_code import GeneticCode
from genescribe.nn.encoder import Encoder, padding_mask
from genescribe.segment.network.features import Tracks
from genescribe.segment.network.model import SegmentModel


class Content(IntEnum):
    """Class of a base in the first transcript that covers it."""

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
        True at the steps that are no padding.
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
        Folded steps, to be given their context.
    counts, lengths : (B,) int64
        Steps and bases of each locus.
    width
        Number of bases, T.
    places : (B, T + 1) float
        Where among the steps each boundary lies.
    owners : (B, T) int64
        The step of each base, where steps are tokens.
    """

    local: Tensor
    steps: Tensor
    counts: Tensor
    lengths: Tensor
    width: int
    places: Tensor
    owners: Tensor | None = None

    @property
    def mask(self) -> Tensor:
        """True for steps, False for padding, (B, S)."""
        return torch.arange(self.steps.shape[1], device=self.counts.device) < self.counts[:, None]


class Reader(nn.Module):
    """Base codes (B, T) to a `Reading`, in two halves with context between them.

    What a locus is read as depends neither on padding nor on its batch.

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
        self.encoder = self._encoder(config, width)

    def _encoder(self, config: GenerateModelConfig, width: int) -> Encoder:
        return Encoder(config.encoder, width, context=config.architecture == "encoder_decoder")

    def context(self, entered: Entered) -> Tensor:
        """Return the steps in the encoder's own context."""
        states: Tensor = self.encoder.context(self.encoder.dropout(entered.steps), entered.counts)
        return states

    def enter(self, codes: Tensor, lengths: Tensor) -> Entered:
        """Return loci up to where context comes in.

        Parameters
        ----------
        codes : (B, T) int64
            On the strand of the gene; anything past a length.
        lengths : (B,) int64
            Bases of each locus.
        """
        local, steps = self.encoder.enter(self._tracks(codes, lengths), lengths)
        return Entered(local, steps, self.encoder.held(lengths), lengths, codes.shape[1], self._places(codes))

    def leave(self, entered: Entered, states: Tensor) -> Reading:
        """Return the encoded loci, given their steps in context (B, S, D)."""
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


class TokenReader(Reader):
    """A reader whose steps are tokens of byte-pair encoding.

    What context is carried among is the tokens alone, as in the encoder whose weights it may begin with; the features
    of a base are local ones and the state of its token.
    """

    def __init__(self, config: GenerateModelConfig, segment: SegmentModel | None = None) -> None:
        super().__init__(config, segment)
        assert config.prefix.tokenizer is not None
        self.tokenizer = DnaTokenizer.load(config.prefix.tokenizer)
        width = config.encoder.hidden_dim
        self.embed = nn.Embedding(len(self.tokenizer), width)
        nn.init.normal_(self.embed.weight, std=0.02)
        published = config.prefix.preset == "dnabert2"
        self.embed_norm = nn.LayerNorm(width, eps=1e-12) if published else nn.RMSNorm(width)
        self.dropout = nn.Dropout(config.dropout)

    def _encoder(self, config: GenerateModelConfig, width: int) -> Encoder:
        return Encoder(replace(config.encoder, fold=1), width, context=False, fold=False)

    def enter(self, codes: Tensor, lengths: Tensor) -> Entered:
        """Return loci up to where context comes in."""
        device = codes.device
        rows = codes.cpu().numpy().astype(np.uint8)
        pairs = [self.tokenizer.encode(row[:n]) for row, n in zip(rows, lengths.tolist(), strict=True)]
        B, T, S = len(pairs), codes.shape[1], max(len(ids) for ids, _ in pairs)
        tokens = np.full((B, S), self.tokenizer.id("[PAD]"))
        owners, places = np.zeros((B, T), dtype=np.int64), np.zeros((B, T + 1), dtype=np.float32)
        for b, (ids, sizes) in enumerate(pairs):
            tokens[b, : len(ids)] = ids
            owner = np.repeat(np.arange(len(ids)), sizes)
            inside = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            owners[b, : len(owner)] = owner
            # The boundary before a base lies in its token by the share of the token that is before it.
            places[b, : len(owner)] = owner + inside / sizes[owner]
            places[b, len(owner) :] = len(ids) - 1
        steps = self.dropout(self.embed_norm(self.embed(torch.from_numpy(tokens).to(device))))
        counts = torch.tensor([len(ids) for ids, _ in pairs], device=device)
        local = self.encoder.local(self._tracks(codes, lengths), padding_mask(lengths, T))
        there = [torch.from_numpy(part).to(device) for part in (places, owners)]
        return Entered(local, steps, counts, lengths, T, there[0], there[1])

    def leave(self, entered: Entered, states: Tensor) -> Reading:
        """Return the encoded loci, given their tokens in context (B, S, D)."""
        assert entered.owners is not None
        encoder = self.encoder
        tokens = encoder.unfold(encoder.dropout(states))
        context = tokens.gather(1, entered.owners.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))
        bases = encoder.joined(entered.local, context, padding_mask(entered.lengths, entered.width))
        return Reading(bases, states, entered.mask, entered.lengths)


@torch.no_grad()
def _posteriors(segment: SegmentModel, codes: Tensor, lengths: Tensor) -> Tensor:
    """Return a segment model's posteriors of every base.

    The posterior of each base by itself (B, T, channels); and, of whole segmentations, the probability that a base has
    a label, and that a segment of it begins (ends) there (B, T, 3 labels).
    """
    segment = segment.to(codes.device).eval()
    with torch.autocast(codes.device.type, enabled=False):
        scores = segment.scores(codes & (2 * SOFTMASK - 1), lengths)
        marginals = segment.crf.marginals(scores.content, lengths, **scores.boundaries)
    parts = [scores.logits.softmax(dim=-1), marginals.position, marginals.begin, marginals.end]
    return torch.cat([part.float() for part in parts], dim=-1)
