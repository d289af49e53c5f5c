"""From labels to gene models, and the check that a gene model encodes a protein.

`decode_runs` reads the grammar of a gene from contiguous label runs; it sees no sequence. `validate_gene` sees the
sequence. What passes both is valid GFF3 and a valid coding sequence; all else becomes a `Reject` with a reason.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from genescribe.data.runs import IGNORE, Runs
from genescribe.genome.alphabet import Codes, gaps
from genescribe.genome.codons import read_codons
from genescribe.genome.genetic_code import ATG, GeneticCode
from genescribe.genome.intervals import union
from genescribe.genome.model import Interval, Transcript
from genescribe.genome.strand import Reject, StrandCodes
from genescribe.labels.grammar import Kind

GAP_REASON, LONG_GAP_REASON = "exon in a gap", "runs over a long gap"
_CODON = 3
LabelRun = tuple[int, int, int]
"""Start, end, label."""
_Run = tuple[int, int, Kind]


@dataclass(frozen=True, slots=True)
class Decoded:
    """Genes decoded from the labels of a strand: transcripts in order, and rejects."""

    transcripts: list[Transcript] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def decode_runs(runs: Runs, kinds: Sequence[Kind], *, partial: bool = True) -> Decoded:
    """Read the transcripts of one whole strand.

    A transcript is a stretch without intergenic or ignored bases: 5' UTR, start codon, coding bases, stop codon, 3'
    UTR, in this order, introns anywhere between. Where a stop codon or 3' UTR borders directly on a 5' UTR or start
    codon, one gene ends and the next begins. The coding length must be a multiple of three, the codons whole.

    Parameters
    ----------
    runs : (n, 2)
        Ends and labels, from the strand's 5' end to its 3' end.
    kinds
        Part of a gene that each label stands for, by label.
    partial
        Accept a gene without start (stop) codon whose coding sequence reaches the strand's 5' (3') end. Its phase
        follows from the other end.

    Returns
    -------
    Decoded
        Transcripts in strand coordinates, IDs "1", "2", ...; rejects where the labels do not spell a gene.
    """
    decoded = Decoded()
    if not len(runs):
        return decoded
    length = int(runs[-1, 0])
    opening = [label for label, kind in enumerate(kinds) if kind in (Kind.UTR5, Kind.START)]
    for gene, blocked in supposed_genes(runs, kinds, opening):
        outcome = _read([(start, end, kinds[label]) for start, end, label in gene], length, partial)
        if blocked:
            outcome = "beside ignored bases"
        if isinstance(outcome, str):
            decoded.rejects.append(Reject(gene[0][0], gene[-1][1], outcome))
        else:
            exons, cds, phase, partial5, partial3 = outcome
            number = str(len(decoded.transcripts) + 1)
            decoded.transcripts.append(
                Transcript(number, exons, cds, phase=phase, partial5=partial5, partial3=partial3)
            )
    return decoded


def supposed_genes(runs: Runs, kinds: Sequence[Kind], opening: Container[int]) -> Iterator[tuple[list[LabelRun], bool]]:
    """Yield the runs of each supposed gene, and whether ignored bases border on it.

    Parameters
    ----------
    runs : (n, 2)
        Ends and labels, from the strand's 5' end to its 3' end.
    kinds
        Part of a gene that each label stands for, by label.
    opening
        Labels that begin a gene: behind a stop codon or 3' UTR they begin the next one.
    """
    current: list[LabelRun] = []
    start, blocked = 0, False
    # An intergenic run of no bases behind the last one closes the last gene.
    for end, label in [*runs.tolist(), [0, kinds.index(Kind.INTERGENIC)]]:
        apart = label == IGNORE or kinds[label] is Kind.INTERGENIC
        next_gene = bool(current) and kinds[current[-1][2]] in (Kind.STOP, Kind.UTR3) and label in opening
        if current and (apart or next_gene):
            yield current, blocked or label == IGNORE
            current, blocked = [], False
        if apart:
            blocked = label == IGNORE
        else:
            current.append((start, end, label))
        start = end


_Parts = tuple[tuple[Interval, ...], tuple[Interval, ...], int, bool, bool]


def _read(stretch: list[_Run], length: int, partial: bool) -> _Parts | str:
    """Return exons, cds, phase, partial5, partial3 of one supposed gene, or why it is none."""
    at_start, at_end = stretch[0][0] == 0, stretch[-1][1] == length
    if not any(run[2] is not Kind.INTRON for run in stretch):
        return "intron without exons"
    # A strand may begin or end within an intron of a gene; the exon beyond it is out of sight.
    trimmed = list(stretch)
    while at_start and trimmed[0][2] is Kind.INTRON:
        del trimmed[0]
    while at_end and trimmed[-1][2] is Kind.INTRON:
        del trimmed[-1]
    if trimmed[0][2] is Kind.INTRON or trimmed[-1][2] is Kind.INTRON:
        return "intron at a gene's end"
    order = [run[2] for run in trimmed if run[2] is not Kind.INTRON]
    if any(left > right for left, right in pairwise(order)):
        return "parts out of order"
    bases = {kind: sum(end - start for start, end, other in trimmed if other is kind) for kind in Kind}
    coding = bases[Kind.START] + bases[Kind.CODING] + bases[Kind.STOP]
    if not coding:
        return "no coding sequence"
    partial5 = at_start and bases[Kind.START] < _CODON and order[0] is not Kind.UTR5
    partial3 = at_end and bases[Kind.STOP] < _CODON and order[-1] is not Kind.UTR3
    fault = _codon_fault(bases, coding, partial5, partial3)
    if fault is None and (partial5 or partial3) and not partial:
        fault = "cut by the sequence's end"
    if fault is not None:
        return fault
    phase = coding % _CODON if partial5 else 0
    exons = union((start, end) for start, end, kind in trimmed if kind is not Kind.INTRON)
    cds = union((start, end) for start, end, kind in trimmed if kind in (Kind.START, Kind.CODING, Kind.STOP))
    return tuple(exons), tuple(cds), phase, partial5, partial3


def _codon_fault(bases: dict[Kind, int], coding: int, partial5: bool, partial3: bool) -> str | None:
    if partial5 and partial3:
        return "cut at both ends"
    for kind, name, cut in ((Kind.START, "start", partial5), (Kind.STOP, "stop", partial3)):
        if not cut and bases[kind] == 0:
            return f"no {name} codon"
        if not cut and bases[kind] != _CODON:
            return f"{name} codon not of three bases"
    if not partial5 and not partial3 and coding % _CODON:
        return "coding length not a multiple of three"
    return None


def coding_codes(transcript: Transcript, codes: StrandCodes) -> Codes:
    """Return the spliced coding bases of a transcript of the strand `codes`, from its first whole codon on."""
    return np.concatenate([codes[start:end] for start, end in transcript.cds])[transcript.phase :]


def validate_gene(
    transcript: Transcript, codes: StrandCodes, code: GeneticCode, *, alternative_starts: bool = True
) -> str | None:
    """Return why a coding transcript makes no protein, or None where it does.

    Parameters
    ----------
    transcript
        In the coordinates of the strand `codes`.
    codes : (n,)
        Bases of the strand, 5' to 3'; softmasked or not. A codon with an N passes for anything, a gap for nothing.
    code
        Genetic code: start and stop codons.
    alternative_starts
        Accept every initiator that the genetic code lists, as annotations hold them; else ATG alone.
    """
    if any(gaps(codes[start:end]) for start, end in transcript.cds):
        return GAP_REASON
    reading = read_codons(coding_codes(transcript, codes), code, starts=None if alternative_starts else ATG)
    if reading.leftover and not transcript.partial3:
        return "coding length not a multiple of three"
    if not len(reading.codons):
        return "no whole codon"
    if not transcript.partial5 and reading.starts is False:
        return "no start codon"
    if not transcript.partial3 and reading.ends is False:
        return "no stop codon"
    return "in-frame stop" if len(reading.inner_stops(transcript.partial3)) else None
