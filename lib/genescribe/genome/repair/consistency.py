"""Third pass: make the parts of each transcript consistent.

The stop codon belongs to the CDS; what is coding or UTR lies in exons; exons reach the transcript's ends; UTRs are
what is left of the exons beside the CDS; a transcript spans its parts, and a locus its transcripts.
"""

from __future__ import annotations

from genescribe.genome.intervals import union
from genescribe.genome.repair.forest import Forest, Parts
from genescribe.genome.repair.levels import EXONIC, NEVER_JOINED, UTRS, needs_children
from genescribe.genome.repair.rows import Row
from genescribe.genome.repair.separate import slips

Span = tuple[int, int]
"""First and last base, 1-based, as in the rows."""


def repair_transcripts(forest: Forest) -> None:
    """Repair all transcripts and fit the loci around them."""
    for _, transcript, parts in forest.walk():
        if not parts:
            continue
        _drop_repeated(forest, parts)
        _join(forest, parts)
        _extend_over_stop(forest, parts)
        if any(kind != "exon" for kind in parts):
            _complete_exons(forest, transcript, parts)
            _complete_utrs(forest, parts)
        _set_phases(forest, parts)
        if forest.fit_transcript(transcript):
            forest.log(transcript, f"{transcript.id} fitted to its parts")
    for locus in forest.loci.values():
        if needs_children(locus.kind) and forest.fit_locus(locus):
            forest.log(locus, f"{locus.id} fitted to its transcripts")


def _drop_repeated(forest: Forest, parts: Parts) -> None:
    """Leave out rows that say the same of one transcript."""
    for kind, rows in parts.items():
        seen: set[Span] = set()
        distinct = []
        for row in rows:
            if (row.start, row.end) in seen:
                forest.log(row, f"duplicate {row.type} left out")
                continue
            seen.add((row.start, row.end))
            distinct.append(row)
        parts[kind] = distinct


def _join(forest: Forest, parts: Parts) -> None:
    """Join rows of one type that overlap or touch."""
    for kind, rows in parts.items():
        if kind not in NEVER_JOINED and len(rows) > 1:
            parts[kind] = _joined(forest, rows)


def _joined(forest: Forest, rows: list[Row]) -> list[Row]:
    ordered = sorted(rows, key=lambda row: (row.start, row.end))
    kept = ordered[:1]
    for row in ordered[1:]:
        into = kept[-1]
        if row.start > into.end + 1 or (row.kind == "cds" and slips(into, row)):
            kept.append(row)
            continue
        if row.end > into.end:
            into.end = row.end
            if row.strand == "-":
                into.phase = row.phase
            forest.log(into, f"{into.type} extended over the one of line {row.line}")
        forest.log(row, f"{row.type} joined with the one of line {into.line}, which it overlaps or touches")
    return kept if len(kept) < len(rows) else rows


def _extend_over_stop(forest: Forest, parts: Parts) -> None:
    """Extend the CDS over a stop codon outside it, which may be split by an intron."""
    coding, stops = parts.get("cds"), parts.get("stop_codon")
    if not coding or not stops or sum(row.end - row.start + 1 for row in stops) > 3:
        return
    forward = coding[0].strand == "+"
    # In transcript order, mirrored so that "after" is a larger number on both strands.
    last = max(coding, key=lambda row: row.end) if forward else min(coding, key=lambda row: row.start)
    pieces = sorted(stops, key=lambda row: row.start, reverse=not forward)
    first = pieces[0]
    if (pieces[-1].end == last.end) if forward else (pieces[-1].start == last.start):
        return
    if (first.start == last.end + 1) if forward else (first.end == last.start - 1):
        last.start, last.end = min(last.start, first.start), max(last.end, first.end)
        forest.log(last, "CDS extended over the stop codon")
        pieces = pieces[1:]
    elif len(pieces) > 1 or not any(_opens(exon, first, forward) for exon in parts.get("exon", ())):
        return
    for piece in pieces:
        row = last.derive("CDS", last.id, last.parent)
        row.start, row.end = piece.start, piece.end
        coding.append(row)
        forest.log(piece, "CDS made for the stop codon")


def _opens(exon: Row, stop: Row, forward: bool) -> bool:
    """Whether the stop codon starts an exon, in transcript order."""
    if forward:
        return exon.start == stop.start and exon.end >= stop.end
    return exon.end == stop.end and exon.start <= stop.start


