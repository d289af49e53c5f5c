"""Exon text: the genes of a window as letters of their coding exons, and back.

``<+>exon<exon>exon<->exon``: a chain a transcript, its strand and its exons as the forward strand spells them, from
left to right; chains in the order of their first bases. There are no coordinates: an exon is found again as a stretch
of the window, in order. Where a stretch occurs more than once, the placement is taken whose introns have known splice
sites, then the one with the shortest introns, then the leftmost; `encode` refuses what this rule does not give back, so
that what it writes decodes to the same intervals (0-based half-open, relative to the window), exactly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from genescribe.generate.text.sentence import GeneSentence, Kind
from genescribe.genome.alphabet import BASES, Codes, unmasked
from genescribe.genome.alphabet import decode as letters_of
from genescribe.genome.alphabet import encode as codes_of
from genescribe.genome.model import Gene, Interval, Transcript

STRANDS = {"+": "<+>", "-": "<->"}
NEXT, END = "<exon>", "<eos>"
_CHAIN = re.compile(r"<([+-])>((?:[ACGTN]+<exon>)*[ACGTN]+)")
_SITES = {"+": (("GT", "AG"), ("GC", "AG")), "-": (("CT", "AC"), ("CT", "GC"))}


class ExonTextError(ValueError):
    """A text that is none, or genes that have none; `reason` is short and countable."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True, order=True, slots=True)
class Chain:
    """The coding exons of a transcript, ascending, relative to a window."""

    exons: tuple[Interval, ...]
    strand: str


def encode(chains: Sequence[Chain], window: Codes, shortest_intron: int = 20) -> str:
    """Return the exon text of some transcripts; duplicates are written once.

    Raises
    ------
    ExonTextError
        A chain that is none, or one that `decode` would place elsewhere.
    """
    text, ordered = letters_of(unmasked(window)), sorted(set(chains))
    for chain in ordered:
        _check(chain, len(text), shortest_intron)
    written = "".join(
        STRANDS[chain.strand] + NEXT.join(text[start:end] for start, end in chain.exons) for chain in ordered
    )
    if decode(written, window, shortest_intron) != ordered:
        raise ExonTextError("placed elsewhere", f"{len(ordered)} transcripts")
    return written


def decode(text: str, window: Codes, shortest_intron: int = 20) -> list[Chain]:
    """Return the transcripts that a text spells, each exon a stretch of the window, in order.

    Raises
    ------
    ExonTextError
        The text breaks the grammar, or an exon is no stretch of the window behind the one before it.
    """
    text = text.removesuffix(END)
    found, place = [], 0
    bases = letters_of(unmasked(window))
    bound = 0
    while place < len(text):
        match = _CHAIN.match(text, place)
        if match is None:
            raise ExonTextError("not exon text", text[place : place + 40])
        strand, exons = match[1], match[2].split(NEXT)
        intervals = placed(exons, bases, strand, bound, shortest_intron)
        if intervals is None:
            raise ExonTextError("no stretch of the window", exons[0][:40])
        found.append(Chain(tuple(intervals), strand))
        bound, place = intervals[0][0], match.end()
    return found


def _check(chain: Chain, length: int, shortest_intron: int) -> None:
    if not chain.exons or chain.strand not in STRANDS:
        raise ExonTextError("no exon or strand")
    if any(not 0 <= start < end <= length for start, end in chain.exons):
        raise ExonTextError("exon outside the window")
    if any(b - a < shortest_intron for (_, a), (b, _) in pairwise(chain.exons)):
        raise ExonTextError("short intron")


