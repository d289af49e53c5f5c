"""Read rows of GFF3, GTF, GFF2 and the one-token GFF1 with gffutils' dialects."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from gffutils.feature import feature_from_line
from gffutils.helpers import infer_dialect

from genescribe.errors import InputError
from genescribe.genome.annotation.so_accessions import type_name
from genescribe.genome.annotation.text import FASTA_MARK, read_lines
from genescribe.genome.repair.rows import Attributes, Repair, Row

_GFF3 = infer_dialect("ID=a;Parent=b")
# GTF repeats keys where GFF3 writes commas, so a comma is part of the value; `semicolon in quotes` costs a regular
# expression and is kept for the rows that need it.
_GTF = infer_dialect('gene_id "a"; transcript_id "b"') | {"repeated keys": True}
_GTF_QUOTED = infer_dialect('gene_id "a; b"; transcript_id "b"') | {"repeated keys": True}

_QUOTED = re.compile(r'"[^"]*"')
_CLOSING = re.compile(r'"\s*;\s*')
_AROUND_SEMICOLON = re.compile(r"\s*;\s*")
_WORD_VALUE = re.compile(r'(\S+)\s+("[^"]*"|\S+)')
_GTF_START = re.compile(r'[^\s="]+\s+"|(gene|transcript)_id\s+[^\s=]')
_EQUALS = re.compile(r'"[^"]*"|([^\s=;"]+)=("[^"]*"|[^\s;"]*)')
_COMMENT = re.compile(r"track\b|browser\b|//")
_HEAD = 2000
"""Lines that are looked at to tell GFF1."""


def unquoted(text: str) -> str:
    """Return column nine without the second quotes that a spreadsheet or a CSV writer puts around it.

    Examples
    --------
    >>> unquoted('"gene_id ""a"";"')
    'gene_id "a";'
    >>> unquoted('gene_id "a";')
    'gene_id "a";'
    """
    if len(text) > 1 and text[0] == text[-1] == '"' and '""' in text:
        return text[1:-1].replace('""', '"')
    return text


class Header(NamedTuple):
    """Contents of the file other than features: (line, text) of directives, and repairs."""

    pragmas: list[tuple[int, str]]
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
        self._only_tokens = False
        self._accessions: set[str] = set()

    def __iter__(self) -> Iterator[tuple[Row, Attributes]]:
        self._only_tokens = self._is_gff1()
        if self._only_tokens:
            self.locus_tags = tuple(sorted({*self.locus_tags, "group"}))
        for number, line in enumerate(read_lines(self.path), 1):
            if not line or line.isspace():
                continue
            if line.startswith("#"):
                self._keep_pragma(line, number)
            elif not _COMMENT.match(line) or line.count("\t") >= 7:
                self.rows += 1
                yield self._row(line, number)
        if self.rows == 0:
            raise InputError("no annotation row found", where=self.path, remedy="give a GFF3 or GTF file")

    def _is_gff1(self) -> bool:
        """Whether column nine names groups with a bare word (`geneA`), the same for all rows of a gene."""
        lines = (line for line in islice(read_lines(self.path), _HEAD) if not line.startswith("#"))
        columns = [unquoted(line.split("\t", 8)[8].strip()) for line in lines if line.count("\t") >= 8][:100]
        bare = [_QUOTED.sub("", text) for text in columns]
        return any(bare) and not any("=" in text or ";" in text for text in bare if text)

    def _keep_pragma(self, line: str, number: int) -> None:
        if line.startswith(FASTA_MARK):
            self.header.repairs.append(Repair(number, "sequences inside the annotation left out"))
        elif line.startswith("##sequence-region") or (
            self.rows == 0 and line.startswith(("##species", "##genome-build", "#!"))
        ):
            self.header.pragmas.append((number, line))

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
        columns[:8] = [column.strip() for column in columns[:8]]
        self._check(columns, number)
        columns[2] = self._type(columns[2], number)
        columns[5] = self._score(columns[5], number)
        columns[8], dialect = self._tidy(columns[8])
        feature = feature_from_line("\t".join(columns), dialect=dialect)
        attributes = {key: list(filter(None, values)) for key, values in feature.attributes.items()}
        row = self._convert(feature, attributes, number)
        first = next(iter(attributes), None)
        if first is not None and not attributes[first] and "ID" not in attributes:
            # AUGUSTUS and TSEBRA write the ID of genes and transcripts as a bare word.
            attributes = {"ID": [first]} | attributes
        return row, attributes

    def _tidy(self, text: str) -> tuple[str, dict[str, Any]]:
        """Return column nine with regular separators, and the gffutils dialect that reads it."""
        text = unquoted(text.strip()).strip().strip(";").strip()
        quoted = '"' in text
        bare = _QUOTED.sub('""', text) if quoted else text
        if not bare or bare == ".":
            return "", _GFF3
        if "=" in bare:
            if not _GTF_START.match(text):
                return _AROUND_SEMICOLON.sub(";", text), _GFF3
            # GTF is known by its quotes; Tiberius adds pairs of the other kind.
            text = _EQUALS.sub(lambda pair: f'{pair[1]} "{pair[2].strip(chr(34))}"' if pair[1] else pair[0], text)
        if " " not in bare and ";" not in bare:
            token = text.strip('"')
            return (f"ID={token};group={token}" if self._only_tokens else f"ID={token}"), _GFF3
        if quoted and ";" in "".join(_QUOTED.findall(text)):
            return _CLOSING.sub('"; ', " ".join(text.split())), _GTF_QUOTED
        if ";" not in bare:
            return "; ".join(f"{key} {value}" for key, value in _WORD_VALUE.findall(text)), _GTF
        return "; ".join(" ".join(pair.split()) for pair in text.split(";") if pair.strip()), _GTF

    def _type(self, text: str, number: int) -> str:
        name = type_name(text)
        if name != text and text not in self._accessions:
            self._accessions.add(text)
            self.header.repairs.append(Repair(number, f"type {text} written as {name}, here and below"))
        return name

    def _score(self, text: str, number: int) -> str:
        if text == ".":
            return text
        try:
            if math.isfinite(float(text)) and "_" not in text:
                return text
        except ValueError:
            pass
        self.header.repairs.append(Repair(number, f"score {text!r} is no number: removed"))
        return "."

    def _check(self, columns: list[str], number: int) -> None:
        seqid, _, kind, start, end, _, strand, phase, _ = columns
        if not seqid or not kind:
            raise self._error("the seqid or the type is empty", number, "fill columns 1 and 3")
        if not all(text.isdecimal() and text.isascii() for text in (start, end)):
            raise self._error(f"start {start!r} and end {end!r} are not both whole numbers", number, "correct the row")
        if int(start) < 1:
            raise self._error("start is 0, but GFF counts from 1", number, "add 1 to the start of each row")
        if int(start) > int(end):
            raise self._error(f"start {start} lies behind end {end}", number, "exchange them; the strand is column 7")
        if strand not in ("+", "-", ".", "?"):
            raise self._error(f"strand {strand!r} is none of + - . ?", number, "correct column 7")
        if phase not in ("0", "1", "2", "."):
            raise self._error(f"phase {phase!r} is none of 0 1 2 .", number, "correct column 8")

    def _convert(self, feature: Any, attributes: Attributes, number: int) -> Row:
        row = Row.__new__(Row)
        row.line = number
        row.seqid, row.source, row.type = sys.intern(feature.seqid), sys.intern(feature.source), sys.intern(feature[2])
        row.kind = sys.intern(row.type.lower())
        row.start, row.end = feature.start, feature.end
        row.score, row.strand, row.phase = feature.score, sys.intern(feature.strand), sys.intern(feature.frame)
        row.id = row.parent = row.given = row.owner = None
        row.rest = ""
        row.by_place = row.made = False
        row.tags = tuple((tag, attributes[tag][0]) for tag in self.locus_tags if attributes.get(tag))
        return row

    def _error(self, problem: str, line: int, remedy: str) -> InputError:
        return InputError(problem, where=self.path, line=line, remedy=remedy)
