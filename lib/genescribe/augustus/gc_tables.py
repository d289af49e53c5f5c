"""Tables of content and signals by class of GC content, counted from genes, in place of those of `etraining`.

The genes of mammals lie in sequence of 33 to 65% GC, and known genes may be richer in GC than those yet to be found.
Coding bases and signals count for every class, weighted by how close the GC content around them is to that of the class
(a normal kernel). All classes share one table for introns and intergenic sequence, if the genes are of similar genomes:
GC content varies within a few hundred bases, and sequence that is richer in GC than its surroundings must not look
coding. Where whole genomes differ, it is counted by class too. Probabilities of higher order, for which counts are few,
are interpolated with those of lower order (Jelinek and Mercer 1980).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from genescribe.augustus.sections import FloatArray
from genescribe.augustus.tables import ExonClass, Motif, Species
from genescribe.errors import InputError
from genescribe.evaluate.tools.augustus_training import Chosen
from genescribe.genome.alphabet import N, reverse_complement, unmasked
from genescribe.genome.fasta import Genome
from genescribe.segment.composition.gc_classes import gc_content
from genescribe.segment.composition.tables import words

IntArray = npt.NDArray[np.int64]

CODING, INTRON, TRACT = 3, 4, 1
"""Markov orders of coding sequence, introns, and the motif before an acceptor; starts have order 0."""
SPREAD, WIDE = 0.03, 0.08
"""Standard deviations of the kernels, as fractions of GC: of coding sequence, and of rarer starts and splice sites."""
PSEUDOCOUNTS = {"coding": 100.0, "intron": 10.0, "tract": 100.0, "start": 1.0, "donor": 1000.0, "acceptor": 300.0}
"""Weight of the probabilities of lower order, in counts."""
TRACT_LENGTH, START_LENGTH = 33, 22
"""Bases of the motifs before an acceptor's pattern and before a start codon."""
_POOLED = 3
"""Places to each side whose counts a place of the tract shares, the nearer the more."""
_EDGE = 7
"""Bases at the ends of an intron that are not counted as its content; before an acceptor, the tract neither."""
_FLANK = 50
"""Bases next to a gene that are not counted as what lies beside it."""
_MOST = 300
"""Bases of an intron or flank that count, evenly spaced, where these count by class: genomes with long ones would
outweigh all others."""


@dataclass(frozen=True)
class _Strand:
    """A gene, read along its strand."""

    codes: IntArray
    gc: FloatArray
    exons: Sequence[tuple[int, int]]


def with_gc_classes(
    species: Species,
    parts: Sequence[tuple[Sequence[Chosen], Genome]],
    classes: Sequence[float],
    window: int,
    noncoding: bool = False,
) -> Species:
    """Return a parameter set with classes of GC content whose tables are counted from genes.

    Lengths, codons, and the rules of the set stay as they are.

    Parameters
    ----------
    species
        The set.
    parts
        Genes, and the genome that they are of.
    classes
        Shares of G and C, ascending.
    window
        Bases around a base over which its GC content is taken.
    noncoding
        Introns and what is beside the genes count by class too.

    Raises
    ------
    InputError
        The set has no introns.
    """
    if species.introns is None:
        raise InputError("genes without introns", where="classes of GC content", remedy="leave the classes out")
    counts = _Counts(species, classes, noncoding)
    for chosen, genome in parts:
        for gene in chosen:
            counts.add(_strand(gene, genome, window))
    coding = word_probabilities(counts.coding, PSEUDOCOUNTS["coding"])
    begun = counts.coding.reshape(len(classes), 3, 4, -1).sum(axis=2) + 1.0
    begun /= begun.sum(axis=-1, keepdims=True)
    noncoding_words = tuple(word_probabilities(counts.noncoding, PSEUDOCOUNTS["intron"]))
    tract = word_probabilities(_pooled(counts.tract), PSEUDOCOUNTS["tract"])
    start = word_probabilities(counts.start, PSEUDOCOUNTS["start"])
    exons = []
    for number in range(len(classes)):
        table = coding[number].T
        exons.append(ExonClass(table, table, table, begun[number].T, Motif(start[number]), None))
    introns = [
        replace(species.introns.classes[0], emission=noncoding_words[number], acceptor=Motif(tract[number]))
        for number in range(len(classes))
    ]
    return replace(
        species,
        gc=tuple(classes),
        gc_window=window,
        windows=replace(species.windows, start=START_LENGTH, tract=TRACT_LENGTH),
        exons=tuple(exons),
        intergenic=noncoding_words,
        introns=replace(
            species.introns,
            donor=pattern_probabilities(counts.donor, PSEUDOCOUNTS["donor"]),
            acceptor=pattern_probabilities(counts.acceptor, PSEUDOCOUNTS["acceptor"]),
            classes=tuple(introns),
        ),
    )


