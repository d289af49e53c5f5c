"""Lengths of exons, introns, UTRs and intergenic regions in a reference and in a prediction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.evaluate.labels.agreement import BINS_PER_DOUBLING, binned_kl, wasserstein
from genescribe.genome.intervals import union
from genescribe.genome.model import Gene, Interval, Transcript, gaps

FEATURES = ("single_exon", "first_exon", "internal_exon", "last_exon", "intron", "utr5", "utr3", "intergenic")
"""Exons and introns of the coding sequence; UTR parts; stretches of a sequence without a gene on either strand."""


Lengths = dict[str, NDArray[np.int64]]


def feature_lengths(genes: Iterable[Gene]) -> Lengths:
    """Return the lengths of each of `FEATURES` in ascending order.

    A part that several isoforms of a gene share is counted once. Intergenic stretches lie between two genes: those
    at a sequence's ends are cut and left out.
    """
    lengths: dict[str, list[int]] = defaultdict(list)
    spans: dict[str, list[Interval]] = defaultdict(list)
    for gene in genes:
        spans[gene.seqid].append((gene.start, gene.end))
        parts = {part for transcript in gene.transcripts for part in _parts(transcript, gene.strand)}
        for name, (start, end) in parts:
            lengths[name].append(end - start)
    for intervals in spans.values():
        lengths["intergenic"] += [end - start for start, end in gaps(union(intervals))]
    return {name: np.sort(np.array(lengths[name], dtype=np.int64)) for name in FEATURES}


def compare_lengths(reference: Sequence[Gene], predicted: Sequence[Gene]) -> dict[str, Any]:
    """Return how the lengths of each feature are distributed on both sides, and how far the two are apart.

    Returns
    -------
    dict
        feature -> "wasserstein" (bases), "kl" (nats, predicted against reference; see `agreement.binned_kl`), and for
        "reference" and "predicted": "number", "median", and "histogram", the counts of logarithmic bins: bin b holds
        lengths from 2**(b / bins_per_doubling) to 2**((b + 1) / bins_per_doubling).
    """
    sides = feature_lengths(reference), feature_lengths(predicted)
    result: dict[str, Any] = {"bins_per_doubling": BINS_PER_DOUBLING}
    for name in FEATURES:
        real, guessed = sides[0][name], sides[1][name]
        if len(real) or len(guessed):
            result[name] = {
                "wasserstein": wasserstein(real, guessed),
                "kl": binned_kl(guessed, real),
                "reference": _described(real),
                "predicted": _described(guessed),
            }
    return result


def _parts(transcript: Transcript, strand: str) -> list[tuple[str, Interval]]:
    """Return the named parts of one coding transcript."""
    if not transcript.cds:
        return []
    cds = transcript.cds if strand == "+" else transcript.cds[::-1]
    if len(cds) == 1:
        parts = [("single_exon", cds[0])]
    else:
        parts = [("first_exon", cds[0]), ("last_exon", cds[-1]), *(("internal_exon", part) for part in cds[1:-1])]
    parts += [("intron", gap) for gap in gaps(transcript.cds)]
    names = ("utr5", "utr3") if strand == "+" else ("utr3", "utr5")
    return parts + [(name, part) for name, utr in zip(names, transcript.utrs, strict=True) for part in utr]


def _described(lengths: NDArray[np.int64]) -> dict[str, Any]:
    bins = np.floor(np.log2(np.maximum(lengths, 1)) * BINS_PER_DOUBLING).astype(np.int64)
    return {
        "number": len(lengths),
        "median": float(np.median(lengths)) if len(lengths) else None,
        "histogram": np.bincount(bins).tolist() if len(lengths) else [],
    }
