"""Separate CDS of two strands, of two IDs, or that overlap, so that they never form one transcript.

Place in the file links what names no parent, and it may link too much: flat CDS rows (Prodigal) would become one
transcript. Such rows are set apart where their IDs allow it; where they do not, they are rejected with a reason.
"""

from __future__ import annotations

from itertools import combinations

from genescribe.genome.repair.forest import Forest
from genescribe.genome.repair.rows import Row, any_overlap


def set_strays_apart(forest: Forest) -> None:
    """Take rows that were linked by place from transcripts that do not lie around them.

    A feature of the file that lies around such a row is its gene or transcript. Otherwise CDS rows with one ID are one
    gene; a CDS without ID cannot be placed.
    """
    for name in list(forest.transcripts):
        for transcript in list(forest.transcripts[name]):
            strays = _strays(forest, transcript)
            if strays:
                _set_apart(forest, strays)


def _strays(forest: Forest, transcript: Row) -> list[Row]:
    """Unlink and return the parts that nothing of the file ties to a transcript."""
    parts = forest.parts.get(transcript.id or "", {})
    if not any(row.by_place for rows in parts.values() for row in rows):
        return []
    locus = forest.loci.get(transcript.parent or "")
    around = [row for row in (transcript, locus) if row is not None and not row.made][:1]
    tied = [row for rows in parts.values() for row in rows if not row.by_place and not row.made]
    if tied and not around:
        extent = transcript.copy()
        extent.start, extent.end = min(row.start for row in tied), max(row.end for row in tied)
        around = [extent]
    strays = []
    for kind in list(parts):
        loose = [
            row for row in parts[kind] if row.by_place and not row.made and not any(a.contains(row) for a in around)
        ]
        strays += loose
        parts[kind] = [row for row in parts[kind] if row not in loose]
        if not parts[kind]:
            del parts[kind]
    if strays and transcript.made:
        if not parts or all(row.made for rows in parts.values() for row in rows):
            forest.remove_transcript(transcript)
        else:
            forest.fit_transcript(transcript)
    return strays


def _set_apart(forest: Forest, strays: list[Row]) -> None:
    coding: dict[tuple[str, str | None], list[Row]] = {}
    for row in strays:
        if row.kind == "cds":
            coding.setdefault((row.strand, row.given), []).append(row)
    groups = [rows for (_, name), rows in coding.items() if name is not None]
    for row in [row for (_, name), rows in coding.items() if name is None for row in rows]:
        forest.log(row, f"{row.type} rejected: it has no Parent, no ID, and no gene or transcript lies around it")
    for row in strays:
        if row.kind == "cds":
            continue
        homes = [rows for rows in groups if _touches(rows, row)]
        if len(homes) == 1:
            homes[0].append(row)
        else:
            forest.log(row, f"{row.type} rejected: it has no Parent, and no one gene or transcript lies around it")
    for rows in groups:
        _make_gene(forest, rows)


def _touches(rows: list[Row], part: Row) -> bool:
    coding = [row for row in rows if row.kind == "cds"]
    return coding[0].strand == part.strand and any(row.start <= part.end and part.start <= row.end for row in coding)


def _make_gene(forest: Forest, rows: list[Row]) -> None:
    name = rows[0].given
    locus = rows[0].derive("gene", forest.names.claim(f"gene-{name}", "gene"), None)
    transcript = rows[0].derive("mRNA", forest.names.claim(f"rna-{name}", "rna"), locus.id)
    assert locus.id is not None
    forest.loci[locus.id] = locus
    forest.add_transcript(transcript)
    for row in rows:
        row.parent = transcript.id
        forest.add_part(row)
    forest.fit_transcript(transcript)
    forest.fit_locus(locus)
    forest.log(transcript, f"gene {locus.id} and mRNA {transcript.id} made for CDS {name}, which has no parent")


def untangle(forest: Forest) -> None:
    """Split transcripts that hold alternative coding sequences, and reject those whose rows contradict each other."""
    for locus in list(forest.transcripts):
        for transcript in list(forest.transcripts[locus]):
            parts = forest.parts.get(transcript.id or "", {})
            why = _contradiction(forest, transcript, [row for rows in parts.values() for row in rows])
            if why is not None:
                forest.reject(transcript, why)
            elif clashing(distinct(parts.get("cds", []))):
                _split(forest, transcript, parts["cds"])


