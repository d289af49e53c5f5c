"""Further transcripts of a gene that supported introns ask for and its best path does not have.

Of each such intron that has an end within the gene's coding span, the best path that holds it is found exactly, with
whatever start and stop codon: alternative first and last exons have others than the gene's best path. It is kept where
its log odds against the best path are not too low, and where it reads a base of the gene in the same frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from genescribe.genome.model import Interval, Transcript
from genescribe.kernels.semicrf.dispatch import viterbi
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation
from genescribe.labels.gene_labels import INTERGENIC, INTRONS
from genescribe.labels.grammar import CODON
from genescribe.segment.support.strand import GROUPS, PLAIN, SupportedStrand

SUPPORT, SHARE = 3.0, 0.1
"""Reads or proteins that an intron needs, and their share of those of the strongest that it excludes."""
ODDS = 0.01
"""How probable a transcript must be, as a share of the gene's best path."""
MOST = 4
"""Transcripts of a gene, beside its best path."""
LONGEST = 100_000
"""Bases of the window of a gene whose other transcripts are looked for."""
FLANK = 2_000
"""Bases beside the gene and the intron in which a further transcript may begin and end."""


def further_paths(
    transcript: Transcript,
    bounds: Interval,
    supported: SupportedStrand,
    potentials: Callable[[int, int], Potentials],
) -> Iterator[tuple[int, Segmentation, Interval]]:
    """Yield the paths that hold a further transcript, its intron that the gene does not have, and where a path begins.

    Parameters
    ----------
    transcript
        The gene's best path; partial genes have no further ones.
    bounds
        First base and end of what lies between the genes beside it.
    supported
        Evidence of the strand.
    potentials
        Scores of a window with evidence.
    """
    if transcript.partial5 or transcript.partial3:
        return
    seen: set[Interval] = set()
    windows: dict[Interval, tuple[Potentials, float]] = {}
    for start, end, lane in _wanted(transcript, supported, bounds):
        low = max(bounds[0], min(transcript.start, start) - FLANK)
        high = min(bounds[1], max(transcript.end, end) + FLANK)
        if (start, end) in seen or len(seen) >= MOST or high - low > LONGEST:
            continue
        if (low, high) not in windows:
            p = _between_genes(potentials(low, high))
            windows[low, high] = p, float(viterbi(p)[0][0])
        p, best = windows[low, high]
        (score,), (path,) = viterbi(_through(p, start - low, end - low, lane))
        if float(score) < best + float(np.log(ODDS)):
            continue
        seen |= {
            (int(a) + low, int(b) + low)
            for a, b, label in zip(path.starts, path.ends, path.labels, strict=True)
            if label >= PLAIN
        }
        yield low, path, (start, end)


def same_frame(a: Transcript, b: Transcript) -> bool:
    """Return whether two transcripts of a strand read a base of their coding sequences in the same frame."""
    return any(
        low_a < high_b and low_b < high_a and frame_a == frame_b
        for low_a, high_a, frame_a in _frames(a)
        for low_b, high_b, frame_b in _frames(b)
    )


def _frames(transcript: Transcript) -> Iterator[tuple[int, int, int]]:
    """Yield first base, end and frame of the coding parts."""
    read = 0
    for start, end in transcript.cds:
        yield start, end, (start - read) % CODON
        read += end - start


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


def _wanted(transcript: Transcript, supported: SupportedStrand, bounds: Interval) -> list[tuple[int, int, int]]:
    """Return start, end and lane of the introns that the transcript does not have, best supported first."""
    evidence, present = supported.evidence, set(transcript.introns)
    low, high = transcript.cds[0][0], transcript.cds[-1][1]
    chosen = [
        i
        for i in np.flatnonzero((evidence.starts < high) & (evidence.ends > low)).tolist()
        if (evidence.starts[i] > low or evidence.ends[i] < high)
        and bounds[0] < evidence.starts[i]
        and evidence.ends[i] < bounds[1]
        and supported.lanes.lane[i] >= 0
        and evidence.support[i] >= SUPPORT
        and evidence.share[i] >= SHARE
        and (int(evidence.starts[i]), int(evidence.ends[i])) not in present
    ]
    chosen.sort(key=lambda i: -evidence.support[i])
    return [(int(evidence.starts[i]), int(evidence.ends[i]), int(supported.lanes.lane[i])) for i in chosen]


def _between_genes(p: Potentials) -> Potentials:
    """Return the scores of a window whose edges lie between genes."""
    edge = torch.zeros(p.content.shape[2], dtype=torch.bool)
    edge[INTERGENIC] = True
    # At the window's first base the score of beginning a strand does not count.
    start = torch.where(edge, 0.0, -torch.inf).to(p.start)
    return replace(p, start=start).restricted(None, edge)


def _through(p: Potentials, start: int, end: int, lane: int) -> Potentials:
    """Return the scores of the paths that have the intron ``[start, end)`` of a lane, between coding exons."""
    content = p.content.clone()
    columns = PLAIN + lane * len(GROUPS)
    kept = content[:, :, columns : columns + len(GROUPS)].clone()
    # Neither before nor behind it may the lane go on: of a bundle, this intron alone is left.
    kept[:, [start - 1, end]] = -torch.inf
    kept[:, :, len(INTRONS) :] = -torch.inf
    content[:, start:end] = -torch.inf
    content[:, :, columns : columns + len(GROUPS)] = kept
    return replace(p, content=content)
