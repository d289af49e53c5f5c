"""Counted evidence: log likelihood ratios of content and signals, counted from training genes.

A network learns splice sites from thousands of genes; some genomes have a few hundred introns. Counting needs far
fewer, so the model starts from counted evidence and learns only its weight (a gain for each kind) and what it
misses.

* Content: the chance of a base given those before it under each channel, against that under intergenic; where asked
  for, in several classes of GC content, between which it is interpolated (`genescribe.segment.composition.gc_classes`).
* Signals: the chance of the bases around a start, donor, acceptor or stop, each given the one before it, against that
  around other places where the same letters stand.
* Rank: whether a start codon is the first of its stop-free run, or has others before it.
* Branch: a motif at its distance before the acceptor, found in the introns (see `branch_points`).
* Tracks: the same as inputs of the network; coding content, of this strand and the other, also as means over windows
  in frame.

Sources: Markov chains by codon position (Borodovsky & McIninch, Comput. Chem. 1993), interpolated (Salzberg et al.,
Nucleic Acids Res. 1998); weight arrays (Zhang & Marr, CABIOS 1993); generative evidence weighed discriminatively
(DeCaprio et al., Genome Res. 2007).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from genescribe.genome.alphabet import SOFTMASK, N
from genescribe.genome.genetic_code import GeneticCode
from genescribe.kernels.cpu import sequence_tracks
from genescribe.labels.gene_labels import CHANNELS
from genescribe.segment.composition.gc_classes import GCClasses
from genescribe.segment.config import EvidenceConfig
from genescribe.segment.network.features import StopFreeRuns, codon_members, codon_numbers, run_ends

SITES = {"start": (15, 9), "donor": (4, 9), "acceptor": (24, 4), "stop": (6, 12)}
"""Signal -> bases of its window before the boundary base, and from it on.

