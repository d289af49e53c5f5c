"""Rows of genes in the order of their coordinates, as tabix and genome browsers want them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from genescribe.errors import InputError
from genescribe.files import atomic_path
from genescribe.genome.model import Gene


def write_rows(
    path: str | Path,
    genes: Iterable[Gene],
    lengths: Mapping[str, int],
    rows_of: Callable[[Gene], Iterable[tuple[int, str]]],
    head: Iterable[str] = (),
) -> None:
    """Write the rows of genes by sequence and start, in one step.

    Parameters
    ----------
    path
        File to write; one that exists is replaced.
    genes
        Genes in any order.
    lengths
        Bases of each sequence, in the order to write.
    rows_of
        Rows of a gene, a start and a line each; called in the order of sequence, start, end and ID.
    head
        Lines to stand at the top.

    Raises
    ------
    InputError
        A gene on an unknown sequence or past its end.
    """
    ordered = _ordered(genes, lengths, path)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(head)
        out.writelines(_in_order((gene, rows_of(gene)) for gene in ordered))


def comments(header: Iterable[str]) -> Iterator[str]:
    """Yield texts as comment lines."""
    return (f"#{' '.join(line.split())}\n" for line in header)


def _ordered(genes: Iterable[Gene], lengths: Mapping[str, int], path: str | Path) -> list[Gene]:
    order = {seqid: number for number, seqid in enumerate(lengths)}
    genes = list(genes)
    for gene in genes:
        if gene.seqid not in lengths or gene.start < 0 or gene.end > lengths[gene.seqid]:
            raise InputError(
                f"gene {gene.id} lies at {gene.seqid}:{gene.start + 1}-{gene.end}, outside the genome",
                where=path,
                remedy="give the genome that the genes were found in",
            )
    return sorted(genes, key=lambda gene: (order[gene.seqid], gene.start, gene.end, gene.id))


def _in_order(genes: Iterable[tuple[Gene, Iterable[tuple[int, str]]]]) -> Iterator[str]:
    """Yield the rows of genes by sequence and start; of rows with the same start, in the order given.

    A row comes after those that it belongs to, if that is so within its gene: no part begins before its parent.
    """
    waiting: list[tuple[int, int, str]] = []
    seqid, number = "", 0
    for gene, rows in genes:
        while waiting and (gene.seqid != seqid or waiting[0][0] < gene.start):
            yield heapq.heappop(waiting)[2]
        seqid = gene.seqid
        for start, line in rows:
            heapq.heappush(waiting, (start, number, line))
            number += 1
    while waiting:
        yield heapq.heappop(waiting)[2]
