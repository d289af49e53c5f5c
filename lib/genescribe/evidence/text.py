"""Evidence in files of text: hints in GFF, junctions of STAR and in BED, alignments of proteins in GFF.

The format follows from the first row. A file is read line by line; its evidence on a genome fits in memory many times
over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from genescribe.errors import InputError
from genescribe.evidence.alignments import read_alignments
from genescribe.evidence.table import (
    CDSPART,
    EXONPART,
    INTRON,
    KINDS,
    MANUAL,
    NONEXONPART,
    PROTEIN,
    RNA,
    START,
    STOP,
    Collector,
)
from genescribe.genome.annotation.text import table_rows

HINTS = {
    **dict(zip(KINDS, range(len(KINDS)), strict=True)),
    "CDS": CDSPART,
    "exon": EXONPART,
    "intronpart": NONEXONPART,
    "irpart": NONEXONPART,
    "start_codon": START,
    "stop_codon": STOP,
    "Intron": INTRON,
}
"""Types of rows in AUGUSTUS's and ProtHint's hints -> kind."""
PASSED = frozenset({"tss", "tts", "ass", "dss", "UTRpart", "UTR", "genicpart"})
"""Types that AUGUSTUS knows and that say nothing here."""
ALIGNERS = ("miniprot", "GeMoMa", "GAF")
OVERHANG = 8
"""Bases of a read on both sides of an intron, at least."""
_SOURCES = {"P": PROTEIN, "XNT": PROTEIN, "C": PROTEIN, "M": MANUAL}
_MULTIPLICITY = re.compile(r"(?:^|;)\s*mult[= ]\"?([^;\"\s]*)")
_ORIGIN = re.compile(r"(?:^|;)\s*(?:src|source)[= ]\"?(\w+)")
_STRAND = {"+": 1, "-": -1, ".": 0, "?": 0}
_STAR_STRAND = {"0": 0, "1": 1, "2": -1}


class _Row(NamedTuple):
    """A row of a file: sequence, 0-based half-open place, kind, strand, source, weight."""

    seqid: str
    start: int
    end: int
    kind: int
    strand: int
    source: int
    weight: float


Parser = Callable[[Sequence[str]], Iterator[_Row]]


def read_text(path: str | Path, into: Collector, origin: str | None = None) -> None:
    """Read a file of hints, junctions or alignments.

    Parameters
    ----------
    path
        Plain or compressed. GFF of hints: types as in `HINTS`; `mult` in column 9 is the support, else the score, else
        1; `src=P` (protein), `M` (manual), all else is RNA. GFF of miniprot or GeMoMa: mRNA and CDS. STAR's
        `SJ.out.tab`: uniquely mapped reads. BED: with 12 columns the gaps between blocks, with fewer the
        row itself; column 5 is the support.
    into
        Collector that the evidence is added to.
    origin
        Of a GFF file, only rows of this source, column 2; other rows are not looked at.

    Raises
    ------
    InputError
        A row that is none, is of a type that is no evidence, or lies outside the genome; a file without evidence.
    """
    if Path(path).suffix.lower() == ".bam":
        raise InputError("a BAM file, not text", where=path, remedy="give it to --bam")
    lines = table_rows(path)
    first = next(lines, None)
    if first is None:
        raise InputError("no evidence", where=path, remedy="give hints in GFF, junctions of STAR or BED")
    parse = _format_of(first[1])
    count, chained = 0, chain([first], lines)
    if parse is _gff and first[1][1:2] and first[1][1] in ALIGNERS and origin is None:
        count = read_alignments(path, chained, into)
    else:
        for number, fields in chained:
            if parse is _gff and origin is not None and fields[1:2] != [origin]:
                continue
            try:
                rows = list(parse(fields))
            except _UnknownKindError as unknown:
                raise InputError(
                    f"a row of type {unknown} is no evidence",
                    where=path,
                    line=number,
                    remedy=f"give rows of {', '.join(KINDS)}",
                ) from None
            except (ValueError, IndexError, KeyError):
                what, remedy = f"not a {_NAMES[parse]} row", "repair the row"
                if len(fields) == 1 and len(fields[0].split()) > 1:
                    what, remedy = f"{what}: no tabs in it", "separate its columns by tabs"
                raise InputError(what, where=path, line=number, remedy=remedy) from None
            for row in rows:
                into.check_place(row.seqid, row.start, row.end, path, number)
                into.add(*row)
            count += len(rows)
    if not count:
        raise InputError("no evidence", where=path, remedy="give hints in GFF, junctions of STAR or BED")


def _format_of(fields: Sequence[str]) -> Parser:
    if len(fields) == 9 and all(field.isdigit() for field in fields[1:]) and fields[3] in _STAR_STRAND:
        return _star
    return _bed if len(fields) >= 3 and fields[1].isdigit() and fields[2].isdigit() else _gff


class _UnknownKindError(Exception):
    """A type of row that is no evidence."""


def _gff(fields: Sequence[str]) -> Iterator[_Row]:
    seqid, program, name, start, end, score, strand = fields[:7]
    kind = HINTS.get(name)
    if kind is None:
        if name in PASSED:
            return
        raise _UnknownKindError(name)
    text = fields[8] if len(fields) > 8 else ""
    multiplicity, origin = _MULTIPLICITY.search(text), _ORIGIN.search(text)
    weight = _number(multiplicity[1]) if multiplicity else _score(score)
    if weight < 0:
        raise ValueError
    source = _SOURCES.get(origin[1], RNA) if origin else (PROTEIN if program == "ProtHint" else RNA)
    yield _Row(unquote(seqid), int(start) - 1, int(end), kind, _STRAND[strand], source, weight)


def _star(fields: Sequence[str]) -> Iterator[_Row]:
    seqid, start, end, strand, _, _, unique, _, overhang = fields
    if int(unique) and int(overhang) >= OVERHANG:
        yield _Row(seqid, int(start) - 1, int(end), INTRON, _STAR_STRAND[strand], RNA, float(unique))


def _bed(fields: Sequence[str]) -> Iterator[_Row]:
    seqid, start, end = fields[0], int(fields[1]), int(fields[2])
    weight = _score(fields[4] if len(fields) > 4 else ".")
    strand = _STRAND[fields[5]] if len(fields) > 5 else 0
    if len(fields) < 12:
        yield _Row(seqid, start, end, INTRON, strand, RNA, weight)
        return
    # A row of one block is a read that was aligned without a gap.
    sizes, begins = ([int(n) for n in field.split(",") if n] for field in fields[10:12])
    if not int(fields[9]) == len(sizes) == len(begins):
        raise ValueError
    for size, begin, following in zip(sizes, begins, begins[1:], strict=False):
        yield _Row(seqid, start + begin + size, start + following, INTRON, strand, RNA, weight)


def _score(text: str) -> float:
    """Return the support of a score column: 1 where it says nothing. VARUS writes 0 for a single read."""
    value = 1.0 if text in (".", "") else _number(text)
    return value if value > 0 else 1.0


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


_NAMES: dict[Parser, str] = {_gff: "GFF", _star: "SJ.out.tab", _bed: "BED"}