def word_probabilities(counts: FloatArray, pseudocount: float) -> FloatArray:
    """Return the probability of the last base of each word given those before it, smoothed with lower orders.

    Parameters
    ----------
    counts : (..., 4^(order + 1))
        Counts of words.
    pseudocount
        Weight of the probabilities of lower order, in counts.

    Examples
    --------
    >>> word_probabilities(np.array([30.0, 10.0, 0.0, 0.0]), 0.0).tolist()
    [0.75, 0.25, 0.0, 0.0]
    """
    lead, order = counts.shape[:-1], _length(counts.shape[-1]) - 1
    known: FloatArray = np.full((*lead, 1, 4), 0.25)
    for k in range(order + 1):
        grams = counts.reshape(*lead, -1, 4**k, 4).sum(axis=-3)
        if k:
            # A word's context of one base less: the first of its bases is the highest digit.
            known = np.tile(known, (*[1] * len(lead), 4, 1))
        weight = pseudocount if k else min(pseudocount, 1.0)
        total = grams.sum(axis=-1, keepdims=True) + weight
        known = np.divide(grams + weight * known, total, out=known.copy(), where=total > 0)
    return known.reshape(counts.shape)


def pattern_probabilities(counts: FloatArray, pseudocount: float) -> FloatArray:
    """Return the probability of each pattern, smoothed with a first-order Markov chain.

    Parameters
    ----------
    counts : (4^n,)
        Counts of patterns.
    pseudocount
        Weight of the Markov chain, in counts.
    """
    length = _length(len(counts))
    grid = counts.reshape((4,) * length)
    chain: FloatArray = np.ones((1, 1))
    for place in range(length):
        others = tuple(axis for axis in range(length) if axis not in (place - 1, place))
        pairs = grid.sum(axis=others) if place else grid.sum(axis=others)[None]
        single = (pairs.sum(axis=0) + 2) / (pairs.sum() + 8)
        given = (pairs + 8 * single) / (pairs.sum(axis=1, keepdims=True) + 8) if place else single[None]
        # Patterns that end with each base: (patterns before, base before) to (patterns, base).
        chain = (chain[:, :, None] * given[None]).reshape(-1, 4) if place else given
    flat = chain.reshape(-1)
    result: FloatArray = (counts + pseudocount * flat) / (counts.sum() + pseudocount)
    return result


