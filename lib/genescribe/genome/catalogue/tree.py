"""Turn features into the tables `genes`, `transcripts`, `exons`, `cds` and `rejected`, by SQL on whole tables.

Every gene of the input ends in `genes` or in `rejected`; so does every transcript.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from genescribe.genome.annotation.features import PARTS, gtf_value
from genescribe.genome.annotation.rows import first_row, raise_first_problem

# Besides rows of their own, transcripts are genes that hold CDS directly (or exons, and no transcript: NCBI repeats the
# exons of some RNA genes below the gene), and CDS without any parent.
_TRANSCRIPTS = f"""
CREATE TEMP TABLE edges AS
SELECT line, id, class, unnest(parents) AS parent FROM features WHERE class NOT IN ('gene', 'ignored');

CREATE TEMP TABLE part_of AS
SELECT line, parent AS transcript FROM edges WHERE class IN {PARTS}
UNION ALL
SELECT line, id FROM features WHERE class = 'cds' AND len(parents) = 0 AND id IS NOT NULL;

CREATE TEMP TABLE tx AS
SELECT id, line, seqid, start, "end", score, strand, type, attributes, parents, made FROM features
WHERE class = 'transcript' OR (class = 'other' AND id IN (SELECT transcript FROM part_of))
UNION ALL
SELECT id, line, seqid, start, "end", NULL, strand, 'transcript', attributes, [id], true FROM features
WHERE class = 'gene' AND id IN (
    SELECT p.transcript FROM part_of p JOIN features f USING (line) WHERE f.class = 'cds'
        OR p.transcript NOT IN (SELECT unnest(parents) FROM features WHERE class = 'transcript')
)
UNION ALL
SELECT id, min(line), first(seqid ORDER BY line), min(start), max("end"), NULL, first(strand ORDER BY line),
    'mRNA', first(attributes ORDER BY line), [], true
FROM features WHERE class = 'cds' AND len(parents) = 0 AND id IS NOT NULL GROUP BY id;
"""

# A transcript's gene is the gene above it; where there is none, the topmost transcript above it, or itself.
_GENES = """
CREATE TEMP TABLE ancestors AS
WITH RECURSIVE up(id, above) AS (
    SELECT id, unnest(parents) FROM tx
    UNION
    SELECT up.id, e.parent FROM up JOIN edges e ON e.id = up.above AND e.class IN ('transcript', 'other')
) SELECT * FROM up;

CREATE TEMP TABLE gene_of AS
SELECT tx.id, coalesce(
    first(f.id ORDER BY f.line) FILTER (f.class = 'gene'),
    first(f.id ORDER BY f.line) FILTER (len(f.parents) = 0),
    tx.id) AS gene
FROM tx LEFT JOIN ancestors a ON a.id = tx.id
LEFT JOIN features f ON f.id = a.above AND f.class IN ('gene', 'transcript', 'other') GROUP BY tx.id;

CREATE TEMP TABLE gene_rows AS
SELECT id AS gene, min(line) AS line, first(seqid ORDER BY line) AS seqid, first(start ORDER BY line) AS start,
    first("end" ORDER BY line) AS "end", first(strand ORDER BY line) AS strand, first(score ORDER BY line) AS score,
    first(type ORDER BY line) AS type, first(attributes ORDER BY line) AS attributes, bool_and(made) AS made
FROM features WHERE class = 'gene' GROUP BY id
UNION ALL
SELECT gene, min(line), first(seqid ORDER BY line), min(start), max("end"), first(strand ORDER BY line), NULL, '',
    first(attributes ORDER BY line), true
FROM tx JOIN gene_of USING (id) WHERE gene NOT IN (SELECT id FROM features WHERE class = 'gene')
GROUP BY gene;
"""

_TRANS_SPLICED = r"""(^|;)\s*exception[= ]"?trans.splic"""
_PART_OF_GENE = r"(^|;)\s*part=\d"
"""How NCBI marks the pieces of one gene that lie apart: on rows of genes and transcripts."""

_PREFIX_TWINS = """
SELECT bool_or(ids > plain) FROM (
    SELECT count(DISTINCT gene) AS ids, count(DISTINCT regexp_replace(gene, '^(gene|transcript):', '')) AS plain
    FROM gene_rows
    UNION ALL
    SELECT count(DISTINCT id), count(DISTINCT regexp_replace(id, '^(gene|transcript):', '')) FROM tx
)"""

