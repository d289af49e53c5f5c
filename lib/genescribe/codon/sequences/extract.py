"""Extract the coding sequences of a genome: every CDS goes to `cds.tsv` or, with a reason, to `rejected.tsv`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from genescribe.codon.sequences.cds import (
    AMBIGUOUS_CODON,
    SHORT_PIECE,
    Annotated,
    Cds,
    Rejected,
    codons_of,
    dna_of,
    judge,
    pieces,
)
from genescribe.codon.sequences.genbank import Record, read_genbank
from genescribe.codon.sequences.gff3 import read_gff3
from genescribe.errors import InputError
from genescribe.files import atomic_directory, read_table, sha256, write_json, write_table
from genescribe.genome.fasta import write_fasta
from genescribe.genome.genetic_code import GeneticCode

USED_COLUMNS = ("id", "seqid", "place", "codon_start", "table", "partial", "translation", "codons", "product")
REJECTED_COLUMNS = ("id", "seqid", "place", "reason", "detail", "product")
_CHECKED = {True: "agrees", None: "none"}


@dataclass(frozen=True)
class Entry:
    """One coding sequence of a folder that `extract` wrote.

    Attributes
    ----------
    id
        Unique in its genome.
    table
        Number of the NCBI translation table.
    codons : (n,) uint8
        See `genescribe.codon.sequences.cds.Cds`.
    product
        Name of the product.
    partial
        "", "5'", "3'" or both.
    """

    id: str
    table: int
    codons: NDArray[np.uint8]
    product: str
    partial: str


def extract(
    annotation: str | Path,
    target: str | Path,
    *,
    fasta: str | Path | None = None,
    table: int = 11,
    min_len: int = 0,
    partial: bool = False,
    ambiguous: str = "drop",
) -> dict[str, Any]:
    """Write a genome's coding sequences.

    Parameters
    ----------
    annotation
        GenBank file, or GFF3 where `fasta` is given.
    target
        Folder to write: `cds.fa`, `cds.tsv`, `rejected.tsv`, `summary.json`.
    fasta
        The sequences of a GFF3 file.
    table
        Genetic code where the file does not say.
    min_len
        Fewest codons, the stop not counted.
    partial
        Use coding sequences that are cut at an end.
    ambiguous
        ``drop`` a coding sequence with ambiguous codons, or ``split`` it there into partial pieces.

    Returns
    -------
    dict
        What `summary.json` holds: counts of CDS, used, rejected by reason; of pieces of CDS, used and too short; of
        those with an annotated protein, how many agree and differ; codons; bases; digests of the input.

    Raises
    ------
    InputError
        A file that cannot be read, no such genetic code, or no usable coding sequence.
    """
    GeneticCode.from_table(table)
    records = read_genbank(annotation, table) if fasta is None else read_gff3(fasta, annotation, table)
    judged = _judge(records, min_len, partial, ambiguous == "split")
    used, rejected, compared = judged.used, judged.rejected, judged.compared
    reasons = dict(sorted(judged.reasons.items()))
    if not used:
        reasons_text = ", ".join(f"{reason}: {count}" for reason, count in reasons.items()) or "no CDS at all"
        raise InputError(f"no usable coding sequence ({reasons_text})", where=annotation, remedy="give another genome")
    summary = {
        "cds": judged.cds,
        "used": judged.cds - sum(reasons.values()),
        "rejected": reasons,
        "pieces": {
            "used": judged.pieces,
            "too_short": sum(item.reason == SHORT_PIECE for item in rejected),
        },
        "translation": {"agree": compared[True], "differ": compared[False]},
        "codons": sum(len(item.codons) for item in used),
        "tables": {str(k): v for k, v in sorted(Counter(item.annotated.table for item in used).items())},
        "bases": judged.bases,
        "min_len": min_len,
        "partial": partial,
        "ambiguous": ambiguous,
        "sha256": {Path(path).name: sha256(path) for path in (annotation, fasta) if path is not None},
    }
    with atomic_directory(target) as folder:
        write_fasta(folder / "cds.fa", [(item.id, dna_of(item.codons)) for item in used])
        write_table(folder / "cds.tsv", USED_COLUMNS, map(_used_row, used), delimiter="\t")
        write_table(folder / "rejected.tsv", REJECTED_COLUMNS, map(_rejected_row, rejected), delimiter="\t")
        write_json(folder / "summary.json", summary)
    return summary


@dataclass
class _Judged:
    """Fate of the coding sequences of a file."""

    cds: int = 0
    bases: int = 0
    pieces: int = 0
    used: list[Cds] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    compared: Counter[bool] = field(default_factory=Counter)


def _judge(records: Iterable[Record], min_len: int, partial: bool, split: bool) -> _Judged:
    judged = _Judged()
    for _, codes, annotated in tqdm(records, "sequences", disable=None, unit=""):
        judged.bases += len(codes)
        for cds in annotated:
            judged.cds += 1
            judgement = judge(cds, codes, min_len=min_len, partial=partial, ambiguous=split)
            if judgement.agrees is not None:
                judged.compared[judgement.agrees] += 1
            result = judgement.result
            parts = pieces(result, min_len) if isinstance(result, Cds) else [result]
            fit = [part for part in parts if isinstance(part, Cds)]
            judged.used += fit
            judged.pieces += len(fit) if parts != [result] else 0
            judged.rejected += [part for part in parts if isinstance(part, Rejected)]
            if not fit:
                judged.reasons[result.reason if isinstance(result, Rejected) else AMBIGUOUS_CODON] += 1
    return judged


def read_extracted(folder: str | Path) -> list[Entry]:
    """Return the coding sequences of a folder that `extract` wrote, in their order.

    Raises
    ------
    InputError
        No such folder, or its two files disagree.
    """
    folder = Path(folder)
    if not (folder / "cds.tsv").exists():
        raise InputError("no extracted coding sequences here", where=folder, remedy="run codon_extract.py first")
    rows = read_table(folder / "cds.tsv", "\t")
    sequences = _sequences(folder / "cds.fa")
    if len(sequences) != len(rows):
        raise InputError(f"{len(rows)} rows, {len(sequences)} sequences", where=folder, remedy="extract again")
    entries = [
        Entry(row["id"], int(row["table"]), codons_of(dna), row["product"], row["partial"])
        for row, dna in zip(rows, sequences, strict=True)
    ]
    for entry, row in zip(entries, rows, strict=True):
        if len(entry.codons) != int(row["codons"]):
            problem = f"{entry.id} has {row['codons']} codons in cds.tsv, {len(entry.codons)} in cds.fa"
            raise InputError(problem, where=folder, remedy="extract again")
    return entries


def _sequences(path: Path) -> list[str]:
    records = path.read_text(encoding="ascii").split(">")[1:]
    return ["".join(record.split("\n")[1:]) for record in records]


def _used_row(cds: Cds) -> list[str | int]:
    note = cds.annotated
    partial = "5'" * (note.partial5 or note.codon_start > 1) + "3'" * note.partial3
    checked = _CHECKED[True if note.translation else None]
    return [
        cds.id,
        note.seqid,
        note.place,
        note.codon_start,
        note.table,
        partial,
        checked,
        len(cds.codons),
        note.product,
    ]


def _rejected_row(rejected: Rejected) -> list[str | int]:
    note: Annotated = rejected.annotated
    return [note.id, note.seqid, note.place, rejected.reason, rejected.detail, note.product]
