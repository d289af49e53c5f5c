"""Labelled sequences from FASTA or CSV, checks that two sets are disjoint, and their k-mers."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.bake.leakage import Sketch, sketch
from genescribe.codon.sequences.cds import codons_of
from genescribe.codon.sequences.homology import protein_of
from genescribe.codon.sequences.vocabulary import CODONS, dna_tokens
from genescribe.errors import InputError

_logger = logging.getLogger("genescribe.codon")
_WORD = re.compile(r'(\w[\w.-]*)=("[^"]*"|\S+)')
"""A note in a FASTA header; quotes hold blanks together."""

TABLE = 11
"""Genetic code of the proteins that near-duplicates are told by."""


@dataclass(frozen=True)
class Sequences:
    """Some coding sequences.

    Attributes
    ----------
    source
        The file that they come from.
    ids
        Identifiers, unique.
    dna
        Whole codons, upper case; empty where only embeddings were kept.
    labels
        "" where the file is silent on a sequence; empty where it gives none at all.
    notes
        Other columns of a CSV, or other key=value words of FASTA headers; "" for a sequence without one.
    digests
        SHA-256 of each sequence.
    sketches
        Words of each protein; see `genescribe.bake.leakage.sketch`.
    vectors : (n, C) float32
        Stored embeddings; None where there are none.
    made_by
        Origin of stored embeddings: digest of the weights, layers.
    """

    source: str
    ids: tuple[str, ...]
    dna: tuple[str, ...]
    labels: tuple[str, ...]
    notes: Mapping[str, tuple[str, ...]]
    digests: tuple[str, ...]
    sketches: tuple[Sketch, ...] = field(repr=False)
    vectors: NDArray[np.float32] | None = field(default=None, repr=False)
    made_by: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def labelled(self, label: str) -> Sequences:
        """Return the sequences, each of which must have a label.

        Raises
        ------
        InputError
            None has, or some lack it.
        """
        blank = [name for name, value in zip(self.ids, self.labels, strict=True) if not value] if self.labels else []
        if not self.labels or blank:
            problem = f"{len(blank)} of {len(self)} sequences have no {label!r}, first {blank[0]}" if blank else ""
            raise InputError(
                problem or f"sequences without {label!r}",
                where=self.source,
                remedy="label them or take them out" if blank else f"add a column {label}, or {label}= in FASTA",
            )
        return self

    def with_labels(self, path: str | Path, label: str) -> Sequences:
        """Return the sequences with the labels of a CSV, by its column `id`, or in their order where it has none."""
        labels, has_ids = _labels(Path(path), label)
        both = f"{self.source} (labels of {path})"
        if has_ids:
            # What the file does not name has no label.
            return replace(self, labels=tuple(labels.get(name, "") for name in self.ids), source=both)
        if len(labels) != len(self):
            problem = f"{len(labels)} labels for {len(self)} embeddings of {self.source}"
            raise InputError(problem, where=path, remedy="give a column id, or one label for each in their order")
        return replace(self, labels=tuple(labels.values()), source=both)


def read_sequences(path: str | Path, *, label: str = "label") -> Sequences:
    """Read FASTA (`label=` and other key=value words in the header) or CSV (columns `seq`, `id`, `label` and others).

    Raises
    ------
    InputError
        No sequence, no column `seq`, repeated ids, letters other than bases, or incomplete codons.
    """
    path = Path(path)
    text = _text(path)
    rows = list(_from_fasta(text) if text.lstrip().startswith(">") else _from_csv(path, text))
    if not rows:
        raise InputError("no sequence", where=path, remedy="give FASTA, or CSV with a column seq")
    ids, dna, notes = zip(*rows, strict=True)
    double = next((name for name, count in Counter(ids).items() if count > 1), None)
    if double is not None:
        raise InputError(f"the id {double!r} occurs twice", where=path, remedy="give each sequence its own")
    cleaned = tuple("".join(sequence.split()).upper().replace("U", "T") for sequence in dna)
    for name, sequence in zip(ids, cleaned, strict=True):
        if not sequence:
            raise InputError(f"the sequence {name!r} is empty", where=path, remedy="give its bases, or take it out")
        dna_tokens(sequence, where=f"{path}: {name}")
    keys = dict.fromkeys(key for note in notes for key in note)
    columns = {key: tuple(note.get(key, "").strip() for note in notes) for key in keys}
    labels = columns.pop(label, ())
    proteins = (protein_of(codons_of(sequence), TABLE) for sequence in cleaned)
    digests = tuple(hashlib.sha256(sequence.encode()).hexdigest() for sequence in cleaned)
    return Sequences(
        str(path), ids, cleaned, labels, columns, digests, tuple(sketch(sequence) for sequence in proteins)
    )


Row = tuple[str, str, dict[str, str]]
"""Id, sequence, further columns."""


def _text(path: Path) -> str:
    """Return a file's text; a byte order mark comes from editors on Windows."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 ({error.reason})", where=path, remedy="save it as UTF-8") from None


