"""Input tracks of a sequence: fixed numbers for each base, before anything is learned.

| name | tracks | what |
| --- | --- | --- |
| `bases` | 4 | one-hot A C G T; N is 1/4 of each |
| `softmask` | 1 | the letter was lower-case; training drops the whole track of a sequence at random |
| `orf` | 3 + 3 | length of the stop-free run of codons around the base, per codon position; this strand, the other |
| `stops` | 3 + 3 | distance to the stop before and to the stop behind, per codon position |
| `starts` | 3 | length from the run's first start codon to its end while at or past that codon, else 0 |

Codon position f means that the codon starts f bases before the base: frames are relative, so a track does not know
where in the sequence it stands. A codon with an N, or one that the sequence's edge cuts, ends a run like a stop. All
lengths are in bases, capped, and enter as log(1 + length) / log(1 + cap). A value depends on bases at most `reach`
away; a halo of that size makes it independent of where a window begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.genome.alphabet import SOFTMASK, N, encode
from genescribe.genome.genetic_code import AMBIGUOUS, GeneticCode
from genescribe.kernels.cpu import sequence_tracks
from genescribe.segment.config import TRACKS


class Tracks(nn.Module):
    """(B, T) codes -> (B, T, F) tracks.

    Parameters
    ----------
    names
        Names of the tracks in order, keys of `TRACKS`.
    code
        Genetic code: stop codons end a run of codons, canonical start codons begin a gene.
    cap
        Largest length that is told apart, in bases; rounded down to whole codons.
    softmask_dropout
        Probability that training hides the softmask of a sequence.
    """

    stops: Tensor
    antisense_stops: Tensor
    starts: Tensor
    base_values: Tensor

    def __init__(self, names: Sequence[str], code: GeneticCode, cap: int = 1500, softmask_dropout: float = 0.5):
        super().__init__()
        for name in names:
            if name not in TRACKS:
                known = ", ".join(TRACKS)
                raise InputError(f"unknown track {name!r}", where="features", remedy=f"known: {known}")
        self.names, self.cap, self.softmask_dropout = tuple(names), cap - cap % 3, softmask_dropout
        stops = run_ends(code)
        self._constant("stops", stops)
        self._constant("antisense_stops", stops[_other_strand()])
        self._constant("starts", codon_members(code.canonical_starts))
        self._constant("base_values", torch.cat([torch.eye(4), torch.full((1, 4), 0.25)]))

    def _constant(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value, persistent=False)

    @property
    def width(self) -> int:
        """F, the number of tracks."""
        return sum(TRACKS[name] for name in self.names)

    @property
    def reach(self) -> int:
        """Bases to each side that a value may depend on."""
        return self.cap + 3 if {"orf", "stops", "starts"} & set(self.names) else 0

    @torch.no_grad()
    def forward(self, codes: Tensor, lengths: Tensor) -> Tensor:
        """Return the tracks, zero past a sequence's end.

        Parameters
        ----------
        codes : (B, T) uint8
            As `genescribe.genome.alphabet` says; anything past a length.
        lengths : (B,) int64
            Bases of each sequence.
        """
        if sequence_tracks.takes(codes) and not self.training:
            return self._native(codes, lengths)
        return self.reference(codes, lengths)

    @torch.no_grad()
    def reference(self, codes: Tensor, lengths: Tensor) -> Tensor:
        """Return the tracks by PyTorch; see `forward`."""
        past = torch.arange(codes.shape[1], device=codes.device) >= lengths[:, None]
        bases = (codes & (SOFTMASK - 1)).masked_fill(past, N).int()
        codons = codon_numbers(bases)
        runs = StopFreeRuns(self.stops[codons], self.cap) if self.reach else None
        parts = [part for name in self.names for part in self._track(name, codes, bases, codons, runs)]
        return torch.cat(parts, dim=-1).masked_fill(past.unsqueeze(-1), 0.0)

    def _native(self, codes: Tensor, lengths: Tensor) -> Tensor:
        ends = list(accumulate(TRACKS[name] for name in self.names))
        columns = {name: end - TRACKS[name] for name, end in zip(self.names, ends, strict=True)}
        tables = {name: getattr(self, name) for name in ("stops", "antisense_stops", "starts", "base_values")}
        counts = torch.arange(2 * (self.cap // 3) + 1, dtype=torch.int32)
        return sequence_tracks.reading_frames(
            codes, lengths, columns, tables, self.cap // 3, self._scaled(counts), self.width
        )

    def _scaled(self, codons: Tensor) -> Tensor:
        return torch.log1p(3.0 * codons) / math.log1p(self.cap)

    def _track(
        self, name: str, codes: Tensor, bases: Tensor, codons: Tensor, runs: StopFreeRuns | None
    ) -> list[Tensor]:
        if name == "bases":
            return [self.base_values[bases]]
        if name == "softmask":
            return [self._softmask(codes)]
        assert runs is not None
        if name == "orf":
            antisense = StopFreeRuns(self.antisense_stops[codons], self.cap)
            return [self._by_base(runs.total), self._by_base(antisense.total)]
        if name == "stops":
            return [self._by_base(runs.before), self._by_base(runs.behind)]
        return [self._by_base(runs.from_first(self.starts[codons]))]

    def _softmask(self, codes: Tensor) -> Tensor:
        masked = ((codes & SOFTMASK) > 0).float().unsqueeze(-1)
        if self.training:
            masked = masked * (torch.rand(len(codes), 1, 1, device=codes.device) >= self.softmask_dropout)
        return masked

    def _by_base(self, codons: Tensor) -> Tensor:
        """Turn counts of codons, one a codon start (B, T + 2), into scaled lengths per base and codon position."""
        value = self._scaled(codons)
        return torch.stack([value[:, 2:], value[:, 1:-1], value[:, :-2]], dim=-1)


class StopFreeRuns:
    """Runs of codons between stops, in each of the three frames of a strand.

    Everything counts codons and has one value per codon start: entry j is the codon that starts at base j - 2, so that
    the codons which the left edge cuts have a place too. A stop itself is in no run: all its values are 0.

    Parameters
    ----------
    stops : (B, J) bool
        Whether the codon ends a run.
    cap
        Bases to each side that are looked at.
    """

    def __init__(self, stops: Tensor, cap: int) -> None:
        self._size, self._cap = stops.shape[1], cap // 3
        self._stops = self._in_frames(stops, True)
        n = self._stops.shape[1]
        self._here = torch.arange(n, dtype=torch.int32, device=stops.device)[:, None]
        self._last_stop = torch.where(self._stops, self._here, -1).cummax(dim=1).values
        self._next_stop = _next(self._stops, self._here)
        self._before = (self._here - self._last_stop).clamp(max=self._cap)
        self._behind = (self._next_stop - self._here).clamp(max=self._cap)

    @property
    def before(self) -> Tensor:
        """Codons from the run's first to this one, both counted."""
        return self._in_order(self._before)

    @property
    def behind(self) -> Tensor:
        """Codons from this one to the run's last, both counted."""
        return self._in_order(self._behind)

    @property
    def total(self) -> Tensor:
        """Codons of the run."""
        return self._in_order((self._before + self._behind - 1).clamp(min=0))

    def from_first(self, starts: Tensor) -> Tensor:
        """Codons from the run's first start codon to its last codon; 0 where no start codon is here or before."""
        starts = self._in_frames(starts, False)
        seen_from = torch.maximum(self._last_stop + 1, self._here - self._cap + 1).clamp(max=len(self._here) - 1)
        first = _next(starts, self._here).gather(1, seen_from.long())
        inside = (first <= self._here) & ~self._stops
        return self._in_order(torch.where(inside, self._behind + self._here - first, 0))

    def rank(self, starts: Tensor) -> Tensor:
        """Return how many start codons of the run stand before this codon, as far back as is looked at."""
        starts = self._in_frames(starts, False)
        started = nn.functional.pad(starts.int().cumsum(dim=1), (0, 0, 1, 0))
        seen_from = torch.maximum(self._last_stop + 1, self._here - self._cap + 1).clamp(max=len(self._here) - 1)
        counts = started[:, :-1] - started.gather(1, seen_from.long())
        return self._in_order(counts.clamp(min=0))

    def _in_frames(self, flags: Tensor, edge: bool) -> Tensor:
        """(B, J) -> (B, n, 3): the codons of a frame follow each other along n."""
        padded = nn.functional.pad(flags, (0, -self._size % 3), value=edge)
        return padded.reshape(len(flags), -1, 3)

    def _in_order(self, counts: Tensor) -> Tensor:
        return counts.reshape(len(counts), -1)[:, : self._size]


