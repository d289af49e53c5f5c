"""The label scheme `gencode`: the eleven classes of the exon/intron segmentation benchmark.

All of it is in transcript order, on both strands. docs/gencode.md tells the rules to users.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import numpy as np

from genescribe.data.runs import IGNORE, Runs, outside, runs_from_segments
from genescribe.data.runs import ignore as ignore_runs
from genescribe.genome.alphabet import Codes
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.intervals import shared, touched, union
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.labels.decode import Decoded, decode_runs
from genescribe.labels.gene_rules import GeneRules
from genescribe.labels.grammar import (
    CODON,
    Encoded,
    Grammar,
    Kind,
    Problem,
    representative,
    unrepresentable,
)

INTERGENIC, FIRST_EXON, INTERNAL_EXON, LAST_EXON = 0, 1, 2, 3
FIRST_INTRON, INTERNAL_INTRON, LAST_INTRON = 4, 5, 6
UTR5, UTR3, STARTCODON, STOPCODON = 7, 8, 9, 10

_NAMES = (
    "intergenic",
    "first_exon",
    "internal_exon",
    "last_exon",
    "first_intron",
    "internal_intron",
    "last_intron",
    "5UTR",
    "3UTR",
    "start_codon",
    "stop_codon",
)
_EXONS = (FIRST_EXON, INTERNAL_EXON, LAST_EXON)
_INTRONS = (FIRST_INTRON, INTERNAL_INTRON, LAST_INTRON)
_NOTHING: Mapping[str, str] = MappingProxyType({})

# Which segments may follow which within and between genes. A first exon begins with the start codon and a last exon
# ends in the stop codon, so neither borders on anything else there; a codon may be split by an intron.
_FOLLOWS: dict[int, tuple[int, ...]] = {
    INTERGENIC: (UTR5, STARTCODON),
    FIRST_EXON: (*_INTRONS, STOPCODON),
    INTERNAL_EXON: (INTERNAL_INTRON, LAST_INTRON, STOPCODON),
    LAST_EXON: (STOPCODON,),
    FIRST_INTRON: (UTR5, STARTCODON, INTERNAL_EXON, LAST_EXON, STOPCODON, UTR3),
    INTERNAL_INTRON: (UTR5, STARTCODON, INTERNAL_EXON, LAST_EXON, STOPCODON, UTR3),
    LAST_INTRON: (UTR5, STARTCODON, LAST_EXON, STOPCODON, UTR3),
    UTR5: (*_INTRONS, STARTCODON),
    UTR3: (INTERGENIC, INTERNAL_INTRON, LAST_INTRON, FIRST_INTRON, UTR5, STARTCODON),
    STARTCODON: (*_EXONS, *_INTRONS, STOPCODON),
    STOPCODON: (INTERGENIC, *_INTRONS, UTR5, STARTCODON, UTR3),
}


class GencodeScheme:
    """Eleven labels: exons and introns by their rank in the transcript, UTRs, start and stop codons.

    Coding exons (without their start and stop codon) are first, internal or last by their rank among the
    transcript's coding exons; a single one is first. Introns are ranked among all introns of the transcript; a
    single one is first. Introns within the UTRs are introns; the exon parts around them are UTR. A transcript cut
    at its 5' (3') end by the sequence's end has no first (last) exon and no first (last) intron, since which they
    were cannot be known. Genes with an intron below `GeneRules.shortest_intron` have no labels.

    Parameters
    ----------
    rules
        Of which these labels, that see no signals, need the shortest intron alone.
    """

    name = "gencode"
    names: tuple[str, ...] = _NAMES
    background = INTERGENIC
    opening: tuple[int, ...] = (INTERGENIC, UTR5, STARTCODON)
    closing: tuple[int, ...] = (INTERGENIC, UTR3, STOPCODON)
    channels: tuple[str, ...] = _NAMES
    routes = np.tile(np.arange(len(_NAMES)), (3, 1))
    kinds: tuple[Kind, ...] = (
        Kind.INTERGENIC,
        *(Kind.CODING,) * 3,
        *(Kind.INTRON,) * 3,
        Kind.UTR5,
        Kind.UTR3,
        Kind.START,
        Kind.STOP,
    )

    def __init__(self, rules: GeneRules | None = None) -> None:
        self.rules = rules or GeneRules()

    def configured(self, rules: GeneRules) -> GencodeScheme:
        """Return the scheme under other rules."""
        return GencodeScheme(rules)

    @cached_property
    def grammar(self) -> Grammar:
        """The grammar: allowed transitions, first and last labels, and segment lengths.

        A codon is one run of three bases, or shorter runs where introns split it. An intron is not short.
        """
        size = len(_NAMES)
        transitions = np.zeros((size, size), dtype=bool)
        for source, destinations in _FOLLOWS.items():
            transitions[source, list(destinations)] = True
        first, last = np.ones(size, dtype=bool), np.ones(size, dtype=bool)
        first[[FIRST_EXON, FIRST_INTRON]] = False
        last[[LAST_EXON, LAST_INTRON]] = False
        minimum, maximum = np.ones(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        minimum[list(_INTRONS)] = self.rules.shortest_intron
        maximum[[STARTCODON, STOPCODON]] = CODON
        return Grammar(transitions, first, last, minimum, maximum)

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
        A gene that the labels cannot hold is masked over its span. Where the chosen isoforms of two genes overlap,
        the bases that they share are masked, and what each has alone keeps its labels.
        """
        del codes
        reasons: dict[str, str] = {}
        placed: dict[str, Transcript] = {}
        masked: list[Interval] = []
        passed_over: list[Interval] = []
        spans: list[tuple[str, Interval]] = []
        for gene in genes:
            transcript = representative(gene)
            if transcript is None:
                reasons[gene.id] = "non-coding"
                passed_over.append((gene.start, gene.end))
                continue
            span = (transcript.start, transcript.end)
            spans.append((gene.id, span))
            reason = doubtful.get(gene.id) or self._fault(transcript, length)
            if reason is None:
                placed[gene.id] = transcript
            else:
                reasons[gene.id] = reason
                masked.append((max(0, span[0]), min(length, span[1])))
        overlaps = shared(span for _, span in spans)
        for identifier, span in spans:
            if touched(span, overlaps):
                reasons.setdefault(identifier, "overlaps a gene on its strand")
        masked = union([*masked, *((max(0, start), min(length, end)) for start, end in overlaps)])
        segments = [(start, end, IGNORE) for start, end in masked]
        for transcript in placed.values():
            segments.extend(outside(_segments(transcript), masked))
        runs = runs_from_segments(sorted(segments), length, INTERGENIC)
        runs = ignore_runs(runs, passed_over, over=INTERGENIC)
        return Encoded(runs, placed, [Problem(gene.id, reasons[gene.id]) for gene in genes if gene.id in reasons])

    def fault(self, transcript: Transcript, codes: Codes, code: GeneticCode) -> str | None:
        """Return why the labels cannot hold a transcript of the strand `codes`, or None; its bases do not matter.

        For the arguments see `LabelScheme.fault`.
        """
        del code
        return self._fault(transcript, len(codes))

    def _fault(self, transcript: Transcript, length: int) -> str | None:
        reason = unrepresentable(transcript, length)
        if reason is None and any(end - start < self.rules.shortest_intron for start, end in transcript.introns):
            return "intron too short"
        return reason

    def shifted(self, runs: Runs, offset: int) -> Runs:
        """Return the labels themselves: they do not depend on positions."""
        del offset
        return runs

    def decode(self, runs: Runs, *, partial: bool = True) -> Decoded:
        """Return the transcripts that the labels of a whole strand spell; see `decode_runs`.

        The ranks of exons and introns are not needed to read a gene and are not checked.
        """
        return decode_runs(runs, self.kinds, partial=partial)


