"""Coding sequences of GenBank flat files, plain or gzip, read with Biopython."""

from __future__ import annotations

import io
import logging
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
from Bio import SeqIO
from Bio.Data.IUPACData import protein_letters_3to1
from Bio.Seq import UndefinedSequenceError
from Bio.SeqFeature import AfterPosition, BeforePosition, SeqFeature
from numpy.typing import NDArray

from genescribe.codon.sequences.cds import Annotated, Part
from genescribe.errors import InputError
from genescribe.files import open_binary
from genescribe.genome.alphabet import encode

_AMINO_ACIDS = {name.upper(): letter for name, letter in protein_letters_3to1.items()} | {
    "SEC": "U",
    "PYL": "O",
    "TERM": "*",
    "OTHER": "X",
}
_EXCEPTION = re.compile(r"pos:(?:complement\()?(?:join\()?<?(\d+)(?:(?:\.\.|,)>?(\d+))?\)*,aa:(\w+)")

_CUT_SHORT = ("Expected sequence length", "Premature end of file")
"""How Biopython's warnings begin that mean a damaged file; the others are of headers and of single features."""

_SHOWN = 5
"""Different warnings of a file that the log shows."""

_logger = logging.getLogger("genescribe.codon")

Record = tuple[str, NDArray[np.uint8], list[Annotated]]
"""Name of a sequence, its base codes, its coding sequences in the order of the file."""


def read_genbank(path: str | Path, table: int = 11) -> Iterator[Record]:
    """Yield the sequences of a GenBank file with their coding sequences.

    Parameters
    ----------
    path
        `.gb`, `.gbk`, `.gbff`, plain or gzip.
    table
        Genetic code where `/transl_table` does not say.

    Raises
    ------
    InputError
        Not a GenBank file, a record without its sequence, or one that is cut short.
    """
    names: dict[str, int] = {}
    records = 0
    doubts = Counter[str]()
    # A byte order mark comes from editors on Windows.
    with open_binary(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace") as text:
        for record in _records(text, path, doubts):
            records += 1
            try:
                codes = encode(bytes(record.seq).decode("ascii"))
            except UndefinedSequenceError:
                raise InputError(
                    f"the record {record.id} holds no sequence",
                    where=path,
                    remedy="download the full record (GenBank (full), gbwithparts)",
                ) from None
            features = [feature for feature in record.features if feature.type == "CDS"]
            yield record.id, codes, [_annotated(feature, record, table, names) for feature in features]
    if not records:
        raise InputError(
            "no GenBank record", where=path, remedy="give a GenBank flat file (.gbff), or GFF3 with --fasta"
        )
    for doubt, count in doubts.most_common(_SHOWN):
        _logger.warning("%s: %s%s", path, doubt, f" ({count} times)" if count > 1 else "")
    if len(doubts) > _SHOWN:
        _logger.warning("%s: %d more warnings", path, len(doubts) - _SHOWN)


def _records(text: io.TextIOWrapper, path: str | Path, doubts: Counter[str]) -> Iterator[Any]:
    """Yield the records that Biopython reads; its warnings are counted in `doubts`.

    Raises
    ------
    InputError
        Not GenBank, damaged, or cut short: a record without its end, or of another length than its LOCUS says.
    """
    records: Iterator[Any] = cast(Any, SeqIO).parse(text, "genbank")
    last = ""
    while True:
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                record = next(records, None)
        except (ValueError, AssertionError, IndexError, EOFError, OSError, zlib.error) as error:
            after = f", after the record {last}" if last else ""
            raise InputError(
                f"cannot be parsed ({error}{after})", where=path, remedy="give a whole GenBank flat file"
            ) from None
        messages = [" ".join(str(warning.message).split()) for warning in caught]
        cut = sorted(message for message in messages if message.startswith(_CUT_SHORT))
        if cut:
            sizes = re.findall(r"sequence length (\d+), found (\d+)", cut[0])
            problem = f"its LOCUS says {sizes[0][0]} bases, {sizes[0][1]} are there" if sizes else "its end is missing"
            name = record.id if record is not None else f"after {last}"
            raise InputError(
                f"the record {name} is cut short or damaged: {problem}", where=path, remedy="download the file again"
            )
        doubts.update(messages)
        if record is None:
            return
        last = record.id
        yield record


def _annotated(feature: Any, record: Any, table: int, names: dict[str, int]) -> Annotated:
    notes, seqid = feature.qualifiers, record.id
    parts, partial5, partial3 = _parts(feature)
    place = f"{seqid}:{parts[0][0] + 1}" if parts else f"{seqid}:?"
    name = _first(notes, "locus_tag") or _first(notes, "protein_id") or _first(notes, "gene") or place
    names[name] = names.get(name, 0) + 1
    start = _first(notes, "codon_start")
    number = _first(notes, "transl_table")
    return Annotated(
        id=name if names[name] == 1 else f"{name}.{names[name]}",
        seqid=seqid,
        parts=parts,
        codon_start=int(start) if start in ("1", "2", "3") else 1,
        table=int(number) if number.isdecimal() else table,
        partial5=partial5,
        partial3=partial3,
        pseudo="pseudo" in notes or "pseudogene" in notes,
        translation="".join(_first(notes, "translation").split()).upper(),
        exceptions=tuple(transl_except(notes.get("transl_except", []))),
        product=" ".join(_first(notes, "product").split()),
        elsewhere=_elsewhere(feature, record),
    )


def _elsewhere(feature: SeqFeature, record: Any) -> str:
    """Return the other sequence that a part of the feature lies on; empty where there is none."""
    own = {record.id, record.name, *record.annotations.get("accessions", [])}
    parts = feature.location.parts if feature.location is not None else []
    return next((str(part.ref) for part in parts if part.ref and not own & {part.ref, part.ref.split(".")[0]}), "")


def _parts(feature: SeqFeature) -> tuple[tuple[Part, ...], bool, bool]:
    """Return the parts in reading order, and whether the CDS continues before the first and after the last."""
    if feature.location is None:
        return (), False, False
    located = feature.location.parts
    parts = tuple((int(part.start), int(part.end), -1 if part.strand == -1 else 1) for part in located)
    (low5, high5), (low3, high3) = _open_ends(located[0]), _open_ends(located[-1])
    return parts, low5 if parts[0][2] > 0 else high5, high3 if parts[-1][2] > 0 else low3


def _open_ends(part: Any) -> tuple[bool, bool]:
    """Return whether a part is open at its low and at its high end."""
    return isinstance(part.start, BeforePosition), isinstance(part.end, AfterPosition)


def transl_except(values: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield first base, end and amino acid of each transl_except text, 0-based half-open."""
    for value in values:
        match = _EXCEPTION.search("".join(value.split()))
        if match:
            low, high = int(match[1]), int(match[2] or match[1])
            yield min(low, high) - 1, max(low, high), _AMINO_ACIDS.get(match[3].upper(), "X")


def _first(notes: dict[str, list[str]], key: str) -> str:
    return str(notes.get(key, [""])[0])
