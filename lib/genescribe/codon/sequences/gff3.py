"""Coding sequences of FASTA + GFF3, for genomes without a GenBank file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from genescribe.codon.sequences.cds import TWO_STRANDS, Annotated, Part
from genescribe.codon.sequences.genbank import Record, transl_except
from genescribe.errors import InputError
from genescribe.genome.annotation.cds_rows import CdsRows, read_cds_rows
from genescribe.genome.fasta import Genome


def read_gff3(fasta: str | Path, annotation: str | Path, table: int = 11) -> Iterator[Record]:
    """Yield the sequences of a FASTA file with the coding sequences that a GFF3 file gives them.

    Parameters
    ----------
    fasta, annotation
        Plain, gzip or bgzip.
    table
        Genetic code where the attribute `transl_table` does not say.

    Raises
    ------
    InputError
        A file that cannot be read. A coding sequence on an unknown sequence is no error: it comes last, on an empty
        sequence of its name, and is rejected as outside of it.
    """
    rows, sequences = read_cds_rows(annotation)
    by_sequence: dict[str, list[CdsRows]] = defaultdict(list)
    for cds in rows:
        by_sequence[cds.seqid].append(cds)
    genome = Genome.open(fasta)
    names: dict[str, int] = {}
    for seqid, length in genome.lengths.items():
        if sequences.ends.get(seqid, 0) > length:
            raise InputError(
                f"{seqid} has {length} bases, {sequences.ends[seqid]} in {annotation}: cut short, or another version",
                where=fasta,
                remedy="give the genome that the annotation was made on",
            )
        of_sequence = by_sequence.pop(seqid, [])
        yield (
            seqid,
            genome.codes(seqid),
            [_annotated(cds, length if seqid in sequences.circular else 0, table, names) for cds in of_sequence],
        )
    for seqid, of_sequence in by_sequence.items():
        yield (
            seqid,
            genome.codes(next(iter(genome.lengths)), 0, 0),
            [_annotated(cds, 0, table, names) for cds in of_sequence],
        )


def _annotated(rows: CdsRows, circle: int, table: int, names: dict[str, int]) -> Annotated:
    notes = rows.attributes
    name = notes.get("locus_tag") or notes.get("protein_id") or rows.id
    names[name] = names.get(name, 0) + 1
    parts, phase = _parts(rows, circle)
    ranges = (notes.get("start_range", ""), notes.get("end_range", ""))
    low, high = ranges[0].startswith("."), ranges[1].endswith(".")
    if notes.get("partial") == "true" and not any(ranges):
        low = high = True
    forward = parts[0][2] > 0
    number = notes.get("transl_table", "")
    return Annotated(
        id=name if names[name] == 1 else f"{name}.{names[name]}",
        seqid=rows.seqid,
        parts=parts,
        codon_start=phase + 1,
        table=int(number) if number.isdecimal() else table,
        partial5=low if forward else high,
        partial3=high if forward else low,
        pseudo=notes.get("pseudo") == "true" or "pseudogene" in notes,
        translation="".join(notes.get("translation", "").split()).upper(),
        exceptions=tuple(transl_except([notes.get("transl_except", "")])),
        product=" ".join(notes.get("product", "").split()),
        # Rows say nothing of the order of parts on two strands.
        fault=TWO_STRANDS if len({strand for _, _, strand in parts}) > 1 else "",
    )


def _parts(rows: CdsRows, circle: int) -> tuple[tuple[Part, ...], int]:
    """Return the parts in reading order and the phase of the first.

    On a circle of so many bases, a part that ends past its end continues at the start; and of parts on both sides of
    the origin, the one that reaches the end comes before the one at the beginning.
    """
    ordered = sorted(rows.parts)
    if circle and len(ordered) > 1 and ordered[0][0] == 0 and ordered[-1][1] == circle:
        # Turn at the widest gap, which is the rest of the circle.
        gaps = [ordered[i + 1][0] - ordered[i][1] for i in range(len(ordered) - 1)]
        turn = gaps.index(max(gaps)) + 1
        ordered = ordered[turn:] + ordered[:turn]
    if ordered[0][2] < 0:
        ordered.reverse()
    parts: list[Part] = []
    for start, end, strand, _ in ordered:
        pieces = [(start, end, strand)]
        if circle and end > circle:
            pieces = [(start, circle, strand), (0, end - circle, strand)]
            if start >= circle:
                pieces = [(start - circle, end - circle, strand)]
        parts.extend(pieces if strand > 0 else pieces[::-1])
    return tuple(parts), ordered[0][3]
