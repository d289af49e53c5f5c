"""The rows of the catalogue's tables as objects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple
from urllib.parse import unquote

import duckdb

from genescribe.genome.model import Gene, Transcript

REASONS = {
    "trans_spliced": "marked as trans-spliced",
    "two_places": "its parts lie on two sequences or strands",
    "no_strand": "on neither strand",
    "overlapping_exons": "exon rows overlap",
    "overlapping_cds": "CDS rows overlap",
    "cds_outside_exons": "a CDS row is in no exon",
    "across_origin": "crosses the origin of a circular sequence",
    "no_transcript": "a gene to which no transcript belongs",
    "no_usable_transcript": "a gene all of whose transcripts are rejected",
    "no_parent": "a row that belongs to no transcript",
    "missing_parent": "a row whose parent is not in the file",
}
"""Why something is rejected; a tolerant catalogue adds the words of `genescribe.genome.annotation.rows.REMEDIES`."""

REASON_REMEDIES = {
    "trans_spliced": "trans-spliced genes cannot be used: give an annotation with other genes",
    "two_places": "correct the parents or strands of the rows",
    "no_strand": "give the strand in column seven",
    "overlapping_exons": "correct the exon rows, or sort the annotation first, which joins them",
    "overlapping_cds": "correct the CDS rows; a gene that reads bases twice (frameshift of -1) cannot be used",
    "cds_outside_exons": "correct the exon rows, or sort the annotation first, which widens them",
    "across_origin": "genes across the origin cannot be used: give an annotation with other genes",
}
"""Remedies where nothing is left after rejection for a reason; for all others, sorting builds what is missing."""

_OWN_KEYS = {"ID", "Parent", "biotype", "gene_biotype", "gene_type", "gene_id", "transcript_id"}
_OWN_KEYS |= {"partial", "start_range", "end_range"}
_GFF3 = re.compile(r"^\s*[^\s=;\"]+=")
_GTF_PAIR = re.compile(r"(\S+)\s+(?:\"([^\"]*)\"|([^\s;\"]+))\s*(?:;|$)")


class Rejected(NamedTuple):
    """A gene, a transcript or a row that could not be used.

    Attributes
    ----------
    gene, transcript
        IDs; None where the row belongs to none, or where the whole gene is meant.
    seqid, start, end, strand
        Where it lies, 0-based half-open.
    reason
        A word for tables, such as ``trans_spliced``.
    line
        Line of the annotation file.
    detail
        The same in a sentence.
    """

    gene: str | None
    transcript: str | None
    seqid: str | None
    start: int | None
    end: int | None
    strand: str | None
    reason: str
    line: int
    detail: str


def fetch_rejected(connection: duckdb.DuckDBPyConnection) -> list[Rejected]:
    """Return the rejected genes and transcripts, in the order of the annotation file."""
    columns = ", ".join(f'"{name}"' for name in Rejected._fields)
    query = f"SELECT {columns} FROM rejected ORDER BY line, gene NULLS FIRST, transcript NULLS FIRST, reason"
    return [Rejected(*row) for row in connection.execute(query).fetchall()]


def fetch_genes(connection: duckdb.DuckDBPyConnection, seqids: Iterable[str] | None = None) -> list[Gene]:
    """Return the genes of some sequences (None: all), ordered by sequence, start, end and ID."""
    rows = connection.execute(
        """SELECT g.gene, g.seqid, g.strand, g.score, g.biotype, g.attributes, t.transcript, e.exons, c.cds, t.phase,
            t.score, t.canonical, t.partial5, t.partial3
        FROM genes g JOIN sequences s USING (seqid) JOIN transcripts t USING (gene)
        JOIN (SELECT transcript, list((start, "end") ORDER BY start) AS exons FROM exons GROUP BY transcript) e
            ON e.transcript = t.transcript
        LEFT JOIN (SELECT transcript, list((start, "end") ORDER BY start) AS cds FROM cds GROUP BY transcript) c
            ON c.transcript = t.transcript
        WHERE $seqids IS NULL OR list_contains($seqids, g.seqid)
        ORDER BY s.number, g.start, g."end", g.gene, t.start, t."end", t.transcript""",
        {"seqids": None if seqids is None else list(seqids)},
    ).fetchall()
    return [_gene(list(members)) for _, members in groupby(rows, key=lambda row: row[0])]


def _gene(rows: list[tuple]) -> Gene:  # type: ignore[type-arg]
    name, seqid, strand, score, biotype, attributes = rows[0][:6]
    transcripts = tuple(Transcript(row[6], tuple(row[7]), tuple(row[8] or ()), *row[9:]) for row in rows)
    return Gene(name, seqid, strand, transcripts, score, biotype, parse_attributes(attributes))


def parse_attributes(text: str) -> dict[str, str]:
    """Return column nine of a GFF3 or GTF row, without the keys that the model keeps elsewhere.

    Examples
    --------
    >>> parse_attributes("ID=g1;Name=a%3Bb")
    {'Name': 'a;b'}
    >>> parse_attributes('gene_id "g1"; gene_name "x";')
    {'gene_name': 'x'}
    """
    pairs: Iterable[tuple[str, str]]
    if _GFF3.match(text):
        split = (part.partition("=") for part in text.split(";"))
        plain = unquote if "%" in text else str
        pairs = ((plain(key.strip()), plain(value.strip())) for key, _, value in split)
    else:
        pairs = ((key, quoted or bare) for key, quoted, bare in _GTF_PAIR.findall(text))
    return {key: value for key, value in pairs if key and key not in _OWN_KEYS}
