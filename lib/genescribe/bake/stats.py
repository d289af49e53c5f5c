"""The contents of `stats.json`: number and length of segments of each label, and counts of genes left out.

All values are counts, so that those of several batches and genomes add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.data.runs import IGNORE, Runs, cut
from genescribe.data.shards import SPLITS
from genescribe.errors import InputError
from genescribe.genome.gene_lengths import LengthCounts


@dataclass
class SplitStats:
    """Counts of one split. C labels.

    Attributes
    ----------
    windows
        Number of windows written.
    dropped
        Reason -> windows not written.
    bases : (C,) int64
        Bases of each label in the cores of the written windows: each base of a strand once.
    ignored
        Masked bases in the same cores.
    durations
        A counter a label: length -> segments whose both ends are seen. Each segment counts once, whether its windows
        were written or not.
    censored : (C,) int64
        Segments with an end out of sight: cut by the region, by the sequence's end, or beside masked bases.
    transitions : (C, C) int64
        ``[source, destination]`` of neighbouring segments.
    lengths
        Of the genes that have labels, and of their parts.
    """

    labels: int
    windows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    bases: NDArray[np.int64] = field(init=False)
    ignored: int = 0
    durations: list[Counter[int]] = field(init=False)
    censored: NDArray[np.int64] = field(init=False)
    transitions: NDArray[np.int64] = field(init=False)
    lengths: LengthCounts = field(init=False, default_factory=LengthCounts)

    def __post_init__(self) -> None:
        self.bases = np.zeros(self.labels, dtype=np.int64)
        self.censored = np.zeros(self.labels, dtype=np.int64)
        self.transitions = np.zeros((self.labels, self.labels), dtype=np.int64)
        self.durations = [Counter() for _ in range(self.labels)]

    def add_region(self, runs: Runs, start: int, end: int) -> None:
        """Count the segments of a strand that lie in ``[start, end)``.

        Parameters
        ----------
        runs : (k, 2)
            Labels of the whole strand, see `genescribe.data.runs.Runs`.
        start, end
            Bases to count, 0-based and half-open, on the strand; segments that these ends cut count as censored.
        """
        part = cut(runs, start, end)
        ends, labels = part[:, 0].astype(np.int64), part[:, 1]
        lengths = np.diff(ends, prepend=0)
        # An end is seen where another segment borders on it; the region's own ends are not.
        known = np.zeros(len(part) + 1, dtype=bool)
        known[1:-1] = (labels[:-1] != IGNORE) & (labels[1:] != IGNORE)
        np.add.at(self.transitions, (labels[:-1][known[1:-1]], labels[1:][known[1:-1]]), 1)
        complete = known[:-1] & known[1:]
        scored = labels != IGNORE
        np.add.at(self.censored, labels[scored & ~complete], 1)
        for label in np.unique(labels[complete]).tolist():
            values, counts = np.unique(lengths[complete & (labels == label)], return_counts=True)
            self.durations[label].update(dict(zip(values.tolist(), counts.tolist(), strict=True)))

    def add_window(self, runs: Runs, core: slice) -> None:
        """Count the bases of a written window's core."""
        part = cut(runs, core.start, core.stop)
        lengths, labels = np.diff(part[:, 0], prepend=0), part[:, 1]
        scored = labels != IGNORE
        np.add.at(self.bases, labels[scored], lengths[scored])
        self.ignored += int(lengths[~scored].sum())
        self.windows += 1

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the counts under the labels' names, with each label's share of the scored bases."""
        total = max(1, int(self.bases.sum()))
        return {
            "windows": self.windows,
            "dropped": dict(sorted(self.dropped.items())),
            "bases": dict(zip(names, self.bases.tolist(), strict=True)),
            "shares": dict(zip(names, (self.bases / total).tolist(), strict=True)),
            "ignored": self.ignored,
            "durations": {
                name: [list(item) for item in sorted(counter.items())]
                for name, counter in zip(names, self.durations, strict=True)
            },
            "censored": dict(zip(names, self.censored.tolist(), strict=True)),
            "transitions": self.transitions.tolist(),
            "lengths": self.lengths.to_json(),
        }

    def add_json(self, value: dict[str, Any], names: Sequence[str]) -> None:
        """Add the counts that `to_json` wrote."""
        self.windows += value["windows"]
        self.dropped.update(value["dropped"])
        self.ignored += value["ignored"]
        self.transitions += np.array(value["transitions"], dtype=np.int64)
        self.lengths.add_json(value.get("lengths", {}))  # Shards of earlier versions have none.
        for label, name in enumerate(names):
            self.bases[label] += value["bases"][name]
            self.censored[label] += value["censored"][name]
            self.durations[label].update(dict(value["durations"][name]))


@dataclass
class BakeStats:
    """Counts of a batch: a `SplitStats` per split, and the fate of the genes."""

    scheme: str
    names: tuple[str, ...]
    splits: dict[str, SplitStats] = field(init=False)
    genes: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.splits = {split: SplitStats(len(self.names)) for split in SPLITS}

    def to_json(self) -> dict[str, Any]:
        """Return the contents of `stats.json`."""
        return {
            "scheme": self.scheme,
            "labels": list(self.names),
            "splits": {split: stats.to_json(self.names) for split, stats in self.splits.items()},
            "genes": dict(sorted(self.genes.items())),
            "rejected": dict(sorted(self.rejected.items())),
        }


def sum_stats(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the sum of the contents of several `stats.json`.

    Raises
    ------
    InputError
        There are none, or they were baked with different label schemes.
    """
    total: BakeStats | None = None
    for part in parts:
        names = tuple(part["labels"])
        if total is None:
            total = BakeStats(part["scheme"], names)
        if (part["scheme"], names) != (total.scheme, total.names):
            raise InputError(
                f"label schemes {total.scheme!r} and {part['scheme']!r} cannot be added",
                where="stats.json",
                remedy="bake all genomes of a run alike",
            )
        for split, stats in total.splits.items():
            stats.add_json(part["splits"][split], names)
        total.genes.update(part["genes"])
        total.rejected.update(part["rejected"])
    if total is None:
        raise InputError("no batches to add", where="stats.json", remedy="give folders written by bake")
    return total.to_json()
