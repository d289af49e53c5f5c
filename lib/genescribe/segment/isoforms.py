"""Further transcripts of a gene that supported introns ask for and its best path does not have.

Of each such intron the best path within the gene's coding span that has it, from the same start codon to the same stop
codon, is found exactly. It is kept where its log odds against the gene's best path are not too low.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from genescribe.genome.model import Interval, Transcript
from genescribe.kernels.potentials import Potentials, Segmentation
from genescribe.kernels.semicrf import viterbi
from genescribe.segment.gene_labels import INTERGENIC, INTERNAL, SINGLE, STOP, UTR3, UTR3_INTRON, UTR5, UTR5_INTRON
from genescribe.segment.labels import CODON
from genescribe.segment.supported import GROUPS, PLAIN, SupportedStrand

SUPPORT, SHARE = 3.0, 0.1
"""Reads or proteins that an intron needs, and their share of those of the strongest that it excludes."""
ODDS = 0.01
"""How probable a transcript must be, as a share of the gene's best path."""
MOST = 4
"""Transcripts of a gene, beside its best path."""
LONGEST = 100_000
"""Bases of the coding span of a gene whose other transcripts are looked for."""
_OUTSIDE = (INTERGENIC, UTR5, UTR5_INTRON, UTR3, UTR3_INTRON)


def further_paths(
    transcript: Transcript, supported: SupportedStrand, potentials: Callable[[int, int], Potentials]
) -> Iterator[Segmentation]:
    """Yield the paths of further transcripts over the coding span of a gene, counted from its first base.

    Parameters
    ----------
    transcript
        The gene's best path; partial genes have no further ones.
    supported
        Evidence of the strand.
    potentials
        Scores of a window with evidence.
    """
    low, high = transcript.cds[0][0], transcript.cds[-1][1]
    wanted = _wanted(transcript, supported, low, high)
    if not wanted or transcript.partial5 or transcript.partial3 or high - low > LONGEST:
        return
    p = _inside(potentials(low, high))
    (best,), _ = viterbi(p)
    seen: set[Interval] = set()
    for start, end, lane in wanted:
        if (start, end) in seen or len(seen) >= MOST:
            continue
        (score,), (path,) = viterbi(_through(p, start - low, end - low, lane))
        if float(score) < float(best) + float(np.log(ODDS)):
            continue
        seen |= {
            (int(a) + low, int(b) + low)
            for a, b, label in zip(path.starts, path.ends, path.labels, strict=True)
            if label >= PLAIN
        }
        yield path


def with_coding(transcript: Transcript, cds: tuple[Interval, ...]) -> Transcript:
    """Return the transcript with another coding sequence between the same ends, and the same UTRs."""
    first, last = transcript.cds[0][0], transcript.cds[-1][1]
    before = [(a, min(b, first)) for a, b in transcript.exons if a < first]
    after = [(max(a, last), b) for a, b in transcript.exons if b > last]
    exons: list[Interval] = []
    for start, end in (*before, *cds, *after):
        if exons and exons[-1][1] == start:
            exons[-1] = (exons[-1][0], end)
        else:
            exons.append((start, end))
    return replace(transcript, exons=tuple(exons), cds=cds, exon_scores=None, cds_scores=None, score=None)


def _wanted(transcript: Transcript, supported: SupportedStrand, low: int, high: int) -> list[tuple[int, int, int]]:
    """Return start, end and lane of the introns that the transcript does not have, best supported first."""
    evidence, present = supported.evidence, set(transcript.introns)
    a, b = np.searchsorted(evidence.starts, (low + CODON, high))
    chosen = [
        i
        for i in range(int(a), int(b))
        if evidence.ends[i] <= high - CODON
        and supported.lanes.lane[i] >= 0
        and evidence.support[i] >= SUPPORT
        and evidence.share[i] >= SHARE
        and (int(evidence.starts[i]), int(evidence.ends[i])) not in present
    ]
    chosen.sort(key=lambda i: -evidence.support[i])
    return [(int(evidence.starts[i]), int(evidence.ends[i]), int(supported.lanes.lane[i])) for i in chosen]


def _inside(p: Potentials) -> Potentials:
    """Return the scores of one gene over all of a window: from the start codon to the stop codon."""
    content = p.content.clone()
    content[:, :, list(_OUTSIDE)] = -torch.inf
    content[:, :-CODON, STOP] = -torch.inf
    utr = [PLAIN + i for i in range(content.shape[2] - PLAIN) if GROUPS[i % len(GROUPS)][0] in _OUTSIDE]
    content[:, :, utr] = -torch.inf
    first, last = torch.zeros(2, content.shape[2], dtype=torch.bool)
    first[SINGLE:INTERNAL] = True
    last[STOP] = True
    # At the window's first base these labels' scores of beginning a strand do not count.
    start = torch.where(first, 0.0, -torch.inf).to(p.start)
    return replace(p, content=content, start=start).restricted(None, last)


def _through(p: Potentials, start: int, end: int, lane: int) -> Potentials:
    """Return the scores of the paths that have the intron ``[start, end)`` of a lane."""
    content = p.content.clone()
    columns = PLAIN + lane * len(GROUPS)
    kept = content[:, :, columns : columns + len(GROUPS)].clone()
    # Neither before nor behind it may the lane go on: of a bundle, this intron alone is left.
    kept[:, [start - 1, end]] = -torch.inf
    content[:, start:end] = -torch.inf
    content[:, :, columns : columns + len(GROUPS)] = kept
    return replace(p, content=content)
