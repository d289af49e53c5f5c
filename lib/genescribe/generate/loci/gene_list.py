"""TransGenic's table `geneList`: genes with their windows, bases and sentences, of one or more genomes; GSF files."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import duckdb

from genescribe.errors import InputError
from genescribe.files import atomic_path
from genescribe.generate.loci.loci import Window
from genescribe.generate.text.free_text import published_text
from genescribe.generate.text.sentence import expressible_part, sentence_of
from genescribe.genome.alphabet import decode, unmasked
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene

TABLE, SPECIES = "geneList", "geneSpecies"
LONGEST = 49_152
"""Bases of the longest window that the published checkpoints read."""
_COLUMNS = """geneModel VARCHAR, "start" INT, fin INT, strand VARCHAR, chromosome VARCHAR, "sequence" VARCHAR,
 gff VARCHAR, static_fpb INT, static_tpb INT, five_prime_buf INT, three_prime_buf INT, rn INT PRIMARY KEY"""


class ListedGene(NamedTuple):
    """A row of the table.

    Attributes
    ----------
    name, strand, seqid
        ID, strand and sequence of the gene.
    start, end
        The gene, 0-based half-open.
    low, high
        Its window, 0-based half-open.
    sentence
        On the forward strand of the window; None where it has none.
    """

    name: str
    seqid: str
    strand: str
    start: int
    end: int
    low: int
    high: int
    sentence: str | None


def append_gene_list(
    connection: duckdb.DuckDBPyConnection, rows: Iterable[ListedGene], genome: Genome, species: str
) -> int:
    """Append genes to the table, creating it if needed; return the number of rows added.

    The columns are those of TransGenic's `genome2GSFDataset`: start and fin are the window, static_fpb and static_tpb
    the bases before and after the gene, and the other two buffers, which are random there, are 0. The species of each
    row is in the table `geneSpecies`, so that programs which read all columns of `geneList` still work.

    Parameters
    ----------
    connection
        Database to append to.
    rows
        Genes with their windows.
    genome
        Sequences that the genes lie on.
    species
        Name of the species; the database must not hold it yet.
    """
    connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({_COLUMNS})")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {SPECIES} (rn INT PRIMARY KEY, species VARCHAR)")
    if connection.execute(f"SELECT 1 FROM {SPECIES} WHERE species = ? LIMIT 1", [species]).fetchone():
        raise InputError(f"the database holds {species} already", where="--species", remedy="give another name or file")
    last = connection.execute(f"SELECT coalesce(max(rn), 0) FROM {TABLE}").fetchone()
    assert last is not None
    number = int(last[0])
    connection.execute("BEGIN")
    for count, row in enumerate(rows, 1):
        bases = decode(unmasked(genome.codes(row.seqid, row.low, row.high)))
        buffers = (row.start - row.low, row.high - row.end, 0, 0)
        values = (row.name, row.low, row.high, row.strand, row.seqid, bases, row.sentence, *buffers, number + count)
        connection.execute(f"INSERT INTO {TABLE} VALUES ({', '.join('?' * len(values))})", values)
        connection.execute(f"INSERT INTO {SPECIES} VALUES (?, ?)", (number + count, species))
    connection.execute("COMMIT")
    total = connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()
    assert total is not None
    return int(total[0]) - number


def add_genome(
    path: str | Path, fasta: str | Path, annotation: str | Path, species: str, window: Window
) -> tuple[int, int]:
    """Add the genes of a genome to a DuckDB file, which is made where there is none, in one step.

    Parameters
    ----------
    path
        DuckDB file to add to.
    fasta, annotation
        The genome, and its genes as GFF3 or GTF.
    species
        Name of the species.
    window
        Rule that gives the stretch of sequence stored for each gene.

    Returns
    -------
    tuple of int
        Genes added; genes left out because their window is longer than `LONGEST`.

    Raises
    ------
    InputError
        The file is no database, or holds this species already; a gene outside the genome.
    """
    genome = Genome.open(fasta)
    rows: list[ListedGene] = []
    left_out = 0
    for gene in read_genes(annotation):
        if gene.end > genome.lengths.get(gene.seqid, 0):
            raise InputError(
                f"gene {gene.id} lies outside the genome", where=annotation, remedy="give the genome of these genes"
            )
        low, high = window(gene.start, gene.end, genome.lengths[gene.seqid])
        if high - low > LONGEST:
            left_out += 1
            continue
        text, _ = sentence_text(gene, low)
        rows.append(ListedGene(gene.id, gene.seqid, gene.strand, gene.start, gene.end, low, high, text))
    with atomic_path(path) as temporary:
        temporary.unlink()
        if Path(path).exists():
            shutil.copyfile(path, temporary)
        try:
            with duckdb.connect(str(temporary)) as connection:
                count = append_gene_list(connection, rows, genome, species)
                connection.execute("CHECKPOINT")
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"no such database ({reason})", where=path, remedy="give another file") from None
    return count, left_out


def write_gsf(path: str | Path, annotation: str | Path, *, absolute: bool = False) -> tuple[int, dict[str, int]]:
    """Write the sentences of an annotation, a line each: gene, tab, sentence.

    Parameters
    ----------
    path
        File to write.
    annotation
        Annotation in GFF3 or GTF.
    absolute
        Coordinates count from the beginning of the sequence, not of the gene.

    Returns
    -------
    int
        Lines.
    dict
        By reason, genes without a sentence.
    """
    left_out: dict[str, int] = {}
    count = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        for gene in read_genes(annotation):
            text, reason = sentence_text(gene, 0 if absolute else gene.start)
            if text is None:
                left_out[reason] = left_out.get(reason, 0) + 1
            else:
                count += 1
                out.write(f"{gene.id}\t{text}\n")
        if not count:
            raise InputError("no gene has a sentence", where=annotation, remedy="give an annotation of coding genes")
    return count, left_out


def sentence_text(gene: Gene, offset: int) -> tuple[str | None, str]:
    """Return the sentence of a gene on a window that begins at `offset`, in the published order; or None and why."""
    part = expressible_part(gene)
    if part.gene is None:
        return None, part.reason or ""
    return published_text(sentence_of(part.gene, offset)), ""
