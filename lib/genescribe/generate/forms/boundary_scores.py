"""Scores of boundaries: starts and ends of features, from the features of nearby bases and those in between.

The score of a boundary is a sum of what it looks like (evidence a type of boundary, and how well it fits what the
decoder seeks), how far it is from the one before (a table of log distances), and what the bases in between are: the
sum of their log odds of being coding in the frame at hand, untranslated, intronic or outside. The last two are what a
semi-Markov model scores a segment with; here they enter the choice of the next boundary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genescribe.generate.network.locus_reader import Content, Reading
from genescribe.generate.text.grammar import CHOICES
from genescribe.generate.text.sentence import Kind

_ROLES = 2 * len(CHOICES)
_BUCKETS = 70
_CLAMP = 6.0
_FRAMES = 3
_STRETCH = {Kind.UTR5: Content.UTR5, Kind.UTR3: Content.UTR3}
_COUNT = len(Content)


@dataclass
class Boundaries:
    """Features of the boundaries 0..T of a batch of loci, computed once per locus.

    Attributes
    ----------
    keys : (B, T + 1, D)
        Features that pointers are compared with.
    evidence : (B, roles, T + 1)
        How well it fits each type of boundary.
    content : (B, contents, T + 1)
        Log odds of a content, summed over the bases before; the first three are coding frames.
    logits : (B, T, contents)
        Content of each base; see `Content`.
    lengths : (B,)
        Bases of each locus.
    """

    keys: Tensor
    evidence: Tensor
    content: Tensor
    logits: Tensor
    lengths: Tensor

    def rows(self, index: Tensor) -> Boundaries:
        """Return some rows."""
        return Boundaries(
            self.keys[index], self.evidence[index], self.content[index], self.logits[index], self.lengths[index]
        )


@dataclass
class Sought:
    """Boundaries that are sought, P in each of B loci.

    Attributes
    ----------
    choice : (B, P) int64
        Type and phase of the feature, a place in `CHOICES`.
    is_end : (B, P) bool
        Its end, not its beginning.
    anchor : (B, P) int64
        Its beginning, where the end is sought; else the end of the feature before, 0 for the first.
    first : (B, P) bool
        It is the first feature.
    """

    choice: Tensor
    is_end: Tensor
    anchor: Tensor
    first: Tensor


class BoundaryScorer(nn.Module):
    """Scores of boundaries.

    Parameters
    ----------
    width
        Of the features of a base.
    hidden
        Of the decoder's states.
    pointer
        Width in which keys and queries meet.
    content_scale
        First factor of the contents.
    """

    phases: Tensor
    stretches: Tensor

    def __init__(self, width: int, hidden: int, pointer: int, content_scale: float) -> None:
        super().__init__()
        self.look = nn.Sequential(nn.Linear(2 * width, 2 * pointer), nn.GELU(), nn.Linear(2 * pointer, pointer))
        self.evidence = nn.Linear(pointer, _ROLES)
        self.content = nn.Linear(width, _COUNT)
        self.query = nn.Linear(hidden, pointer)
        self.distances = nn.Parameter(torch.zeros(_ROLES, _BUCKETS))
        self.scales = nn.Parameter(torch.full((_ROLES,), content_scale))
        phases = torch.tensor([phase or 0 for _, phase in CHOICES])
        self.register_buffer("phases", phases, persistent=False)
        stretches = torch.tensor([_STRETCH.get(kind, Content.CODON1) for kind, _ in CHOICES])
        self.register_buffer("stretches", stretches, persistent=False)

    def survey(self, reading: Reading) -> Boundaries:
        """Return the features of the boundaries of some loci."""
        bases = nn.functional.pad(reading.bases, (0, 0, 1, 1))
        keys = self.look(torch.cat([bases[:, :-1], bases[:, 1:]], dim=-1))
        logits = self.content(reading.bases)
        return Boundaries(
            keys, self.evidence(keys).transpose(1, 2), self._sums(logits.float()), logits, reading.lengths
        )

    @staticmethod
    def _sums(logits: Tensor) -> Tensor:
        logs = logits.log_softmax(dim=-1)
        odds = (logs - torch.log1p(-logs.exp().clamp(max=1 - 1e-6))).clamp(-_CLAMP, _CLAMP)
        place = torch.arange(logits.shape[1], device=logits.device)
        frames = [odds.gather(2, ((place - j) % _FRAMES).view(1, -1, 1).expand(len(odds), -1, 1)) for j in range(3)]
        by_content = torch.cat([*frames, odds[..., _FRAMES:]], dim=-1)
        return nn.functional.pad(by_content.cumsum(dim=1), (0, 0, 1, 0)).transpose(1, 2)

    def forward(self, hidden: Tensor, known: Boundaries, sought: Sought) -> Tensor:
        """Return the scores (B, P, T + 1) of every boundary of a locus; -inf past its end.

        Parameters
        ----------
        hidden : (B, P, H)
            States of the decoder.
        known
            Of the same B loci.
        sought
            Description of the boundary that is looked for.
        """
        size = known.keys.shape[1]
        query = self.query(hidden)
        fit = query @ known.keys.transpose(1, 2) / math.sqrt(query.shape[-1])
        roles = sought.choice + len(CHOICES) * sought.is_end
        evidence = known.evidence.gather(1, roles.unsqueeze(-1).expand(-1, -1, size))
        place = torch.arange(size, device=hidden.device)
        distance = place - sought.anchor.unsqueeze(-1)
        table = self.distances[roles]
        far = table.gather(2, _bucket(distance))
        channel = self._channel(sought)
        sums = known.content.gather(1, channel.unsqueeze(-1).expand(-1, -1, size))
        sums = sums - sums.gather(2, sought.anchor.unsqueeze(-1))
        between = self.scales[roles].unsqueeze(-1) * sums.masked_fill(distance < 0, 0.0)
        scores: Tensor = fit + evidence + far + between
        return scores.masked_fill(place > known.lengths[:, None, None], -math.inf)

    def _channel(self, sought: Sought) -> Tensor:
        """Return which content lies between the anchor and the boundary that is sought, (B, P)."""
        frame = (sought.anchor + self.phases[sought.choice]) % _FRAMES
        stretch = self.stretches[sought.choice]
        inside = torch.where(stretch < _FRAMES, frame, stretch)
        before = torch.where(sought.first, int(Content.OUTSIDE), int(Content.INTRON))
        return torch.where(sought.is_end, inside, before)


def _bucket(distance: Tensor) -> Tensor:
    """Return the bucket of each distance: 0 before the anchor, then five per octave."""
    log = (5 * torch.log2(1 + distance.clamp(min=0) / 6)).long() + 1
    return torch.where(distance < 0, 0, log.clamp(max=_BUCKETS - 1))
