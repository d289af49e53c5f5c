"""Read coding sequences of a catalogue from the genome, many at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from genescribe.genome.alphabet import Codes, N, unmasked
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import AMBIGUOUS, GeneticCode, codon_numbers

_CHUNK_BASES = 1 << 21


class CodingEnds(NamedTuple):
    """First and last codons of some coding sequences, and counts over the codons between; arrays of one length.

    Attributes
    ----------
    first, last : uint8
        Codon numbers; the last is `AMBIGUOUS` where bases are left over behind it.
    internal_stops, ambiguous : int64
        Codons before the last that are stops; codons with an N.
    leftover : int64
        Bases behind the last whole codon.
    """

    first: NDArray[np.uint8]
    last: NDArray[np.uint8]
    internal_stops: NDArray[np.int64]
    ambiguous: NDArray[np.int64]
    leftover: NDArray[np.int64]


def spliced(
    codes: Codes, starts: NDArray[np.int64], ends: NDArray[np.int64], reverse: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return the bases of intervals one after the other, each read on its strand, without softmasking.

    Parameters
    ----------
    codes : (n,)
        A sequence's base codes.
    starts, ends, reverse : (k,)
        Intervals in reading order, and whether each lies on the reverse strand.

    Examples
    --------
    >>> from genescribe.genome.alphabet import decode, encode
    >>> decode(spliced(encode("AACCgt"), np.array([4, 0]), np.array([6, 2]), np.array([True, True])))
    'ACTT'
    """
    if not len(starts):
        return np.empty(0, dtype=np.uint8)
    rows = zip(starts.tolist(), ends.tolist(), reverse.tolist(), strict=True)
    bases = unmasked(np.concatenate([codes[start:end][:: -1 if turned else 1] for start, end, turned in rows]))
    turned = np.repeat(reverse, ends - starts)
    turned &= bases != N
    np.subtract(3, bases, out=bases, where=turned)
    return bases


