"""Counting the tables of `genescribe.segment.evidence` from labelled windows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from genescribe.data.sample import IGNORE, Sample
from genescribe.genome.alphabet import Codes, N, unmasked
from genescribe.segment.branch import find_branch_motif
from genescribe.segment.config import EvidenceConfig
from genescribe.segment.evidence import RANKS, SITES, CountedEvidence
from genescribe.segment.gene import GeneScheme
from genescribe.segment.gene_labels import (
    CHANNELS,
    INITIAL,
    INTERGENIC,
    INTRON0,
    SINGLE,
    STOP,
    UTR3,
    UTR3_INTRON,
    UTR5_INTRON,
)
from genescribe.segment.gene_rules import LETTERS, SignalTables

FloatArray = NDArray[np.float64]

_BACKOFF = 16.0
"""Bases that the next shorter context is worth in an estimate."""
_ARRAY_BACKOFF = 40.0
_SITE_BACKOFF = 4.0
_FEWEST = 200
"""Bases of a channel below which its content says nothing."""
_INTRONS = [UTR5_INTRON, *range(INTRON0, UTR3), UTR3_INTRON]


@dataclass
class EvidenceCounts:
    """What windows hold, added up.

    Parameters
    ----------
    evidence
        Whose tables are counted.
    scheme
        Labels.
    tables
        Words that may be signals.
    """

    evidence: CountedEvidence
    scheme: GeneScheme
    tables: SignalTables
    content: NDArray[np.int64] = field(init=False)
    pairs: dict[str, NDArray[np.int64]] = field(init=False)
    ranks: NDArray[np.int64] = field(init=False)
    introns: list[Codes] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.config: EvidenceConfig = self.evidence.config
        self.ranks = np.zeros((2, RANKS), dtype=np.int64)
        self.content = np.zeros((len(CHANNELS), 4 ** (self.config.order + 1)), dtype=np.int64)
        # Of each signal: pairs of bases at each place, around the true sites [1] and all others [0].
        self.pairs = {name: np.zeros((2, left + right, 16), dtype=np.int64) for name, (left, right) in SITES.items()}

    def add(self, sample: Sample) -> None:
        """Count one window."""
        bases = unmasked(sample.codes).astype(np.int64)
        durations = np.diff(sample.runs[:, 0], prepend=0)
        labels = np.repeat(sample.runs[:, 1], durations).astype(np.int64)
        self._add_content(bases, labels)
        ranks = self.evidence.ranks(torch.from_numpy(bases)[None])[0].numpy()
        for name, (candidates, true) in self._sites(bases, sample.runs).items():
            false = np.setdiff1d(candidates[labels[candidates] != IGNORE], true)
            for kind, places in enumerate((false, true)):
                self._add_pairs(name, bases, places, kind)
                if name == "start":
                    self.ranks[kind] += np.bincount(ranks[places], minlength=RANKS)
        wanted = self.config.branch_width + self.config.branch_reach
        for i in np.flatnonzero(np.isin(sample.runs[:, 1], _INTRONS)):
            if 0 < i < len(sample.runs) - 1 and durations[i] >= wanted:
                end = int(sample.runs[i, 0])
                self.introns.append(bases[end - wanted : end].astype(np.uint8))

    def _add_content(self, bases: NDArray[np.int64], labels: NDArray[np.int64]) -> None:
        word, unknown = _words(bases, self.config.order + 1)
        channel = self.scheme.routes[np.arange(len(bases)) % 3, np.maximum(labels, 0)]
        used = ~unknown & (labels != IGNORE)
        flat = channel[used] * self.content.shape[1] + word[used]
        self.content += np.bincount(flat, minlength=self.content.size).reshape(self.content.shape)

    def _sites(
        self, bases: NDArray[np.int64], runs: NDArray[np.int32]
    ) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Return of each signal the places that look like it, and those that are it."""
        padded = np.append(bases, [N, N])
        codon = (padded[:-2] * LETTERS + padded[1:-1]) * LETTERS + padded[2:]
        pair = padded[:-2] * LETTERS + padded[1:-1]
        begin, label, before = runs[:-1, 0].astype(np.int64), runs[1:, 1], runs[:-1, 1]
        known = (label != IGNORE) & (before != IGNORE)
        coding, intron = (label >= SINGLE) & (label < STOP), np.isin(label, _INTRONS)
        true = {
            "start": begin[known & coding & (label < INITIAL + 3)],
            "donor": begin[known & intron],
            "acceptor": begin[known & np.isin(before, _INTRONS)] - 1,
            "stop": begin[known & (label == STOP)],
        }
        candidates = {
            "start": np.flatnonzero(self.tables.start[codon]),
            "donor": np.flatnonzero(self.tables.donor[pair]),
            "acceptor": np.flatnonzero(self.tables.acceptor[pair]) + 1,
            "stop": np.flatnonzero(self.tables.stop[codon]),
        }
        return {name: (places[places < len(bases)], true[name]) for name, places in candidates.items()}

    def _add_pairs(self, name: str, bases: NDArray[np.int64], places: NDArray[np.int64], true: int) -> None:
        pair, unknown = _words(bases, 2)
        left, right = SITES[name]
        for i, shift in enumerate(range(-left, right)):
            at = places + shift
            at = at[(at >= 0) & (at < len(bases))]
            self.pairs[name][true, i] += np.bincount(pair[at][~unknown[at]], minlength=16)

    def fill(self) -> None:
        """Set the tables."""
        evidence = self.evidence
        content = np.zeros((evidence.content.shape), dtype=np.float64)
        content[:-1] = content_odds(self.content).T
        _set(evidence.content, content)
        for name in SITES:
            false, true = self.pairs[name]
            _set(getattr(evidence, name), signal_odds(true, false).T[None])
        _set(evidence.rank, rank_odds(self.ranks))
        motif = find_branch_motif(self.introns, self.config.branch_width, self.config.branch_reach)
        _set(evidence.motif, motif.odds[None])
        _set(evidence.distance, motif.distance[None, None])