_WRONG_ROWS = f"""
CREATE TEMP TABLE wrong AS
SELECT line, problem, detail FROM rows WHERE problem IS NOT NULL
UNION ALL
SELECT line, 'no_parent', type || ' belongs to no transcript' FROM features
WHERE class IN {PARTS} AND len(parents) = 0 AND (class <> 'cds' OR id IS NULL) AND problem IS NULL
UNION ALL
SELECT line, 'missing_parent', 'parent ' || first(parent) || ' is no transcript or gene of this file'
FROM edges WHERE class IN {PARTS} GROUP BY line
HAVING NOT bool_or(parent IN (SELECT id FROM tx UNION SELECT id FROM features WHERE class = 'gene'))
UNION ALL
SELECT line, 'missing_parent', 'parent ' || first(parent) || ' is not in this file'
FROM edges WHERE class = 'transcript' GROUP BY line
HAVING NOT bool_or(parent IN (SELECT id FROM features WHERE id IS NOT NULL))
UNION ALL
SELECT f.line, 'cyclic_parents', f.id || ' is its own ancestor' FROM features f JOIN ancestors a ON a.id = f.id
WHERE a.above = f.id AND f.class IN ('transcript', 'other')
UNION ALL
SELECT line, CASE WHEN part THEN 'trans_spliced' ELSE 'duplicate_id' END, id || ' is also the ID of line ' || before
FROM (
    SELECT line, id, regexp_matches(attributes, '{_TRANS_SPLICED}|{_PART_OF_GENE}') AS part,
        lag(line) OVER (PARTITION BY id ORDER BY line) AS before
    FROM features WHERE class = 'gene' OR (class IN ('transcript', 'other') AND id IN (SELECT id FROM tx))
) WHERE before IS NOT NULL;
"""

# start_range and end_range (NCBI) say that a coding sequence continues beyond its left or right end. Exons and CDS give
# a transcript's structure; UTR rows count only where there are no exons.
_PART_ROWS = """
CREATE TEMP TABLE part_rows AS
SELECT p.transcript, f.line, f.class, f.seqid, f.start, f."end", f.strand, f.phase,
    f.class = 'cds' AND regexp_matches(f.attributes, '(^|;)\\s*start_range=') AS cut_left,
    f.class = 'cds' AND regexp_matches(f.attributes, '(^|;)\\s*end_range=') AS cut_right
FROM part_of p JOIN features f USING (line) WHERE NOT f.made AND p.transcript IN (SELECT id FROM tx);

DELETE FROM part_rows WHERE class = 'utr' AND transcript IN (SELECT transcript FROM part_rows WHERE class = 'exon');
"""


def _islands(pieces: str) -> str:
    """Return SQL that joins the touching and overlapping intervals of each transcript of `pieces`."""
    before = 'OVER (PARTITION BY transcript ORDER BY start, "end" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)'
    return f"""
    SELECT transcript, min(start) AS start, max("end") AS "end" FROM (
        SELECT *, sum(first) OVER (PARTITION BY transcript ORDER BY start, "end") AS island FROM (
            SELECT *, CASE WHEN start <= max("end") {before} THEN 0 ELSE 1 END AS first FROM ({pieces})
        )
    ) GROUP BY transcript, island"""


def _overlaps(kind: str, reason: str) -> str:
    """Return SQL for the transcripts whose rows of one class overlap."""
    return f"""
    SELECT transcript, min(line) AS line, '{reason}' AS reason, '{kind} rows overlap' AS detail FROM (
        SELECT *, lag("end") OVER (PARTITION BY transcript ORDER BY start, "end") AS before FROM (
            SELECT transcript, start, "end", min(line) AS line FROM part_rows WHERE class = '{kind}' GROUP BY ALL)
    ) WHERE start < before GROUP BY transcript"""


