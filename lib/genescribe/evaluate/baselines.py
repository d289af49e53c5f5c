"""The simplest baseline: the rule of long open reading frames."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from genescribe.evaluate.regions import Stretch
from genescribe.genome.alphabet import Codes, gaps, reverse_complement
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import ATG, GeneticCode, codon_numbers
from genescribe.genome.model import Gene, Transcript


def orf_rule(
    genome: Genome, code: GeneticCode, minimum: int = 300, regions: Iterable[Stretch] | None = None
) -> list[Gene]:
    """Return the longest open reading frames as single-exon genes.

    An open reading frame goes from the first ATG after a stop codon to the next stop codon of its frame, both inside.
    None has a gap, a run of N, inside. Frames of both strands compete: the longest is taken, those that share a base
    with it are dropped, and so on; of two equally long the one that begins first on the forward strand wins.

    Parameters
    ----------
    genome
        Softmasking is not regarded.
    code
        Gives the stop codons.
    minimum
        Bases of the shortest frame, its stop codon included.
    regions
        Only there, each read as a sequence of its own; the whole genome if None.
    """
    genes = []
    stretches = [(seqid, 0, None) for seqid in genome.lengths] if regions is None else list(regions)
    for seqid, start, end in stretches:
        codes = genome.codes(seqid, start, end)
        gapless = (frame for frame in open_frames(codes, code, minimum) if not gaps(codes[frame[0] : frame[1]]))
        for left, right, strand in longest_first(gapless):
            where = (start + left, start + right)
            name = f"{seqid}.orf{where[0] + 1}"
            genes.append(Gene(name, seqid, strand, (Transcript(f"{name}.t1", (where,), (where,)),)))
    return genes


def open_frames(codes: Codes, code: GeneticCode, minimum: int) -> list[tuple[int, int, str]]:
    """Return (start, end, strand) of every open reading frame of at least `minimum` bases, both strands.

    Parameters
    ----------
    codes : (n,) uint8
        Base codes of a sequence.
    code
        Genetic code, for start and stop codons.
    minimum
        Fewest bases, the stop codon included.
    """
    frames = []
    for strand, bases in (("+", codes), ("-", reverse_complement(codes))):
        for frame in range(3):
            numbers = codon_numbers(bases[frame:])
            for first, last in _frames(ATG[numbers], code.is_stop[numbers], minimum):
                left, right = frame + 3 * first, frame + 3 * last
                if strand == "-":
                    left, right = len(codes) - right, len(codes) - left
                frames.append((left, right, strand))
    return frames


def longest_first(frames: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Return disjoint intervals, chosen greedily by length, in ascending order."""
    chosen: list[tuple[int, int, str]] = []
    for frame in sorted(frames, key=lambda f: (f[0] - f[1], f)):
        index = bisect_left(chosen, frame)
        clear_left = index == 0 or chosen[index - 1][1] <= frame[0]
        if clear_left and (index == len(chosen) or chosen[index][0] >= frame[1]):
            insort(chosen, frame)
    return chosen


def _frames(starts: NDArray[np.bool_], stops: NDArray[np.bool_], minimum: int) -> Iterator[tuple[int, int]]:
    """Yield (first codon, one past the stop codon) of the frames between consecutive stops."""
    at_stop = np.flatnonzero(stops)
    at_start = np.flatnonzero(starts)
    if not len(at_start):
        return
    previous = np.append(-1, at_stop[:-1])
    index = np.searchsorted(at_start, previous, side="right")
    first = at_start[np.minimum(index, len(at_start) - 1)]
    long_enough = (index < len(at_start)) & (3 * (at_stop + 1 - first) >= minimum) & (first < at_stop)
    yield from zip(first[long_enough].tolist(), (at_stop[long_enough] + 1).tolist(), strict=True)
