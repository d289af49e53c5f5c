"""Sort any GFF3 or GTF into well-formed GFF3, and list every change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genescribe.errors import InputError
from genescribe.genome.repair.agat import agat_program, run_agat
from genescribe.genome.repair.consistency import repair_transcripts
from genescribe.genome.repair.gff3_writer import write, write_repairs
from genescribe.genome.repair.link import drop_empty_loci, link
from genescribe.genome.repair.loci import drop_identical, merge_overlapping
from genescribe.genome.repair.parents import group
from genescribe.genome.repair.rows import Repair
from genescribe.genome.repair.separate import reject_chimeras

SORTERS = ("builtin", "agat", "auto")
LOCUS_TAGS = ("gene_id", "locus_tag")
"""Attributes that group the rows of a locus where Parent is missing."""


@dataclass(frozen=True, slots=True)
class SortReport:
    """Summary of sorting.

    Attributes
    ----------
    sorter
        The one that ran: `builtin`, or `agat` with its version.
    rows_in, rows_out
        Number of feature rows read and written.
    repairs
        Each change, by input line; the same list stands in `<target>.repairs.tsv`.
    """

    sorter: str
    rows_in: int
    rows_out: int
    repairs: list[Repair] = field(repr=False)


def sort_annotation(
    source: str | Path,
    target: str | Path,
    *,
    sorter: str = "builtin",
    merge_loci: bool = False,
    locus_tag: str | Sequence[str] | None = None,
) -> SortReport:
    """Repair and sort an annotation.

    Parameters
    ----------
    source
        GFF3 or GTF, plain, gzip or bgzip.
    target
        GFF3 to be written, in one step; the repairs are written beside it as `<target>.repairs.tsv`.
    sorter
        `builtin`; `agat` calls `agat_convert_sp_gxf2gxf.pl`; `auto` takes AGAT where it is on PATH.
    merge_loci
        Join loci of one strand that overlap in their coding sequence.
    locus_tag
        Attributes whose values group the rows of a locus where Parent is missing, instead of `locus_tag` and `gene_id`.

    Returns
    -------
    SortReport
        Row counts and repairs.

    Raises
    ------
    InputError
        A file that cannot be read, a row that is no annotation, parents in a circle, AGAT missing or failing.
    """
    source, target = Path(source), Path(target)
    tags = _locus_tags(locus_tag)
    if sorter == "auto":
        sorter = "agat" if agat_program() else "builtin"
    if sorter not in SORTERS:
        raise InputError(f"unknown sorter {sorter!r}", where="sorter", remedy=f"choose one of {', '.join(SORTERS)}")
    sort: Callable[[Path, Path, bool, tuple[str, ...]], SortReport] = _agat if sorter == "agat" else _builtin
    report = sort(source, target, merge_loci, tags)
    write_repairs(target, report.repairs)
    return report


def _locus_tags(locus_tag: str | Sequence[str] | None) -> tuple[str, ...]:
    tags = LOCUS_TAGS if locus_tag is None else (locus_tag,) if isinstance(locus_tag, str) else tuple(locus_tag)
    if not tags or not all(tags):
        raise InputError("an empty attribute name", where="locus_tag", remedy="name attributes of column nine")
    return tuple(sorted(tags))


def _builtin(source: Path, target: Path, merge_loci: bool, tags: tuple[str, ...]) -> SortReport:
    forest, waiting, header, rows_in = group(source, tags)
    link(forest, waiting)
    repair_transcripts(forest)
    if merge_loci:
        merge_overlapping(forest)
    drop_identical(forest)
    reject_chimeras(forest)
    drop_empty_loci(forest)
    if not forest.loci:
        gone = [repair for repair in forest.repairs if repair.what.endswith("left out") or "rejected" in repair.what]
        # Parts go with their transcript, and a gene is left out where its transcripts went.
        first = min(gone, key=lambda repair: (" rejected: " not in repair.what, repair), default=None)
        why = f", as {first.what}" if first else ""
        raise InputError(
            f"none of the {rows_in} rows belongs to a gene{why}", where=source, line=first and first.line,
            remedy="give an annotation with genes, transcripts or CDS rows",
        )  # fmt: skip
    rows_out = write(target, forest, header.pragmas)
    return SortReport("builtin", rows_in, rows_out, sorted(header.repairs + forest.repairs))


def _agat(source: Path, target: Path, merge_loci: bool, tags: tuple[str, ...]) -> SortReport:
    version, rows_in, rows_out, repairs = run_agat(source, target, merge_loci, tags)
    return SortReport(f"agat {version}", rows_in, rows_out, repairs)
