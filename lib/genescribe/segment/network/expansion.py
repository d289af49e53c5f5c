"""From the outputs of the network to the scores of every label, by label scheme."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genescribe.labels.grammar import Kind
from genescribe.labels.schemes import LabelScheme


class Expansion(nn.Module):
    """Scores of channels and signals into scores of C labels, in content, begin and end.

    The network scores each base under `LabelScheme.channels`; a label takes the score of the channel that
    `LabelScheme.routes` names. This one gives each label its own begin and end score: 2 C signals.

    Parameters
    ----------
    scheme
        Label scheme with its channels.
    """

    reach = 0
    """Bases to each side of a base that its scores depend on."""
    routes: Tensor
    noncoding: Tensor
    """Channels of labels that are not coding."""

    def __init__(self, scheme: LabelScheme) -> None:
        super().__init__()
        self.labels, self.channels = len(scheme.names), len(scheme.channels)
        self.signals = 2 * self.labels
        self.register_buffer("routes", torch.from_numpy(scheme.routes.copy()), persistent=False)
        coding = [kind in (Kind.START, Kind.CODING, Kind.STOP) for kind in scheme.kinds]
        noncoding = sorted(set(range(self.channels)) - set(scheme.routes[:, coding].ravel().tolist()))
        self.register_buffer("noncoding", torch.tensor(noncoding), persistent=False)

    def forward(
        self, content: Tensor, signals: Tensor | None, codes: Tensor, lengths: Tensor, offset: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return content, begin and end scores, (B, T, C) each; begin and end may be None.

        Parameters
        ----------
        content : (B, T, channels)
            Score of each base under each channel.
        signals : (B, T, signals) or None
            Scores of boundaries.
        codes : (B, T) integer
            Bases; anything past a length.
        lengths : (B,)
            Bases of each sequence.
        offset : (B,) int64 or None
            Position of each first base in its chain, modulo 3; None: 0.
        """
        if signals is None:
            return content, None, None
        # Kernels want their rows packed.
        begin, end = (part.contiguous() for part in signals.chunk(2, dim=-1))
        return content, begin, end

    def reads(self, codes: Tensor, lengths: Tensor) -> Tensor | None:
        """Return which signals `forward` reads, (B, T, signals) bool; None: all. For the arguments see there."""
        return None

    def targets(self, labels: Tensor) -> Tensor:
        """Return the channel of each base, (B, T), given its label or -1, which stays."""
        position = torch.arange(labels.shape[1], device=labels.device) % 3
        return torch.where(labels < 0, labels, self.routes[position, labels.clamp(min=0)])
