"""One DuckDB file per genome: sequences, genes, transcripts, exons, coding sequences and rejected genes.

======================  ===============================================================================
``sequences``           number, seqid, length
``genes``               gene, seqid, start, end, strand, score, biotype, attributes, line
``transcripts``         transcript, gene, start, end, type, biotype, phase, score, canonical, partial5,
                        partial3, line
``exons``, ``cds``      transcript, number, start, end (and phase)
``introns``             transcript, number, start, end, splice
``flags``               transcript, flag: what is usable but odd, see `sequence_checks.FLAGS`
``rejected``            gene, transcript, seqid, start, end, strand, reason, line, detail
``meta``                key, value
======================  ===============================================================================

Coordinates are 0-based half-open, numbers ascend along the forward strand, `line` counts in the annotation file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
from tqdm import tqdm

from genescribe.errors import InputError
from genescribe.files import atomic_path, sha256, temporary_folder
from genescribe.genome.annotation.features import load_features
from genescribe.genome.annotation.rows import first_row, load_rows, raise_first_problem
from genescribe.genome.catalogue.codons import SequenceCodes, all_coding
from genescribe.genome.catalogue.organelles import codes_of_sequences
from genescribe.genome.catalogue.sequence_checks import check, join_outer_stops
from genescribe.genome.catalogue.stats import collect_stats
from genescribe.genome.catalogue.tables import REASON_REMEDIES, Rejected, fetch_genes, fetch_rejected
from genescribe.genome.catalogue.tree import load_structure, load_tree
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene

FORMAT = "1"
_MEMORY = "700MB"
_UNSORTED = "sort the annotation first, which builds missing levels; if it is sorted, give genes with exons or CDS"
_SMALL = 4_000_000
"""Bytes of an annotation, packed or not, below which DuckDB works with one thread: it divides tables by row groups of
122,880, and a second thread would wait."""


def build_catalogue(
    fasta: str | Path,
    annotation: str | Path,
    target: str | Path,
    genetic_code: int = 1,
    *,
    tolerant: bool = False,
) -> None:
    """Write the catalogue of a genome in one step; equal inputs give equal rows.

    Parameters
    ----------
    fasta
        Genome; plain, gzip or bgzip.
    annotation
        GFF3 or GTF, well-formed or sorted before; plain, gzip or bgzip.
    target
        DuckDB file to write.
    genetic_code
        NCBI translation table of the sequences for which the annotation states none (`transl_table`); plastids, known
        by their names, have 11.
    tolerant
        Reject the genes of rows that break the format or lie outside the genome, instead of stopping at the first.

    Raises
    ------
    InputError
        A file that cannot be read; a row that breaks the format, unless `tolerant`; no usable gene.
    """
    code = GeneticCode.from_table(genetic_code)
    genome = Genome.open(fasta)
    with (
        atomic_path(target) as temporary,
        temporary_folder() as scratch,
        tqdm(total=5, desc="catalogue", disable=None, delay=2) as bar,
        ExitStack() as stack,
    ):
        temporary.unlink()  # DuckDB makes its file itself
        stack.callback(temporary.with_name(f"{temporary.name}.wal").unlink, missing_ok=True)
        with duckdb.connect(str(temporary)) as connection:
            connection.execute(f"SET memory_limit = '{_MEMORY}'; SET temp_directory = '{scratch}'")
            if Path(annotation).is_file() and Path(annotation).stat().st_size < _SMALL:
                connection.execute("SET threads = 1")
            gtf = load_rows(connection, annotation, genome.lengths)
            if not tolerant:
                raise_first_problem(connection, annotation, "rows")
            bar.update()
            load_features(connection, gtf=gtf)
            load_tree(connection, annotation, gtf=gtf, tolerant=tolerant)
            _check_any(connection, annotation)
            bar.update()
            others = codes_of_sequences(connection, genome, genetic_code, annotation)
            codes = SequenceCodes(code, others, genome.lengths)
            coding = all_coding(connection, genome, codes)
            if join_outer_stops(connection, genome, codes, coding):
                load_structure(connection, gtf=gtf)
                coding = all_coding(connection, genome, codes)
            bar.update()
            check(connection, genome, codes, coding)
            bar.update()
            connection.execute("CREATE TABLE meta (key VARCHAR, value VARCHAR)")
            meta = {
                "format": FORMAT,
                "genetic_code": str(genetic_code),
                "genetic_codes": json.dumps(others, sort_keys=True),
                "annotation_sha256": sha256(annotation),
            }
            connection.executemany("INSERT INTO meta VALUES (?, ?)", sorted(meta.items()))
            # Closing would do the same, and say nothing where the disk is full.
            connection.execute("CHECKPOINT")
        bar.update()


class Catalogue:
    """A catalogue that `build_catalogue` wrote, read-only.

    Parameters
    ----------
    path
        DuckDB file that `build_catalogue` wrote.

    Raises
    ------
    InputError
        Missing, or no catalogue.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError("no such file", where=path, remedy="build the catalogue first (scripts/catalogue.py)")
        # Attached to a connection of its own: DuckDB would take a file that was built again for the one still open.
        self._connection = duckdb.connect(":memory:")
        try:
            quoted = str(path).replace("'", "''")
            self._connection.execute(f"ATTACH '{quoted}' AS catalogue (READ_ONLY)")
            self._connection.execute("USE catalogue")
            self.meta: dict[str, str] = dict(self._connection.execute("SELECT key, value FROM meta").fetchall())
        except duckdb.Error:
            raise InputError("no catalogue", where=path, remedy="build it again (scripts/catalogue.py)") from None
        if self.meta.get("format") != FORMAT:
            raise InputError(
                f"written in format {self.meta.get('format')}, not {FORMAT}",
                where=path,
                remedy="build it again (scripts/catalogue.py)",
            )

    @property
    def genetic_code(self) -> GeneticCode:
        """The genetic code that the coding sequences were checked with, but those of `genetic_codes`."""
        return GeneticCode.from_table(int(self.meta["genetic_code"]))

    @property
    def genetic_codes(self) -> dict[str, int]:
        """The NCBI tables of the sequences that have another: organelles."""
        return dict(json.loads(self.meta.get("genetic_codes", "{}")))

    def sequences(self) -> dict[str, int]:
        """Return the length of each sequence, in the order of the genome."""
        return dict(self._connection.execute("SELECT seqid, length FROM sequences ORDER BY number").fetchall())

    def genes(self, seqids: Iterable[str] | None = None) -> list[Gene]:
        """Return the genes of some sequences (None: all), ordered by sequence, start, end and ID."""
        return fetch_genes(self._connection, seqids)

    def middles(self) -> dict[str, list[int]]:
        """Return by sequence the middle of each gene, ascending."""
        middles: dict[str, list[int]] = {}
        query = 'SELECT seqid, (start + "end") // 2 AS middle FROM genes ORDER BY ALL'
        for seqid, middle in self._connection.execute(query).fetchall():
            middles.setdefault(seqid, []).append(middle)
        return middles

    def flags(self) -> dict[str, set[str]]:
        """Return the flags of each transcript that has any; see `genescribe.genome.catalogue.sequence_checks.FLAGS`."""
        flags: dict[str, set[str]] = {}
        for transcript, flag in self._connection.execute("SELECT transcript, flag FROM flags ORDER BY ALL").fetchall():
            flags.setdefault(transcript, set()).add(flag)
        return flags

    def rejected(self) -> list[Rejected]:
        """Return the rejected genes and transcripts, in the order of the annotation file."""
        return fetch_rejected(self._connection)

    def stats(self) -> dict[str, Any]:
        """Return counts and quantiles; `genescribe.genome.catalogue.stats.format_stats` prints them."""
        return collect_stats(self._connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Catalogue:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _check_any(connection: duckdb.DuckDBPyConnection, annotation: str | Path) -> None:
    """Raise `InputError` where no gene is left."""
    if first_row(connection, "SELECT count(*) FROM genes")[0]:
        return
    reasons = Counter(row.reason for row in fetch_rejected(connection)).most_common(3)
    first = next((reason for reason, _ in reasons if reason != "no_usable_transcript"), "")
    why = ", ".join(f"{reason} {count}" for reason, count in reasons)
    if not reasons:
        raise InputError(
            "no usable gene: no gene, transcript or CDS row",
            where=annotation,
            remedy="give an annotation with genes; sort it first if it has exons alone",
        )
    raise InputError(
        f"no usable gene ({why})", where=annotation,
        remedy=REASON_REMEDIES.get(first, _UNSORTED),
    )  # fmt: skip