def _segments(transcript: Transcript) -> list[tuple[int, int, int]]:
    """Return the (start, end, label) of a transcript, ascending."""
    first, last = transcript.coding_span
    codons_from = 0 if transcript.partial5 else CODON
    codons_to = transcript.cds_length - (0 if transcript.partial3 else CODON)
    segments = [(*part, label) for label, utr in zip((UTR5, UTR3), transcript.utrs, strict=True) for part in utr]
    rank, read = 0, 0
    for start, end in transcript.exons:
        coding_start, coding_end = max(start, first), min(end, last)
        if coding_start < coding_end:
            label = _EXONS[_rank(rank, len(transcript.cds), transcript)]
            # Boundaries of the start and stop codon, in strand coordinates, held inside this exon.
            shift = coding_start - read
            a, b = (min(max(shift + offset, coding_start), coding_end) for offset in (codons_from, codons_to))
            segments += [(coding_start, a, STARTCODON), (a, b, label), (b, coding_end, STOPCODON)]
            rank, read = rank + 1, read + coding_end - coding_start
    introns = transcript.introns
    segments += [
        (start, end, _INTRONS[_rank(number, len(introns), transcript)]) for number, (start, end) in enumerate(introns)
    ]
    return sorted(segment for segment in segments if segment[0] < segment[1])


def _rank(number: int, count: int, transcript: Transcript) -> int:
    """Return 0 for the first, 2 for the last, 1 for those between; a single one is first."""
    if number == 0 and not transcript.partial5:
        return 0
    return 2 if number == count - 1 and not transcript.partial3 else 1