class _Counts:
    """Counts of words, weighted by class."""

    def __init__(self, species: Species, classes: Sequence[float], noncoding: bool) -> None:
        windows, self._classes, self._by_class = species.windows, np.asarray(classes), noncoding
        self._donor, self._acceptor = windows.donor, windows.acceptor
        number = len(classes)
        self.coding = np.zeros((number, 3, 4 ** (CODING + 1)))
        self.noncoding = np.zeros((number, 4 ** (INTRON + 1)))
        self.tract = np.zeros((number, TRACT_LENGTH, 4 ** (TRACT + 1)))
        self.start = np.zeros((number, START_LENGTH, 4))
        self.donor = np.zeros(4 ** sum(windows.donor))
        self.acceptor = np.zeros(4 ** sum(windows.acceptor))

    def add(self, strand: _Strand) -> None:
        """Count a gene."""
        ending = {order: _words(strand.codes, order) for order in {CODING, INTRON, TRACT, 0}}
        phase = 0
        for number, (first, end) in enumerate(strand.exons):
            at = np.arange(first + (3 if number == 0 else 2), end - 3)
            at = at[ending[CODING][at] >= 0]
            numbers = (phase + at - first) % 3 * 4 ** (CODING + 1) + ending[CODING][at]
            for row, weights in zip(self.coding, self._weights(strand.gc[at]), strict=True):
                row += np.bincount(numbers, weights, minlength=row.size).reshape(row.shape)
            phase += end - first
        for (_, first), (end, _) in pairwise(strand.exons):
            self._add_noncoding(strand, first + _EDGE, end - TRACT_LENGTH - _EDGE, ending[INTRON])
            self._add_splice_sites(strand, first, end, ending)
        start, stop = strand.exons[0][0], strand.exons[-1][1]
        if self._by_class:
            self._add_noncoding(strand, 0, start - _FLANK, ending[INTRON])
            self._add_noncoding(strand, stop + _FLANK, len(strand.codes), ending[INTRON])
        self._add_motif(self.start, ending[0], start, strand.gc[start], WIDE)

    def _add_noncoding(self, strand: _Strand, first: int, end: int, ending: IntArray) -> None:
        """Count the words of an intron or flank."""
        at = np.arange(first, max(first, end))
        at = at[ending[at] >= 0]
        if self._by_class:
            at = at[:: len(at) // _MOST + 1]
        weights = self._weights(strand.gc[at]) if self._by_class else np.ones((len(self._classes), len(at)))
        for row, weight in zip(self.noncoding, weights, strict=True):
            row += np.bincount(ending[at], weight, minlength=len(row))

    def _add_splice_sites(self, strand: _Strand, donor: int, acceptor: int, ending: dict[int, IntArray]) -> None:
        """Count the patterns at the ends of an intron, and what is before the latter."""
        middle = float(self._classes.mean())
        for counts, at, (before, behind), shift in (
            (self.donor, donor, self._donor, 0),
            (self.acceptor, acceptor, self._acceptor, 2),
        ):
            # Without the two bases of the consensus, which the intron begins or ends with.
            left, right = at - shift, at - shift + 2
            bases = np.concatenate([strand.codes[max(0, left - before) : left], strand.codes[right : right + behind]])
            if len(bases) == before + behind and bases.max() < N:
                weight = np.exp(-0.5 * ((strand.gc[at] - middle) / WIDE) ** 2)
                counts[int(bases @ 4 ** np.arange(len(bases))[::-1])] += weight
        self._add_motif(self.tract, ending[TRACT], acceptor - 2 - self._acceptor[0], strand.gc[acceptor], SPREAD)

    def _add_motif(self, counts: FloatArray, ending: IntArray, end: int, gc: float, spread: float) -> None:
        """Count the words of the places before a base."""
        places = np.arange(counts.shape[1])
        at = end - counts.shape[1] + places
        known = (at >= 0) & (ending[np.maximum(at, 0)] >= 0)
        counts[:, places[known], ending[at[known]]] += self._weights(np.array([gc]), spread)

    def _weights(self, gc: FloatArray, spread: float = SPREAD) -> FloatArray:
        """Return how much bases count for each class, (classes, bases)."""
        weights: FloatArray = np.exp(-0.5 * ((gc - self._classes[:, None]) / spread) ** 2)
        return weights


def _strand(gene: Chosen, genome: Genome, window: int) -> _Strand:
    """Return a gene read along its strand, with half a window on each side where that is the gene's own."""
    cds = gene.transcript.cds
    first = max(gene.left, cds[0][0] - window // 2)
    last = min(gene.right, cds[-1][1] + window // 2)
    codes = unmasked(genome.codes(gene.gene.seqid, first, last))
    exons = [(a - first, b - first) for a, b in cds]
    if gene.gene.strand == "-":
        codes = reverse_complement(codes)
        exons = [(len(codes) - b, len(codes) - a) for a, b in reversed(exons)]
    known = codes.astype(np.int64)
    # As the model that is made of the tables reads it.
    gc = gc_content(torch.from_numpy(known)[None], window)[0].nan_to_num(nan=0.5).numpy()
    return _Strand(known, gc, exons)


def _words(codes: IntArray, order: int) -> IntArray:
    """Return the number of the word that ends at each base; -1 where it has an N or begins before the first."""
    number: IntArray = words(torch.from_numpy(codes)[None], order + 1)[0].numpy()
    return np.where(number == 4 ** (order + 1), -1, number)


def _pooled(counts: FloatArray) -> FloatArray:
    """Return the counts of each place and, by distance, of those within `_POOLED` places."""
    pooled = np.zeros_like(counts)
    places = counts.shape[1]
    for distance in range(-_POOLED, _POOLED + 1):
        share = 1 - abs(distance) / (_POOLED + 1)
        to = slice(max(0, -distance), min(places, places - distance))
        pooled[:, to] += share * counts[:, max(0, distance) : min(places, places + distance)]
    return pooled


def _length(number: int) -> int:
    """Return the letters of words of which there are so many."""
    return (number.bit_length() - 1) // 2
