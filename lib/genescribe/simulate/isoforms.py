"""Additional isoforms of a simulated gene: skipped exons, other donors, other acceptors.

They use sites that lie in the sequence by chance, so the sequence is still that of the major isoform. Every isoform
keeps the start and the stop codon, the frame, and has no stop codon inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from genescribe.genome.alphabet import Codes, encode
from genescribe.genome.model import gaps
from genescribe.simulate.codons import STOPS, number
from genescribe.simulate.loci import Isoform
from genescribe.simulate.parameters import ACCEPTOR, SHORTEST, SimulationParameters
from genescribe.simulate.signals import Matrix, matrix_scores

REACH = 60
"""Farthest alternative site from the site of the major isoform, in bases."""
_STOP_NUMBERS = [number(encode(stop)) for stop in STOPS]


def draw_isoforms(
    parameters: SimulationParameters, major: Isoform, codes: Codes, rng: np.random.Generator
) -> list[Isoform]:
    """Return the major isoform and, for some genes, others that differ from it by one event each.

    Parameters
    ----------
    parameters
        Rates and weights of the events, and the matrices that rate the sites.
    major
        The transcript for which the sequence was written.
    codes
        Bases of the gene in transcript orientation.
    rng
        Random generator.
    """
    law = parameters.isoforms
    isoforms = [major]
    wanted = int(rng.geometric(1.0 / law.extra)) if rng.random() < law.genes else 0
    events: list[tuple[float, Callable[[], list[Isoform]]]] = [
        (law.exon_skip, lambda: list(_skips(major))),
        (law.alternative_donor, lambda: _best(_donors(major), codes, parameters.signals.donor, 0)),
        (law.alternative_acceptor, lambda: _best(_acceptors(major), codes, parameters.signals.acceptor, 1 - ACCEPTOR)),
    ]
    weights = np.array([weight for weight, _ in events])
    if weights.sum() == 0 or len(major.cds) < 2:
        return isoforms
    for _ in range(wanted):
        candidates = events[rng.choice(len(events), p=weights / weights.sum())][1]()
        valid = [c for c in candidates if c not in isoforms and is_valid(c, codes)]
        if valid:
            isoforms.append(valid[rng.integers(len(valid))])
    return isoforms


def is_valid(isoform: Isoform, codes: Codes) -> bool:
    """Whether the coding sequence is whole codons with a stop at its end and none before."""
    coding = np.concatenate([codes[start:end] for start, end in isoform.cds]).astype(np.int64)
    if len(coding) % 3 or (coding > 3).any():
        return False
    stops = np.isin(coding.reshape(-1, 3) @ np.array([16, 4, 1]), _STOP_NUMBERS)
    return bool(stops[-1] and not stops[:-1].any())


def _skips(major: Isoform) -> Iterator[Isoform]:
    low, high = major.coding
    for i, (start, end) in enumerate(major.exons):
        if low < start and end < high and (end - start) % 3 == 0:
            yield Isoform(major.exons[:i] + major.exons[i + 1 :], major.coding)


Site = tuple[int, int, Isoform]
"""Where its intron's first (last) base lies, which intron it belongs to, the isoform that uses it."""


def _donors(major: Isoform) -> Iterator[Site]:
    for i, start, end in _coding_introns(major):
        for site in range(start - REACH, start + REACH + 1, 3):
            if site - major.exons[i][0] >= SHORTEST["internal"] and end - site >= SHORTEST["intron"] and site != start:
                yield site, i, _with(major, i, (major.exons[i][0], site), major.exons[i + 1])


def _acceptors(major: Isoform) -> Iterator[Site]:
    for i, start, end in _coding_introns(major):
        for site in range(end - REACH, end + REACH + 1, 3):
            after = major.exons[i + 1]
            if after[1] - site >= SHORTEST["internal"] and site - start >= SHORTEST["intron"] and site != end:
                yield site - 1, i, _with(major, i, major.exons[i], (site, after[1]))


def _coding_introns(major: Isoform) -> Iterator[tuple[int, int, int]]:
    low, high = major.coding
    for i, (start, end) in enumerate(gaps(major.exons)):
        # An alternative site may not eat the start or the stop codon.
        if low + REACH < start and end < high - REACH:
            yield i, start, end


def _with(major: Isoform, i: int, left: tuple[int, int], right: tuple[int, int]) -> Isoform:
    return Isoform((*major.exons[:i], left, right, *major.exons[i + 2 :]), major.coding)


def _best(sites: Iterator[Site], codes: Codes, matrix: Matrix, offset: int) -> list[Isoform]:
    """Return, for each intron, the isoform whose site the matrix rates highest."""
    scores = matrix_scores(codes, matrix, offset)
    best: dict[int, tuple[float, Isoform]] = {}
    for site, intron, isoform in sites:
        if scores[site] > best.get(intron, (-np.inf, isoform))[0]:
            best[intron] = (float(scores[site]), isoform)
    return [isoform for _, isoform in best.values()]