def _from_fasta(text: str) -> Iterator[Row]:
    for number, record in enumerate(("\n" + text).split("\n>")[1:], 1):
        head, _, body = record.partition("\n")
        name = (head.split() or [f"row{number}"])[0]
        yield name, body, {key: value.strip('"') for key, value in _WORD.findall(head.removeprefix(name))}


def _from_csv(path: Path, text: str) -> Iterator[Row]:
    for number, row in enumerate(_table(path, text, "seq"), 1):
        notes = {key: value for key, value in row.items() if key not in ("id", "seq")}
        yield row.get("id") or f"row{number}", row["seq"], notes


def _table(path: Path, text: str, needed: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV; a row of another length than the head is an error, an absent cell is empty."""
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
    if needed not in reader.fieldnames:
        raise InputError(f"no column `{needed}`", where=path, line=1, remedy=f"name a column {needed}")
    for row in reader:
        if None in row:
            raise InputError(
                "more cells than columns", where=path, line=reader.line_num, remedy="quote cells with commas"
            )
        yield {key: value or "" for key, value in row.items()}


def _labels(path: Path, label: str) -> tuple[dict[str, str], bool]:
    """Return labels by id, or by row number where there is no column `id`, and whether there is one."""
    rows = list(_table(path, _text(path), label))
    has_ids = bool(rows) and "id" in rows[0]
    labels = {row["id"] if has_ids else f"row{number}": row[label].strip() for number, row in enumerate(rows)}
    if len(labels) < len(rows):
        raise InputError("an id occurs twice", where=path, remedy="give each sequence one label")
    return labels, has_ids


def kmer_features(dna: Sequence[str], k: int, alphabet: str = "base") -> NDArray[np.float32]:
    """Return the share of each k-mer, (n, 4^k or 64^k).

    Parameters
    ----------
    dna
        Coding sequences.
    k
        Letters of a word; at most 8 bases or 2 codons.
    alphabet
        `base`, in all three frames; or `codon`, in frame.
    """
    if not 1 <= k <= (8 if alphabet == "base" else 2):
        raise InputError(f"k is {k}", where="k", remedy="give 1 to 8 bases, or 1 or 2 codons")
    letters = 4 if alphabet == "base" else 64
    number = {codon: i for i, codon in enumerate(CODONS)}
    rows = np.zeros((len(dna), letters**k), dtype=np.float32)
    for row, text in zip(rows, dna, strict=True):
        values = (
            np.array(["ACGT".index(base) for base in text])
            if alphabet == "base"
            else np.array([number[text[i : i + 3]] for i in range(0, len(text) - 2, 3)])
        )
        if len(values) >= k:
            words = np.lib.stride_tricks.sliding_window_view(values, k) @ (letters ** np.arange(k))
            np.add.at(row, words, 1 / len(words))
    return rows
