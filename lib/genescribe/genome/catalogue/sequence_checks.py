"""Check the annotation against the genome: start and stop codons, frame, splice sites.

Oddities are kept as `flags`, one row per transcript and flag; a consumer chooses what it can use.
"""

from __future__ import annotations

import duckdb
import numpy as np
from numpy.typing import NDArray

from genescribe.genome.alphabet import unmasked
from genescribe.genome.annotation.rows import first_row, put_arrays
from genescribe.genome.catalogue.codons import Coding, SequenceCodes, read_coding, runs
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import ATG, GeneticCode

SHORT_INTRON = 10
"""Gaps shorter than this are no introns: annotators bridge frameshifts and sequencing errors with them."""

FLAGS = {
    "no_start": "the first codon can start no protein",
    "alternative_start": "the first codon is a start other than ATG",
    "no_stop": "the last codon is no stop",
    "internal_stop": "a stop within the reading frame",
    "broken_frame": "coding bases after the phase are no multiple of three",
    "ambiguous_bases": "an N within the coding sequence",
    "phase_mismatch": "a phase in the file contradicts the lengths of the coding parts",
    "short_intron": f"a gap of fewer than {SHORT_INTRON} bases",
    "frameshift": "the coding sequence skips bases within an exon",
    "other_splice_site": "an intron that is not GT-AG, GC-AG or AT-AC",
    "assumed_exons": "no exon or CDS rows: exons taken from UTRs or the transcript's span",
}
"""Flags of usable but odd transcripts."""

SPLICE_CLASSES = ("GT-AG", "GC-AG", "AT-AC", "other", "short")
"""Classes of `introns.splice`, read on the transcript's strand."""

# Two bases are 4 a + b: AC 1, AG 2, AT 3, GC 9, GT 11. A pair with an N is 16 or more or a multiple of four: no motif.
_MOTIFS = {"GT-AG": (11, 2), "GC-AG": (9, 2), "AT-AC": (3, 1)}

_EDGE = 3
"""A coding sequence that begins within so many bases of its sequence's end, without a start, is cut there."""


def check(connection: duckdb.DuckDBPyConnection, genome: Genome, codes: SequenceCodes, coding: Coding) -> None:
    """Fill `flags` and `introns`, and mark coding sequences that a sequence's end cuts as partial.

    Parameters
    ----------
    connection
        The catalogue in the making.
    genome
        Sequences of the catalogue.
    codes
        Genetic code of each sequence.
    coding
        All coding sequences, as `all_coding` returns them.
    """
    connection.execute("CREATE TEMP TABLE found (transcript VARCHAR, flag VARCHAR)")
    _check_coding(connection, genome, codes, coding)
    _check_introns(connection, genome)
    connection.execute(_ROW_FLAGS)
    connection.execute("CREATE TABLE flags AS SELECT DISTINCT transcript, flag FROM found ORDER BY ALL")
    connection.execute("DROP TABLE found")


def join_outer_stops(
    connection: duckdb.DuckDBPyConnection, genome: Genome, codes: SequenceCodes, coding: Coding
) -> bool:
    """Add stop codons to `part_rows` where the file keeps them outside its CDS and has no rows for them.

    That is taken to be so where most complete coding sequences do not end with a stop, but are followed by one.

    For the arguments see `check`.

    Returns
    -------
    bool
        Whether anything was added.
    """
    if first_row(connection, "SELECT count(*) FROM part_rows WHERE class = 'stop'")[0]:
        return False
    columns = coding.columns
    complete = ~columns["partial3"].astype(bool)
    sequences = columns["sequence"]
    inner, outer = codes.members(_stops, sequences, coding.ends.last), np.zeros_like(complete)
    if not complete.any() or inner[complete].mean() >= 0.5:
        return False
    connection.execute(_FOLLOWING)
    unphased = {**columns, "phase": np.zeros_like(columns["phase"])}
    for keys, ends in read_coding(connection, "following", unphased, genome, codes):
        outer[keys] = codes.members(_stops, sequences[keys], ends.last)
    outer &= complete & ~inner
    if outer[complete].mean() <= 0.5:
        return False
    put_arrays(connection, "chosen", key=np.flatnonzero(outer))
    connection.execute(
        """INSERT INTO part_rows SELECT k.id, k.line, 'stop', k.seqid, f.start, f."end", k.strand, NULL, false, false
        FROM chosen JOIN following f USING (key) JOIN coding c USING (key) JOIN kept k ON k.plain = c.transcript;

        INSERT INTO part_rows SELECT p.* REPLACE ('exon' AS class) FROM part_rows p
        WHERE class = 'stop' AND EXISTS (FROM part_rows e WHERE e.transcript = p.transcript AND e.class = 'exon')
            AND NOT EXISTS (FROM part_rows e WHERE e.transcript = p.transcript AND e.class = 'exon'
                AND e.start < p."end" AND p.start < e."end")"""
    )
    return True


