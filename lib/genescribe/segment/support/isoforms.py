"""Additional transcripts of a gene, with supported introns that its best path lacks.

Of each such intron the best path to the gene's stop codon that has it is found exactly: from the same start codon where
the intron lies within the gene's coding span, from any where it leads to the gene from before (another first exon). It
is kept where its log odds against the best path are not too low. Other stop codons are not looked for: introns behind
a gene's stop codon are those of its 3' UTR or of a neighbour more often than not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from genescribe.genome.intervals import union
from genescribe.genome.model import Interval, Transcript
from genescribe.kernels.semicrf.dispatch import viterbi
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation
from genescribe.labels.gene_labels import (
    INTERGENIC,
    INTERNAL,
    INTRONS,
    SINGLE,
    STOP,
    UTR3,
    UTR3_INTRON,
    UTR5,
    UTR5_INTRON,
)
from genescribe.labels.grammar import CODON
from genescribe.segment.support.strand import GROUPS, PLAIN, SupportedStrand

SUPPORT, SHARE = 3.0, 0.1
"""Reads or proteins that an intron needs, and their share of those of the strongest that it excludes."""
ODDS = 0.02
"""How probable a transcript must be, as a share of the best path, at the model's temperature."""
MOST = 4
"""Transcripts of a gene, beside its best path."""
LONGEST = 100_000
"""Bases of the window of a gene whose other transcripts are looked for."""
FLANK = 2_000
"""Bases before an intron that leads to the gene in which a transcript may begin."""
_OUTSIDE = (INTERGENIC, UTR5, UTR5_INTRON, UTR3, UTR3_INTRON)


def further_paths(
    transcript: Transcript,
    before: int,
    supported: SupportedStrand,
    potentials: Callable[[int, int], Potentials],
    temperature: float,
) -> Iterator[tuple[int, Segmentation, Interval]]:
    """Yield where a path of a further transcript begins, the path up to the stop codon, and the intron it is for.

    Parameters
    ----------
    transcript
        The gene's best path; partial genes have no further ones.
    before
        End of the gene before it.
    supported
        Evidence of the strand.
    potentials
        Scores of a window with evidence.
    temperature
        Divisor of log odds.
    """
    if transcript.partial5 or transcript.partial3:
        return
    first, high = transcript.coding_span
    seen: set[Interval] = set()
    windows: dict[int, tuple[Potentials, float]] = {}
    for start, end, lane in _wanted(transcript, before, supported):
        low = first if start >= first + CODON else max(before, start - FLANK)
        if (start, end) in seen or len(seen) >= MOST or high - low > LONGEST:
            continue
        if low not in windows:
            p = _to_the_stop(potentials(low, high), inside=low == first)
            windows[low] = p, float(viterbi(p)[0][0])
        p, best = windows[low]
        (score,), (path,) = viterbi(_through(p, start - low, end - low, lane))
        # If it is the best path of this strand alone, the other strand has ruled it out.
        if not best + float(np.log(ODDS)) * temperature <= float(score) < best:
            continue
        seen |= {
            (int(a) + low, int(b) + low)
            for a, b, label in zip(path.starts, path.ends, path.labels, strict=True)
            if label >= PLAIN
        }
        yield low, path, (start, end)


def with_coding(transcript: Transcript, cds: tuple[Interval, ...]) -> Transcript:
    """Return the transcript with another coding sequence between the same ends, and the same UTRs."""
    before, after = transcript.utrs
    exons = tuple(union((*before, *cds, *after)))
    return replace(transcript, exons=exons, cds=cds, exon_scores=None, cds_scores=None, score=None)


def _wanted(transcript: Transcript, before: int, supported: SupportedStrand) -> list[tuple[int, int, int]]:
    """Return start, end and lane of the introns that the transcript does not have, best supported first."""
    evidence, present = supported.evidence, set(transcript.introns)
    low, high = transcript.coding_span
    chosen = [
        i
        for i in np.flatnonzero((evidence.starts > before) & (evidence.ends > low)).tolist()
        if evidence.ends[i] <= high - CODON
        and supported.lanes.lane[i] >= 0
        and evidence.support[i] >= SUPPORT
        and evidence.share[i] >= SHARE
        and (int(evidence.starts[i]), int(evidence.ends[i])) not in present
    ]
    chosen.sort(key=lambda i: -evidence.support[i])
    return [(int(evidence.starts[i]), int(evidence.ends[i]), int(supported.lanes.lane[i])) for i in chosen]


def _to_the_stop(p: Potentials, *, inside: bool) -> Potentials:
    """Return the scores of a window that a gene's stop codon ends; `inside`: its start codon begins it."""
    content = p.content.clone()
    first, last = torch.zeros(2, content.shape[2], dtype=torch.bool)
    last[STOP] = True
    if inside:
        content[:, :, list(_OUTSIDE)] = -torch.inf
        content[:, :-CODON, STOP] = -torch.inf
        first[SINGLE:INTERNAL] = True
    else:
        first[INTERGENIC] = True
    # At the window's first base the labels' scores of beginning a strand do not count.
    start = torch.where(first, 0.0, -torch.inf).to(p.start)
    return replace(p, content=content, start=start).restricted(None, last)


def _through(p: Potentials, start: int, end: int, lane: int) -> Potentials:
    """Return the scores of the paths that have the intron ``[start, end)`` of a lane, between coding exons."""
    content = p.content.clone()
    columns = PLAIN + lane * len(GROUPS)
    inside = content[:, :, columns : columns + len(GROUPS)].clone()
    # Neither before nor behind it may the lane go on: of a bundle, this intron alone is left.
    inside[:, [start - 1, end]] = -torch.inf
    inside[:, :, len(INTRONS) :] = -torch.inf
    content[:, start:end] = -torch.inf
    content[:, :, columns : columns + len(GROUPS)] = inside
    return replace(p, content=content)