def _next(flags: Tensor, here: Tensor) -> Tensor:
    """Index along dimension 1 of the first flag at or behind each entry; the size where there is none."""
    n = flags.shape[1]
    return torch.where(flags, here, n).flip(1).cummin(dim=1).values.flip(1)


def codon_numbers(bases: Tensor) -> Tensor:
    """Return the codon (`AMBIGUOUS` where it is cut) at each start -2..T-1: (B, T) -> (B, T + 2)."""
    padded = nn.functional.pad(bases, (2, 2), value=N)
    first, second, third = padded[:, :-2], padded[:, 1:-1], padded[:, 2:]
    known = (first < N) & (second < N) & (third < N)
    return torch.where(known, 16 * first + 4 * second + third, AMBIGUOUS)


def run_ends(code: GeneticCode) -> Tensor:
    """Return (65,) bool: which codon numbers end a run of codons, `AMBIGUOUS` among them."""
    stops = torch.from_numpy(code.is_stop.copy())
    stops[AMBIGUOUS] = True
    return stops


def codon_members(codons: Iterable[str]) -> Tensor:
    """Return (65,) bool: which codon numbers are among `codons`."""
    member = torch.zeros(AMBIGUOUS + 1, dtype=torch.bool)
    for codon in codons:
        member[int(codon_numbers(torch.from_numpy(encode(codon)).int()[None])[0, 2])] = True
    return member


def _other_strand() -> Tensor:
    """Return (65,) int64: the number of each codon's reverse complement."""
    number = torch.arange(AMBIGUOUS)
    complement = 63 - (16 * (number % 4) + 4 * (number // 4 % 4) + number // 16)
    return torch.cat([complement, torch.tensor([AMBIGUOUS])])
