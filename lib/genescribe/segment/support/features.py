"""Features of reads and proteins on a strand, and the learned log odds of each.

Support is read in bins of its logarithm, by kind and source. All weights are 0 where a model has none; those of a
model's folder stand in `support.json`, and the usual ones come with the library (`default_weights`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.errors import InputError
from genescribe.evidence.table import CDSPART, EXONPART, INTRON, NONEXONPART, SOURCES, START, STOP, Rows
from genescribe.genome.alphabet import unmasked
from genescribe.genome.strand import StrandCodes

WEIGHTS = "support.json"
BINS = {
    INTRON: (0.0, 1.5, 3.5, 9.5, 31.5),
    CDSPART: (0.0, 0.7, 1.5),
    EXONPART: (0.0, 5.0, 20.0, 80.0),
    NONEXONPART: (0.0,),
    START: (0.0,),
    STOP: (0.0,),
}
"""Kind -> support at which bins begin: reads, or proteins times their identity."""
NEAR = 2_000
"""An intron of the model is said to be without support where others within so many bases have some."""
RICHNESS = (0.1, 3.0, 9.0, 27.0)
"""Log2 of the support near, at which bins begin."""
DEPTHS = (0.0, 0.01, 0.1, 0.5, 2.0)
"""Support of an intron by the mean of its source over the genome, at which bins begin."""
_STEM = {INTRON: "intron", CDSPART: "coding", EXONPART: "exon", NONEXONPART: "nonexon", START: "start", STOP: "stop"}
SLOTS: dict[str, int] = {
    name: number
    for number, name in enumerate(
        [
            *(f"{_STEM[kind]}.{source}.{bin}" for kind in BINS for source in SOURCES for bin in range(len(BINS[kind]))),
            *(f"depth.{source}.{bin}" for source in SOURCES for bin in range(len(DEPTHS))),
            *(f"share.{source}" for source in SOURCES),
            *(f"unsupported.{bin}" for bin in range(len(RICHNESS))),
            "opened",
        ]
    )
}
"""Weights by name. `depth` counts an intron by its support next to the mean of the genome's, `share` the logarithm of
its share of the strongest that it excludes; `unsupported` an intron without support, by how much support there is near;
`opened` a splice site that the model does not allow."""
RNA_SLOTS = [slot for name, slot in SLOTS.items() if ".rna" in name or name.startswith("unsupported")]
"""Weights of what reads say, and of introns that they do not support."""
LEAST_SHARE = 1e-3
DONORS, ACCEPTORS = ("GT", "GC", "AT"), ("AG", "AC")
"""Ends of introns that evidence may open; others are errors of mapping more often than not."""
SHORTEST = 20
_STRETCH = 1 << 20


def default_weights() -> NDArray[np.float64]:
    """Return the weights that come with the library."""
    return _parse((files("genescribe.segment.support") / WEIGHTS).read_text(encoding="utf-8"), WEIGHTS)


def weights_of(folder: str | Path) -> NDArray[np.float64]:
    """Return the weights of a model's folder; the usual ones where it has none.

    Raises
    ------
    InputError
        A weight that is not known, or is no number.
    """
    path = Path(folder) / WEIGHTS
    return _parse(path.read_text(encoding="utf-8"), path) if path.is_file() else default_weights()


def named_weights(weights: NDArray[np.float64]) -> dict[str, float]:
    """Return the weights that are not 0, by name."""
    return {name: round(float(weights[slot]), 4) for name, slot in SLOTS.items() if weights[slot]}


def _parse(text: str, where: str | Path) -> NDArray[np.float64]:
    import json

    weights = np.zeros(len(SLOTS))
    try:
        values: Mapping[str, float] = json.loads(text)
        for name, value in values.items():
            weights[SLOTS[name]] = float(value)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"not weights of evidence: {error}", where=where, remedy="fit them again") from None
    return weights


@dataclass(frozen=True)
class StrandEvidence:
    """Evidence on a strand, 5' to 3', as features.

    Attributes
    ----------
    starts, ends : (n,) int64
        Introns, each once.
    features : (n, slots) float64
        Of each intron.
    support, share : (n,) float64
        Reads and proteins of each, and their share of those of the strongest that it shares bases with.
    banned : (n, 3) bool
        Phases in which the codon around the intron is a stop.
    places : (k, 2) int64, slots : (k,) int64
        Stretches of bases and the weight that counts on each.
    kinds : (k,) uint8
        CDSPART, EXONPART, NONEXONPART, START or STOP.
    near : (m, 2) int64
        Positions from which on introns without support are in another bin of `RICHNESS`: position, bin or -1.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    features: NDArray[np.float64]
    support: NDArray[np.float64]
    share: NDArray[np.float64]
    banned: NDArray[np.bool_]
    places: NDArray[np.int64]
    slots: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    near: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) + len(self.places)


