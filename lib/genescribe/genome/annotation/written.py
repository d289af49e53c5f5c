"""The contents of an annotation file beside its genes: header, lengths, scores of parts, genetic codes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from genescribe.genome.annotation.text import read_lines
from genescribe.genome.model import Gene, Interval, Transcript

Place = tuple[str, str, int, int]
"""Sequence, strand, start and end of a row."""
_TABLE = re.compile(r"(?:^|;)\s*transl_table[= ]\s*\"?(\d+)")
_REGION = re.compile(r"##sequence-region\s+(\S+)\s+\d+\s+(\d+)\s*$", re.ASCII)
_COLUMNS = 9


@dataclass(frozen=True)
class Written:
    """Contents to keep when a file is rewritten.

    Attributes
    ----------
    header
        Comments at its top, without ``#``.
    lengths
        Bases of each sequence that a ``##sequence-region`` names.
    scores
        "exon" and "CDS" -> scores of these rows.
    tables
        NCBI genetic code of each sequence whose rows name one.
    """

    header: list[str]
    lengths: dict[str, int]
    scores: dict[str, dict[Place, float]]
    tables: dict[str, int]

    def genetic_code(self, seqid: str) -> int:
        """Return the NCBI table of a sequence; 1 where nothing is said."""
        return self.tables.get(seqid, 1)

    def lengths_for(self, genes: Iterable[Gene]) -> dict[str, int]:
        """Return the bases of each sequence: as the file says, and no fewer than its genes need."""
        lengths = dict(self.lengths)
        for gene in genes:
            lengths[gene.seqid] = max(lengths.get(gene.seqid, 0), gene.end)
        return lengths


def read_written(path: str | Path) -> Written:
    """Read the contents of a GFF3 or GTF file that `read_genes` does not keep."""
    written = Written([], {}, {"exon": {}, "CDS": {}}, {})
    at_top = True
    for line in read_lines(Path(path)):
        at_top &= not line or line.startswith("#")
        if line.startswith("##sequence-region"):
            if region := _REGION.match(line):
                written.lengths[unquote(region[1])] = int(region[2])
        elif at_top and line.startswith("#") and not line.startswith("##"):
            written.header.append(line[1:].strip())
        elif not line.startswith("#"):
            _row(line.split("\t"), written)
    return written


def _row(columns: Sequence[str], written: Written) -> None:
    if len(columns) != _COLUMNS or columns[2] not in written.scores:
        return
    seqid = unquote(columns[0])
    if columns[5] != "." and math.isfinite(float(columns[5])):
        place = (seqid, columns[6], int(columns[3]) - 1, int(columns[4]))
        written.scores[columns[2]][place] = float(columns[5])
    if table := _TABLE.search(columns[8]):
        written.tables[seqid] = int(table[1])


def with_scores(genes: Iterable[Gene], written: Written) -> list[Gene]:
    """Return the genes with the scores of their exons and coding parts."""

    def scored(gene: Gene, transcript: Transcript) -> Transcript:
        def of(kind: str, parts: tuple[Interval, ...]) -> tuple[float | None, ...] | None:
            scores = tuple(written.scores[kind].get((gene.seqid, gene.strand, *part)) for part in parts)
            return scores if any(score is not None for score in scores) else None

        return replace(transcript, exon_scores=of("exon", transcript.exons), cds_scores=of("CDS", transcript.cds))

    return [replace(gene, transcripts=tuple(scored(gene, t) for t in gene.transcripts)) for gene in genes]
