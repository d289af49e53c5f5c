"""The table of evidence: introns, signals and parts of exons that reads or proteins support.

Every reader of this package fills a `Collector`; `Collector.table` sorts what it holds and adds up what stands there
twice. Workers share a table as files that they map into memory.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genescribe.errors import InputError
from genescribe.files import atomic_directory, read_json

KINDS = ("intron", "start", "stop", "CDSpart", "exonpart", "nonexonpart")
"""Kinds of evidence, by their number in the column `kind`."""
INTRON, START, STOP, CDSPART, EXONPART, NONEXONPART = range(len(KINDS))
SOURCES = ("rna", "protein", "manual")
"""Where a row comes from, by its number in the column `source`."""
RNA, PROTEIN, MANUAL = range(len(SOURCES))
STRANDS = "-.+"
"""Strands by their number plus 1."""
ROW = np.dtype(
    [
        ("seqid", np.int32),
        ("start", np.int64),
        ("end", np.int64),
        ("kind", np.uint8),
        ("strand", np.int8),
        ("source", np.uint8),
        ("weight", np.float32),
        ("protein", np.int32),
    ]
)
"""A row: 0-based half-open; strand -1, 0 (not known) or 1; `weight` reads or proteins; `protein` an index or -1."""
Rows = NDArray[np.void]
_PLACE = ("seqid", "start", "end", "kind", "strand", "source")
_ROWS, _NAMES = "rows.npy", "names.json"


class Protein(NamedTuple):
    """A protein that was aligned: its name, and the share of its aligned residues that are identical."""

    name: str
    identity: float


class EvidenceTable:
    """Evidence of a genome.

    Parameters
    ----------
    seqids
        Sequences, by their number in the column `seqid`.
    rows : (n,)
        Of type `ROW`, sorted by sequence and start; every place of a kind and source at most once.
    proteins
        By their number in the column `protein`.
    """

    def __init__(self, seqids: Iterable[str], rows: Rows, proteins: Iterable[Protein] = ()) -> None:
        self.seqids, self.rows, self.proteins = tuple(seqids), rows, tuple(proteins)
        bounds = np.searchsorted(rows["seqid"], np.arange(len(self.seqids) + 1))
        self._slices = {name: slice(*bounds[i : i + 2].tolist()) for i, name in enumerate(self.seqids)}

    def __len__(self) -> int:
        return len(self.rows)

    def on(self, seqid: str, start: int = 0, end: int | None = None) -> Rows:
        """Return the rows of a sequence that lie within ``[start, end)``.

        Parameters
        ----------
        seqid
            Name of the sequence.
        start, end
            Interval, 0-based and half-open; an end of None is the end of the sequence.
        """
        if seqid not in self._slices:
            return self.rows[:0]
        rows = self.rows[self._slices[seqid]]
        last = len(rows) if end is None else int(np.searchsorted(rows["start"], end))
        rows = rows[int(np.searchsorted(rows["start"], start)) : last]
        return rows if end is None else rows[rows["end"] <= end]

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each kind that there is."""
        numbers = np.bincount(self.rows["kind"], minlength=len(KINDS)).tolist()
        return {name: number for name, number in zip(KINDS, numbers, strict=True) if number}

    def introns(self) -> list[int]:
        """Return the number of introns of each source."""
        introns = self.rows["source"][self.rows["kind"] == INTRON]
        return [int(number) for number in np.bincount(introns, minlength=len(SOURCES))]

    def depths(self) -> NDArray[np.float64]:
        """Return the mean support of an intron by source, (sources,); 1 where there is none."""
        introns = self.rows["kind"] == INTRON
        source, weight = self.rows["source"][introns], self.rows["weight"][introns].astype(np.float64)
        counts = np.bincount(source, minlength=len(SOURCES))
        sums = np.bincount(source, weights=weight, minlength=len(SOURCES))
        return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), 1.0), dtype=np.float64)

    def digest(self) -> str:
        """Return a hexadecimal SHA-256 of all that it says."""
        names = json.dumps([self.seqids, self.proteins]).encode()
        return hashlib.sha256(names + np.ascontiguousarray(self.rows).tobytes()).hexdigest()

    def save(self, folder: str | Path) -> None:
        """Write the table into a folder, whole or not at all."""
        with atomic_directory(folder) as directory:
            np.save(directory / _ROWS, self.rows)
            names = {"seqids": self.seqids, "proteins": self.proteins}
            (directory / _NAMES).write_text(json.dumps(names), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> EvidenceTable:
        """Return the table of a folder; its rows stay on disk until they are read."""
        names = read_json(Path(folder) / _NAMES)
        proteins = [Protein(name, identity) for name, identity in names["proteins"]]
        return cls(names["seqids"], np.load(Path(folder) / _ROWS, mmap_mode="r"), proteins)


class Collector:
    """Collects the rows that readers of all formats produce.

    Parameters
    ----------
    lengths
        Bases of each sequence of the genome.
    """

    def __init__(self, lengths: Mapping[str, int]) -> None:
        self.lengths = lengths
        self._numbers = {name: number for number, name in enumerate(lengths)}
        self._integers, self._weights = array("q"), array("d")
        self._blocks: list[Rows] = []
        self._proteins: dict[str, int] = {}
        self._identities: list[float] = []

    def check_place(self, seqid: str, start: int, end: int, path: str | Path, line: int) -> None:
        """Raise `InputError` where ``[start, end)`` does not lie within the genome.

        Parameters
        ----------
        seqid
            Name of the sequence.
        start, end
            Interval, 0-based and half-open.
        path, line
            File and row that name the interval, for the message.
        """
        if 0 <= start < end <= self.lengths.get(seqid, -1):
            return
        what, remedy = f"{seqid}:{start + 1}-{end} lies outside the genome", "give evidence of this genome"
        if seqid not in self.lengths:
            what = f"the genome has no sequence {seqid!r}"
            remedy += f", with its names, such as {next(iter(self.lengths), '')}"
        elif start >= end:
            what, remedy = f"{seqid}:{start + 1}-{end} ends before it starts", "repair the row"
        raise InputError(what, where=path, line=line, remedy=remedy)

    def add(
        self, seqid: str, start: int, end: int, kind: int, strand: int, source: int, weight: float, protein: int = -1
    ) -> None:
        """Add a row; its sequence and bounds have been checked.

        Parameters
        ----------
        seqid
            Name of the sequence.
        start, end
            Place, 0-based and half-open.
        kind, strand, source
            Codes of the table's columns.
        weight
            Number of reads, or score.
        protein
            Number of the protein that was aligned; negative: none.
        """
        self._integers.extend((self._numbers[seqid], start, end, kind, strand, source, protein))
        self._weights.append(weight)

    def extend(self, seqid: str, rows: Rows) -> None:
        """Add rows of one sequence; their column `seqid` is set here, and they come from no protein."""
        rows = rows.copy()
        rows["seqid"], rows["protein"] = self._numbers[seqid], -1
        self._blocks.append(rows)

    def protein(self, name: str, identity: float) -> int:
        """Return the number of an aligned protein."""
        number = self._proteins.setdefault(name, len(self._identities))
        if number == len(self._identities):
            self._identities.append(identity)
        self._identities[number] = max(self._identities[number], identity)
        return number

    def table(self) -> EvidenceTable:
        """Return all rows, sorted, the weights of equal places added up; a place names its best protein."""
        integers = np.frombuffer(self._integers, dtype=np.int64).reshape(-1, 7) if self._integers else np.zeros((0, 7))
        rows = np.zeros(len(integers), dtype=ROW)
        for column, name in enumerate((*_PLACE, "protein")):
            rows[name] = integers[:, column]
        rows["weight"] = self._weights
        rows = np.concatenate([rows, *self._blocks]) if self._blocks else rows
        best = np.array([*self._identities, -1.0])[rows["protein"]]
        rows = rows[np.lexsort((-best, *(rows[name] for name in reversed(_PLACE))))]
        if len(rows):
            new = np.ones(len(rows), dtype=bool)
            new[1:] = np.any([rows[name][1:] != rows[name][:-1] for name in _PLACE], axis=0)
            first = np.flatnonzero(new)
            weights = np.add.reduceat(rows["weight"].astype(np.float64), first)
            rows = rows[first]
            rows["weight"] = weights
        return EvidenceTable(self.lengths, rows, map(Protein, self._proteins, self._identities))
