"""Calibration of probabilities: of genes with probability 0.8, 80 in 100 should be right.

A reliability diagram (Murphy and Winkler 1977, J. R. Stat. Soc. C 26:41) as numbers: predictions in bins of equal width
by their probability, with mean probability and share of right ones in each. The expected calibration error (Naeini et
al. 2015, AAAI) is the mean distance of the two, weighted by the predictions of a bin; the Brier score is the mean
squared distance of probability and outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from genescribe.genome.model import Gene

BINS = 10
Part = tuple[str, str, int, int]
"""Sequence, strand, start and end of a coding part."""


def calibration(
    reference: Sequence[Gene], predicted: Sequence[Gene], parts: Mapping[Part, float]
) -> dict[str, dict[str, Any]]:
    """Return how well probabilities are calibrated, for genes and for coding parts of exons.

    A gene is right when the exact coding sequence of one of its isoforms is that of a reference gene; a part when it is
    a coding part of one, both ends exact.

    Parameters
    ----------
    reference, predicted
        Annotations; a predicted gene's score is its probability.
    parts
        Probability of each predicted coding part.

    Returns
    -------
    dict
        "gene" and "exon" -> `reliability`; what has no probabilities is left out.
    """
    chains = {(g.seqid, g.strand, t.cds) for g in reference for t in g.transcripts if t.cds}
    true_parts = {part for gene in reference for part in coding_parts(gene)}
    genes = [
        (g.score, any((g.seqid, g.strand, t.cds) in chains for t in g.transcripts))
        for g in predicted
        if g.score is not None
    ]
    called = dict.fromkeys(part for gene in predicted for part in coding_parts(gene))
    exons = [(parts[part], part in true_parts) for part in called if part in parts]
    return {
        name: reliability([p for p, _ in pairs], [right for _, right in pairs])
        for name, pairs in (("gene", genes), ("exon", exons))
        if pairs and all(0 <= p <= 1 for p, _ in pairs)
    }


def reliability(probability: Sequence[float], right: Sequence[bool]) -> dict[str, Any]:
    """Return count, expected calibration error, Brier score and, a bin, count, mean probability and share right.

    Parameters
    ----------
    probability
        Probability of each prediction.
    right
        Whether it was right.

    Examples
    --------
    >>> found = reliability([0.9, 0.9, 0.9, 0.9, 0.2], [True, True, True, False, False])
    >>> round(found["expected_calibration_error"], 3), [row["count"] for row in found["bins"]]
    (0.16, [1, 4])
    """
    p, outcome = np.asarray(probability, dtype=np.float64), np.asarray(right, dtype=np.float64)
    place = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    rows, error = [], 0.0
    for number in np.unique(place).tolist():
        inside = place == number
        mean, share = float(p[inside].mean()), float(outcome[inside].mean())
        error += float(inside.mean()) * abs(mean - share)
        span = {"low": number / BINS, "high": (number + 1) / BINS}
        rows.append({**span, "count": int(inside.sum()), "mean_probability": mean, "right": share})
    brier = float(np.square(p - outcome).mean())
    return {"count": len(p), "expected_calibration_error": error, "brier": brier, "bins": rows}


def coding_parts(gene: Gene) -> Iterable[Part]:
    """Yield the coding parts of all isoforms."""
    return ((gene.seqid, gene.strand, *part) for transcript in gene.transcripts for part in transcript.cds)
