"""Annotation rows as they come: GFF3, GTF, GFF2 and the one-token GFF1, read with gffutils' dialects."""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gffutils.feature import feature_from_line
from gffutils.helpers import infer_dialect
from tqdm import tqdm

from genescribe.errors import InputError
from genescribe.files import open_binary

MADE = "genescribe"
"""Source column of rows that were not in the input, and prefix of new IDs."""

Attributes = dict[str, list[str]]


class Repair(NamedTuple):
    """One change to the annotation: the input line it concerns, and what was done."""

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
    """

    __slots__ = (
        "end", "id", "kind", "line", "parent", "phase", "rest", "score", "seqid", "source", "start", "strand", "tags",
        "type",
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
        """
        twin = self.copy()
        twin.type, twin.kind, twin.id, twin.parent = sys.intern(type_), sys.intern(type_.lower()), id_, parent
        twin.source, twin.score, twin.phase = MADE, ".", "."
        keep = _INHERITED.get(twin.kind, _INHERITED["mrna"])
        names = {name.lower() for name, _ in self.tags}
        pairs = (pair for pair in self.rest.split(";") if pair)
        twin.rest = ";".join(pair for pair in pairs if keep.match(pair) or pair.partition("=")[0].lower() in names)
        return twin


_PART = re.compile(r"(gene_id|transcript_id|locus_tag)=")
_INHERITED = {
    "gene": re.compile(r"(gene\w*|locus_tag|description)="),
    "mrna": re.compile(r"(gene\w*|transcript\w*|locus_tag|product|tag|protein_id|pseudo)="),
    "cds": re.compile(r"(gene_id|transcript_id|locus_tag|protein_id|product|transl_table)="),
} | dict.fromkeys(("exon", "five_prime_utr", "three_prime_utr"), _PART)


_GFF3 = infer_dialect("ID=a;Parent=b")
# GTF repeats keys where GFF3 writes commas, so a comma is part of the value; `semicolon in quotes` costs a regular
# expression and is kept for the rows that need it.
_GTF = infer_dialect('gene_id "a"; transcript_id "b"') | {"repeated keys": True}
_GTF_QUOTED = infer_dialect('gene_id "a; b"; transcript_id "b"') | {"repeated keys": True}

_QUOTED = re.compile(r'"[^"]*"')
_CLOSING = re.compile(r'"\s*;\s*')
_AROUND_SEMICOLON = re.compile(r"\s*;\s*")
_WORD_VALUE = re.compile(r'(\S+)\s+("[^"]*"|\S+)')
_COMMENT = re.compile(r"(#|track\b|browser\b|//)")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\U0010ffff%;=&,]")


def encode(value: str) -> str:
    """Percent-encode what GFF3 reserves in column nine, and all that is not ASCII."""
    return _UNSAFE.sub(_percent, value) if _UNSAFE.search(value) else value


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode())


class Header(NamedTuple):
    """What stands in the file beside features."""

    pragmas: list[str]
    repairs: list[Repair]


