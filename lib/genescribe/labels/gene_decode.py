"""From the labels of the scheme `gene` to transcripts: the exact inverse of its encoding."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from genescribe.data.runs import Runs
from genescribe.genome.intervals import union
from genescribe.genome.model import Transcript
from genescribe.genome.strand import Reject
from genescribe.labels.decode import Decoded, LabelRun, supposed_genes
from genescribe.labels.gene_labels import INTERNAL, KINDS, SINGLE, STOP, UTR5
from genescribe.labels.grammar import CODON, Kind

_BEGINS = range(SINGLE, INTERNAL)
"""Single and initial exons: they begin with the start codon."""


def decode_gene_runs(runs: Runs, phases: NDArray[np.bool_], *, partial: bool = True) -> Decoded:
    """Read the transcripts of one whole strand.

    A transcript is a stretch without intergenic or ignored bases, every boundary of which the grammar allows. Where a
    stop codon or 3' UTR borders directly on a 5' UTR or start codon, one gene ends and the next begins.

    Parameters
    ----------
    runs : (n, 2)
        Ends and labels, from the strand's 5' end to its 3' end.
    phases : (3, C, C)
        Transitions allowed at boundaries of each position modulo 3.
    partial
        Accept a gene without start (stop) codon that reaches the strand's 5' (3') end.

    Returns
    -------
    Decoded
        Transcripts in strand coordinates, IDs "1", "2", ...; rejects where the labels do not spell a gene.
    """
    decoded = Decoded()
    length = int(runs[-1, 0]) if len(runs) else 0
    for stretch, blocked in supposed_genes(runs, KINDS, (UTR5, *_BEGINS)):
        outcome = "beside ignored bases" if blocked else _read(stretch, length, phases)
        if isinstance(outcome, Transcript) and (outcome.partial5 or outcome.partial3) and not partial:
            outcome = "cut by the sequence's end"
        if isinstance(outcome, str):
            decoded.rejects.append(Reject(stretch[0][0], stretch[-1][1], outcome))
        else:
            number = str(len(decoded.transcripts) + 1)
            decoded.transcripts.append(replace(outcome, id=number))
    return decoded


def _read(stretch: list[LabelRun], length: int, phases: NDArray[np.bool_]) -> Transcript | str:
    """Return the transcript of a supposed gene, or why it is none."""
    at_start, at_end = stretch[0][0] == 0, stretch[-1][1] == length
    if not all(phases[left[1] % 3, left[2], right[2]] for left, right in pairwise(stretch)):
        return "parts out of order"
    exonic = [run for run in stretch if KINDS[run[2]] is not Kind.INTRON]
    coding = [run for run in stretch if KINDS[run[2]] in (Kind.CODING, Kind.STOP)]
    if not coding:
        return "no coding sequence" if exonic else "intron without exons"
    # A strand may begin or end within an intron of a gene; the exon beyond it is out of sight.
    if (exonic[0] != stretch[0] and not at_start) or (exonic[-1] != stretch[-1] and not at_end):
        return "intron at a gene's end"
    partial5, partial3 = coding[0][2] not in _BEGINS, coding[-1][2] != STOP
    if partial5 and not at_start:
        return "no start codon"
    if partial3 and not at_end:
        return "no stop codon"
    if not partial3 and coding[-1][1] - coding[-1][0] != CODON:
        return "stop codon not of three bases"
    start, _, label = coding[0]
    phase = 0 if label == STOP else (label - SINGLE - start) % CODON
    if sum(end - start for start, end, _ in coding) < phase + CODON:
        return "less than a codon within the sequence"
    exons, cds = (tuple(union((start, end) for start, end, _ in runs)) for runs in (exonic, coding))
    return Transcript("", exons, cds, phase=phase, partial5=partial5, partial3=partial3)