def bins_of(kind: int, source: NDArray[np.uint8], weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the slot of each row of a kind.

    Parameters
    ----------
    kind
        Code of the kind of evidence, a key of `BINS`.
    source : (n,) uint8
        Source of each row.
    weight : (n,) float64
        Number of reads, or score.
    """
    bins = np.searchsorted(BINS[kind], weight, side="right") - 1
    first = SLOTS[f"{_STEM[kind]}.{SOURCES[0]}.0"]
    return np.asarray(first + source.astype(np.int64) * len(BINS[kind]) + bins.clip(0), dtype=np.int64)


def strand_evidence(
    rows: Rows,
    start: int,
    end: int,
    strand: str,
    codes: StrandCodes,
    stops: NDArray[np.bool_],
    depths: NDArray[np.float64],
) -> StrandEvidence:
    """Return the evidence of a strand of ``[start, end)`` of a sequence.

    Parameters
    ----------
    rows
        Of the table, those that lie within the stretch.
    start, end
        The stretch, 0-based and half-open.
    strand
        ``+`` or ``-``.
    codes
        Bases of the strand.
    stops : (64,) bool
        Codons that always stop, by their number.
    depths : (sources,)
        `EvidenceTable.depths` of the genome.
    """
    sign = 1 if strand == "+" else -1
    rows = rows[(rows["strand"] == sign) | (rows["strand"] == 0)]
    low, high = rows["start"] - start, rows["end"] - start
    if sign < 0:
        low, high = end - start - high, end - start - low
    kind, source, weight = rows["kind"], rows["source"], rows["weight"].astype(np.float64)
    introns = kind == INTRON
    starts, ends, features, support, share, banned = _introns(
        low[introns], high[introns], source[introns], weight[introns], codes, stops, depths
    )
    others = np.flatnonzero(~introns)
    slots = np.zeros(len(others), dtype=np.int64)
    for evidence_kind in BINS:
        chosen = kind[others] == evidence_kind
        slots[chosen] = bins_of(evidence_kind, source[others][chosen], weight[others][chosen])
    order = np.argsort(low[others], kind="stable")
    places = np.stack([low[others], high[others]], axis=1)[order]
    return StrandEvidence(
        starts,
        ends,
        features,
        support,
        share,
        banned,
        places,
        slots[order],
        kind[others][order],
        _near(starts, ends, support),
    )


def _introns(
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    source: NDArray[np.uint8],
    weight: NDArray[np.float64],
    codes: StrandCodes,
    stops: NDArray[np.bool_],
    depths: NDArray[np.float64],
) -> tuple[NDArray[Any], ...]:
    """Return the introns that may be used, each once: starts, ends, features, support, share, banned phases."""
    pairs, index = np.unique(np.stack([low, high], axis=1), axis=0, return_inverse=True)
    by_source = np.zeros((len(pairs), len(SOURCES)))
    np.add.at(by_source, (index.reshape(-1), source), weight)
    around = [bases_at(codes, pairs[:, 0] + shift) for shift in (-2, -1, 0, 1)]
    behind = [bases_at(codes, pairs[:, 1] + shift) for shift in (-2, -1, 0, 1)]
    usable = (pairs[:, 1] - pairs[:, 0] >= SHORTEST) & _among(around[2:], DONORS) & _among(behind[:2], ACCEPTORS)
    pairs, by_source = pairs[usable], by_source[usable]
    codons = [
        np.stack(word, axis=1)[usable]
        for word in ((around[1], behind[2], behind[3]), (around[0], around[1], behind[2]))
    ]
    banned = np.zeros((len(pairs), 3), dtype=bool)
    for phase, codon in enumerate(codons, 1):
        known = (codon < 4).all(axis=1)
        banned[:, phase] = known & stops[(codon.clip(max=3) @ np.array([16, 4, 1]))]
    support = by_source.sum(axis=1)
    features = np.zeros((len(pairs), len(SLOTS)))
    share = support / np.maximum(_strongest(pairs, support), 1e-9)
    log_share = np.log(np.maximum(share, LEAST_SHARE))
    for number, name in enumerate(SOURCES):
        has = np.flatnonzero(by_source[:, number] > 0)
        slots = bins_of(INTRON, np.full(len(has), number, dtype=np.uint8), by_source[has, number])
        features[has, slots] = 1
        relative = np.searchsorted(DEPTHS, by_source[has, number] / depths[number], side="right") - 1
        features[has, SLOTS[f"depth.{name}.0"] + relative] = 1
        features[has, SLOTS[f"share.{name}"]] = log_share[has] * by_source[has, number] / support[has]
    return pairs[:, 0], pairs[:, 1], features, support, share, banned


def _strongest(pairs: NDArray[np.int64], support: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each intron, sorted by start, the support of the strongest that shares a base with it, or its own."""
    result = support.copy()
    # Only near neighbours: a long false intron would otherwise be compared with all genes that it spans.
    for back in range(1, 12):
        if len(pairs) <= back:
            break
        overlaps = pairs[back:, 0] < pairs[:-back, 1]
        result[back:] = np.where(overlaps, np.maximum(result[back:], support[:-back]), result[back:])
        result[:-back] = np.where(overlaps, np.maximum(result[:-back], support[back:]), result[:-back])
    return result


def _near(starts: NDArray[np.int64], ends: NDArray[np.int64], support: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return from which positions on how much support lies near, as bins of `RICHNESS`."""
    if not len(starts):
        return np.zeros((0, 2), dtype=np.int64)
    weight = np.log2(1 + support)
    places = np.concatenate([starts - NEAR, ends + NEAR])
    # Whole numbers: sums that go up and down again come back to 0.
    steps = np.rint(1e3 * np.concatenate([weight, -weight])).astype(np.int64)
    order = np.argsort(places, kind="stable")
    places, total = places[order], np.cumsum(steps[order])
    last = np.append(np.diff(places) > 0, True)
    bins = np.searchsorted(RICHNESS, total[last] / 1e3, side="right") - 1
    return np.stack([places[last], bins], axis=1)


def _among(letters: list[NDArray[np.uint8]], words: tuple[str, ...]) -> NDArray[np.bool_]:
    first, second = letters
    return np.asarray(np.any([(first == "ACGT".index(w[0])) & (second == "ACGT".index(w[1])) for w in words], axis=0))


def bases_at(codes: StrandCodes, places: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the bases at places, 4 beyond an end, read a stretch at a time."""
    result = np.full(len(places), 4, dtype=np.uint8)
    order = np.argsort(places, kind="stable")
    order = order[(places[order] >= 0) & (places[order] < len(codes))]
    for block in np.split(order, np.flatnonzero(np.diff(places[order] // _STRETCH)) + 1):
        if len(block):
            low = int(places[block[0]])
            letters = unmasked(codes[low : int(places[block[-1]]) + 1])
            result[block] = letters[places[block] - low]
    return result