class AnnotationReader:
    """Iterate over the rows of an annotation file, plain or gzip.

    Each item is (row, attributes); `row.rest`, `row.id` and `row.parent` are left for the caller, who knows the levels.

    Parameters
    ----------
    path
        GFF3, GTF or GFF2/GFF1.
    locus_tags
        Attributes whose values are kept in `row.tags`.

    Raises
    ------
    InputError
        A file or a row that cannot be read, with its line.
    """

    def __init__(self, path: str | Path, locus_tags: tuple[str, ...]) -> None:
        self.path = Path(path)
        self.locus_tags = locus_tags
        self.header = Header([], [])
        self.rows = 0
        if not self.path.exists():
            raise InputError("the file does not exist", where=path, remedy="check the path")
        if self.path.is_dir():
            raise InputError("this is a folder", where=path, remedy="name an annotation file")
        if self.path.stat().st_size == 0:
            raise InputError("the file is empty", where=path, remedy="give a GFF3 or GTF file")
        self._only_tokens = False

    def __iter__(self) -> Iterator[tuple[Row, Attributes]]:
        self._only_tokens = self._is_gff1()
        if self._only_tokens:
            self.locus_tags = tuple(sorted({*self.locus_tags, "group"}))
        in_fasta = False
        for number, line in self._lines():
            if not line or line.isspace():
                continue
            if in_fasta and line.count("\t") < 7:
                continue
            in_fasta = line.startswith((">", "##FASTA"))
            if in_fasta:
                self.header.repairs.append(Repair(number, "sequences inside the annotation left out"))
            elif _COMMENT.match(line) and line.count("\t") < 7:
                self._keep_pragma(line)
            else:
                self.rows += 1
                yield self._row(line, number)
        if self.rows == 0:
            raise InputError("no annotation row found", where=self.path, remedy="give a GFF3 or GTF file")

    def _lines(self) -> Iterator[tuple[int, str]]:
        number = 0
        try:
            with open_binary(self.path) as handle:
                for raw in tqdm(handle, desc=f"read {self.path.name}", unit=" rows", disable=None, mininterval=1.0):
                    number += 1
                    if not raw.isascii():
                        if raw.startswith(b"#"):
                            continue
                        raise InputError(
                            "the row holds a character that is not ASCII", where=self.path, line=number,
                            remedy="percent-encode it, as GFF3 asks (%C3%A9 for an acute e)",
                        )  # fmt: skip
                    yield number, raw.decode("ascii").rstrip("\r\n")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                f"the compressed file is damaged or cut short ({error})", where=self.path, line=number + 1,
                remedy="fetch or compress it again",
            ) from error  # fmt: skip

    def _is_gff1(self) -> bool:
        """Whether column nine names groups with a bare word (`geneA`), the same for all rows of a gene."""
        with open_binary(self.path) as handle:
            try:
                head = handle.read(200_000).decode("ascii", "replace").splitlines()
            except (EOFError, OSError, zlib.error):
                return False
        columns = [line.split("\t", 8)[8] for line in head if line.count("\t") >= 8 and not line.startswith("#")][:100]
        bare = [_QUOTED.sub("", text) for text in columns]
        return any(bare) and not any("=" in text or ";" in text for text in bare if text)

    def _keep_pragma(self, line: str) -> None:
        if line.startswith(("##sequence-region", "##species", "##genome-build", "#!")) and self.rows == 0:
            self.header.pragmas.append(line)

    def _row(self, line: str, number: int) -> tuple[Row, Attributes]:
        columns = line.split("\t")
        while len(columns) > 9 and not columns[-1].strip():
            columns.pop()
        if len(columns) == 8:
            columns.append("")
        if len(columns) != 9:
            if len(columns) == 1 and len(line.split()) >= 8:
                raise self._error("the columns are separated by spaces", number, "separate them by tabs")
            raise self._error(
                f"{len(columns)} tab-separated columns where GFF has 9", number, "give a GFF3 or GTF file"
            )
        self._check(columns, number)
        text, dialect = self._tidy(columns[8])
        columns[8] = text
        feature = feature_from_line("\t".join(columns), dialect=dialect)
        row, attributes = self._convert(feature, number), dict(feature.attributes.items())
        first = next(iter(attributes), None)
        if first is not None and not attributes[first] and "ID" not in attributes:
            # AUGUSTUS and TSEBRA write the ID of genes and transcripts as a bare word.
            attributes = {"ID": [first]} | attributes
        return row, attributes

    def _tidy(self, text: str) -> tuple[str, dict[str, Any]]:
        """Return column nine with regular separators, and the gffutils dialect that reads it."""
        text = text.strip().strip(";").strip()
        quoted = '"' in text
        bare = _QUOTED.sub('""', text) if quoted else text
        if not bare or bare == ".":
            return "", _GFF3
        if "=" in bare:
            return _AROUND_SEMICOLON.sub(";", text), _GFF3
        if " " not in bare and ";" not in bare:
            token = text.strip('"')
            return (f"ID={token};group={token}" if self._only_tokens else f"ID={token}"), _GFF3
        if quoted and ";" in "".join(_QUOTED.findall(text)):
            return _CLOSING.sub('"; ', " ".join(text.split())), _GTF_QUOTED
        if ";" not in bare:
            return "; ".join(f"{key} {value}" for key, value in _WORD_VALUE.findall(text)), _GTF
        return "; ".join(" ".join(pair.split()) for pair in text.split(";") if pair.strip()), _GTF

    def _check(self, columns: list[str], number: int) -> None:
        seqid, _, kind, start, end, _, strand, phase, _ = columns
        if not seqid.strip() or not kind.strip():
            raise self._error("the seqid or the type is empty", number, "fill columns 1 and 3")
        if not start.isdecimal() or not end.isdecimal():
            raise self._error(f"start {start!r} and end {end!r} are not both whole numbers", number, "correct the row")
        if int(start) < 1:
            raise self._error("start is 0, but GFF counts from 1", number, "add 1 to the start of each row")
        if int(start) > int(end):
            raise self._error(f"start {start} lies behind end {end}", number, "exchange them; the strand is column 7")
        if strand not in ("+", "-", ".", "?"):
            raise self._error(f"strand {strand!r} is none of + - . ?", number, "correct column 7")
        if phase not in ("0", "1", "2", "."):
            raise self._error(f"phase {phase!r} is none of 0 1 2 .", number, "correct column 8")

    def _convert(self, feature: Any, number: int) -> Row:
        row = Row.__new__(Row)
        row.line = number
        row.seqid, row.source, row.type = sys.intern(feature.seqid), sys.intern(feature.source), sys.intern(feature[2])
        row.kind = sys.intern(row.type.lower())
        row.start, row.end = feature.start, feature.end
        row.score, row.strand, row.phase = feature.score, sys.intern(feature.strand), sys.intern(feature.frame)
        row.id = row.parent = None
        row.rest = ""
        attributes = feature.attributes
        row.tags = tuple((tag, attributes[tag][0]) for tag in self.locus_tags if attributes.get(tag))
        return row

    def _error(self, what: str, line: int, remedy: str) -> InputError:
        return InputError(what, where=self.path, line=line, remedy=remedy)