def _contradiction(forest: Forest, transcript: Row, rows: list[Row]) -> str | None:
    strands = {row.strand for row in rows} & {"+", "-"}
    if len(strands) > 1:
        return "its parts lie on both strands"
    if strands and transcript.strand in ("+", "-") and transcript.strand not in strands:
        return "its parts lie on the other strand"
    if any(row.seqid != transcript.seqid for row in rows):
        return "its parts lie on another sequence"
    if len({forest.names.meant(row.owner) for row in rows if row.kind == "cds" and row.owner is not None}) > 1:
        return "its CDS rows name different parents"
    return None


def distinct(rows: list[Row]) -> list[Row]:
    """Return the rows without repetitions of a place."""
    return list({(row.start, row.end): row for row in reversed(rows)}.values())


def clashing(rows: list[Row]) -> bool:
    """Whether CDS rows overlap otherwise than in a ribosomal slippage."""
    return any(a.start <= b.end and b.start <= a.end and not slips(a, b) for a, b in _neighbours(rows))


def _neighbours(rows: list[Row]) -> list[tuple[Row, Row]]:
    """Return each row with the one before it that reaches furthest: where rows overlap, one of these pairs does."""
    ordered = sorted(rows, key=lambda row: (row.start, row.end))
    pairs = []
    furthest: Row | None = None
    for row in ordered:
        if furthest is not None:
            pairs.append((furthest, row))
        if furthest is None or row.end > furthest.end:
            furthest = row
    return pairs


def slips(a: Row, b: Row) -> bool:
    """Whether two CDS rows are the sides of a ribosomal slippage: one or two bases are read twice, in frame."""
    left, right = (a, b) if a.start <= b.start else (b, a)
    first, second = (right, left) if left.strand == "-" else (left, right)
    if not 1 <= left.end - right.start + 1 <= 2 or right.end <= left.end or right.start == left.start:
        return False
    if "." in (first.phase, second.phase):
        return False
    return (int(first.phase) - (first.end - first.start + 1)) % 3 == int(second.phase)


def _split(forest: Forest, transcript: Row, coding: list[Row]) -> None:
    """Give each coding sequence of a transcript a transcript of its own, where their IDs tell them apart.

    That is so where the rows of each ID do not overlap and those of each two IDs do: else IDs number the rows.
    """
    groups: dict[str | None, list[Row]] = {}
    for row in coding:
        groups.setdefault(row.given, []).append(row)
    alternatives = list(groups.values())
    if (
        None in groups
        or any(clashing(distinct(rows)) for rows in alternatives)
        or not all(any_overlap(a, b) for a, b in combinations(alternatives, 2))
    ):
        forest.reject(transcript, "its CDS rows overlap")
        return
    assert transcript.id is not None
    parts = forest.parts[transcript.id]
    parts["cds"] = alternatives[0]
    others = [row for kind, rows in parts.items() if kind != "cds" for row in rows]
    for number, rows in enumerate(alternatives[1:], 2):
        twin = transcript.copy()
        twin.id = forest.names.claim(f"{transcript.id}.{number}", twin.kind)
        forest.add_transcript(twin)
        forest.log(rows[0], f"{twin.type} {twin.id} made: {transcript.id} has two coding sequences")
        for row in rows + [row.copy() for row in others]:
            row.id = row.id if row.kind == "cds" else None
            row.parent = twin.id
            forest.add_part(row)


def reject_chimeras(forest: Forest) -> None:
    """Reject transcripts that are still wrong: the last step before writing.

    No transcript holds CDS of two strands or sequences, of two parents that the file tells apart, or that overlap; none
    lies on another strand than its gene.
    """
    for name in list(forest.transcripts):
        locus = forest.loci.get(name)
        for transcript in list(forest.transcripts[name]):
            parts = forest.parts.get(transcript.id or "", {})
            why = _contradiction(forest, transcript, [row for rows in parts.values() for row in rows])
            if why is None and clashing(parts.get("cds", [])):
                why = "its CDS rows overlap"
            if why is None and locus is not None and {"+", "-"} <= {locus.strand, transcript.strand}:
                why = f"it lies on another strand than {name}"
            if why is not None:
                forest.reject(transcript, why)
