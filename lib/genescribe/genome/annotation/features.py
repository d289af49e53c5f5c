"""Convert rows of GFF3 or GTF into features with a class, an ID and parents.

GTF's gene and transcript IDs are two name spaces, so they get the prefixes that Ensembl's GFF3 uses; those are taken
off again when the catalogue's tables are written.
"""

from __future__ import annotations

import duckdb


def gtf_value(key: str) -> str:
    """Return a regular expression whose group is the value of an attribute of GTF: semicolons may stand in quotes."""
    return f"""(?:^|;)\\s*{key}\\s+("[^"]*"|[^";]*)"""


PARTS = "('exon', 'cds', 'utr', 'stop')"

_CLASS = """
CASE
WHEN lower(type) IN ('gene', 'pseudogene') THEN 'gene'
WHEN regexp_matches(lower(type), '_(pseudo)?gene$') AND {top} THEN 'gene'
WHEN lower(type) IN ('exon', 'pseudogenic_exon', 'coding_exon', 'noncoding_exon') THEN 'exon'
WHEN lower(type) = 'cds' THEN 'cds'
WHEN regexp_matches(lower(type), '^(five_prime_|three_prime_|[53]''?-?)?utr$') THEN 'utr'
WHEN lower(type) = 'stop_codon' THEN 'stop'
WHEN lower(type) IN ('protein', 'polypeptide', 'start_codon', 'intron') THEN 'ignored'
WHEN regexp_matches(lower(type), '(rna|transcript)(_te_gene)?$') THEN 'transcript'
ELSE 'other' END"""

_GFF3_FEATURES = f"""
CREATE TEMP TABLE features AS
SELECT * REPLACE (CASE WHEN id IS NULL AND class IN ('gene', 'transcript') THEN type || '-' || line ELSE id END AS id),
    false AS made
FROM (
    SELECT *, {_CLASS.format(top="len(parents) = 0")} AS class FROM (
        SELECT *, nullif(trim(url_decode(regexp_extract(attributes, '(?:^|;)\\s*ID=([^;]*)', 1))), '') AS id,
            list_transform(list_filter(string_split(regexp_extract(attributes, '(?:^|;)\\s*Parent=([^;]*)', 1), ','),
                lambda x: trim(x) <> ''), lambda x: trim(url_decode(x))) AS parents
        FROM rows
    )
)"""

# AUGUSTUS writes a bare name in column nine of its gene and transcript rows. A transcript's row, where there is none,
# is made from the first of its parts; likewise a gene's.
_GTF_FEATURES = f"""
CREATE TEMP TABLE keyed AS
SELECT *, CASE WHEN bare AND class = 'gene' THEN trim(attributes)
    ELSE nullif(trim(regexp_extract(attributes, '{gtf_value("gene_id")}', 1), '"'), '') END AS gene_id,
    CASE WHEN bare AND class = 'transcript' THEN trim(attributes)
    ELSE nullif(trim(regexp_extract(attributes, '{gtf_value("transcript_id")}', 1), '"'), '') END AS transcript_id
FROM (SELECT *, {_CLASS.format(top="true")} AS class, regexp_matches(attributes, '^[^\\s";]+$') AS bare FROM rows);

CREATE TEMP TABLE owners AS
SELECT transcript_id, first(gene_id ORDER BY line) AS gene_id FROM keyed
WHERE transcript_id IS NOT NULL AND gene_id IS NOT NULL GROUP BY ALL;

CREATE TEMP TABLE features AS
SELECT line, seqid, type, start, "end", score, strand, phase, attributes, problem, detail, CASE class
    WHEN 'gene' THEN 'gene:' || coalesce(k.gene_id, 'gene-' || line)
    WHEN 'transcript' THEN 'transcript:' || coalesce(k.transcript_id, 'transcript-' || line) END AS id, CASE class
    WHEN 'gene' THEN [] WHEN 'transcript' THEN ['gene:' || coalesce(o.gene_id, k.gene_id, k.transcript_id)]
    ELSE list_filter(['transcript:' || k.transcript_id], lambda x: x IS NOT NULL) END AS parents, class,
    false AS made
FROM keyed k LEFT JOIN owners o USING (transcript_id)
WHERE class IN ('gene', 'transcript', 'exon', 'cds', 'utr', 'stop');

INSERT INTO features
SELECT min(line), first(seqid ORDER BY line), 'transcript', min(start), max("end"), NULL, first(strand ORDER BY line),
    NULL, first(attributes ORDER BY line), NULL, NULL, parents[1],
    ['gene:' || coalesce(any_value(o.gene_id), substr(parents[1], 12))], 'transcript', true
FROM features LEFT JOIN owners o ON 'transcript:' || o.transcript_id = parents[1]
WHERE class IN {PARTS} AND len(parents) > 0
    AND parents[1] NOT IN (SELECT id FROM features WHERE class = 'transcript') GROUP BY parents[1];

INSERT INTO features
SELECT min(line), first(seqid ORDER BY line), '', min(start), max("end"), NULL, first(strand ORDER BY line),
    NULL, first(attributes ORDER BY line), NULL, NULL, parents[1], [], 'gene', true
FROM features WHERE class = 'transcript'
    AND parents[1] NOT IN (SELECT id FROM features WHERE class = 'gene') GROUP BY parents[1];

DROP TABLE keyed;
DROP TABLE owners;
"""


def load_features(connection: duckdb.DuckDBPyConnection, *, gtf: bool) -> None:
    """Fill the temporary table `features` from `rows`."""
    connection.execute(_GTF_FEATURES if gtf else _GFF3_FEATURES)
