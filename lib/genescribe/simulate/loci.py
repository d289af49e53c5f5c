"""One gene in transcript orientation: its segments, signals and codons, and its position in the genome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from genescribe.genome.alphabet import Codes, encode
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.simulate.chains import FREE
from genescribe.simulate.codons import START, STOPS, draw_coding
from genescribe.simulate.parameters import ACCEPTOR, DONOR, KOZAK, SimulationParameters
from genescribe.simulate.signals import draw_matrix, normalised

EXONIC = frozenset({"utr5", "start", "single", "initial", "internal", "terminal", "stop", "utr3"})
CODING = frozenset({"single", "initial", "internal", "terminal"})
INTRONS = frozenset({"intron", "utr_intron"})


class Segment(NamedTuple):
    """A stretch of one kind, in bases from the gene's first base in transcript orientation."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class Isoform:
    """Exons and coding interval, start to stop codon, of one transcript in transcript orientation."""

    exons: tuple[Interval, ...]
    coding: Interval

    @property
    def cds(self) -> tuple[Interval, ...]:
        """Coding part of the exons."""
        low, high = self.coding
        clipped = ((max(start, low), min(end, high)) for start, end in self.exons)
        return tuple((start, end) for start, end in clipped if start < end)


def draw_segments(parameters: SimulationParameters, rng: np.random.Generator) -> list[Segment]:
    """Draw the segments of a gene, 5' to 3'."""
    lengths, structure = parameters.lengths, parameters.structure
    drawn: list[tuple[str, int]] = [("utr5", int(lengths.utr5.sample(rng, 1)[0]))]
    while rng.random() < structure.utr_intron:
        drawn.append(("utr_intron", int(lengths.utr_intron.sample(rng, 1)[0])))
        drawn.append(("utr5", int(lengths.utr5.sample(rng, 1)[0])))
    drawn.append(("start", 3))
    if rng.random() < structure.single:
        drawn.append(("single", lengths.single.sample_residue(rng, 0)))
    else:
        drawn.append(("initial", int(lengths.initial.sample(rng, 1)[0])))
        phase = drawn[-1][1] % 3
        drawn.append(("intron", int(lengths.intron.sample(rng, 1)[0])))
        while rng.random() < structure.internal:
            drawn.append(("internal", int(lengths.internal.sample(rng, 1)[0])))
            phase = (phase + drawn[-1][1]) % 3
            drawn.append(("intron", int(lengths.intron.sample(rng, 1)[0])))
        drawn.append(("terminal", lengths.terminal.sample_residue(rng, -phase % 3)))
    drawn += [("stop", 3), ("utr3", int(lengths.utr3.sample(rng, 1)[0]))]
    ends = np.cumsum([length for _, length in drawn]).tolist()
    return [Segment(kind, end - length, end) for (kind, length), end in zip(drawn, ends, strict=True)]


def draw_bases(parameters: SimulationParameters, segments: list[Segment], rng: np.random.Generator) -> Codes:
    """Draw codons and signals; the bases left to the Markov chains are `FREE`.

    Parameters
    ----------
    parameters
        Parameters of the simulation.
    segments
        Parts of the gene, in order.
    rng
        Random generator.
    """
    signals = parameters.signals
    bases = np.full(segments[-1].end, FREE, dtype=np.uint8)
    coding = [segment for segment in segments if segment.kind in CODING]
    sizes = np.array([segment.end - segment.start for segment in coding])
    drawn = draw_coding(parameters.codons, np.cumsum(sizes)[:-1], int(sizes.sum()), rng)
    for segment, piece in zip(coding, np.split(drawn, np.cumsum(sizes)[:-1]), strict=True):
        bases[segment.start : segment.end] = piece
    for kind, start, end in segments:
        if kind == "start":
            bases[start - KOZAK : start] = draw_matrix(signals.kozak, 1, rng)[0]
            bases[start:end] = encode(START)
        elif kind == "stop":
            bases[start:end] = encode(STOPS[rng.choice(3, p=normalised(parameters.codons.stops))])
        elif kind in INTRONS:
            bases[start : start + DONOR] = draw_matrix(signals.donor, 1, rng)[0]
            bases[end - ACCEPTOR : end] = draw_matrix(signals.acceptor, 1, rng)[0]
            if signals.branch is not None:
                shares = normalised(signals.branch.distances)
                point = end - signals.branch.nearest - int(rng.choice(len(shares), p=shares))
                bases[point : point + len(signals.branch.matrix)] = draw_matrix(signals.branch.matrix, 1, rng)[0]
    return bases


def major_isoform(segments: list[Segment]) -> Isoform:
    """Return the transcript that the segments spell."""
    exons: list[Interval] = []
    for kind, start, end in segments:
        if kind not in EXONIC:
            continue
        if exons and exons[-1][1] == start:
            exons[-1] = (exons[-1][0], end)
        else:
            exons.append((start, end))
    first = next(s.start for s in segments if s.kind == "start")
    last = next(s.end for s in segments if s.kind == "stop")
    return Isoform(tuple(exons), (first, last))


def segments_of(isoform: Isoform) -> list[Segment]:
    """Return the segments of a coding transcript, 5' to 3': the inverse of `major_isoform`.

    Where an intron splits the start or the stop codon, a coding segment has a length below 1.
    """
    low, high = isoform.coding
    inner = ["internal"] * (len(isoform.cds) - 2)
    kinds = iter(["single"] if len(isoform.cds) == 1 else ["initial", *inner, "terminal"])
    segments: list[Segment] = []
    for start, end in isoform.exons:
        if segments:
            before = segments[-1].end
            segments.append(Segment("intron" if low < before and start < high else "utr_intron", before, start))
        if start < low:
            segments.append(Segment("utr5", start, min(end, low)))
        first, last = max(start, low), min(end, high)
        if first < last:
            coding = Segment(next(kinds), first + 3 * (first == low), last - 3 * (last == high))
            segments += [Segment("start", first, first + 3)] * (first == low)
            segments.append(coding)
            segments += [Segment("stop", last - 3, last)] * (last == high)
        if end > high:
            segments.append(Segment("utr3", max(start, high), end))
    return segments


def place(
    identifier: str, seqid: str, strand: str, isoforms: list[Isoform], start: int, length: int, *, canonical: bool
) -> Gene:
    """Return the gene whose `length` bases begin at `start` on the forward strand; the first isoform is the major one.

    `canonical` tags the major isoform as the gene's representative.

    Parameters
    ----------
    identifier
        ID of the gene.
    seqid
        Name of the sequence.
    strand
        ``+`` or ``-``.
    isoforms
        Its isoforms, from its own first base on; the major one first.
    start
        First base on the forward strand.
    length
        Bases of the gene.
    canonical
        Tag the major isoform as the representative.
    """

    def forward(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
        if strand == "+":
            return tuple((start + a, start + b) for a, b in intervals)
        return tuple((start + length - b, start + length - a) for a, b in reversed(intervals))

    transcripts = [
        Transcript(f"{identifier}.{number}", forward(i.exons), forward(i.cds), canonical=canonical and number == 1)
        for number, i in enumerate(isoforms, start=1)
    ]
    ordered = tuple(sorted(transcripts, key=lambda t: (t.start, t.end, t.id)))
    return Gene(identifier, seqid, strand, ordered, biotype="protein_coding")
