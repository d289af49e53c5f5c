"""Reassemble strands from the windows of a shard folder: every base once, segments whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from genescribe.data.dataset import ShardDataset
from genescribe.data.runs import Runs, cut
from genescribe.data.sample import Sample
from genescribe.genome.alphabet import Codes


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """A stretch of a strand, 5' to 3', with its labels.

    Attributes
    ----------
    genome, seqid, strand, start, end
        Its place on the forward strand.
    codes : (T,) uint8
        Bases.
    runs
        Labels; neighbours of one label are one run.
    left_censored, right_censored
        The stretch's first (last) edge is not an end of the sequence.
    """

    genome: str
    seqid: str
    strand: str
    start: int
    end: int
    codes: Codes
    runs: Runs
    left_censored: bool
    right_censored: bool


def stretches(dataset: ShardDataset) -> Iterator[Stretch]:
    """Yield the stretches that the cores of a split's windows form, by genome, sequence, strand and place.

    Windows overlap, their cores do not. Where a window was not written, as all its bases are masked, a stretch ends and
    another begins.
    """
    places: dict[tuple[str, str, str], list[tuple[int, int, int]]] = defaultdict(list)
    for number in range(len(dataset)):
        meta = dataset[number].meta
        start, end = meta.core or (meta.start, meta.end)
        places[meta.genome, meta.seqid, meta.strand].append((start, end, number))
    for (_, _, strand), windows in sorted(places.items()):
        for group in _adjacent(sorted(windows)):
            ordered = group if strand == "+" else group[::-1]
            yield _joined([dataset[number] for _, _, number in ordered])


def _adjacent(windows: list[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    group = windows[:1]
    for (_, end, _), window in pairwise(windows):
        if window[0] != end:
            yield group
            group = []
        group.append(window)
    if group:
        yield group


def _joined(samples: list[Sample]) -> Stretch:
    """Return the cores of windows that follow each other 5' to 3' as one stretch."""
    codes, ends, labels, position = [], [], [], 0
    for sample in samples:
        core = sample.meta.core_slice
        runs = cut(sample.runs, core.start, core.stop)
        codes.append(sample.codes[core])
        ends.append(runs[:, 0] + position)
        labels.append(runs[:, 1])
        position += core.stop - core.start
    label = np.concatenate(labels)
    last = np.append(label[1:] != label[:-1], True)
    runs = np.stack([np.concatenate(ends)[last], label[last]], axis=1).astype(np.int32)
    first, final = samples[0].meta, samples[-1].meta
    cores = [meta.core or (meta.start, meta.end) for meta in (first, final)]
    return Stretch(
        first.genome,
        first.seqid,
        first.strand,
        min(start for start, _ in cores),
        max(end for _, end in cores),
        np.concatenate(codes),
        runs,
        left_censored=first.left_censored or first.core_slice.start > 0,
        right_censored=final.right_censored or final.core_slice.stop < final.end - final.start,
    )
