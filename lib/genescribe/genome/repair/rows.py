"""The rows of an annotation during sorting, and the contents of column nine."""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

MADE = "genescribe"
"""Source column of rows that were not in the input, and prefix of new IDs."""

Attributes = dict[str, list[str]]


class Repair(NamedTuple):
    """One change to the annotation, and the input line it concerns."""

    line: int
    what: str


class Row:
    """One feature, with the coordinates of the file (1-based, closed).

    Attributes
    ----------
    kind
        `type` in lower case.
    id, parent
        As resolved; a part of a transcript may lack an ID.
    rest
        Column nine without ID and Parent, encoded as GFF3.
    tags
        Values of the attributes that may stand in for Parent (`locus_tag`, `gene_id`), by attribute.
    given
        The ID as the file gives it.
    owner
        Parent of a part as the file names it; None where it names none.
    by_place
        Whether a part got its parent by its place in the file alone.
    made
        Whether the row was made because the input lacks it.
    """

    __slots__ = (
        "by_place", "end", "given", "id", "kind", "line", "made", "owner", "parent", "phase", "rest", "score", "seqid",
        "source", "start", "strand", "tags", "type",
    )  # fmt: skip

    line: int
    seqid: str
    source: str
    type: str
    kind: str
    start: int
    end: int
    score: str
    strand: str
    phase: str
    id: str | None
    parent: str | None
    rest: str
    tags: tuple[tuple[str, str], ...]
    given: str | None
    owner: str | None
    by_place: bool
    made: bool

    def contains(self, other: Row) -> bool:
        """Whether another row lies within this one, on its strand."""
        return (
            self.seqid == other.seqid and self.start <= other.start and other.end <= self.end
            and (self.strand == other.strand or self.strand not in ("+", "-") or other.strand not in ("+", "-"))
        )  # fmt: skip

    def copy(self) -> Row:
        """Return an independent copy."""
        twin = Row.__new__(Row)
        for name in Row.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin

    def derive(self, type_: str, id_: str | None, parent: str | None) -> Row:
        """Return a new row on the same stretch, made because the input lacks it.

        It inherits those attributes that hold for it too: a gene does not inherit the number of the exon that it was
        made from.

        Parameters
        ----------
        type_
            Type of the new row.
        id_
            Its ID; None: none.
        parent
            ID of its parent; None: none.
        """
        twin = self.copy()
        twin.type, twin.kind, twin.id, twin.parent = sys.intern(type_), sys.intern(type_.lower()), id_, parent
        twin.source, twin.score, twin.phase = MADE, ".", "."
        twin.made, twin.given = True, None
        keep = _INHERITED.get(twin.kind, _INHERITED["mrna"])
        names = {name.lower() for name, _ in self.tags}
        pairs = (pair for pair in self.rest.split(";") if pair)
        twin.rest = ";".join(pair for pair in pairs if keep.match(pair) or pair.partition("=")[0].lower() in names)
        return twin


_PART = re.compile(r"(gene_id|transcript_id|locus_tag)=")
_INHERITED = {
    "gene": re.compile(r"(gene\w*|locus_tag|description)="),
    "mrna": re.compile(r"(gene\w*|transcript\w*|locus_tag|product|tag|protein_id|pseudo)="),
    "cds": re.compile(r"(Name|gene_id|transcript_id|locus_tag|protein_id|product|transl_table)="),
} | dict.fromkeys(("exon", "five_prime_utr", "three_prime_utr"), _PART)

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\U0010ffff%;=&,]")


def encode(value: str) -> str:
    """Percent-encode characters that GFF3 reserves in column nine, and all that are not ASCII."""
    if not _UNSAFE.search(value):
        return value
    return _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), value)


_TARGET = re.compile(r"(\S.*?) (\d+) (\d+)( [+-])?", re.ASCII)


def encode_reserved(name: str, value: str) -> str | None:
    """Return a value as column nine may hold it, or None where GFF3 forbids it for a reserved attribute.

    Examples
    --------
    >>> encode_reserved("Target", "EST 23 1 21"), encode_reserved("Target", "EST23 21 1")
    ('EST%2023 1 21', None)
    >>> encode_reserved("Is_circular", "True"), encode_reserved("Note", "a;b")
    ('true', 'a%3Bb')
    """
    if name == "Is_circular":
        return "true" if value.lower() == "true" else None
    if name != "Target":
        return encode(value)
    target = _TARGET.fullmatch(value)
    if target is None or int(target[2]) > int(target[3]):
        return None
    return f"{encode(target[1]).replace(' ', '%20')} {target[2]} {target[3]}{target[4] or ''}"


def any_overlap(rows: list[Row], others: list[Row]) -> bool:
    """Return whether a row and one of the others share a base."""
    return any(row.start <= other.end and other.start <= row.end for row in rows for other in others)