The boundary base is the first of a start or stop codon and of an intron, for acceptors the last of the intron."""
CODON = CHANNELS.index("codon1")
EXTRA = {"branch": "acceptor", "rank": "start"}
"""Further evidence of a signal, behind that of `SITES`."""
RANKS = 4
"""Start codons are told apart by the number of others before them in their run, up to three."""
_SCALE = 0.2  # of the tracks, which are sums of several nats


class Evidence(NamedTuple):
    """Evidence for each base.

    Attributes
    ----------
    content : (B, T, channels)
        Nats for each channel; 0 for intergenic.
    signals : (B, T, 6)
        Nats for each of `SITES`, then of `EXTRA`.
    tracks : (B, T, F)
        Inputs of the network.
    """

    content: Tensor
    signals: Tensor
    tracks: Tensor


class CountedEvidence(nn.Module):
    """(B, T) codes -> `Evidence`, by tables that `genescribe.segment.composition.counting` counts.

    Parameters
    ----------
    config
        Sizes of the tables.
    code
        Genetic code: stop codons end a run of codons, canonical start codons have a rank.
    cap
        Bases before a start codon that its rank looks at, rounded down to whole codons.
    """

    content: Tensor
    motif: Tensor
    distance: Tensor
    rank: Tensor
    stops: Tensor
    starts: Tensor

    def __init__(self, config: EvidenceConfig, code: GeneticCode, cap: int = 1500) -> None:
        super().__init__()
        self.config, self.cap = config, cap - cap % 3
        self.register_buffer("stops", run_ends(code), persistent=False)
        self.register_buffer("starts", codon_members(code.canonical_starts), persistent=False)
        # The last row serves words with an N, or cut by an edge.
        rows, classes = 4 ** (config.order + 1) + 1, config.gc_classes
        self.register_buffer("content", torch.zeros(*([classes] if classes > 1 else []), rows, len(CHANNELS)))
        self.classes: GCClasses | None = None
        if classes > 1:
            spread = [(number + 1) / (classes + 1) for number in range(classes)]
            self.classes = GCClasses(spread, config.gc_window, counted=True)
        for name, (left, right) in SITES.items():
            self.register_buffer(name, torch.zeros(1, 16, left + right))
        self.register_buffer("motif", torch.zeros(1, 4, config.branch_width))
        self.register_buffer("distance", torch.zeros(1, 1, config.branch_reach))
        self.register_buffer("rank", torch.zeros(RANKS))

    @property
    def width(self) -> int:
        """F, the number of tracks."""
        return 3 * 3 + 1 + len(SITES) + len(EXTRA)

    signals = len(SITES) + len(EXTRA)
    """Columns of `Evidence.signals`."""

    @staticmethod
    def combined(signals: Tensor) -> Tensor:
        """Return the scores of start, donor, acceptor and stop, (B, T, 4): those of `EXTRA` added to theirs."""
        by_name = dict(zip((*SITES, *EXTRA), signals.unbind(2), strict=True))
        for name, signal in EXTRA.items():
            by_name[signal] = by_name[signal] + by_name[name]
        return torch.stack([by_name[name] for name in SITES], dim=2)

    @property
    def reach(self) -> int:
        """Bases to each side that a value depends on."""
        # The first base of a window is given the one before it.
        sites = 1 + max(max(window) for window in SITES.values())
        branch = self.config.branch_reach + self.config.branch_width
        classes = 0 if self.classes is None else self.classes.reach
        return max(sites, branch, classes, self.config.window // 2 + self.config.order + 2, self.cap + 3)

    @torch.no_grad()
    def forward(self, codes: Tensor, lengths: Tensor) -> Evidence:
        """Return the evidence; 0 past a sequence's end.

        For the arguments see `genescribe.segment.network.features.Tracks.forward`.
        """
        return self._mixed(codes, lengths, self._native if sequence_tracks.takes(codes) else self._plain)

    def _mixed(
        self, codes: Tensor, lengths: Tensor, evidence: Callable[[Tensor, Tensor, Tensor], Evidence]
    ) -> Evidence:
        """Return the evidence by one table of content, or that by the tables of all classes, weighed base by base."""
        if self.classes is None:
            return evidence(codes, lengths, self.content)
        past = torch.arange(codes.shape[1], device=codes.device) >= lengths[:, None]
        weights = self.classes((codes & (SOFTMASK - 1)).long().masked_fill(past, N)).split(1, dim=2)
        parts = [evidence(codes, lengths, table) for table in self.content]
        content = sum(weight * part.content for weight, part in zip(weights, parts, strict=True))
        tracks = sum(weight * part.tracks for weight, part in zip(weights, parts, strict=True))
        return Evidence(cast(Tensor, content), parts[0].signals, cast(Tensor, tracks))

    def _native(self, codes: Tensor, lengths: Tensor, content: Tensor) -> Evidence:
        sizes = sequence_tracks.EvidenceSizes(
            order=self.config.order,
            codon=CODON,
            intron=CHANNELS.index("intron"),
            window=self.config.window,
            cap=self.cap // 3,
            scale=_SCALE,
            sites=SITES,
        )
        tables = {name: getattr(self, name) for name in ("motif", "distance", "rank", "stops", "starts")}
        tables["content"] = content
        tables |= {name: getattr(self, name) for name in SITES}
        return Evidence(*sequence_tracks.counted(codes, lengths, tables, sizes, self.width))

    @torch.no_grad()
    def reference(self, codes: Tensor, lengths: Tensor) -> Evidence:
        """Return the evidence by PyTorch; see `forward`."""
        return self._mixed(codes, lengths, self._plain)

    def _plain(self, codes: Tensor, lengths: Tensor, table: Tensor) -> Evidence:
        past = torch.arange(codes.shape[1], device=codes.device) >= lengths[:, None]
        bases = (codes & (SOFTMASK - 1)).long().masked_fill(past, N)
        content = table[words(bases, self.config.order + 1)]
        reverse = (3 - bases).masked_fill(bases == N, N).flip(1)
        antisense = table[:, CODON : CODON + 3][words(reverse, self.config.order + 1)].flip(1)
        rank = self.rank[self.ranks(bases)].masked_fill(~self.is_start(bases), 0.0).unsqueeze(1)
        signals = torch.cat([*self._sites(bases), self._branch(bases), rank], dim=1).transpose(1, 2)
        sense = content[..., CODON : CODON + 3]
        intron = self._mean(content[..., CHANNELS.index("intron")].unsqueeze(2))
        tracks = [sense, self._in_frame(sense, 1), self._in_frame(antisense, -1), intron, _SCALE * signals]
        past = past.unsqueeze(2)
        parts = (content, signals, torch.cat(tracks, dim=2))
        return Evidence(*(part.masked_fill(past, 0.0) for part in parts))

    def is_start(self, bases: Tensor) -> Tensor:
        """Return whether a start codon begins at each base, (B, T) bool."""
        return self.starts[codon_numbers(bases)[:, 2:]]

    def ranks(self, bases: Tensor) -> Tensor:
        """Return the number of start codons before each base in the run of its frame, at most 3, (B, T) int64."""
        codons = codon_numbers(bases)
        ranks = StopFreeRuns(self.stops[codons], self.cap).rank(self.starts[codons])
        return ranks[:, 2:].clamp(max=RANKS - 1).long()

    def _sites(self, bases: Tensor) -> list[Tensor]:
        """Return the scores of `SITES`, (B, 1, T) each."""
        # One-hot pairs of each base with the one before it, (B, 16, T); all 0 at N and at the edge.
        pairs = nn.functional.one_hot(words(bases, 2), 17)[..., :16].transpose(1, 2).float()
        scores = []
        for name, (left, right) in SITES.items():
            padded = nn.functional.pad(pairs, (left, right - 1))
            scores.append(nn.functional.conv1d(padded, getattr(self, name)))
        return scores

    def _branch(self, bases: Tensor) -> Tensor:
        """Return the score of the motif before an acceptor at each base, its place summed over, (B, 1, T)."""
        # In the linear domain: a motif has a dozen nats at most.
        letters = nn.functional.one_hot(bases, N + 1)[..., :N].transpose(1, 2).float()
        odds = nn.functional.conv1d(letters, self.motif).exp()
        width, reach = self.config.branch_width, self.config.branch_reach
        padded = nn.functional.pad(odds, (reach + width - 1, 0), value=1.0)
        mixed = nn.functional.conv1d(padded, self.distance.flip(2))
        elsewhere = 1.0 - self.distance.sum()
        return (mixed + elsewhere).log()[..., : bases.shape[1]]

    def _in_frame(self, content: Tensor, direction: int) -> Tensor:
        """Return means over windows of the coding content in each frame, by the base's codon position, (B, T, 3)."""
        T = content.shape[1]
        position = torch.arange(T, device=content.device)[:, None]
        frame = torch.arange(3, device=content.device)
        # Column g: the codons of frame g, whose bases take turns in their positions.
        place = ((direction * (position - frame)) % 3).expand(content.shape)
        means = self._mean(content.gather(2, place))
        return means.gather(2, ((position - direction * frame) % 3).expand(content.shape))

    def _mean(self, values: Tensor) -> Tensor:
        """Return centred means, in nats over ten bases, (B, T, k)."""
        half, T = self.config.window // 2, values.shape[1]
        sums = nn.functional.pad(values.double().cumsum(dim=1), (0, 0, 1, 0))
        here = torch.arange(T, device=values.device)
        window = sums[:, (here + half + 1).clamp(max=T)] - sums[:, (here - half).clamp(min=0)]
        return (10 / self.config.window * window).float()


def words(bases: Tensor, length: int) -> Tensor:
    """Return the number of the word of `length` bases that ends at each base, (B, T); 4^length where there is none."""
    number, unknown = torch.zeros_like(bases), torch.zeros_like(bases, dtype=torch.bool)
    padded = nn.functional.pad(bases, (length - 1, 0), value=N)
    for shift in range(length):
        letter = padded[:, shift : shift + bases.shape[1]]
        number = 4 * number + letter
        unknown |= letter == N
    return number.masked_fill(unknown, 4**length)
