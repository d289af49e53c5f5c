"""Genes as GTF (2.2) and as BED12, for tools that read no GFF3."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from genescribe.errors import InputError
from genescribe.files import atomic_path
from genescribe.genome.annotation.gff3 import SOURCE
from genescribe.genome.model import Gene, Interval, Transcript, cds_phases

_CODON = 3
_UNSAFE = re.compile(r'[";\n\t]')


def export_genes(path: str | Path, genes: Iterable[Gene]) -> None:
    """Write genes as the name says: ``.gtf`` or ``.bed``, in one step; by sequence, start and ID.

    Raises
    ------
    InputError
        Another ending.
    """
    rows: dict[str, Callable[[Gene], Iterator[str]]] = {".gtf": gtf_rows, ".bed": bed_rows}
    ending = Path(path).suffix
    if ending not in rows:
        raise InputError(f"{ending or 'no ending'} is no format", where=path, remedy="name it .gtf or .bed")
    ordered = sorted(genes, key=lambda gene: (gene.seqid, gene.start, gene.end, gene.id))
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        for gene in ordered:
            out.writelines(rows[ending](gene))


def gtf_rows(gene: Gene) -> Iterator[str]:
    """Yield the rows of a gene. As GTF has it, a coding sequence ends before its stop codon, which has a row."""

    def row(kind: str, part: Interval, text: str, phase: str = ".") -> str:
        columns = (gene.seqid, SOURCE, kind, str(part[0] + 1), str(part[1]), ".", gene.strand, phase, text)
        return "\t".join(columns) + "\n"

    name = f'gene_id "{_UNSAFE.sub("_", gene.id)}";'
    biotype = f' gene_biotype "{gene.biotype}";' if gene.biotype else ""
    yield row("gene", (gene.start, gene.end), name + biotype)
    for transcript in gene.transcripts:
        text = f'{name} transcript_id "{_UNSAFE.sub("_", transcript.id)}";{biotype}'
        yield row("transcript", (transcript.start, transcript.end), text)
        for exon in transcript.exons:
            yield row("exon", exon, text)
        coding, stop = _without_stop(transcript, gene.strand)
        phases = cds_phases(coding, gene.strand, transcript.phase)
        for part, phase in zip(coding, phases, strict=True):
            yield row("CDS", part, text, str(phase))
        for part, phase in zip(stop, cds_phases(stop, gene.strand, 0), strict=True):
            yield row("stop_codon", part, text, str(phase))


def _without_stop(transcript: Transcript, strand: str) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
    """Return the coding sequence up to its stop codon, and the stop codon; both ascending."""
    if transcript.partial3 or not transcript.cds:
        return transcript.cds, ()
    coding: list[Interval] = []
    stop: list[Interval] = []
    left = sum(end - start for start, end in transcript.cds) - _CODON
    for start, end in transcript.cds if strand == "+" else transcript.cds[::-1]:
        here = max(0, min(left, end - start))
        left -= end - start
        parts = (
            ((start, start + here), (start + here, end)) if strand == "+" else ((end - here, end), (start, end - here))
        )
        for part, kept in zip(parts, (coding, stop), strict=True):
            if part[0] < part[1]:
                kept.append(part)
    return tuple(sorted(coding)), tuple(sorted(stop))


def bed_rows(gene: Gene) -> Iterator[str]:
    """Yield a BED12 row for each transcript: exons as blocks, the coding part thick."""
    for transcript in gene.transcripts:
        start, end = transcript.start, transcript.end
        thick = (transcript.cds[0][0], transcript.cds[-1][1]) if transcript.cds else (start, start)
        sizes = ",".join(str(b - a) for a, b in transcript.exons)
        starts = ",".join(str(a - start) for a, _ in transcript.exons)
        columns = (
            gene.seqid,
            start,
            end,
            transcript.id,
            0,
            gene.strand,
            *thick,
            0,
            len(transcript.exons),
            sizes,
            starts,
        )
        yield "\t".join(map(str, columns)) + "\n"