# Where the stop codon stands outside the CDS (GTF), its rows are joined to it; where inside, nothing changes.
_STRUCTURE = f"""
CREATE TEMP TABLE exon_parts AS
{
    _islands('''
    SELECT DISTINCT transcript, start, "end" FROM part_rows WHERE class = 'exon'
    UNION
    SELECT transcript, start, "end" FROM part_rows
    WHERE transcript NOT IN (SELECT transcript FROM part_rows WHERE class = 'exon')
    UNION
    SELECT id, start, "end" FROM tx WHERE id NOT IN (SELECT transcript FROM part_rows)
''')
};

CREATE TEMP TABLE cds_parts AS
{
    _islands('''
    SELECT DISTINCT transcript, start, "end" FROM part_rows WHERE class IN ('cds', 'stop')
    AND transcript IN (SELECT transcript FROM part_rows WHERE class = 'cds')
''')
};
"""

_BAD = f"""
CREATE TEMP TABLE bad AS
SELECT transcript, first(line ORDER BY rank, line) AS line, first(reason ORDER BY rank, line) AS reason,
    first(detail ORDER BY rank, line) AS detail
FROM (
    SELECT 0 AS rank, tx.id AS transcript, w.line, w.problem AS reason, w.detail FROM wrong w JOIN tx USING (line)
    WHERE NOT tx.made
    UNION ALL
    SELECT 0, g.id, w.line, w.problem, w.detail FROM wrong w
    JOIN features f ON f.line = w.line AND f.class = 'gene' AND NOT f.made JOIN gene_of g ON g.gene = f.id
    UNION ALL
    SELECT 0, p.transcript, w.line, w.problem, w.detail FROM wrong w JOIN part_of p USING (line)
    UNION ALL
    SELECT 1, m.transcript, f.line, 'trans_spliced', 'marked as trans-spliced'
    FROM features f JOIN (
        SELECT line, transcript, 'part' AS level FROM part_of
        UNION ALL SELECT line, id, 'upper' FROM tx WHERE NOT made
        UNION ALL SELECT f.line, o.id, 'upper' FROM features f JOIN gene_of o ON o.gene = f.id WHERE f.class = 'gene'
    ) m USING (line)
    WHERE NOT f.made AND (regexp_matches(f.attributes, '{_TRANS_SPLICED}')
        OR (m.level = 'upper' AND regexp_matches(f.attributes, '{_PART_OF_GENE}')))
    UNION ALL
    SELECT 2, tx.id, coalesce(p.line, tx.line), 'two_places', 'its parts lie on two sequences or strands'
    FROM tx JOIN gene_of o ON o.id = tx.id JOIN gene_rows g ON g.gene = o.gene
    LEFT JOIN part_rows p ON p.transcript = tx.id AND (p.seqid <> tx.seqid OR p.strand <> tx.strand)
    WHERE g.seqid <> tx.seqid OR g.strand <> tx.strand OR p.line IS NOT NULL
    UNION ALL
    SELECT 3, id, line, 'no_strand', 'on neither strand' FROM tx WHERE strand NOT IN ('+', '-')
    UNION ALL
    SELECT 4, * FROM ({_overlaps("exon", "overlapping_exons")})
    UNION ALL
    SELECT 4, * FROM ({_overlaps("cds", "overlapping_cds")})
    UNION ALL
    SELECT 5, c.transcript, tx.line, 'cds_outside_exons', 'CDS ' || c.start + 1 || '-' || c."end" || ' is in no exon'
    FROM cds_parts c JOIN tx ON tx.id = c.transcript
    ANTI JOIN exon_parts e ON e.transcript = c.transcript AND e.start <= c.start AND c."end" <= e."end"
) GROUP BY transcript;
"""

_TAGS = {4: "MANE[ _]Select", 3: "Ensembl_canonical|RefSeq Select|(^|,)canonical(,|$)", 2: "appris_principal"}
"""How strongly a tag says that a transcript represents its gene."""