# Three bases behind the coding sequence: along the exons, or where those end with it, along the genome.
_FOLLOWING = """
CREATE OR REPLACE TEMP TABLE following AS
WITH pieces AS (
    SELECT c.key, c.reverse, CASE WHEN c.reverse THEN e.start ELSE greatest(e.start, c."end") END AS start,
        CASE WHEN c.reverse THEN least(e."end", c.start) ELSE e."end" END AS "end"
    FROM coding c JOIN exons e USING (transcript)
    WHERE CASE WHEN c.reverse THEN e.start < c.start ELSE e."end" > c."end" END
), summed AS (
    SELECT *, coalesce(sum("end" - start) OVER (PARTITION BY key ORDER BY CASE WHEN reverse THEN -start ELSE start END
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS done FROM pieces
)
SELECT key, CASE WHEN reverse THEN greatest(start, "end" - (3 - done)) ELSE start END AS start,
    CASE WHEN reverse THEN "end" ELSE least("end", start + (3 - done)) END AS "end"
FROM summed WHERE done < 3
UNION ALL
SELECT c.key, CASE WHEN reverse THEN c.start - 3 ELSE c."end" END, CASE WHEN reverse THEN c.start ELSE c."end" + 3 END
FROM coding c JOIN sequences s ON s.number = c.sequence
WHERE c.key NOT IN (SELECT key FROM pieces)
    AND CASE WHEN reverse THEN c.start >= 3 ELSE c."end" + 3 <= s.length END
"""

_ROW_FLAGS = """
INSERT INTO found
SELECT c.transcript, 'phase_mismatch' FROM cds c JOIN kept k ON k.plain = c.transcript
JOIN part_rows p ON p.transcript = k.id AND p.class = 'cds' AND p.phase <> c.phase
    AND CASE k.strand WHEN '+' THEN p.start = c.start ELSE p."end" = c."end" END
UNION ALL
SELECT transcript, 'frameshift' FROM (
    SELECT transcript, "end" AS start, lead(start) OVER (PARTITION BY transcript ORDER BY number) AS "end" FROM cds
) WHERE "end" IS NOT NULL AND (transcript, start, "end") NOT IN (SELECT transcript, start, "end" FROM introns)
UNION ALL
SELECT plain, 'assumed_exons' FROM kept
WHERE id NOT IN (SELECT transcript FROM part_rows WHERE class IN ('exon', 'cds'))
"""


def _stops(code: GeneticCode) -> NDArray[np.bool_]:
    return code.is_stop