def placed(exons: Sequence[str], bases: str, strand: str, bound: int, shortest_intron: int) -> list[Interval] | None:
    """Return where the exons of a chain lie, or None where they do not: a shortest path over their occurrences.

    Parameters
    ----------
    exons, strand
        Their letters, from left to right as the forward strand spells them; the strand that splice sites are known on.
    bases
        The window.
    bound
        The first exon begins here, or behind.
    shortest_intron
        Bases between two exons, at least.
    """
    first = _occurrences(exons[0], bases, bound)
    # Best first: most introns with known ends, then fewest bases of introns, then leftmost.
    values = np.zeros(len(first), dtype=np.int64)
    layers, back = [first], []
    for before, exon in pairwise(exons):
        starts, ends = _occurrences(exon, bases, 0), layers[-1] + len(before)
        introns = starts[None, :] - ends[:, None]
        known = _known_sites(bases, strand, ends, starts)
        # One number orders both: an intron with known ends outweighs any length.
        costs = values[:, None] + introns - known * (len(bases) + 1) * 4
        costs = np.where(introns >= shortest_intron, costs, np.iinfo(np.int64).max // 4)
        if not costs.size:
            return None
        best = costs.argmin(axis=0)
        kept = introns[best, np.arange(len(starts))] >= shortest_intron
        layers.append(starts[kept])
        back.append(best[kept])
        values = costs[best, np.arange(len(starts))][kept]
    if not len(layers[-1]):
        return None
    chosen = [int(values.argmin())]
    for steps in reversed(back):
        chosen.append(int(steps[chosen[-1]]))
    begins = [int(layer[number]) for layer, number in zip(layers, reversed(chosen), strict=True)]
    return [(begin, begin + len(exon)) for begin, exon in zip(begins, exons, strict=True)]


def _occurrences(exon: str, bases: str, bound: int) -> NDArray[np.int64]:
    """Return where a stretch begins in the window, from `bound` on, ascending."""
    found, place = [], bases.find(exon, bound)
    while place >= 0:
        found.append(place)
        place = bases.find(exon, place + 1)
    return np.array(found, dtype=np.int64)


def _known_sites(bases: str, strand: str, ends: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return whether an intron between each end and each start has known splice sites, (ends, starts) of 0 and 1."""
    known = np.zeros((len(ends), len(starts)), dtype=np.int64)
    for left, right in _SITES[strand]:
        begins = np.array([bases[end : end + 2] == left for end in ends], dtype=np.int64)
        closes = np.array([bases[start - 2 : start] == right for start in starts], dtype=np.int64)
        known |= begins[:, None] & closes[None, :]
    return known


class ExonAutomaton:
    """The letters and marks allowed next, so that a text remains exon text of its window.

    What it lets be written spells, chain by chain, stretches of the window in order. `decode` may still refuse a text
    whose chains, each placed by its rule, are not in the order of their first bases.

    Parameters
    ----------
    window
        Its bases.
    shortest_intron
        Bases between two exons, at least.
    """

    def __init__(self, window: Codes, shortest_intron: int = 20) -> None:
        self._codes, self._shortest = unmasked(window), shortest_intron
        # Boundaries at which the exon at hand, as far as it is written, may end.
        self._here = np.zeros(len(window) + 1, dtype=bool)
        self._length, self._begun, self.finished = 0, False, False

    def allowed(self) -> set[str]:
        """Return the letters and marks that may come next."""
        if self.finished:
            return set()
        found = {BASES[code] for code in np.unique(self._codes[self._here[:-1]])}
        if self._length or not self._begun:
            found |= {END, *STRANDS.values()}
        if self._length and int(self._here.argmax()) + self._shortest < len(self._codes):
            found.add(NEXT)
        return found

    def advance(self, item: str) -> None:
        """Write a letter or a mark that `allowed` names."""
        if item == END:
            self.finished = True
        elif item in STRANDS.values():
            self._here[:] = True
            self._length, self._begun = 0, True
        elif item == NEXT:
            # Wherever this exon lies, the next one comes behind its earliest place.
            self._here[:] = np.arange(len(self._here)) >= int(self._here.argmax()) + self._shortest
            self._length = 0
        else:
            moved = np.zeros_like(self._here)
            moved[1:] = self._here[:-1] & (self._codes == int(codes_of(item)[0]))
            self._here, self._length = moved, self._length + 1


def chains_of(genes: Sequence[Gene], start: int, end: int) -> tuple[list[Chain], int]:
    """Return the coding transcripts that lie in a window ``[start, end)``, and how many are cut by its edges."""
    chains, cut = [], 0
    for gene in genes:
        for transcript in gene.transcripts:
            if not transcript.cds or transcript.cds[-1][1] <= start or transcript.cds[0][0] >= end:
                continue
            if transcript.cds[0][0] < start or transcript.cds[-1][1] > end:
                cut += 1
                continue
            chains.append(Chain(tuple((a - start, b - start) for a, b in transcript.cds), gene.strand))
    return sorted(set(chains)), cut


def chains_of_sentence(sentence: GeneSentence) -> list[Chain]:
    """Return the coding exons of a gene sentence's transcripts."""
    found = set()
    for members in sentence.transcripts:
        features = sorted((sentence.features[i] for i in members), key=lambda feature: feature.start)
        exons = tuple((f.start, f.end) for f in features if f.kind is Kind.CDS)
        found.add(Chain(exons, sentence.strand))
    return sorted(found)


def genes_of(chains: Sequence[Chain], seqid: str, offset: int = 0) -> list[Gene]:
    """Return the genes of some transcripts: those of a strand that share a base are one.

    Parameters
    ----------
    chains
        Relative to a window that begins at base `offset`.
    """
    groups: list[tuple[int, str, list[Chain]]] = []
    for chain in sorted(chains):
        begin, end = chain.exons[0][0], chain.exons[-1][1]
        same = next(
            (i for i, (reach, strand, _) in enumerate(groups) if strand == chain.strand and begin < reach), None
        )
        if same is None:
            groups.append((end, chain.strand, [chain]))
        else:
            reach, strand, members = groups[same]
            groups[same] = max(reach, end), strand, [*members, chain]
    genes = []
    for number, (_, strand, members) in enumerate(groups, 1):
        name = f"{seqid}:{offset}.g{number}"
        cds = [tuple((a + offset, b + offset) for a, b in chain.exons) for chain in members]
        transcripts = tuple(Transcript(f"{name}.t{n}", exons, exons) for n, exons in enumerate(cds, 1))
        genes.append(Gene(name, seqid, strand, transcripts, biotype="protein_coding"))
    return genes