def load_tree(connection: duckdb.DuckDBPyConnection, path: str | Path, *, gtf: bool, tolerant: bool) -> None:
    """Fill `genes`, `transcripts`, `exons`, `cds` and `rejected` from `features`.

    Parameters
    ----------
    connection
        Holds `sequences`, `rows` and `features`.
    path
        The annotation, for messages.
    gtf
        Dialect of the attributes.
    tolerant
        Reject the genes of rows that break the format, instead of stopping at the first.

    Raises
    ------
    InputError
        A row that breaks the format, unless `tolerant`.
    """
    connection.execute(_TRANSCRIPTS)
    connection.execute(_GENES)
    # GTF's IDs carry prefixes of our own. Those of GFF3 stay where two IDs differ in nothing else.
    (twins,) = first_row(connection, _PREFIX_TWINS)
    plain = "id" if twins and not gtf else "regexp_replace(id, '^(gene|transcript):', '')"
    connection.execute(f"CREATE OR REPLACE TEMP MACRO plain_id(id) AS {plain}")
    connection.execute(_WRONG_ROWS)
    if not tolerant:
        raise_first_problem(connection, path, "wrong")
    connection.execute(_PART_ROWS)
    load_structure(connection, gtf=gtf)


def load_structure(connection: duckdb.DuckDBPyConnection, *, gtf: bool) -> None:
    """Fill the tables from `tx`, `gene_rows` and `part_rows`; may be called again after `part_rows` have changed."""
    for table in (
        "exon_parts",
        "cds_parts",
        "bad",
        "kept",
        "gene_biotypes",
        "transcripts",
        "genes",
        "exons",
        "cds",
        "rejected",
    ):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute(_STRUCTURE)
    connection.execute(_BAD)
    connection.execute(_kept(gtf=gtf))
    connection.execute(_TABLES)
    connection.execute(_REJECTED)


def attribute(key: str, *, gtf: bool) -> str:
    """Return SQL for the value of an attribute; empty where there is none, comma-separated where there are several."""
    if gtf:
        values = f"regexp_extract_all(attributes, '{gtf_value(key)}', 1)"
        return f"""array_to_string(list_transform({values}, lambda x: trim(x, '"')), ',')"""
    return f"url_decode(regexp_extract(attributes, '(?:^|;)\\s*{key}=([^;]*)', 1))"


def _kept(*, gtf: bool) -> str:
    """Return SQL for the transcripts that are not bad, with their attributes."""
    rank = " ".join(f"WHEN regexp_matches(tags, '{pattern}') THEN {value}" for value, pattern in _TAGS.items())
    return f"""
    CREATE TEMP TABLE kept AS
    SELECT *, CASE {rank} WHEN longest THEN 1 ELSE 0 END AS rank FROM (
        SELECT id, {_plain("id")} AS plain, gene, line, seqid, strand, score, type,
            {_first(("biotype", "transcript_biotype", "transcript_type"), gtf=gtf)} AS biotype,
            {attribute("tag", gtf=gtf)} AS tags, {attribute("longest", gtf=gtf)} = '1' AS longest
        FROM tx JOIN gene_of USING (id) WHERE id NOT IN (SELECT transcript FROM bad)
    );

    CREATE TEMP TABLE gene_biotypes AS
    SELECT gene, coalesce({_first(("biotype", "gene_biotype", "gene_type"), gtf=gtf)},
        nullif(nullif(type, 'gene'), '')) AS biotype FROM gene_rows"""


def _first(keys: tuple[str, ...], *, gtf: bool) -> str:
    """Return SQL for the first of several attributes that is there."""
    return "coalesce(" + ", ".join(f"nullif({attribute(key, gtf=gtf)}, '')" for key in keys) + ")"


def _plain(name: str) -> str:
    """Return SQL that takes Ensembl's prefixes off an ID, where that leaves the file's IDs distinct."""
    return f"plain_id({name})"


