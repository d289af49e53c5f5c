"""Genes as GTF 2.2, as Ensembl writes it, for programs that do not read GFF3."""

from __future__ import annotations

from collections.abc import Iterator

from genescribe.genome.annotation.gff3 import SOURCE
from genescribe.genome.model import Gene, Interval, Transcript, cds_phases

_STOP = 3


def gtf_rows(gene: Gene) -> Iterator[tuple[int, str]]:
    """Yield the rows of a gene, each with its start.

    The stop codon is not part of the CDS rows but has rows of its own, as GTF has it: the last three bases of a coding
    sequence that is not partial there. Ends beyond which a coding sequence continues are tagged ``cds_start_NF`` and
    ``cds_end_NF``. Column eight is GTF's frame, which is GFF3's phase.
    """
    biotype = gene.biotype or ("protein_coding" if any(t.cds for t in gene.transcripts) else "")
    own = [("gene_id", gene.id)]
    kind = [("gene_biotype", biotype)] if biotype else []
    name = [("gene_name", gene.attributes["Name"])] if gene.attributes.get("Name") else []

    def row(
        feature: str, interval: Interval, columns: list[tuple[str, str]], score: float | None = None, frame: str = "."
    ) -> tuple[int, str]:
        start, end = interval
        text = " ".join(f'{key} "{_plain(value)}";' for key, value in columns)
        shown = "." if score is None else repr(float(score))
        columns_1_to_8 = (gene.seqid, SOURCE, feature, start + 1, end, shown, gene.strand, frame)
        return start, "\t".join(map(str, columns_1_to_8)) + f"\t{text}\n"

    yield row("gene", (gene.start, gene.end), own + name + kind, gene.score)
    for transcript in gene.transcripts:
        ids = [*own, ("transcript_id", transcript.id)]
        open_ends = [("tag", "cds_start_NF")] * transcript.partial5 + [("tag", "cds_end_NF")] * transcript.partial3
        canonical = [("tag", "Ensembl_canonical")] * transcript.canonical
        columns = ids + name + kind + canonical + open_ends
        yield row("transcript", (transcript.start, transcript.end), columns, transcript.score)
        scores = transcript.exon_scores or [None] * len(transcript.exons)
        parts = [(exon, "exon", ".", score) for exon, score in zip(transcript.exons, scores, strict=True)]
        for interval, feature, frame, score in sorted(
            [*parts, *_coding_parts(transcript, gene.strand)], key=lambda part: part[0][0]
        ):
            yield row(feature, interval, ids, score, frame)


def _coding_parts(transcript: Transcript, strand: str) -> Iterator[tuple[Interval, str, str, float | None]]:
    if not transcript.cds:
        return
    size, opposite = transcript.cds_length, "-" if strand == "+" else "+"
    stop_size = 0 if transcript.partial3 or size <= _STOP else _STOP
    coding = _last_bases(transcript.cds, opposite, size - stop_size)
    # What is cut off lies at the end in reading direction: the parts that are left are the first and keep their frames.
    left = slice(len(coding)) if strand == "+" else slice(len(transcript.cds) - len(coding), None)
    phases = cds_phases(transcript.cds, strand, transcript.phase)[left]
    scores = (transcript.cds_scores or [None] * len(transcript.cds))[left]
    yield from ((p, "CDS", str(phase), score) for p, phase, score in zip(coding, phases, scores, strict=True))
    if not transcript.partial5 and transcript.phase == 0:
        start = _last_bases(transcript.cds, opposite, _STOP)
        yield from ((piece, "start_codon", str(frame), None) for piece, frame in _with_frames(start, strand))
    stop = _last_bases(transcript.cds, strand, stop_size)
    yield from ((piece, "stop_codon", str(frame), None) for piece, frame in _with_frames(stop, strand))


def _with_frames(pieces: tuple[Interval, ...], strand: str) -> Iterator[tuple[Interval, int]]:
    yield from zip(pieces, cds_phases(pieces, strand), strict=True)


def _last_bases(parts: tuple[Interval, ...], strand: str, count: int) -> tuple[Interval, ...]:
    """Return the last so many bases in reading direction, ascending."""
    last_parts: list[Interval] = []
    for start, end in reversed(parts) if strand == "+" else parts:
        size = min(count, end - start)
        if size:
            last_parts.append((end - size, end) if strand == "+" else (start, start + size))
        count -= size
    return tuple(sorted(last_parts))


def _plain(text: str) -> str:
    """Return a value without the characters that GTF cannot hold."""
    return text.replace('"', "'").replace(";", ",").replace("\t", " ").replace("\n", " ")
