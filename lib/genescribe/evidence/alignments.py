"""Proteins aligned to a genome: GFF of miniprot and GeMoMa as introns, coding parts, starts and stops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from genescribe.errors import InputError
from genescribe.evidence.table import CDSPART, INTRON, PROTEIN, START, STOP, Collector
from genescribe.genome.model import gaps

LEAST_IDENTITY = 0.3
"""Alignments below are left out: they are as often of another family."""


@dataclass
class _Alignment:
    """An alignment: its coding parts, and the attributes of its row of type mRNA."""

    seqid: str
    strand: int
    name: str
    identity: float
    broken: bool
    from_first: bool
    line: int
    parts: list[tuple[int, int]] = field(default_factory=list)
    stop: tuple[int, int] | None = None


def read_alignments(path: str | Path, lines: Iterator[tuple[int, list[str]]], into: Collector) -> int:
    """Read rows of miniprot or GeMoMa; return the number of rows of evidence.

    Of an alignment with a frameshift or a stop inside, a pseudogene more often than not, nothing is read. The support
    of each place is the sum of the identities of the proteins there.

    Parameters
    ----------
    path
        The file, for messages.
    lines
        Number and columns of each row.
    into
        Collector that the evidence is added to.

    Raises
    ------
    InputError
        A row that is none, or lies outside the genome.
    """
    by_id: dict[str, _Alignment] = {}
    for number, fields in lines:
        try:
            seqid, start, end = unquote(fields[0]), int(fields[3]) - 1, int(fields[4])
            kind, strand = fields[2], {"+": 1, "-": -1}.get(fields[6], 0)
            attributes = dict(item.split("=", 1) for item in fields[8].rstrip(";").split(";"))
            if kind in ("mRNA", "prediction"):
                by_id[attributes["ID"]] = _alignment(seqid, strand, attributes, number)
            elif kind in ("CDS", "stop_codon"):
                parent = by_id[attributes["Parent"]]
                into.check_place(seqid, start, end, path, number)
                if kind == "CDS":
                    parent.parts.append((start, end))
                else:
                    parent.stop = (start, end)
        except (ValueError, IndexError, KeyError):
            raise InputError(
                "not a row of an aligned protein", where=path, line=number, remedy="give the GFF of miniprot or GeMoMa"
            ) from None
    return sum(_add(alignment, into) for alignment in by_id.values())


def _alignment(seqid: str, strand: int, attributes: dict[str, str], line: int) -> _Alignment:
    target = [unquote(word) for word in attributes.get("Target", attributes.get("ref-gene", attributes["ID"])).split()]
    # GeMoMa: iAA and aa, shares of identical residues; pAA positives.
    identity = float(attributes.get("Identity", attributes.get("iAA", "1")))
    broken = int(attributes.get("Frameshift", "0")) > 0 or int(attributes.get("StopCodon", "0")) > 0
    first = target[1] == "1" if len(target) > 2 else attributes.get("start") == "M"
    return _Alignment(seqid, strand, target[0], identity, broken, first, line)


def _add(alignment: _Alignment, into: Collector) -> int:
    if alignment.broken or alignment.identity < LEAST_IDENTITY or not alignment.parts:
        return 0
    parts = sorted(alignment.parts)
    protein = into.protein(alignment.name, alignment.identity)
    rows: dict[int, list[tuple[int, int]]] = defaultdict(list)
    rows[CDSPART] = parts
    rows[INTRON] = list(gaps(parts))
    if alignment.from_first:
        low, high = parts[0][0], parts[-1][1]
        rows[START] = [(low, low + 3) if alignment.strand >= 0 else (high - 3, high)]
    if alignment.stop is not None:
        rows[STOP] = [alignment.stop]
    count = 0
    for kind, places in rows.items():
        for start, end in places:
            into.add(alignment.seqid, start, end, kind, alignment.strand, PROTEIN, alignment.identity, protein)
            count += 1
    return count