def fit_evidence(
    evidence: CountedEvidence, samples: Iterable[Sample], scheme: GeneScheme, tables: SignalTables
) -> None:
    """Count the tables of `evidence` from labelled windows."""
    counts = EvidenceCounts(evidence, scheme, tables)
    for sample in samples:
        counts.add(sample)
    counts.fill()


def content_odds(counts: NDArray[np.int64]) -> FloatArray:
    """Return nats of a word's last base in each channel against between genes, (channels, 4^k).

    A context's estimate is interpolated with that of the next shorter one.

    Parameters
    ----------
    counts : (channels, 4^k)
        Words of k bases by the channel of their last.
    """
    channels, size = counts.shape
    chance = np.full((channels, 1, 4), 0.25)
    length = 1
    while 4**length <= size:
        # Words end at the base: the last `length` bases of all.
        shorter = counts.reshape(channels, -1, 4**length).sum(axis=1).reshape(channels, -1, 4)
        context = np.arange(shorter.shape[1]) % max(1, shorter.shape[1] // 4)
        prior = _BACKOFF * chance[:, context]
        chance = (shorter + prior) / (shorter.sum(axis=2, keepdims=True) + _BACKOFF)
        length += 1
    odds: FloatArray = np.log(chance) - np.log(chance[INTERGENIC])
    odds[counts.sum(axis=1) < _FEWEST] = 0.0
    odds[CHANNELS.index("stop")] = 0.0
    return odds.reshape(channels, size)


def signal_odds(true: NDArray[np.int64], false: NDArray[np.int64]) -> FloatArray:
    """Return nats of each pair of bases at each place of a signal's window, (places, 16); see `SITES`.

    The chance of a base given the one before is interpolated with its chance at that place alone, and this with that
    around words that only look like the signal: few true sites say little, none nothing.
    """
    places = len(true)
    other = false.reshape(places, 4, 4) + 1.0
    alone = other.sum(axis=1, keepdims=True)
    alone = alone / alone.sum(axis=2, keepdims=True)
    unlike = other / other.sum(axis=2, keepdims=True)
    sites = true.reshape(places, 4, 4).astype(np.float64)
    single = sites.sum(axis=1, keepdims=True)
    single = (single + _SITE_BACKOFF * alone) / (single.sum(axis=2, keepdims=True) + _SITE_BACKOFF)
    like = (sites + _ARRAY_BACKOFF * single) / (sites.sum(axis=2, keepdims=True) + _ARRAY_BACKOFF)
    odds: FloatArray = np.log(like) - np.log(unlike)
    if not true.any():
        odds[:] = 0.0
    return odds.reshape(places, 16)


def rank_odds(counts: NDArray[np.int64]) -> FloatArray:
    """Return nats of each rank of a start codon, (ranks,), given counts of false [0] and true [1] ones."""
    other = (counts[0] + 1.0) / (counts[0] + 1.0).sum()
    like = (counts[1] + _SITE_BACKOFF * other) / (counts[1].sum() + _SITE_BACKOFF)
    odds: FloatArray = np.log(like) - np.log(other)
    return odds


def _words(bases: NDArray[np.int64], length: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the number of the word that ends at each base, and whether there is none."""
    padded = np.concatenate([np.full(length - 1, N), bases])
    number, unknown = np.zeros_like(bases), np.zeros(len(bases), dtype=bool)
    for shift in range(length):
        letter = padded[shift : shift + len(bases)]
        number = 4 * number + letter
        unknown |= letter == N
    return np.where(unknown, 0, number), unknown


def _set(buffer: torch.Tensor, values: FloatArray) -> None:
    buffer.copy_(torch.from_numpy(values.astype(np.float32)))