def _check_coding(connection: duckdb.DuckDBPyConnection, genome: Genome, codes: SequenceCodes, coding: Coding) -> None:
    columns, ends = coding
    sizes = np.array(list(genome.lengths.values()), dtype=np.int64)[columns["sequence"]]
    reverse = columns["reverse"].astype(bool)
    first_gap = np.where(reverse, sizes - columns["end"], columns["start"])
    last_gap = np.where(reverse, columns["start"], sizes - columns["end"])
    open5, open3 = columns["partial5"].astype(bool), columns["partial3"].astype(bool)
    sequences = columns["sequence"]
    starts = codes.members(lambda code: code.is_start, sequences, ends.first)
    canonical = ends.first == np.flatnonzero(ATG)
    flags = {
        "no_start": ~starts,
        "alternative_start": starts & ~canonical,
        "no_stop": ~codes.members(_stops, sequences, ends.last),
        "internal_stop": ends.internal_stops > 0,
        "broken_frame": ends.leftover > 0,
        "ambiguous_bases": ends.ambiguous > 0,
    }
    open5 |= flags["no_start"] & (first_gap < _EDGE)
    open3 |= flags["no_stop"] & (last_gap < _EDGE)
    for flag, cut in (("no_start", open5), ("alternative_start", open5), ("no_stop", open3), ("broken_frame", open3)):
        flags[flag] &= ~cut
    names = np.array(list(flags), dtype=object)
    numbers, hits = np.nonzero(np.stack(list(flags.values())))
    put_arrays(connection, "flagged", key=hits, flag=names[numbers])
    connection.execute("INSERT INTO found SELECT transcript, flag FROM flagged JOIN coding USING (key)")
    put_arrays(connection, "cuts", key=np.arange(len(sizes)), open5=open5, open3=open3)
    connection.execute(
        """UPDATE transcripts SET partial5 = e.open5, partial3 = e.open3
        FROM cuts e JOIN coding c USING (key) WHERE c.transcript = transcripts.transcript
            AND (e.open5 <> transcripts.partial5 OR e.open3 <> transcripts.partial3)"""
    )


def _check_introns(connection: duckdb.DuckDBPyConnection, genome: Genome) -> None:
    connection.execute(
        """CREATE TEMP TABLE gaps AS
        SELECT row_number() OVER (ORDER BY s.number, transcript, e.number) - 1 AS key, transcript, e.number,
            e."end" AS start, e.after AS "end", s.number AS sequence, g.strand = '-' AS reverse
        FROM (SELECT *, lead(start) OVER (PARTITION BY transcript ORDER BY number) AS after FROM exons) e
        JOIN transcripts t USING (transcript) JOIN genes g USING (gene) JOIN sequences s USING (seqid)
        WHERE e.after IS NOT NULL ORDER BY key"""
    )
    columns = connection.execute('SELECT start, "end", sequence, reverse FROM gaps ORDER BY key').fetchnumpy()
    start, end, sequence = (np.asarray(columns[name], dtype=np.int64) for name in ("start", "end", "sequence"))
    reverse = np.asarray(columns["reverse"], dtype=bool)
    classes = np.full(len(start), SPLICE_CLASSES.index("other"))
    seqids = list(genome.lengths)
    for low, high in runs(sequence):
        codes = unmasked(genome.codes(seqids[sequence[low]]))
        here = slice(low, high)
        classes[here] = _splice_classes(codes, start[here], end[here], reverse[here], classes[here])
    classes[end - start < SHORT_INTRON] = SPLICE_CLASSES.index("short")
    put_arrays(connection, "classed", key=np.arange(len(start)), splice=np.array(SPLICE_CLASSES, dtype=object)[classes])
    connection.execute(
        """CREATE TABLE introns AS SELECT transcript, number, start, "end", CAST(splice AS VARCHAR) AS splice
        FROM gaps JOIN classed USING (key) ORDER BY transcript, number;
        INSERT INTO found SELECT transcript, CASE splice WHEN 'short' THEN 'short_intron' ELSE 'other_splice_site' END
        FROM introns WHERE splice IN ('short', 'other');
        DROP TABLE gaps"""
    )


def _splice_classes(
    codes: NDArray[np.uint8],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    reverse: NDArray[np.bool_],
    other: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the index in `SPLICE_CLASSES` of each intron; `other` where no motif fits."""
    left = 4 * codes[start].astype(np.int64) + codes[start + 1 - (end - start < 2)]
    right = 4 * codes[np.maximum(end - 2, start)].astype(np.int64) + codes[end - 1]
    classes = other.copy()
    for name, (donor, acceptor) in _MOTIFS.items():
        forward = (left == donor) & (right == acceptor)
        backward = (left == _reverse_pair(acceptor)) & (right == _reverse_pair(donor))
        classes[np.where(reverse, backward, forward)] = SPLICE_CLASSES.index(name)
    return classes


def _reverse_pair(pair: int) -> int:
    """Return the reverse complement of two bases 4 a + b."""
    return 4 * (3 - pair % 4) + 3 - pair // 4