_TABLES = f"""
CREATE TABLE exons AS
SELECT {_plain("transcript")} AS transcript, row_number() OVER (PARTITION BY transcript ORDER BY start) - 1 AS number,
    start, "end"
FROM exon_parts WHERE transcript IN (SELECT id FROM kept) ORDER BY ALL;

CREATE TEMP TABLE first_cds AS
SELECT p.transcript, coalesce(CASE WHEN any_value(k.strand) = '+' THEN first(p.phase ORDER BY p.start)
    ELSE last(p.phase ORDER BY p.start) END, 0) AS phase, bool_or(cut_left) AS cut_left, bool_or(cut_right) AS cut_right
FROM part_rows p JOIN kept k ON k.id = p.transcript WHERE p.class = 'cds' GROUP BY p.transcript;

CREATE TABLE cds AS
SELECT {_plain("transcript")} AS transcript, row_number() OVER (PARTITION BY transcript ORDER BY start) - 1 AS number,
    start, "end", CAST(((phase - done) % 3 + 3) % 3 AS TINYINT) AS phase
FROM (
    SELECT c.*, f.phase, coalesce(sum("end" - start) OVER (
        PARTITION BY transcript ORDER BY CASE WHEN k.strand = '+' THEN start ELSE -start END
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS done
    FROM cds_parts c JOIN kept k ON k.id = c.transcript JOIN first_cds f USING (transcript)
) ORDER BY ALL;

CREATE TABLE transcripts AS
SELECT {_plain("k.id")} AS transcript, {_plain("k.gene")} AS gene, e.start, e."end", k.type,
    coalesce(k.biotype, '') AS biotype,
    CAST(coalesce(f.phase, 0) AS TINYINT) AS phase, k.score,
    rank > 0 AND rank = max(rank) OVER (PARTITION BY k.gene) AS canonical,
    coalesce(CASE strand WHEN '+' THEN cut_left ELSE cut_right END OR f.phase > 0
        OR contains(tags, 'cds_start_NF'), false) AS partial5,
    coalesce(CASE strand WHEN '+' THEN cut_right ELSE cut_left END OR contains(tags, 'cds_end_NF'), false) AS partial3,
    k.line
FROM kept k JOIN (SELECT transcript, min(start) AS start, max("end") AS "end" FROM exon_parts GROUP BY transcript) e
    ON e.transcript = k.id LEFT JOIN first_cds f ON f.transcript = k.id
ORDER BY transcript;

CREATE TABLE genes AS
SELECT {_plain("g.gene")} AS gene, g.seqid, t.start, t."end", g.strand, g.score, coalesce(b.biotype, '') AS biotype,
    CASE WHEN g.made THEN '' ELSE g.attributes END AS attributes, g.line
FROM gene_rows g JOIN (SELECT gene, min(start) AS start, max("end") AS "end" FROM transcripts GROUP BY gene) t
    ON t.gene = {_plain("g.gene")} JOIN sequences s USING (seqid)
    JOIN gene_biotypes b ON b.gene = g.gene
ORDER BY s.number, t.start, t."end", gene;
DROP TABLE first_cds;
"""

_REJECTED = f"""
CREATE TABLE rejected AS
SELECT {_plain("o.gene")} AS gene, {_plain("tx.id")} AS transcript, tx.seqid, tx.start, tx."end", tx.strand,
    b.reason, b.line, b.detail
FROM bad b JOIN tx ON tx.id = b.transcript JOIN gene_of o ON o.id = tx.id
UNION ALL
SELECT {_plain("g.gene")}, NULL, g.seqid, g.start, g."end", g.strand, coalesce(w.problem,
    CASE WHEN g.gene IN (SELECT gene FROM gene_of) THEN 'no_usable_transcript' ELSE 'no_transcript' END),
    coalesce(w.line, g.line), coalesce(w.detail, CASE WHEN g.gene IN (SELECT gene FROM gene_of)
    THEN 'all its transcripts are rejected' ELSE 'no transcript belongs to it' END)
FROM gene_rows g LEFT JOIN (
    SELECT f.id AS gene, first(w.problem ORDER BY w.line) AS problem, min(w.line) AS line,
        first(w.detail ORDER BY w.line) AS detail
    FROM wrong w JOIN features f USING (line) WHERE f.class = 'gene' AND NOT f.made GROUP BY f.id) w ON w.gene = g.gene
WHERE {_plain("g.gene")} NOT IN (SELECT gene FROM genes)
UNION ALL
SELECT NULL, NULL, first(r.seqid), min(r.start), max(r."end"), first(r.strand), w.problem, min(line), w.detail
FROM wrong w JOIN rows r USING (line)
WHERE w.line NOT IN (SELECT line FROM features WHERE NOT made AND (class = 'gene' OR id IN (SELECT id FROM tx)))
    AND w.line NOT IN (SELECT line FROM part_of WHERE transcript IN (SELECT id FROM tx))
GROUP BY w.problem, w.detail, CASE WHEN w.problem <> 'missing_parent' THEN line END
ORDER BY line, gene, transcript, reason;
"""
