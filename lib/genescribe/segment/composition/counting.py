"""Count the tables of `genescribe.segment.composition.tables` from labelled windows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genescribe.data.runs import IGNORE
from genescribe.data.sample import Sample
from genescribe.genome.alphabet import Codes, N, unmasked
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_labels import (
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
from genescribe.labels.gene_rules import LETTERS, SignalTables
from genescribe.segment.composition.branch_points import BranchMotif, find_branch_motif
from genescribe.segment.composition.gc_classes import gc_content
from genescribe.segment.composition.tables import RANKS, SITES, CountedEvidence, words
from genescribe.segment.config import EvidenceConfig

FloatArray = NDArray[np.float64]
GC_BINS = 50
"""Of GC content, in counting."""
Counts = NDArray[np.int64] | NDArray[np.floating[Any]]

_BACKOFF = 16.0
"""Weight of the next shorter context in an estimate, in bases."""
_CLASS_BACKOFF = 100.0
"""Weight of the estimate of all classes of GC content in that of one, in bases."""
_ARRAY_BACKOFF = 40.0
_SITE_BACKOFF = 4.0
_FEWEST = 200
"""Bases of a channel below which its content says nothing."""
_ENOUGH_INTRONS = 100
"""From which the branch points of a genome are told without those of others."""
_MANY_INTRONS = 3000
"""Beyond which more of them tell no more of branch points."""
_INTRONS = [UTR5_INTRON, *range(INTRON0, UTR3), UTR3_INTRON]


@dataclass
class EvidenceCounts:
    """Counts summed over windows.

    Parameters
    ----------
    evidence
        Module whose tables are counted.
    scheme
        Label scheme of the windows.
    tables
        Words that may be signals.
    """

    evidence: CountedEvidence
    scheme: GeneScheme
    tables: SignalTables
    content: Counts = field(init=False)
    pairs: dict[str, Counts] = field(init=False)
    ranks: Counts = field(init=False)
    introns: list[Codes] = field(default_factory=list, init=False)
    motif_of: EvidenceCounts | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.config: EvidenceConfig = self.evidence.config
        self.ranks = np.zeros((2, RANKS), dtype=np.int64)
        self.classes = self.evidence.classes
        bins = 1 if self.classes is None else GC_BINS
        # By GC content in even bins, so that classes can be chosen when all is counted.
        self.content = np.zeros((bins, len(CHANNELS), 4 ** (self.config.order + 1)), dtype=np.int64)
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
        group = self._bins(bases) * len(CHANNELS) + channel
        flat = group[used] * self.content.shape[2] + word[used]
        self.content += np.bincount(flat, minlength=self.content.size).reshape(self.content.shape)

    def _bins(self, bases: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the bin of GC content of each base."""
        if self.classes is None:
            return np.zeros_like(bases)
        gc = gc_content(torch.from_numpy(bases)[None], self.classes.window)[0].nan_to_num(nan=0.5).numpy()
        return np.minimum((gc * GC_BINS).astype(np.int64), GC_BINS - 1)

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

    def plus(self, other: EvidenceCounts) -> EvidenceCounts:
        """Return the sum of these counts and others."""
        return self._sum(other, 1.0, self.introns + other.introns)

    def with_pool(self, pool: EvidenceCounts, share: float) -> EvidenceCounts:
        """Return these counts and a share of a pool's, which they are part of.

        Introns are not weighed: the pool's stand for them where they are too few.
        """
        few = len(self.introns) < _ENOUGH_INTRONS and share > 0
        total = self._sum(pool, share, pool.introns if few else self.introns)
        total.motif_of = pool if few else None
        return total

    def _sum(self, other: EvidenceCounts, share: float, introns: list[Codes]) -> EvidenceCounts:
        total = EvidenceCounts(self.evidence, self.scheme, self.tables)
        total.content = self.content + share * other.content
        total.pairs = {name: pairs + share * other.pairs[name] for name, pairs in self.pairs.items()}
        total.ranks, total.introns = self.ranks + share * other.ranks, introns
        return total

    @cached_property
    def motif(self) -> BranchMotif:
        """The motif of the introns' ends; of many introns, of some evenly spread."""
        step = -(-len(self.introns) // _MANY_INTRONS) or 1
        return find_branch_motif(self.introns[::step], self.config.branch_width, self.config.branch_reach)

    def fill(self, evidence: CountedEvidence) -> None:
        """Set the tables of `evidence`."""
        content = np.zeros(evidence.content.shape, dtype=np.float64)
        if evidence.classes is None:
            content[:-1] = content_odds(self.content[0]).T
        else:
            contents = class_contents(self.content.sum(axis=(1, 2)), self.config.gc_classes)
            _set(evidence.classes.contents, contents)
            content[:, :-1] = class_odds(self.content, contents).transpose(0, 2, 1)
        _set(evidence.content, content)
        for name in SITES:
            false, true = self.pairs[name]
            _set(getattr(evidence, name), signal_odds(true, false).T[None])
        _set(evidence.rank, rank_odds(self.ranks))
        motif = (self.motif_of or self).motif
        _set(evidence.motif, motif.odds[None])
        _set(evidence.distance, motif.distance[None, None])


def fit_evidence(
    evidence: CountedEvidence, samples: Iterable[Sample], scheme: GeneScheme, tables: SignalTables
) -> None:
    """Count the tables of `evidence` from labelled windows.

    Parameters
    ----------
    evidence
        The tables to fill, in place.
    samples
        Windows with labels.
    scheme
        Label scheme of the windows.
    tables
        Start codons, stop codons and splice sites.
    """
    counts = EvidenceCounts(evidence, scheme, tables)
    for sample in samples:
        counts.add(sample)
    counts.fill(evidence)


def content_odds(counts: Counts) -> FloatArray:
    """Return nats of a word's last base in each channel against between genes, (channels, 4^k).

    Parameters
    ----------
    counts : (channels, 4^k)
        Words of k bases by the channel of their last.
    """
    chance = interpolated(counts)
    odds: FloatArray = np.log(chance) - np.log(chance[INTERGENIC])
    odds[counts.sum(axis=1) < _FEWEST] = 0.0
    odds[CHANNELS.index("stop")] = 0.0
    return odds.reshape(counts.shape)


def class_contents(bases: Counts, classes: int) -> FloatArray:
    """Return the GC content of each class: evenly spaced quantiles of the bases.

    Parameters
    ----------
    bases : (bins,)
        In each bin of GC content.
    classes
        Their number; two are never nearer than a bin.
    """
    bins = len(bases)
    shares = np.concatenate([[0.0], np.cumsum(bases, dtype=np.float64)]) / max(1.0, float(bases.sum()))
    edges = np.arange(bins + 1) / bins
    contents: FloatArray = np.interp((np.arange(classes) + 0.5) / classes, shares, edges)
    for number in range(1, classes):
        contents[number] = max(contents[number], contents[number - 1] + 1 / bins)
    return contents


def class_odds(counts: Counts, contents: FloatArray) -> FloatArray:
    """Return nats of a word's last base as `content_odds`, of each class of GC content, (classes, channels, 4^k).

    A class counts the bases of every bin by the weight that it has there; its estimates are interpolated with those of
    all classes together.

    Parameters
    ----------
    counts : (bins, channels, 4^k)
        Words of k bases by GC content and the channel of their last.
    contents : (classes,)
        GC content of each class.
    """
    middles = (np.arange(len(counts)) + 0.5) / len(counts)
    weights = np.stack([np.interp(middles, contents, unit) for unit in np.eye(len(contents))])
    total = counts.sum(axis=0)
    pooled = interpolated(total)
    own = np.tensordot(weights, counts, axes=1).reshape(len(contents), *pooled.shape)
    chance = (own + _CLASS_BACKOFF * pooled) / (own.sum(axis=3, keepdims=True) + _CLASS_BACKOFF)
    odds: FloatArray = np.log(chance) - np.log(chance[:, INTERGENIC : INTERGENIC + 1])
    odds[:, total.sum(axis=1) < _FEWEST] = 0.0
    odds[:, CHANNELS.index("stop")] = 0.0
    return odds.reshape(len(contents), *total.shape)


def interpolated(counts: Counts) -> FloatArray:
    """Return the chance of a word's last base given those before it, (rows, 4^(k-1), 4), of each row of words' counts.

    A context's estimate is interpolated with that of the next shorter one.

    Parameters
    ----------
    counts : (rows, 4^k)
        Words of k bases.
    """
    rows, size = counts.shape
    chance = np.full((rows, 1, 4), 0.25)
    length = 1
    while 4**length <= size:
        # Words end at the base: the last `length` bases of all.
        shorter = counts.reshape(rows, -1, 4**length).sum(axis=1).reshape(rows, -1, 4)
        context = np.arange(shorter.shape[1]) % max(1, shorter.shape[1] // 4)
        prior = _BACKOFF * chance[:, context]
        chance = (shorter + prior) / (shorter.sum(axis=2, keepdims=True) + _BACKOFF)
        length += 1
    return chance


def signal_odds(true: Counts, false: Counts) -> FloatArray:
    """Return nats of each pair of bases at each place of a signal's window, (places, 16); see `SITES`.

    The chance of a base given the one before is interpolated with its chance at that place alone, and this with that
    around words that only look like the signal: few true sites say little, none nothing.
    """
    places = len(true)
    false_pairs = false.reshape(places, 4, 4) + 1.0
    alone = false_pairs.sum(axis=1, keepdims=True)
    alone = alone / alone.sum(axis=2, keepdims=True)
    unlike = false_pairs / false_pairs.sum(axis=2, keepdims=True)
    sites = true.reshape(places, 4, 4).astype(np.float64)
    single = sites.sum(axis=1, keepdims=True)
    single = (single + _SITE_BACKOFF * alone) / (single.sum(axis=2, keepdims=True) + _SITE_BACKOFF)
    like = (sites + _ARRAY_BACKOFF * single) / (sites.sum(axis=2, keepdims=True) + _ARRAY_BACKOFF)
    odds: FloatArray = np.log(like) - np.log(unlike)
    if not true.any():
        odds[:] = 0.0
    return odds.reshape(places, 16)


def rank_odds(counts: Counts) -> FloatArray:
    """Return nats of each rank of a start codon, (ranks,), given counts of false [0] and true [1] ones."""
    false_ranks = (counts[0] + 1.0) / (counts[0] + 1.0).sum()
    like = (counts[1] + _SITE_BACKOFF * false_ranks) / (counts[1].sum() + _SITE_BACKOFF)
    odds: FloatArray = np.log(like) - np.log(false_ranks)
    return odds


def _words(bases: NDArray[np.int64], length: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the number of the word that ends at each base, and whether there is none."""
    number = words(torch.from_numpy(bases)[None], length)[0].numpy()
    unknown = number == 4**length
    return np.where(unknown, 0, number), unknown


def _set(buffer: torch.Tensor, values: FloatArray) -> None:
    buffer.copy_(torch.from_numpy(values.astype(np.float32)))
