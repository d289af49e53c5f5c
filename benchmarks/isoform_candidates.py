"""Additional coding sequences of a gene with introns from reads, and the features of each for a classifier.

A candidate is the gene's coding sequence with one or two introns that it does not have, or with another first exon
before such an intron, read from its start codon to the first stop codon of its frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from genescribe.crf.score import Segments, score
from genescribe.genome.alphabet import Codes, unmasked
from genescribe.genome.genetic_code import GeneticCode, codon_numbers
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_labels import INTERNAL, INTRON0, SINGLE, UTR3
from genescribe.labels.grammar import CODON

Exons = tuple[Interval, ...]

FEATURES = (
    "odds",
    "odds_same_ends",
    "sites_gained",
    "sites_lost",
    "same_start",
    "same_stop",
    "stop_before_last_intron",
    "length_ratio",
    "length_change",
    "few_bases",
    "length",
    "exons",
    "introns_gained",
    "introns_lost",
    "reads_gained",
    "reads_lost",
    "reads_most",
)
"""Of a candidate, against its gene. odds: of the best paths, as logs; sites: worst sum of the scores of donor and
acceptor; lengths, exons and reads as logs; reads_gained: least of the new introns; reads_lost: most of those left."""
READS = 2.0
"""Reads that a new intron needs."""
FAR, APART = 20_000, 3_000
"""Bases beside the gene in which a new intron may begin; longest exon between two new introns."""
BEFORE, CODONS, EXTENSION = 500, 6, 2_000
"""Bases of a new first exon; start codons tried in it; bases behind the last exon that are read for a stop codon."""
SHORTEST_EXON, SHORTEST_INTRON, MARGIN = 2, 20, 50
LEAST, MOST = -40.0, 10.0
"""Bounds of log odds; candidates with lower ones are left out."""
_SITES, _FEW, _DECAY = 20.0, 6, 50


class GeneWindow:
    """A gene in the window of its strand that its other transcripts may lie in. All places are those of the window.

    Parameters
    ----------
    cds
        Its coding sequence, start and stop codon included.
    low
        First base of the window, on the strand.
    codes : (n,)
        Bases of the window, 5' to 3'.
    potentials
        Scores of the window as one chain.
    scheme, code
        Of the model.
    """

    def __init__(
        self, cds: Exons, low: int, codes: Codes, potentials: Potentials, scheme: GeneScheme, code: GeneticCode
    ) -> None:
        assert potentials.begin is not None and potentials.end is not None
        self.cds, self._low, self.codes = cds, low, unmasked(codes)
        self._potentials, self._scheme, self._stops = potentials, scheme, code.always_stop
        begin, end = potentials.begin[0].numpy(), potentials.end[0].numpy()
        self.donor: NDArray[np.float64] = begin[:, INTRON0:UTR3].max(axis=1)
        self.acceptor = np.concatenate([[-np.inf], end[:-1, INTRON0:UTR3].max(axis=1)])
        self.start = begin[:, SINGLE:INTERNAL].max(axis=1)

    def __len__(self) -> int:
        return len(self.codes)

    def score(self, cds: Exons) -> float:
        """Return the score of the path that has a coding sequence and nothing else; -inf: the model forbids it."""
        gene = Gene("gene", "window", "+", (Transcript("transcript", cds, cds),))
        encoded = self._scheme.encode([gene], len(self), codes=self.codes)
        if encoded.problems:
            return -np.inf
        runs = self._scheme.shifted(encoded.runs, -self._low).astype(np.int64)
        path = Segmentation(torch.from_numpy(runs[:, 0]), torch.from_numpy(runs[:, 1]))
        return float(score(self._potentials, Segments.of([path]))[0])

    def read(self, exons: Exons) -> Exons | None:
        """Return a chain of exons as far as it codes, from its first base to the first stop codon; None: it does not.

        Parameters
        ----------
        exons
            Ascending. The last may be read beyond its end.
        """
        short = any(b - a < SHORTEST_EXON for a, b in exons)
        if short or any(c - b < SHORTEST_INTRON for (_, b), (c, _) in pairwise(exons)):
            return None
        longer = (*exons[:-1], (exons[-1][0], min(exons[-1][1] + EXTENSION, len(self))))
        places = np.concatenate([np.arange(*exon) for exon in longer])
        stops = np.flatnonzero(self._stops[codon_numbers(self.codes[places])])
        if not len(stops):
            return None
        end = int(places[CODON * stops[0] + CODON - 1]) + 1
        cut = tuple((a, min(b, end)) for a, b in longer if a < end)
        sizes = [b - a for a, b in cut]
        return cut if min(sizes) >= SHORTEST_EXON and min(sizes[0], sizes[-1]) >= CODON else None

    def codons(self, low: int, high: int) -> list[int]:
        """Return the best start codons that begin in ``[low, high)``."""
        low = max(low, 0)
        found = low + np.flatnonzero(self.start[low : max(low, high)] > -np.inf)
        return sorted(found.tolist(), key=lambda x: -self.start[x])[:CODONS]


def candidates(gene: GeneWindow, supported: Mapping[Interval, float]) -> Iterator[tuple[Exons, tuple[float, ...]]]:
    """Yield the candidates for a gene, and the `FEATURES` of each.

    Parameters
    ----------
    gene
        In its window.
    supported
        Introns, and how many reads support each.
    """
    own, seen = gene.score(gene.cds), {gene.cds}
    for exons in _chains(gene, supported):
        cds = gene.read(exons)
        if cds is None or cds in seen:
            continue
        seen.add(cds)
        gained = set(_introns(cds)) - set(_introns(gene.cds))
        if not gained or min(supported.get(intron, 0.0) for intron in gained) < READS:
            continue
        odds = gene.score(cds) - own
        if odds >= LEAST or np.isneginf(own):
            yield cds, described(gene, cds, odds, supported)


def described(gene: GeneWindow, cds: Exons, odds: float, supported: Mapping[Interval, float]) -> tuple[float, ...]:
    """Return the `FEATURES` of a candidate.

    Parameters
    ----------
    gene
        The gene that it is another coding sequence of.
    cds
        The candidate.
    odds
        Score of the candidate less that of the gene.
    supported
        Introns, and how many reads support each.
    """
    mine, theirs = set(_introns(cds)), set(_introns(gene.cds))
    gained = mine - theirs
    lost = {(a, b) for a, b in theirs - mine if a < cds[-1][1] and b > cds[0][0]}

    def sites(introns: set[Interval]) -> float:
        worst = min((gene.donor[a] + gene.acceptor[b] for a, b in introns), default=0.0)
        return float(np.clip(worst, -_SITES, _SITES))

    def reads(introns: set[Interval]) -> list[float]:
        return [supported.get(intron, 0.0) for intron in introns] or [0.0]

    size, whole = (sum(b - a for a, b in exons) for exons in (cds, gene.cds))
    # Of a gene that the model forbids, for one of its splice sites, the odds say nothing.
    odds = float(np.clip(odds, LEAST, MOST)) if np.isfinite(odds) else 0.0
    same = cds[0][0] == gene.cds[0][0], cds[-1][1] == gene.cds[-1][1]
    early = len(gene.cds) > 1 and cds[-1][1] < gene.cds[-2][1] - _DECAY
    counts = [min(reads(gained)), max(reads(lost)), max(reads(theirs))]
    return (
        odds,
        odds * all(same),
        sites(gained),
        sites(lost),
        *map(float, same),
        float(early),
        float(np.log(size / whole)),
        float(np.log1p(abs(size - whole))),
        float(abs(size - whole) <= _FEW),
        float(np.log(whole)),
        float(np.log(len(gene.cds))),
        float(len(gained)),
        float(len(lost)),
        *np.log1p(counts).tolist(),
    )


def _introns(exons: Exons) -> list[Interval]:
    return [(b, c) for (_, b), (c, _) in pairwise(exons)]


def _chains(gene: GeneWindow, supported: Mapping[Interval, float]) -> Iterator[Exons]:
    """Yield chains of exons with one or two introns of reads that the gene does not have."""
    exons, present = gene.cds, set(_introns(gene.cds))
    near = [
        (a, b)
        for (a, b), reads in sorted(supported.items())
        if (a, b) not in present and reads >= READS and a > MARGIN and exons[0][0] - BEFORE < b < len(gene) - MARGIN
    ]
    for intron in near:
        if (chain := _with(exons, intron)) is not None:
            yield chain
        yield from _first_exons(gene, intron)
    for one, other in combinations(near, 2):
        if not SHORTEST_EXON < other[0] - one[1] < APART or (chain := _with(exons, one)) is None:
            continue
        behind = [exon for exon in exons if exon[1] > other[1]]
        if behind:
            before = [exon for exon in chain if exon[1] <= one[0]]
            yield (*before, (one[1], other[0]), (other[1], behind[0][1]), *behind[1:])
        if (both := _with(chain, other)) is not None:
            yield both


def _first_exons(gene: GeneWindow, intron: Interval) -> Iterator[Exons]:
    """Yield chains with another first exon, which ends where an intron begins."""
    behind = [exon for exon in gene.cds if exon[1] > intron[1]]
    if not behind:
        return
    for x in gene.codons(intron[0] - BEFORE, intron[0] - SHORTEST_EXON):
        yield ((x, intron[0]), (intron[1], behind[0][1]), *behind[1:])


def _with(exons: Exons, intron: Interval) -> Exons | None:
    """Return exons with an intron, those beside it lengthened or cut to its ends; None: nothing is before it."""
    before = [exon for exon in exons if exon[0] < intron[0]]
    behind = [exon for exon in exons if exon[1] > intron[1]] or [(intron[1], intron[1] + CODON)]
    return (*before[:-1], (before[-1][0], intron[0]), (intron[1], behind[0][1]), *behind[1:]) if before else None
