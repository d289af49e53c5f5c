"""Evidence from tables of other gene finders, in place of tables counted here.

`segment.composition.tables` counts its tables from training genes. These are given: by the parameter set of a hidden
Markov model of genes (`genescribe.augustus`). They say more of a gene's parts, so that a decoder with nothing learned
is that model:

* Content: the chance of a base given those before it under each channel, against that between genes.
* Sites: around a start, donor, acceptor or stop, a word of any bases near it, and a sum over places in a window of what
  the base there, given those before it, is worth. Splice sites have such sums for each phase of the intron, since they
  also say how coding sequence begins and ends there.
* All but the words by class of GC content (`genescribe.segment.composition.gc_classes`).
* A softmasked base in coding sequence costs a constant.

A site's sums stand in place of the content of the bases that it covers, and hold the negative of this.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genescribe.genome.alphabet import SOFTMASK, N
from genescribe.labels.gene_labels import CHANNELS
from genescribe.labels.gene_rules import SignalTables, word_number
from genescribe.segment.composition.gc_classes import GCClasses
from genescribe.segment.composition.tables import Evidence, words
from genescribe.segment.config import SiteConfig, TabulatedConfig
from genescribe.segment.network.gene_scores import PHASES, SIGNALS

SITES = SIGNALS
"""start, donor, acceptor, stop."""
SPLICED = ("donor", "acceptor")
"""Sites that are told apart by the phase of the intron."""
_NONE = -500.0
"""Words with a lower score have no chance."""
_CODING = slice(CHANNELS.index("codon1"), CHANNELS.index("stop") + 1)


class TabulatedEvidence(nn.Module):
    """(B, T) codes -> `Evidence` without tracks, by tables that an import fills.

    Its signals are those of `segment.network.gene_scores`: four, then of donors and acceptors the three phases.

    Parameters
    ----------
    config
        Sizes of the tables.
    tables
        Words that may be signals.
    """

    start_motif: Tensor
    start_borders: Tensor
    start_values: Tensor
    emission: Tensor
    """(K, 4^(order + 1) + 1, channels): log chance of a word's last base; the last row serves words with an N."""

    def __init__(self, config: TabulatedConfig, tables: SignalTables) -> None:
        super().__init__()
        self.config = config
        self.classes = GCClasses(config.gc, config.gc_window)
        rows = 4 ** (config.order + 1) + 1
        self.register_buffer("emission", torch.zeros(len(config.gc), rows, len(CHANNELS)))
        for name in SITES:
            site, phases = self.site(name), PHASES if name in SPLICED else 1
            places = site.left + site.right
            self.register_buffer(f"{name}_places", torch.zeros(len(config.gc), places * rows, phases))
            self.register_buffer(f"{name}_word", torch.zeros(4 ** len(site.word) + 1))
            self.register_buffer(f"{name}_sites", torch.from_numpy(getattr(tables, name).copy()), persistent=False)
        self.register_buffer("start_motif", torch.zeros(len(config.gc), config.start_motif * rows))
        self.register_buffer("start_borders", torch.zeros(len(config.gc), max(0, config.start_steps - 1)))
        self.register_buffer("start_values", torch.zeros(len(config.gc), config.start_steps))

    width, signals = 0, len(SIGNALS) + len(SPLICED) * PHASES
    """Tracks: none; signals."""

    @property
    def reach(self) -> int:
        """Bases to each side that a value depends on."""
        sites = [self.site(name) for name in SITES]
        most = max(max(site.left, site.right, *map(abs, site.word), 0) for site in sites)
        return max(most, self.config.start_motif) + self.config.order + self.classes.reach + 3

    def site(self, name: str) -> SiteConfig:
        """Return the sizes of a site."""
        sizes: SiteConfig = getattr(self.config, name)
        return sizes

    def combined(self, signals: Tensor) -> Tensor:
        """Return the signals as they are."""
        return signals

    @torch.no_grad()
    def forward(self, codes: Tensor, lengths: Tensor) -> Evidence:
        """Return the evidence; 0 past a sequence's end.

        For the arguments see `genescribe.segment.network.features.Tracks.forward`.
        """
        past = torch.arange(codes.shape[1], device=codes.device) >= lengths[:, None]
        bases = (codes & (SOFTMASK - 1)).long().masked_fill(past, N)
        masked = ((codes & SOFTMASK) != 0) & ~past
        number = words(bases, self.config.order + 1)
        lower, share = self.classes.places(bases)
        content = self._mixed(self.emission, number, lower, share)
        content = content - content[..., :1]
        content[..., _CODING] -= self.config.softmask_cost * masked.unsqueeze(2)
        signals = torch.zeros(*bases.shape, self.signals, device=bases.device)
        for column, name in enumerate(SITES):
            at = self._candidates(name, bases)
            values = self._values(name, at, bases, number, lower, share)
            if name == "start":
                values -= self.config.softmask_cost * self._before(masked, at).unsqueeze(1)
            if name in SPLICED:
                column = len(SIGNALS) + PHASES * SPLICED.index(name)
            signals[at[0], at[1], column : column + values.shape[1]] = values
        return Evidence(
            content.masked_fill(past.unsqueeze(2), 0.0),
            signals.masked_fill(past.unsqueeze(2), 0.0),
            content.new_zeros(*bases.shape, 0),
        )

    def _mixed(self, table: Tensor, row: Tensor, lower: Tensor, share: Tensor) -> Tensor:
        """Return the rows of a table (K, rows, ...), mixed between two classes of GC content."""
        size = table.shape[1]
        flat = table.flatten(0, 1)
        values = flat[lower * size + row]
        if len(self.classes) == 1:
            return values
        weight = share.reshape(*share.shape, *[1] * (values.dim() - share.dim()))
        return values + weight * (flat[(lower + 1) * size + row] - values)

    def _candidates(self, name: str, bases: Tensor) -> tuple[Tensor, Tensor]:
        """Return where a site may stand, as indices of sequence and base."""
        padded = nn.functional.pad(bases, (1, 2), value=N)
        size = bases.shape[1]
        at = [padded[:, shift : shift + size] for shift in range(4)]
        letters = {"acceptor": at[:2], "donor": at[1:3]}.get(name, at[1:4])
        flags: Tensor = getattr(self, f"{name}_sites")
        places = flags[word_number(letters)].nonzero(as_tuple=True)  # type: ignore[arg-type]
        return places[0], places[1]

    def _values(
        self, name: str, at: tuple[Tensor, Tensor], bases: Tensor, number: Tensor, lower: Tensor, share: Tensor
    ) -> Tensor:
        """Return the scores of sites, (n, phases)."""
        site, word = self.site(name), self._word(name, at, bases)
        lower, share = lower[at], share[at]
        places = self._places(at, number, -site.left, site.right)
        tables: Tensor = getattr(self, f"{name}_places")
        values = torch.zeros(len(at[0]), tables.shape[2], device=bases.device)
        for place in places:
            values += self._mixed(tables, place, lower, share)
        if self.config.start_steps and name == "start":
            word = self._stepped(word, at, number, lower, share)
        return values + word.unsqueeze(1)

    def _places(self, at: tuple[Tensor, Tensor], number: Tensor, first: int, last: int) -> list[Tensor]:
        """Return of each place of a window the row of its table, (n,)."""
        rows = self.emission.shape[1]
        padded = nn.functional.pad(number, (max(0, -first), max(0, last)), value=rows - 1)
        flat = at[0] * padded.shape[1] + at[1] + max(0, -first)
        line = padded.flatten()
        return [(i - first) * rows + line[flat + i] for i in range(first, last)]

    def _word(self, name: str, at: tuple[Tensor, Tensor], bases: Tensor) -> Tensor:
        """Return the score of a site's word, (n,)."""
        shifts = self.site(name).word
        widest = max((abs(shift) for shift in shifts), default=0)
        padded = nn.functional.pad(bases, (widest, widest), value=N)
        word, unknown = torch.zeros_like(at[1]), torch.zeros_like(at[1], dtype=torch.bool)
        for shift in shifts:
            letter = padded[at[0], at[1] + widest + shift]
            word, unknown = 4 * word + letter, unknown | (letter == N)
        table: Tensor = getattr(self, f"{name}_word")
        return table[word.masked_fill(unknown, len(table) - 1)]

    def _stepped(self, word: Tensor, at: tuple[Tensor, Tensor], number: Tensor, lower: Tensor, share: Tensor) -> Tensor:
        """Return the score of motif and codon by the step function of the nearer class."""
        nearest = lower + (share > 0.5).long()
        chance = word.clone()
        for place in self._places(at, number, -self.config.start_motif, 0):
            chance += self._mixed(self.start_motif, place, lower, share)
        step = torch.searchsorted(self.start_borders[nearest], chance.unsqueeze(1), right=True)
        stepped = self.start_values[nearest].gather(1, step).squeeze(1)
        # What is no start codon of the set stays none.
        return torch.where(word > _NONE, stepped, word)

    def _before(self, masked: Tensor, at: tuple[Tensor, Tensor]) -> Tensor:
        """Return how many bases before a start codon, in the window of its sums, are softmasked, (n,)."""
        left = self.site("start").left
        sums = nn.functional.pad(masked.long().cumsum(dim=1), (left + 1, 0))
        return (sums[at[0], at[1] + left] - sums[at[0], at[1]]).float()
