"""Accuracy of predicted genes against a reference: base, exon, intron, intron chain, transcript, locus and gene.

The first six levels equal what ``gffcompare --strict-match -e 0 --no-merge -T`` (version 0.12.10) reports for the same
transcripts written in the order of their coordinates. Its rules, as its source has them:

- The strands are scored apart. Transcripts without a strand do not occur here.
- Exon parts that touch are one exon. Reference transcripts that duplicate another (`structures.drop_duplicates`)
  are dropped first; predicted ones never are.
- base: bases covered by any exon. exon, intron: distinct (start, end).
- intron chain: pairs of a predicted and a reference transcript with the same introns, counted until either has
  found its exact partner. Isoforms that differ only at their ends can be counted more than once, so that the
  sensitivity may exceed 1.
- transcript: every exon right, both ends included; a reference is found once.
- locus: transcripts of one annotation joined by exons that share a base; right when it holds a right transcript.

Two known differences: gffcompare counts a base twice where one exon of a locus ends on the base on which another
begins, and it passes over transcripts of more than 7 Mb.

The seventh is the level of this project's tables. gene: a reference gene is right when the exact CDS (or exons)
of any of its isoforms is predicted; a predicted gene is right when it has such an isoform, and predicted genes that
are right by the same isoforms count as one. Genes are those of the annotation, not clusters.

Everything is counted unit by unit, a unit being a stretch of one strand that overlapping genes of all compared
annotations cover without a gap; totals are sums over units, and `genescribe.evaluate.bootstrap` resamples units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.evaluate.regions import Stretch, restrict
from genescribe.evaluate.structures import (
    GROUP_SHIFT,
    Groups,
    IntArray,
    Level,
    Structure,
    covered,
    drop_duplicates,
    loci,
    merge,
    shared_bases,
    structures,
)
from genescribe.genome.model import Gene, Interval, gaps

LEVELS = ("base", "exon", "intron", "intron_chain", "transcript", "locus", "gene")

REFERENCE, PREDICTED, MATCHED_REFERENCE, MATCHED_PREDICTED = range(4)

Counts = NDArray[np.int64]
"""(units, levels, 4): how many the reference has, the prediction has, of the reference are found, of the prediction
are right. The last two are equal but for locus and gene, where one may match several."""


def compare(
    reference: Sequence[Gene],
    predicted: Sequence[Gene],
    *,
    level: Level = "cds",
    regions: Iterable[Stretch] | None = None,
) -> dict[str, Any]:
    """Score a prediction.

    Parameters
    ----------
    reference, predicted
        Annotations of the same sequences, stop codons inside the coding sequence on both sides.
    level
        "cds" compares coding sequences, "exon" whole transcripts.
    regions
        Score only there; the rule for genes that cross an edge is that of `genescribe.evaluate.regions.restrict`.

    Returns
    -------
    dict
        For each of `LEVELS` the mapping of `score`; and "left_out", the genes that cross an edge of a region.
    """
    left_out = {"reference": 0, "predicted": 0}
    if regions is not None:
        inside = restrict(reference, predicted, regions)
        reference, predicted, left_out = inside.reference, inside.predicted, inside.left_out
    counts = tally(reference, predicted, level=level)[0]
    return {**summarize(counts.sum(axis=0)), "left_out": left_out}


def summarize(totals: NDArray[np.int64]) -> dict[str, dict[str, float | int | None]]:
    """Return `score` of each level from totals of shape (levels, 4)."""
    return {name: score(totals[i]) for i, name in enumerate(LEVELS)}


def score(totals: NDArray[np.int64]) -> dict[str, float | int | None]:
    """Return counts and shares of one level.

    Returns
    -------
    dict
        "reference", "predicted" (how many), "tp" (reference found), "fn", "fp"; "sensitivity", "precision" and
        "f1" between 0 and 1, None where there is nothing to divide by.
    """
    reference, predicted, matched, right = (int(n) for n in totals)
    sensitivity = matched / reference if reference else None
    precision = right / predicted if predicted else None
    return {
        "reference": reference,
        "predicted": predicted,
        "tp": matched,
        "fn": reference - matched,
        "fp": predicted - right,
        "sensitivity": sensitivity,
        "precision": precision,
        "f1": harmonic_mean(sensitivity, precision),
    }


def harmonic_mean(sensitivity: float | None, precision: float | None) -> float | None:
    """Return F1; None where neither is defined, 0 where one is zero or missing."""
    if sensitivity is None and precision is None:
        return None
    if not sensitivity or not precision:
        return 0.0
    return 2 * sensitivity * precision / (sensitivity + precision)


def tally(reference: Sequence[Gene], *predictions: Sequence[Gene], level: Level = "cds") -> list[Counts]:
    """Count every level in every unit, for several predictions over the same units.

    Parameters
    ----------
    reference
        Genes of the annotation.
    predictions
        Genes of each prediction.
    level
        `cds`: coding parts are compared; `exon`: whole exons of transcripts with a coding sequence.

    Returns
    -------
    list of Counts
        One a prediction.
    """
    groups = Groups()
    annotations = [structures(genes, level, groups) for genes in (reference, *predictions)]
    units = _Units(annotations)
    truth = annotations[0]
    return [_count(truth, prediction, units) for prediction in annotations[1:]]


class _Units:
    """Stretches of one strand that genes cover without a gap; every count belongs to one of them."""

    def __init__(self, annotations: Iterable[Sequence[Structure]]) -> None:
        spans = np.concatenate([_gene_spans(annotation) for annotation in annotations])
        spans = spans[np.argsort(spans[:, 0])]
        self.starts, _ = merge(spans[:, 0], spans[:, 1])

    def of(self, positions: Iterable[int] | IntArray) -> IntArray:
        """Return the unit of each position (see `GROUP_SHIFT`)."""
        array = positions if isinstance(positions, np.ndarray) else np.fromiter(positions, dtype=np.int64)
        return np.searchsorted(self.starts, array, side="right") - 1

    def count(self, positions: Iterable[int] | IntArray, weights: IntArray | None = None) -> IntArray:
        """Return how many positions (or how much of their weight) each unit holds."""
        counts = np.zeros(len(self.starts), dtype=np.int64)
        np.add.at(counts, self.of(positions), 1 if weights is None else weights)
        return counts


def _count(truth: Sequence[Structure], prediction: Sequence[Structure], units: _Units) -> Counts:
    """Return the counts of one prediction; `truth` still holds its duplicates, which only the level gene sees."""
    distinct = drop_duplicates(truth)
    columns: dict[str, tuple[IntArray, ...]] = {"base": _bases(distinct, prediction, units)}
    for name, features in (("exon", _exons), ("intron", _introns)):
        columns[name] = _distinct(features(distinct), features(prediction), units)
    columns["intron_chain"] = _chains(distinct, prediction, units)
    columns["transcript"], columns["locus"] = _transcripts(distinct, prediction, units)
    columns["gene"] = _genes(truth, prediction, units)
    return np.stack([np.stack(columns[name], axis=1) for name in LEVELS], axis=1)


def _gene_spans(some: Sequence[Structure]) -> IntArray:
    spans: dict[int, tuple[int, int]] = {}
    for s in some:
        start, end = spans.get(s.gene, (s.start, s.end))
        spans[s.gene] = min(start, s.start), max(end, s.end)
    base = {s.gene: s.group << GROUP_SHIFT for s in some}
    return np.array([(base[g] | a, base[g] | b) for g, (a, b) in spans.items()], dtype=np.int64).reshape(-1, 2)


def _position(s: Structure) -> int:
    return s.group << GROUP_SHIFT | s.start


def _bases(truth: Sequence[Structure], prediction: Sequence[Structure], units: _Units) -> tuple[IntArray, ...]:
    starts, ends = covered(truth)
    predicted_starts, predicted_ends = covered(prediction)
    shared = units.count(starts, shared_bases(starts, ends, predicted_starts, predicted_ends))
    return (
        units.count(starts, ends - starts),
        units.count(predicted_starts, predicted_ends - predicted_starts),
        shared,
        shared,
    )


def _exons(some: Iterable[Structure]) -> set[tuple[int, int]]:
    return {(s.group << GROUP_SHIFT | start, end) for s in some for start, end in s.exons}


def _introns(some: Iterable[Structure]) -> set[tuple[int, int]]:
    return {(s.group << GROUP_SHIFT | start, end) for s in some for start, end in gaps(s.exons)}


def _distinct(truth: set[tuple[int, int]], prediction: set[tuple[int, int]], units: _Units) -> tuple[IntArray, ...]:
    both = units.count(start for start, _ in truth & prediction)
    return units.count(start for start, _ in truth), units.count(start for start, _ in prediction), both, both


def _chains(truth: Sequence[Structure], prediction: Sequence[Structure], units: _Units) -> tuple[IntArray, ...]:
    by_chain: dict[tuple[int, tuple[Interval, ...]], list[Structure]] = defaultdict(list)
    spliced = [s for s in truth if len(s.exons) > 1]
    predicted_spliced = [s for s in prediction if len(s.exons) > 1]
    for s in spliced:
        by_chain[s.chain].append(s)
    matches: list[int] = []
    for s in predicted_spliced:
        waiting = by_chain.get(s.chain, [])
        exact = next((i for i, other in enumerate(waiting) if other.exons == s.exons), None)
        matches += [_position(s)] * (len(waiting) if exact is None else exact + 1)
        if exact is not None:
            del waiting[exact]
    both = units.count(matches)
    return units.count(map(_position, spliced)), units.count(map(_position, predicted_spliced)), both, both


def _transcripts(
    truth: Sequence[Structure], prediction: Sequence[Structure], units: _Units
) -> tuple[tuple[IntArray, ...], tuple[IntArray, ...]]:
    common = {s.key for s in truth} & {s.key for s in prediction}
    both = units.count({key: key[0] << GROUP_SHIFT | key[1][0][0] for key in common}.values())
    sides = [(some, loci(some)) for some in (truth, prediction)]
    totals = [units.count(map(_position, some)) for some, _ in sides]
    locus_totals = [units.count(_first_of_each(some, locus).values()) for some, locus in sides]
    locus_right = []
    for some, locus in sides:
        right = [i for i, s in enumerate(some) if s.key in common]
        first = _first_of_each([some[i] for i in right], [locus[i] for i in right])
        locus_right.append(units.count(first.values()))
    return (*totals, both, both), (*locus_totals, *locus_right)


def _first_of_each(some: Sequence[Structure], label: Sequence[int]) -> Mapping[int, int]:
    """Return the position of the first structure with each label."""
    first: dict[int, int] = {}
    for s, number in zip(some, label, strict=True):
        first.setdefault(number, _position(s))
    return first


def _genes(truth: Sequence[Structure], prediction: Sequence[Structure], units: _Units) -> tuple[IntArray, ...]:
    truth_keys, predicted_keys = {s.key for s in truth}, {s.key for s in prediction}
    right: dict[int, list[Structure]] = defaultdict(list)
    for s in prediction:
        if s.key in truth_keys:
            right[s.gene].append(s)
    distinct = {frozenset(s.key for s in isoforms): _position(isoforms[0]) for isoforms in right.values()}
    return (
        _count_genes(truth, units),
        _count_genes(prediction, units),
        _count_genes((s for s in truth if s.key in predicted_keys), units),
        units.count(distinct.values()),
    )


def _count_genes(some: Iterable[Structure], units: _Units) -> IntArray:
    return units.count({s.gene: _position(s) for s in some}.values())
