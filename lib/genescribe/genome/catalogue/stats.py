"""Statistics of a catalogue, and a readable table of them."""

from __future__ import annotations

from typing import Any

import duckdb

from genescribe.genome.annotation.rows import first_row
from genescribe.genome.catalogue.sequence_checks import FLAGS, SPLICE_CLASSES
from genescribe.genome.catalogue.tables import REASONS

_COUNTS = {
    "sequences": "SELECT count(*) FROM sequences",
    "bases": "SELECT coalesce(sum(length), 0)::BIGINT FROM sequences",
    "genes": "SELECT count(*) FROM genes",
    "coding_genes": "SELECT count(DISTINCT gene) FROM transcripts WHERE transcript IN (SELECT transcript FROM cds)",
    "transcripts": "SELECT count(*) FROM transcripts",
    "coding_transcripts": "SELECT count(DISTINCT transcript) FROM cds",
    "canonical_transcripts": "SELECT count(*) FROM transcripts WHERE canonical",
    "partial_transcripts": "SELECT count(*) FROM transcripts WHERE partial5 OR partial3",
    "genes_with_isoforms": "SELECT count(*) FROM (SELECT gene FROM transcripts GROUP BY gene HAVING count(*) > 1)",
    "genes_with_introns": "SELECT count(DISTINCT gene) FROM introns JOIN transcripts USING (transcript)",
    "rejected_genes": "SELECT count(DISTINCT gene) FROM rejected WHERE transcript IS NULL",
    "rejected_transcripts": "SELECT count(DISTINCT transcript) FROM rejected",
    "rejected_rows": "SELECT count(*) FROM rejected WHERE gene IS NULL",
}

# Each place of the genome counts once, however many transcripts share it.
_PLACES = """
(SELECT DISTINCT g.seqid, g.strand, x.start, x."end" FROM {table} x JOIN transcripts t USING (transcript)
    JOIN genes g USING (gene))"""

_LENGTHS = {
    "gene": 'SELECT "end" - start FROM genes',
    "exon": f'SELECT "end" - start FROM {_PLACES.format(table="exons")}',
    "intron": f'SELECT "end" - start FROM {_PLACES.format(table="introns")}',
    "coding_sequence": 'SELECT sum("end" - start) FROM cds GROUP BY transcript',
    "exons_a_transcript": "SELECT count(*) FROM exons GROUP BY transcript",
}


def collect_stats(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return the catalogue's counts and quantiles.

    Returns
    -------
    dict
        ``counts``; ``lengths`` (count, minimum, quartiles and maximum of genes, exons, introns, ...); ``splice_sites``
        (distinct introns a class); ``flags`` (transcripts a flag); ``biotypes`` (genes); ``rejected`` (by reason).
    """
    lengths = {}
    for name, query in _LENGTHS.items():
        count, least, quartiles, most = first_row(
            connection, f"SELECT count(x), min(x), quantile_disc(x, [0.25, 0.5, 0.75]), max(x) FROM ({query}) t(x)"
        )
        if count:
            lengths[name] = {
                "count": count,
                "minimum": int(least),
                "quartile1": int(quartiles[0]),
                "median": int(quartiles[1]),
                "quartile3": int(quartiles[2]),
                "maximum": int(most),
            }
    splice = dict(
        connection.execute(
            """SELECT splice, count(*) FROM (
                SELECT DISTINCT g.seqid, g.strand, i.start, i."end", i.splice
                FROM introns i JOIN transcripts USING (transcript) JOIN genes g USING (gene)
            ) GROUP BY splice"""
        ).fetchall()
    )
    flags = dict(connection.execute("SELECT flag, count(*) FROM flags GROUP BY flag").fetchall())
    return {
        "counts": {name: first_row(connection, query)[0] for name, query in _COUNTS.items()},
        "lengths": lengths,
        "splice_sites": {name: splice.get(name, 0) for name in SPLICE_CLASSES},
        "flags": {name: flags.get(name, 0) for name in FLAGS},
        "biotypes": dict(
            connection.execute("SELECT biotype, count(*) FROM genes GROUP BY biotype ORDER BY 2 DESC, 1").fetchall()
        ),
        "rejected": dict(
            connection.execute("SELECT reason, count(*) FROM rejected GROUP BY reason ORDER BY 2 DESC, 1").fetchall()
        ),
    }


def format_stats(stats: dict[str, Any], title: str = "catalogue") -> str:
    """Return the statistics as a table of plain text."""
    lines = [title, "=" * len(title)]
    lines += [f"{name.replace('_', ' '):<28}{value:>14,}" for name, value in stats["counts"].items()]
    columns = ("count", "minimum", "quartile1", "median", "quartile3", "maximum")
    lines += ["", f"{'lengths and numbers':<28}" + "".join(f"{column:>12}" for column in columns)]
    for name, row in stats["lengths"].items():
        lines.append(f"{name.replace('_', ' '):<28}" + "".join(f"{row[column]:>12,}" for column in columns))
    for heading, key, words in (
        ("splice sites (distinct introns)", "splice_sites", {}),
        ("flags (transcripts)", "flags", FLAGS),
        ("biotypes (genes)", "biotypes", {"": "not said"}),
        ("rejected", "rejected", REASONS),
    ):
        total = sum(stats[key].values())
        lines += ["", f"{heading:<28}{'' if key == 'flags' else f'{total:>14,}'}".rstrip()]
        for name, value in stats[key].items():
            if key in ("biotypes", "rejected") or value or key == "splice_sites":
                note = f"  {words[name]}" if words.get(name) else ""
                lines.append(f"  {name or '-':<26}{value:>14,}{note}")
    return "\n".join(lines) + "\n"
