"""The genetic code of each sequence of a catalogue: from its annotation, or from the kind of organelle."""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb

from genescribe.errors import InputError
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.organelles import choose_codes, organelles_of

_log = logging.getLogger(__name__)


def codes_of_sequences(
    connection: duckdb.DuckDBPyConnection, genome: Genome, usual: int, where: str | Path
) -> dict[str, int]:
    """Return the NCBI table of each sequence that is read with another than the usual one.

    The `transl_table` of its rows says so, or its being a plastid. A mitochondrion without is warned of.

    Parameters
    ----------
    connection
        The catalogue in the making.
    genome
        Sequences of the catalogue.
    usual
        NCBI table of the other sequences.
    where
        The annotation, for messages.

    Raises
    ------
    InputError
        Two tables on one sequence, an unknown one, or another than the one asked for on all.
    """
    rows = connection.execute(
        """SELECT DISTINCT seqid, CAST(number AS INTEGER) FROM (
            SELECT seqid, regexp_extract(attributes, '(?:^|;)\\s*transl_table[= ]\\s*"?(\\d+)', 1) AS number FROM rows
        ) WHERE number <> '' ORDER BY ALL"""
    ).fetchall()
    stated: dict[str, int] = {}
    for seqid, number in rows:
        if stated.setdefault(seqid, number) != number:
            raise InputError(
                f"transl_table {stated[seqid]} and {number} on sequence {seqid!r}",
                where=where,
                remedy="correct the rows: a sequence has one genetic code",
            )
        GeneticCode.from_table(number)
    if usual != 1 and stated and usual not in stated.values():
        raise InputError(
            f"every transl_table of the annotation is {', '.join(map(str, sorted(set(stated.values()))))}",
            where="--genetic-code",
            remedy=f"leave {usual} out, or correct the annotation",
        )
    used = [seqid for (seqid,) in connection.execute("SELECT DISTINCT seqid FROM genes").fetchall()]
    kinds = organelles_of({seqid: genome.description(seqid) for seqid in genome.lengths if seqid in set(used)})
    codes, unknown = choose_codes(kinds, stated, usual)
    for seqid in unknown:
        message = "%s is a %s, and no row says its genetic code (transl_table): checked with table %d"
        _log.warning(message, seqid, kinds[seqid], usual)
    return codes
