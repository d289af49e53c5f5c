"""The label scheme `gene`: coding exons by reading frame, introns by the part of a codon before them, UTRs.

All of it is in transcript order, on both strands. docs/gene.md tells the rules to users. Frames are absolute: with
frame f, the base at position t of a strand (or window) is base ``(t - f) % 3`` of its codon.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import numpy as np

from genescribe.data.runs import IGNORE, Runs, outside, runs_from_segments
from genescribe.data.runs import ignore as ignore_runs
from genescribe.genome.alphabet import Codes, unmasked
from genescribe.genome.alphabet import decode as letters
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.intervals import shared, touched, union
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.labels.decode import Decoded, validate_gene
from genescribe.labels.gene_decode import decode_gene_runs
from genescribe.labels.gene_labels import (
    CHANNELS,
    EXONS,
    FRAMES,
    INITIAL,
    INTERGENIC,
    INTERNAL,
    INTRON0,
    INTRON1,
    INTRON1_T,
    INTRON2,
    INTRON2_TA,
    INTRON2_TG,
    KINDS,
    NAMES,
    SHORTEST_INITIAL,
    SHORTEST_INTERNAL,
    SINGLE,
    STOP,
    TERMINAL,
    UTR3,
    UTR3_INTRON,
    UTR5,
    UTR5_INTRON,
    routes,
    transitions,
)
from genescribe.labels.gene_rules import GeneRules, SignalTables, word_number
from genescribe.labels.grammar import (
    CODON,
    Encoded,
    Grammar,
    Kind,
    Problem,
    representative,
    unrepresentable,
)

_NOTHING: Mapping[str, str] = MappingProxyType({})


class GeneScheme:
    """Twenty-four labels that spell nothing but valid genes, together with `genescribe.segment.network.gene_scores`.

    Parameters
    ----------
    rules
        Allowed start codons, stop codons and splice sites; None: the defaults.
    """

    name = "gene"
    names: tuple[str, ...] = NAMES
    kinds: tuple[Kind, ...] = KINDS
    background = INTERGENIC
    opening: tuple[int, ...] = (INTERGENIC, UTR5, *range(SINGLE, INTERNAL))
    closing: tuple[int, ...] = (INTERGENIC, UTR3, STOP)
    channels: tuple[str, ...] = CHANNELS
    routes = routes()

    def __init__(self, rules: GeneRules | None = None) -> None:
        self.rules = rules or GeneRules()

    def configured(self, rules: GeneRules) -> GeneScheme:
        """Return the scheme under other rules."""
        return GeneScheme(rules)

    @cached_property
    def grammar(self) -> Grammar:
        """The grammar: allowed transitions by position, first and last labels, and segment lengths."""
        size = len(NAMES)
        phases = transitions()
        last = np.ones(size, dtype=bool)
        # An exon that a strand's end cuts is initial or internal: whether another follows is out of sight.
        last[[exon + frame for exon in (SINGLE, TERMINAL) for frame in FRAMES]] = False
        minimum, maximum = np.ones(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        minimum[SINGLE:INTERNAL] = SHORTEST_INITIAL
        minimum[INTERNAL:TERMINAL] = SHORTEST_INTERNAL
        minimum[STOP] = maximum[STOP] = CODON
        introns = (UTR5_INTRON, *range(INTRON0, UTR3), UTR3_INTRON)
        minimum[list(introns)] = self.rules.shortest_intron
        tied = tuple(label - label % 3 if SINGLE <= label < STOP else label for label in range(size))
        tied_durations = tuple(UTR5_INTRON if label in introns else tied[label] for label in range(size))
        return Grammar(
            np.any(phases, axis=0),
            np.ones(size, dtype=bool),
            last,
            minimum,
            maximum,
            phases,
            (INTERGENIC, UTR5, UTR3),
            tied,
            tied_durations,
        )

    def shifted(self, runs: Runs, offset: int) -> Runs:
        """Return the labels as counted from position `offset`: the frames move, so that a window stands alone."""
        relabel = np.append(np.arange(len(NAMES), dtype=np.int32), np.int32(IGNORE))
        for exon in EXONS:
            for frame in FRAMES:
                relabel[exon + frame] = exon + (frame - offset) % 3
        return np.stack([runs[:, 0], relabel[runs[:, 1]]], axis=1)

    def fault(self, transcript: Transcript, codes: Codes, code: GeneticCode) -> str | None:
        """Return why the labels cannot hold a transcript of the strand `codes`, or None; see `LabelScheme.fault`."""
        reason = unrepresentable(transcript, len(codes))
        if reason is not None:
            return reason
        tables = SignalTables.of(self.rules, code)
        for start, end in transcript.introns:
            if end - start < self.rules.shortest_intron:
                return "intron too short"
            if f"{_text(codes, start, start + 2)}-{_text(codes, end - 2, end)}" not in self.rules.splice_sites:
                return "splice sites not among the allowed"
        return (
            _exon_fault(transcript) or _codon_fault(transcript, codes, tables) or validate_gene(transcript, codes, code)
        )

    def encode(
        self,
        genes: Sequence[Gene],
        length: int,
        doubtful: Mapping[str, str] = _NOTHING,
        codes: Codes | None = None,
    ) -> Encoded:
        """Return the labels of one strand.

        For the arguments see `genescribe.labels.schemes.LabelScheme.encode`.

        Notes
        -----
        Where the chosen isoforms of genes overlap, the one with the longest coding sequence keeps its labels outside
        the others' spans; the others are masked. So some segmentation always agrees with the labels.
        """
        if codes is None:
            raise ValueError("the scheme 'gene' needs the bases of the strand")
        chosen = {gene.id: representative(gene) for gene in genes}
        coding = {name: transcript for name, transcript in chosen.items() if transcript is not None}
        reasons = {name: "non-coding" for name in chosen if name not in coding}
        for name, transcript in coding.items():
            reason = doubtful.get(name) or unrepresentable(transcript, length)
            if reason is not None:
                reasons[name] = reason
        placed = _without_overlap({name: t for name, t in coding.items() if name not in reasons})
        spans = {name: (transcript.start, transcript.end) for name, transcript in coding.items()}
        overlaps = shared(spans.values())
        for name, span in spans.items():
            if touched(span, overlaps):
                reasons.setdefault(name, "overlaps a gene on its strand")
        masked = union((max(0, a), min(length, b)) for name, (a, b) in spans.items() if name not in placed)
        segments = [(start, end, IGNORE) for start, end in masked]
        for transcript in placed.values():
            segments.extend(outside(_segments(transcript, codes), masked))
        runs = runs_from_segments(sorted(segments), length, INTERGENIC)
        runs = ignore_runs(runs, [(gene.start, gene.end) for gene in genes if gene.id not in coding], INTERGENIC)
        return Encoded(runs, placed, [Problem(name, reasons[name]) for name in chosen if name in reasons])

    def decode(self, runs: Runs, *, partial: bool = True) -> Decoded:
        """Return the transcripts that the labels of a whole strand spell; see `decode_gene_runs`."""
        phases = self.grammar.phases
        assert phases is not None
        return decode_gene_runs(runs, phases, partial=partial)


def _text(codes: Codes, start: int, end: int) -> str:
    return letters(unmasked(codes[max(0, start) : end]))


def _exon_fault(transcript: Transcript) -> str | None:
    """Return which coding exon is too short for the labels, or None."""
    lengths = [end - start for start, end in transcript.cds]
    if not transcript.partial5 and lengths[0] < SHORTEST_INITIAL:
        return "start codon split by an intron"
    if not transcript.partial3 and lengths[-1] < CODON:
        return "stop codon split by an intron"
    first = 0 if transcript.partial5 else 1
    last = len(lengths) if transcript.partial3 else len(lengths) - 1
    return "coding exon of one base" if min(lengths[first:last], default=CODON) < SHORTEST_INTERNAL else None


def _codon_fault(transcript: Transcript, codes: Codes, tables: SignalTables) -> str | None:
    """Return whether the start or the stop codon, each within one exon, is not allowed."""
    start, end = transcript.coding_span
    if not transcript.partial5 and not tables.start[word_number(unmasked(codes[start : start + CODON]).tolist())]:
        return "start codon not among the allowed"
    if not transcript.partial3 and not tables.stop[word_number(unmasked(codes[end - CODON : end]).tolist())]:
        return "no stop codon"
    return None


def _without_overlap(transcripts: Mapping[str, Transcript]) -> dict[str, Transcript]:
    """Return those that overlap none with a longer coding sequence that is kept, in the order given."""
    kept: list[Interval] = []  # ascending
    names: set[str] = set()
    for name, transcript in sorted(transcripts.items(), key=lambda item: (-item[1].cds_length, item[1].start, item[0])):
        span = (transcript.start, transcript.end)
        if not touched(span, kept):
            insort(kept, span)
            names.add(name)
    return {name: transcript for name, transcript in transcripts.items() if name in names}


def _segments(transcript: Transcript, codes: Codes) -> list[tuple[int, int, int]]:
    """Return the (start, end, label) of a transcript, ascending."""
    first, last = transcript.coding_span
    segments = [(*part, label) for label, utr in zip((UTR5, UTR3), transcript.utrs, strict=True) for part in utr]
    read = -transcript.phase  # coding bases before this exon, from the first whole codon on
    body = transcript.cds_length - transcript.phase - (0 if transcript.partial3 else CODON)
    coding_ends: dict[int, int] = {}
    for number, (start, end) in enumerate(transcript.cds):
        stop = min(end, start + body - read)
        begins, ends = number == 0 and not transcript.partial5, stop < end
        label = (SINGLE if ends else INITIAL) if begins else (TERMINAL if ends else INTERNAL)
        segments += [(start, stop, label + (start - read) % 3), (stop, end, STOP)]
        read += end - start
        coding_ends[end] = read
    for start, end in transcript.introns:
        if end <= first:
            label = UTR5_INTRON
        elif start >= last:
            label = UTR3_INTRON
        else:
            label = _coding_intron(coding_ends[start] % 3, _text(codes, start - 2, start))
        segments.append((start, end, label))
    return sorted(segment for segment in segments if segment[0] < segment[1])


def _coding_intron(begun: int, before: str) -> int:
    """Return the label of an intron after `begun` bases of a codon; `before` are the last two bases of its exon."""
    if begun == 0:
        return INTRON0
    if begun == 1:
        return INTRON1_T if before.endswith("T") else INTRON1
    return {"TA": INTRON2_TA, "TG": INTRON2_TG}.get(before, INTRON2)
