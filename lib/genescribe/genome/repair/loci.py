"""Fourth pass: merge loci with overlapping coding sequences (if asked) and identical isoforms."""

from __future__ import annotations

from itertools import groupby

from genescribe.genome.repair.forest import Forest
from genescribe.genome.repair.levels import needs_children
from genescribe.genome.repair.rows import Row, any_overlap

Spans = list[tuple[int, int]]
REPRESENTATIVE = ("MANE_Select", "Ensembl_canonical", "appris_principal")
"""Words of attributes that name a gene's main transcript."""


def merge_overlapping(forest: Forest) -> None:
    """Join loci of one type and strand whose transcripts of one type overlap.

    Coding transcripts must overlap in their CDS, non-coding ones in their exons; a coding and a non-coding transcript
    never join loci.
    """
    rows = [row for row in forest.loci.values() if needs_children(row.kind)]
    rows.sort(key=lambda row: (row.seqid, row.strand, row.kind, row.start, row.end, row.id or ""))
    for _, group in groupby(rows, key=lambda row: (row.seqid, row.strand, row.kind)):
        open_: list[Row] = []
        for row in group:
            open_ = [neighbour for neighbour in open_ if neighbour.end >= row.start]
            keep = row
            for neighbour in list(open_):
                if _overlap(forest, neighbour, keep):
                    keep = _merge(forest, neighbour, keep)
                    open_.remove(neighbour)
            open_.append(keep)


def _merge(forest: Forest, first: Row, second: Row) -> Row:
    """Move the transcripts of one locus to the other; an ID of the file survives a made one."""
    made = forest.names.made
    keep, leave = (second, first) if first.id in made and second.id not in made else (first, second)
    assert keep.id is not None and leave.id is not None
    for row in forest.transcripts.pop(leave.id, []):
        row.parent = keep.id
        forest.add_transcript(row)
    del forest.loci[leave.id]
    if forest.fit_locus(keep):
        forest.log(keep, f"{keep.id} fitted to its transcripts")
    forest.log(leave, f"{leave.type} {leave.id} merged into {keep.id}, which it overlaps")
    return keep


def _overlap(forest: Forest, a: Row, b: Row) -> bool:
    return any(
        x.kind == y.kind and x.start <= y.end and y.start <= x.end and _parts_overlap(forest, x, y)
        for x in forest.transcripts.get(a.id or "", ())
        for y in forest.transcripts.get(b.id or "", ())
    )


def _parts_overlap(forest: Forest, x: Row, y: Row) -> bool:
    mine, theirs = forest.parts.get(x.id or "", {}), forest.parts.get(y.id or "", {})
    for kind in ("cds", "exon"):
        if kind in mine and kind in theirs:
            return any_overlap(mine[kind], theirs[kind])
        if kind in mine or kind in theirs:
            return False
    if mine or theirs:
        return any(any_overlap(mine[kind], theirs[kind]) for kind in mine.keys() & theirs.keys())
    return True


def drop_identical(forest: Forest) -> None:
    """Keep one of the transcripts of a locus that have the same type and the same parts.

    The one that its source tags as the gene's representative stays, else the first by ID.
    """
    for rows in forest.transcripts.values():
        if len(rows) < 2:
            continue
        by_shape: dict[object, Row] = {}
        for row in sorted(rows, key=lambda row: (not any(word in row.rest for word in REPRESENTATIVE), row.id or "")):
            parts = forest.parts.get(row.id or "", {})
            shape = (row.kind, row.start, row.end, *sorted((k, *_spans(group)) for k, group in parts.items() if group))
            first = by_shape.setdefault(shape, row)
            if first is row:
                continue
            rows.remove(row)
            forest.log(row, f"{row.type} {row.id} left out: identical with {first.id}")
            for part in (part for group in forest.parts.pop(row.id or "", {}).values() for part in group):
                forest.log(part, f"{part.type} of {row.id} left out with it")


def _spans(rows: list[Row]) -> Spans:
    return sorted({(row.start, row.end) for row in rows})