def _merged(rows: list[Row]) -> list[Span]:
    """Return the union of the rows; stretches that touch are one."""
    return [(start + 1, end) for start, end in union((row.start - 1, row.end) for row in rows)]


def _complete_exons(forest: Forest, transcript: Row, parts: Parts) -> None:
    """Make or widen exons until they cover the coding and untranslated parts and reach the transcript's ends."""
    inside = [row for kind in sorted(parts) if kind in EXONIC for row in parts[kind]]
    exons = parts.setdefault("exon", [])
    before = [(exon, exon.start, exon.end) for exon in exons]
    for start, end in _merged(inside):
        touched = [(exon, a, b) for exon, a, b in before if a <= end + 1 and b + 1 >= start]
        for exon, a, b in touched:
            if start < a or end > b:
                exon.start, exon.end = min(exon.start, start), max(exon.end, end)
                forest.log(exon, "exon widened over the CDS or UTR")
        if not touched:
            row = inside[0].derive("exon", None, transcript.id)
            row.start, row.end = start, end
            exons.append(row)
            forest.log(row, "exon made from CDS and UTR")
    if not exons:
        del parts["exon"]
        return
    exons = parts["exon"] = _joined(forest, sorted(exons, key=lambda row: row.start))
    if transcript.start < exons[0].start:
        exons[0].start = transcript.start
        forest.log(exons[0], f"first exon widened to the start of {transcript.id}")
    if transcript.end > exons[-1].end:
        exons[-1].end = transcript.end
        forest.log(exons[-1], f"last exon widened to the end of {transcript.id}")


def _complete_utrs(forest: Forest, parts: Parts) -> None:
    """Make, correct or remove UTRs until they are the parts of the exons outside the CDS.

    An exon between coding exons is no UTR: none is made there, but a row that is there already is kept.
    """
    coding = parts.get("cds")
    if not coding:
        return
    left, right = min(row.start for row in coding), max(row.end for row in coding)
    wanted = [(exon, *span) for exon in parts["exon"] for span in _beside(exon, coding)]
    present = [row for kind in sorted(parts) if kind in UTRS for row in parts[kind]]
    spare = [row for row in present if not wanted or any(row.start <= b and row.end >= a for _, a, b in wanted)]
    for exon, start, end in sorted(wanted, key=lambda item: item[1:]):
        touching = [row for row in spare if row.start <= end and row.end >= start]
        if touching:
            row = next((row for row in touching if (row.start, row.end) == (start, end)), touching[0])
            spare.remove(row)
            if (row.start, row.end) != (start, end):
                row.start, row.end = start, end
                forest.log(row, f"{row.type} corrected to the exon without its CDS")
        elif end < left or start > right:
            five = (end < left) == (exon.strand == "+")
            row = exon.derive("five_prime_UTR" if five else "three_prime_UTR", None, exon.parent)
            row.start, row.end = start, end
            parts.setdefault(row.kind, []).append(row)
            forest.log(exon, f"{row.type} made from exon and CDS")
    for row in spare:
        forest.log(row, f"{row.type} left out: no exon has room for it beside the CDS")
        parts[row.kind].remove(row)


def _beside(exon: Row, coding: list[Row]) -> list[Span]:
    """Return the stretches of an exon before and behind the CDS rows that lie in it; all of it where none does."""
    inside = [row for row in coding if row.start <= exon.end and row.end >= exon.start]
    if not inside:
        return [(exon.start, exon.end)]
    left, right = min(row.start for row in inside), max(row.end for row in inside)
    return [(a, b) for a, b in ((exon.start, left - 1), (right + 1, exon.end)) if a <= b]


def _set_phases(forest: Forest, parts: Parts) -> None:
    """Let the phases follow from that of the first CDS row and the lengths, in transcript order."""
    coding = parts.get("cds", [])
    phase: int | None = None
    for row in sorted(coding, key=lambda row: row.start, reverse=bool(coding) and coding[0].strand == "-"):
        if phase is None:
            phase = 0 if row.phase == "." else int(row.phase)
        if row.phase != str(phase):
            done = "filled in" if row.phase == "." else f"{row.phase} corrected to {phase}"
            forest.log(row, f"CDS phase {done}")
            row.phase = str(phase)
        phase = (phase - (row.end - row.start + 1)) % 3
