"""Rows of genes in the order of their coordinates, as tabix and genome browsers want them."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from genescribe.errors import InputError
from genescribe.genome.model import Gene


def ordered_genes(genes: Iterable[Gene], lengths: Mapping[str, int], path: str | Path) -> list[Gene]:
    """Return the genes by sequence, start, end and ID.

    Parameters
    ----------
    genes
        Genes in any order.
    lengths
        Bases of each sequence, in the order to write.
    path
        The file that they are written to, for the message.

    Raises
    ------
    InputError
        A gene on an unknown sequence or past its end.
    """
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


def in_order(genes: Iterable[tuple[Gene, Iterable[tuple[int, str]]]]) -> Iterator[str]:
    """Yield the rows of genes by sequence and start; of rows with the same start, in the order given.

    A row comes after those that it belongs to, if that is so within its gene: no part begins before its parent.

    Parameters
    ----------
    genes
        By sequence and start; each with its rows, a start and a line each.
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