def coding_ends(
    bases: NDArray[np.uint8], lengths: NDArray[np.int64], phases: NDArray[np.int64], code: GeneticCode
) -> CodingEnds:
    """Look at coding sequences that stand one after the other.

    Parameters
    ----------
    bases : (sum of lengths,)
        As `spliced` returns them.
    lengths, phases : (k,)
        Bases of each, and bases to drop before its first codon.
    code
        Genetic code that gives the stop codons.
    """
    codons = np.maximum(lengths - phases, 0) // 3
    leftover = np.maximum(lengths - phases, 0) - 3 * codons
    position = np.arange(len(bases)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    in_codon = (position >= np.repeat(phases, lengths)) & (position < np.repeat(phases + 3 * codons, lengths))
    numbers = codon_numbers(bases[in_codon])
    stop = np.cumsum(codons)
    start = stop - codons
    padded = np.append(numbers, np.uint8(AMBIGUOUS))
    stops = np.concatenate([[0], np.cumsum(code.always_stop[numbers])])
    ambiguous = np.concatenate([[0], np.cumsum(numbers == AMBIGUOUS)])
    any_codon = codons > 0
    before_last = np.where(any_codon & (leftover == 0), stop - 1, stop)
    return CodingEnds(
        np.where(any_codon, padded[start], AMBIGUOUS).astype(np.uint8),
        np.where(any_codon & (leftover == 0), padded[np.maximum(stop - 1, 0)], AMBIGUOUS).astype(np.uint8),
        stops[before_last] - stops[start],
        ambiguous[stop] - ambiguous[start],
        leftover,
    )


_CODING = """
CREATE OR REPLACE TEMP TABLE coding AS
SELECT row_number() OVER (ORDER BY s.number, t.transcript) - 1 AS key, t.transcript, s.number AS sequence,
    g.strand = '-' AS reverse, CAST(t.phase AS BIGINT) AS phase, t.partial5, t.partial3, c.start, c."end"
FROM genes g JOIN sequences s USING (seqid) JOIN transcripts t USING (gene) JOIN (
    SELECT transcript, min(start) AS start, max("end") AS "end" FROM cds GROUP BY transcript
) c USING (transcript) ORDER BY key;

CREATE OR REPLACE TEMP TABLE coding_parts AS
SELECT c.key, p.start, p."end" FROM cds p JOIN coding c USING (transcript);
"""

Columns = dict[str, NDArray[np.int64]]


class SequenceCodes:
    """The genetic code of each sequence of a genome.

    Parameters
    ----------
    usual
        NCBI table of all sequences but `others`.
    others
        Name of a sequence -> its NCBI table.
    seqids
        All names, in the order of the genome.
    """

    def __init__(self, usual: GeneticCode, others: Mapping[str, int], seqids: Iterable[str]) -> None:
        numbers = sorted(set(others.values()) - {usual.number})
        self.codes = [usual, *(GeneticCode.from_table(number) for number in numbers)]
        place = {code.number: index for index, code in enumerate(self.codes)}
        self._which = np.array([place[others.get(seqid, usual.number)] for seqid in seqids], dtype=np.int64)

    def of(self, sequence: int) -> GeneticCode:
        """Return the code of the sequence of this number."""
        return self.codes[int(self._which[sequence])]

    def members(
        self,
        table: Callable[[GeneticCode], NDArray[np.bool_]],
        sequences: NDArray[np.int64],
        codons: NDArray[np.uint8],
    ) -> NDArray[np.bool_]:
        """Return whether codons, (k,), of sequences, (k,), are in a table of their sequence's code.

        Parameters
        ----------
        table
            Returns the lookup by codon number of a genetic code, (65,) bool.
        sequences : (k,) int64
            Number of each codon's sequence.
        codons : (k,) uint8
            Codon numbers.
        """
        tables = np.stack([table(code) for code in self.codes])
        return tables[self._which[sequences], codons]


class Coding(NamedTuple):
    """All coding sequences, in the order of their keys.

    Attributes
    ----------
    columns
        As `load_coding` returns them.
    ends
        First and last codons, and faults, read from the genome.
    """

    columns: Columns
    ends: CodingEnds


def all_coding(connection: duckdb.DuckDBPyConnection, genome: Genome, codes: SequenceCodes) -> Coding:
    """Fill the temporary tables of `load_coding` and read every coding sequence.

    Parameters
    ----------
    connection
        The catalogue in the making.
    genome
        Sequences of the catalogue.
    codes
        Genetic code of each sequence.
    """
    columns = load_coding(connection)
    size = len(columns["sequence"])
    # A key without bases keeps what no codon gives.
    ends = coding_ends(np.empty(0, np.uint8), np.zeros(size, np.int64), np.zeros(size, np.int64), codes.codes[0])
    for keys, part in read_coding(connection, "coding_parts", columns, genome, codes):
        for name in CodingEnds._fields:
            getattr(ends, name)[keys] = getattr(part, name)
    return Coding(columns, ends)


def load_coding(connection: duckdb.DuckDBPyConnection) -> Columns:
    """Fill the temporary tables `coding` (a row a coding transcript, by `key`) and `coding_parts`.

    Returns
    -------
    dict of str to (k,)
        The columns of `coding`, in the order of the keys 0..k-1, which is that of the sequences.
    """
    connection.execute(_CODING)
    columns = connection.execute("SELECT * EXCLUDE (key, transcript) FROM coding ORDER BY key").fetchnumpy()
    return {name: np.asarray(values) for name, values in columns.items()}


def read_coding(
    connection: duckdb.DuckDBPyConnection, parts: str, columns: Columns, genome: Genome, codes: SequenceCodes
) -> Iterator[tuple[NDArray[np.int64], CodingEnds]]:
    """Yield keys and their `CodingEnds`, a few million bases of one sequence at a time.

    Parameters
    ----------
    connection
        Holds the table `parts`.
    parts
        Table of intervals with columns key, start, end; each key's are read one after the other.
    columns
        As `load_coding` returns them.
    genome, codes
        Sequences, and the genetic code of each.
    """
    rows = connection.execute(
        f"""SELECT p.key, p.start, p."end" FROM {parts} p JOIN coding c USING (key)
        ORDER BY p.key, CASE WHEN c.reverse THEN -p.start ELSE p.start END"""
    ).fetchnumpy()
    keys, starts, ends = (np.asarray(rows[name], dtype=np.int64) for name in ("key", "start", "end"))
    seqids = list(genome.lengths)
    done = np.concatenate([[0], np.cumsum(ends - starts)])
    # A chunk ends where the sequence changes or the bases reach the limit, always between two keys.
    group = columns["sequence"][keys] * (done[-1] // _CHUNK_BASES + 1) + done[:-1] // _CHUNK_BASES
    first_of_key = np.flatnonzero(np.diff(keys, prepend=-1))
    sequence, bases_of = -1, np.empty(0, dtype=np.uint8)
    for low, high in runs(np.repeat(group[first_of_key], np.diff(first_of_key, append=len(keys)))):
        present, begins = np.unique(keys[low:high], return_index=True)
        if columns["sequence"][present[0]] != sequence:
            sequence = int(columns["sequence"][present[0]])
            bases_of = genome.codes(seqids[sequence])
        reverse = columns["reverse"][keys[low:high]].astype(bool)
        lengths = np.add.reduceat(ends[low:high] - starts[low:high], begins)
        bases = spliced(bases_of, starts[low:high], ends[low:high], reverse)
        yield present, coding_ends(bases, lengths, columns["phase"][present], codes.of(sequence))


def runs(values: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return [low, high) of each run of equal values; none of them is negative.

    Examples
    --------
    >>> runs(np.array([3, 3, 5]))
    [(0, 2), (2, 3)]
    """
    bounds = [*np.flatnonzero(np.diff(values, prepend=-1)).tolist(), len(values)]
    return list(pairwise(bounds))
