"""Class of GC content of a base: tables of several classes are mixed by the GC content around it.

Codons and what lies between genes differ more with the GC content of a region than between many species: isochores of
mammals and birds, gene-rich and gene-poor parts of grasses. Tables are kept for a few GC contents; between two of them
their logarithms are mixed in proportion (after the classes of Stanke & Waack 2003, Bioinformatics 19 Suppl. 2). The
window is centred on the base and cut at a sequence's ends, so that nothing depends on where a tile begins.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genescribe.genome.alphabet import N

_C, _G = 1, 2


class GCClasses(nn.Module):
    """(B, T) bases -> the weights of K classes, (B, T, K), at most two of them above 0.

    Parameters
    ----------
    contents
        GC content of each class, ascending, from 0 to 1.
    window
        Bases over which the GC content is taken.
    counted
        The contents are found in training, and stored with a model's weights.
    """

    contents: Tensor

    def __init__(self, contents: Sequence[float], window: int, *, counted: bool = False) -> None:
        super().__init__()
        self.window = window
        self.register_buffer("contents", torch.tensor(contents, dtype=torch.float64), persistent=counted)

    def __len__(self) -> int:
        """Return K."""
        return len(self.contents)

    @property
    def reach(self) -> int:
        """Bases to each side that a weight depends on."""
        return self.window // 2 + 1 if len(self) > 1 else 0

    def forward(self, bases: Tensor) -> Tensor:
        """Return the weights, float32, of bases without softmask; N counts for nothing."""
        lower, share = self.places(bases)
        weights = torch.zeros(*bases.shape, len(self), device=bases.device)
        weights.scatter_(2, lower.unsqueeze(2), 1 - share.unsqueeze(2))
        if len(self) > 1:
            weights.scatter_(2, lower.unsqueeze(2) + 1, share.unsqueeze(2))
        return weights

    def places(self, bases: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lower of the two classes of each base, (B, T) int64, and the share of the upper one, float32."""
        if len(self) == 1:
            return torch.zeros_like(bases), torch.zeros(bases.shape, device=bases.device)
        # Where all is N: the middle.
        content = gc_content(bases, self.window).nan_to_num(nan=float(self.contents[len(self) // 2]))
        lower = (torch.searchsorted(self.contents, content, right=True) - 1).clamp(0, len(self) - 2)
        low, high = self.contents[lower], self.contents[lower + 1]
        return lower, ((content - low) / (high - low)).clamp(0, 1).float()


def gc_content(bases: Tensor, window: int) -> Tensor:
    """Return the GC content of the window around each base, (B, T) float64; nan where all of it is N."""
    gc, known = _sums((bases == _C) | (bases == _G), window), _sums(bases < N, window)
    return gc / known


def _sums(flags: Tensor, window: int) -> Tensor:
    """Return how many bases of each window are flagged, (B, T) float64: whole numbers, however they are added."""
    half, T = window // 2, flags.shape[1]
    sums = nn.functional.pad(flags.long().cumsum(dim=1), (1, 0))
    here = torch.arange(T, device=flags.device)
    return (sums[:, (here + half + 1).clamp(max=T)] - sums[:, (here - half).clamp(min=0)]).double()
