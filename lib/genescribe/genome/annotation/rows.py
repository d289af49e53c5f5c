"""Read GFF3 and GTF text into typed rows of a DuckDB connection, for `read_genes` and the catalogue.

A row that breaks the format keeps its line and gets a `problem`; nothing is dropped here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from genescribe.errors import InputError
from genescribe.files import temporary_folder
from genescribe.genome.annotation.so_accessions import SO_NAMES
from genescribe.genome.annotation.text import read_text
from genescribe.genome.fasta_index import CHUNK
from genescribe.paths import form_of

REMEDIES = {
    "columns": "write nine columns, separated by tabs",
    "coordinates": "write whole numbers, counted from 1",
    "end_before_start": "write the smaller number first",
    "strand": "write + or -, or . where there is none",
    "phase": "write 0, 1 or 2, or . where there is none",
    "score": "write a number, or . where there is none",
    "unknown_seqid": "use the genome that the annotation was made on, with the same sequence names",
    "past_end": "use the genome that the annotation was made on",
    "duplicate_id": "give each gene and transcript an ID of its own, or sort the annotation first",
    "cyclic_parents": "correct the Parent attributes",
}
"""Faults that make a whole file unusable, with their remedies."""

# The first thing wrong with a row, as [code, words]; f is the list of its columns.
_PROBLEM = """
CASE
WHEN len(f) <> 9 THEN ['columns', len(f) || ' columns, not nine']
WHEN f[1] = '' OR f[3] = '' THEN ['columns', 'no sequence or no type in columns one and three']
WHEN start IS NULL OR "end" IS NULL OR start < 0
    THEN ['coordinates', 'start ''' || f[4] || ''' or end ''' || f[5] || ''' is no position']
WHEN "end" <= start THEN ['end_before_start', 'end ' || f[5] || ' lies before start ' || f[4]]
WHEN f[7] NOT IN ('+', '-', '.', '?') THEN ['strand', 'strand ''' || f[7] || '''']
WHEN f[8] NOT IN ('0', '1', '2', '.') THEN ['phase', 'phase ''' || f[8] || '''']
WHEN f[6] <> '.' AND score IS NULL THEN ['score', 'score ''' || f[6] || '''']
END"""

# Types may be accessions of the Sequence Ontology; a spreadsheet or CSV writer quotes column nine a second time.
_SO_MAP = ", ".join(f"'{accession}': '{name}'" for accession, name in SO_NAMES.items())
_TYPE = f"""CASE WHEN starts_with(upper(f[3]), 'SO:')
    THEN coalesce(map_extract(MAP {{{_SO_MAP}}}, upper(f[3]))[1], f[3]) ELSE f[3] END"""
_ATTRIBUTES = """CASE WHEN starts_with(f[9], '"') AND ends_with(f[9], '"') AND contains(f[9], '""')
    THEN replace(substr(f[9], 2, length(f[9]) - 2), '""', '"') ELSE f[len(f)] END"""

_ROWS = f"""
CREATE TEMP TABLE rows AS
SELECT line, seqid, type, start, "end", score, strand, phase, attributes, wrong[1] AS problem, wrong[2] AS detail
FROM (
    SELECT line, url_decode(f[1]) AS seqid, {_TYPE} AS type, start, "end", score, f[7] AS strand,
        try_cast(f[8] AS TINYINT) AS phase, {_ATTRIBUTES} AS attributes, {_PROBLEM} AS wrong
    FROM (
        SELECT *, try_cast(f[4] AS BIGINT) - 1 AS start, try_cast(f[5] AS BIGINT) AS "end",
            CASE WHEN isfinite(try_cast(f[6] AS DOUBLE)) THEN try_cast(f[6] AS DOUBLE) END AS score
        FROM (
            SELECT line, string_split(text, chr(9)) AS f FROM lines
            WHERE NOT regexp_matches(text, '^(#|track |browser |\\s*$)')
        )
    )
)"""


def load_rows(connection: duckdb.DuckDBPyConnection, path: str | Path, lengths: Mapping[str, int] | None) -> bool:
    """Fill the table `sequences` and the temporary table `rows` from an annotation file.

    Parameters
    ----------
    connection
        Database that gets the tables.
    path
        GFF3 or GTF, plain, gzip or bgzip; an embedded FASTA section is left out.
    lengths
        Bases of each sequence of the genome; None: sequences are taken as the annotation names them.

    Returns
    -------
    bool
        Whether the file is GTF rather than GFF3.

    Raises
    ------
    InputError
        Missing, empty, damaged or not UTF-8; no row at all, unless it is declared GFF3 and read without a genome: a
        prediction may hold no gene.
    """
    path = Path(path)
    if not path.is_file():
        problem = "is a folder, not a file" if path.is_dir() else "no such file"
        raise InputError(problem, where=path, remedy="give a GFF3 or GTF file, plain, gzip or bgzip")
    if form_of(path) == "BED":
        raise InputError("a BED file", where=path, remedy="give the same annotation as GFF3 or GTF")
    with temporary_folder() as folder:
        copy = folder / "annotation"
        with copy.open("wb") as out:
            out.writelines(read_text(path))
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE lines AS
            SELECT row_number() OVER () AS line, text FROM read_csv(?, columns = {{'text': 'VARCHAR'}}, delim = '\x01',
                quote = '', escape = '', header = false, auto_detect = false, max_line_size = {2 * CHUNK})""",
            [str(copy)],
        )
    connection.execute(_ROWS)
    (declared,) = first_row(
        connection, "SELECT count(*) FROM lines WHERE line = 1 AND starts_with(text, '##gff-version')"
    )
    connection.execute("DROP TABLE lines")
    (count,) = first_row(connection, "SELECT count(*) FROM rows")
    if not count and (lengths is not None or not declared):
        raise InputError("no annotation row", where=path, remedy="give a GFF3 or GTF file with genes")
    if lengths is None:
        connection.execute(
            """CREATE TABLE sequences AS SELECT row_number() OVER (ORDER BY min(line)) - 1 AS number, seqid,
            CAST(NULL AS BIGINT) AS length FROM rows WHERE seqid IS NOT NULL GROUP BY seqid ORDER BY number"""
        )
    else:
        put_arrays(
            connection,
            "genome_sequences",
            number=np.arange(len(lengths)),
            seqid=np.array(list(lengths), dtype=object),
            length=np.array(list(lengths.values()), dtype=np.int64),
        )
        connection.execute("CREATE TABLE sequences AS SELECT * FROM genome_sequences ORDER BY number")
        _check_places(connection)
    (gtf,) = first_row(
        connection,
        """SELECT bool_or(regexp_matches(attributes, '(^|;)\\s*(gene|transcript)_id\\s+"?[^=\\s]')) FROM rows""",
    )
    return bool(gtf)


def put_arrays(connection: duckdb.DuckDBPyConnection, table: str, **columns: NDArray[Any]) -> None:
    """Make the temporary table `table` from arrays of one length."""
    connection.register("arrays", columns)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM arrays")
    connection.unregister("arrays")


def raise_first_problem(connection: duckdb.DuckDBPyConnection, path: str | Path, table: str) -> None:
    """Raise `InputError` for the first row of `table` (line, problem, detail) that makes the whole file unusable.

    Parameters
    ----------
    connection
        Database with the table.
    path
        The annotation, for the message.
    table
        Name of the table.
    """
    codes = ", ".join(f"'{code}'" for code in REMEDIES)
    line, code, detail, count = first_row(
        connection,
        f"""SELECT first(line ORDER BY line), first(problem ORDER BY line), first(detail ORDER BY line), count(*)
        FROM {table} WHERE problem IN ({codes})""",
    )
    if count:
        more = f" (and {count - 1} more such rows)" if count > 1 else ""
        raise InputError(f"{detail}{more}", where=path, line=line, remedy=REMEDIES[code])


def _check_places(connection: duckdb.DuckDBPyConnection) -> None:
    """Mark the rows that lie outside the genome."""
    connection.execute(
        """UPDATE rows SET problem = off.wrong[1], detail = off.wrong[2] FROM (
            SELECT line, CASE
                WHEN length IS NULL THEN ['unknown_seqid', 'sequence ''' || r.seqid || ''' is not in the genome']
                WHEN c.seqid IS NOT NULL THEN ['across_origin', 'crosses the origin of a circular sequence']
                ELSE ['past_end', 'position ' || "end" || ' lies past the end of ' || r.seqid || ', which has '
                    || length || ' bases'] END AS wrong
            FROM rows r LEFT JOIN sequences s USING (seqid) LEFT JOIN (
                SELECT DISTINCT seqid FROM rows WHERE regexp_matches(attributes, '(?i)(^|;)\\s*Is_circular=true')
            ) c USING (seqid)
            WHERE problem IS NULL AND (length IS NULL OR "end" > length)
        ) off WHERE rows.line = off.line"""
    )


def first_row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """Return the first row of a query."""
    # All rows are fetched, because an unfinished result blocks the connection.
    return tuple(connection.execute(query).fetchall()[0])
