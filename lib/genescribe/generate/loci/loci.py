"""Loci to annotate: read from GFF3 or BED, stored with their bases in a DuckDB file, loaded by workers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import duckdb
import numpy as np
from torch.utils.data import Dataset
from tqdm import tqdm

from genescribe.errors import InputError
from genescribe.files import atomic_path
from genescribe.generate.annotation.annotate import LocusWindow
from genescribe.genome.annotation.text import table_rows
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Interval
from genescribe.paths import form_of

_GENES = ("gene",)
_TRANSCRIPTS = ("mRNA", "transcript")
_ID = re.compile(r"(?:^|;)\s*(?:ID=|gene_id \")([^;\"]+)")


class Locus(NamedTuple):
    """Locus of a gene to annotate; strand "." if unknown."""

    id: str
    seqid: str
    start: int
    end: int
    strand: str


def read_loci(path: str | Path, lengths: Mapping[str, int]) -> tuple[list[Locus], list[Locus]]:
    """Return the loci of a GFF3, GTF or BED file, in its order, with IDs unique in it; and those outside the genome.

    Of GFF3 and GTF the rows of type gene count, where there are none those of transcripts.

    Parameters
    ----------
    path
        Plain or compressed; BED by its name (.bed, .bed.gz).
    lengths
        Bases of each sequence of the genome.

    Raises
    ------
    InputError
        A row that is none; no locus; none that lies in the genome.
    """
    rows = _bed(path) if form_of(Path(path)) == "BED" else _gff(path)
    loci: list[Locus] = []
    outside: list[Locus] = []
    counts: dict[str, int] = {}
    first = 0
    for line, locus in rows:
        counts[locus.id] = counts.get(locus.id, 0) + 1
        count = counts[locus.id]
        unique = locus if count == 1 else locus._replace(id=f"{locus.id}.{count}")
        inside = locus.seqid in lengths and 0 <= locus.start < locus.end <= lengths[locus.seqid]
        (loci if inside else outside).append(unique)
        first = first or line
    if outside and not loci:
        locus = outside[0]
        raise InputError(
            f"{locus.seqid}:{locus.start + 1}-{locus.end} lies outside the genome, and so does every locus",
            where=path,
            line=first,
            remedy="give the genome that the loci are of",
        )
    if not loci:
        raise InputError("no locus", where=path, remedy="give rows of type gene, or a BED file")
    return loci, outside


def _bed(path: str | Path) -> Iterator[tuple[int, Locus]]:
    for number, fields in table_rows(path):
        if len(fields) < 3 or not (fields[1].isdecimal() and fields[2].isdecimal()):
            raise InputError("not a BED row", where=path, line=number, remedy="seqid, start and end, tab between")
        name = fields[3] if len(fields) > 3 and fields[3] not in ("", ".") else f"locus{number}"
        strand = fields[5] if len(fields) > 5 and fields[5] in ("+", "-") else "."
        yield number, Locus(name, fields[0], int(fields[1]), int(fields[2]), strand)


def _gff(path: str | Path) -> Iterator[tuple[int, Locus]]:
    genes: list[tuple[int, Locus]] = []
    transcripts: list[tuple[int, Locus]] = []
    for number, fields in table_rows(path):
        if len(fields) < 9:
            raise InputError("not a GFF row: nine columns, tab between", where=path, line=number, remedy="repair it")
        if fields[2] in _GENES or fields[2] in _TRANSCRIPTS:
            if not (fields[3].isdecimal() and fields[4].isdecimal()):
                raise InputError("start and end are no numbers", where=path, line=number, remedy="repair the row")
            match = _ID.search(fields[8])
            name = unquote(match[1]) if match else f"locus{number}"
            strand = fields[6] if fields[6] in ("+", "-") else "."
            locus = Locus(name, unquote(fields[0]), int(fields[3]) - 1, int(fields[4]), strand)
            (genes if fields[2] in _GENES else transcripts).append((number, locus))
    yield from genes or transcripts


def only_regions(path: str | Path) -> bool:
    """Return whether a GFF3 or GTF file has rows of genes and nothing else: places, without what lies in them."""
    return all(len(fields) > 2 and fields[2] in _GENES for _, fields in table_rows(path))


Window = Callable[[int, int, int], Interval]
"""Interval to read for a locus, from its start, its end and the length of the sequence."""


def flanked(flank: int) -> Window:
    """Return windows of loci and so many bases on both sides, as far as there are any."""
    return lambda start, end, length: (max(0, start - flank), min(length, end + flank))


def write_database(path: str | Path, loci: Iterable[Locus], genome: Genome, window: Window) -> int:
    """Write loci with the bases of their windows into a DuckDB file, in one step; return their number.

    One table, ``loci``: number, id, seqid, start, end, strand, offset (place of the first base), codes (BLOB of base
    codes).

    Parameters
    ----------
    path
        DuckDB file to write.
    loci
        Places of genes, in the order of annotation.
    genome
        Sequences that they lie on.
    window
        Gives the interval to store of a locus, from its start, its end and the length of the sequence.
    """
    rows = list(loci)
    with atomic_path(path) as temporary:
        temporary.unlink()
        with duckdb.connect(str(temporary)) as connection:
            connection.execute(
                'CREATE TABLE loci (number INTEGER PRIMARY KEY, id VARCHAR, seqid VARCHAR, "start" INTEGER,'
                ' "end" INTEGER, strand VARCHAR, "offset" INTEGER, codes BLOB)'
            )
            numbered = enumerate(tqdm(rows, desc="loci", unit="locus", disable=None))
            for block in _blocks(numbered):
                values = []
                for number, locus in block:
                    low, high = window(locus.start, locus.end, genome.lengths[locus.seqid])
                    codes = genome.codes(locus.seqid, low, high).tobytes()
                    place = (locus.start, locus.end, locus.strand, low)
                    values.append((number, locus.id, locus.seqid, *place, codes))
                connection.executemany("INSERT INTO loci VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
    return len(rows)


def _blocks(rows: Iterable[tuple[int, Locus]]) -> Iterator[list[tuple[int, Locus]]]:
    iterator = iter(rows)
    while block := list(itertools.islice(iterator, 1000)):
        yield block


class LocusDataset(Dataset[LocusWindow]):
    """Loci of a database by number. Each process that uses it has a read-only connection of its own."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._connection: duckdb.DuckDBPyConnection | None = None
        query = "SELECT octet_length(codes) FROM loci ORDER BY number"
        self.lengths = np.array([row[0] for row in self._connect().execute(query).fetchall()], dtype=np.int64)

    def __len__(self) -> int:
        """Return the number of loci."""
        return len(self.lengths)

    def __getitem__(self, number: int) -> LocusWindow:
        """Return a locus with its bases."""
        query = 'SELECT id, seqid, "start", "end", strand, "offset", codes FROM loci WHERE number = ?'
        row = self._connect().execute(query, [number]).fetchone()
        if row is None:
            raise IndexError(number)
        name, seqid, start, end, strand, offset, codes = row
        return LocusWindow(name, seqid, start, end, strand, offset, np.frombuffer(codes, dtype=np.uint8))

    def _connect(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = duckdb.connect(self.path, read_only=True)
        return self._connection

    def close(self) -> None:
        """Close this process's connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_connection": None}
