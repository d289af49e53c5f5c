"""Annotations with known errors for testing metrics: random genes, and random edits of genes.

Everything follows from `random.Random(seed).random()` alone, whose values Python keeps from version to version, so that
numbers measured with another program on these annotations can be kept and compared with.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from genescribe.genome.model import Gene, Interval, Transcript

Parts = tuple[Interval, ...]


def random_genes(seed: int, number: int, *, sequences: int = 2, spread: int = 3000) -> list[Gene]:
    """Return genes on both strands whose CDS have 1 to 6 parts, with isoforms, overlaps and nested genes among them.

    Parameters
    ----------
    seed
        Of the random numbers.
    number
        Number of genes.
    sequences
        How many sequences they lie on.
    spread
        Mean bases of sequence for a gene; the smaller, the more they overlap.
    """
    draw = _Draw(seed)
    genes = []
    for index in range(number):
        start = draw.below(max(number * spread // sequences, 1))
        parts = _random_parts(draw, start)
        isoforms = [parts]
        while draw.chance(0.35):
            isoforms.append(_edit(draw, isoforms[draw.below(len(isoforms))]))
        seqid, strand = f"s{draw.below(sequences)}", "+-"[draw.below(2)]
        genes.append(_gene(f"g{index}", seqid, strand, isoforms))
    return genes


def perturb(genes: Sequence[Gene], seed: int, rate: float = 0.3) -> list[Gene]:
    """Return a prediction made from an annotation: genes kept, edited, lost, split, doubled, moved to the other strand.

    Parameters
    ----------
    genes
        Transcripts without CDS are dropped, for the result's exons are its coding parts.
    seed
        Of the random numbers.
    rate
        Chance that a gene is not kept as it is.
    """
    draw = _Draw(seed)
    edits: list[Callable[[_Draw, Gene], list[Gene]]] = [
        lambda draw, gene: [],
        *[_edited] * 3,
        lambda draw, gene: [gene, *_edited(draw, gene)],
        _split,
        lambda draw, gene: [replace(gene, strand="-" if gene.strand == "+" else "+")],
        lambda draw, gene: [replace(gene, transcripts=gene.transcripts[: 1 + draw.below(len(gene.transcripts))])],
    ]
    predicted: list[Gene] = []
    for gene in genes:
        isoforms = [t.cds for t in gene.transcripts if t.cds]
        if not isoforms:
            continue
        coding = _gene(gene.id, gene.seqid, gene.strand, isoforms)
        predicted += edits[draw.below(len(edits))](draw, coding) if draw.chance(rate) else [coding]
    return [replace(gene, id=f"p{i}") for i, gene in enumerate(predicted)]


class _Draw:
    """Random numbers of the few kinds needed here."""

    def __init__(self, seed: int) -> None:
        self._uniform = random.Random(seed).random

    def below(self, bound: int) -> int:
        return int(self._uniform() * bound)

    def chance(self, probability: float) -> bool:
        return self._uniform() < probability


def _random_parts(draw: _Draw, start: int) -> Parts:
    parts = []
    for _ in range(1 + draw.below(6)):
        end = start + 3 + draw.below(200)
        parts.append((start, end))
        start = end + 2 + draw.below(300)
    return tuple(parts)


def _edit(draw: _Draw, parts: Parts) -> Parts:
    """Move an end, drop a part, close an intron, or cut a new intron."""
    kind, index = draw.below(4), draw.below(len(parts))
    start, end = parts[index]
    if kind == 0 or end - start < 12:
        new = [(max(start - draw.below(9), 0), end) if draw.chance(0.5) else (start, end + draw.below(9))]
    elif kind == 1 and len(parts) > 1:
        new = []
    elif kind == 2 and index + 1 < len(parts):
        return (*parts[:index], (start, parts[index + 1][1]), *parts[index + 2 :])
    else:
        cut = start + 3 + draw.below(end - start - 8)
        new = [(start, cut), (cut + 2, end)]
    return _valid((*parts[:index], *new, *parts[index + 1 :]))


def _valid(parts: Parts) -> Parts:
    """Join parts that an edit made overlap."""
    joined = [parts[0]]
    for start, end in parts[1:]:
        if start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return tuple(joined)


def _gene(name: str, seqid: str, strand: str, isoforms: Sequence[Parts]) -> Gene:
    ordered = sorted(isoforms, key=lambda parts: (parts[0][0], parts[-1][1]))
    transcripts = tuple(Transcript(f"{name}.{i}", parts, parts) for i, parts in enumerate(ordered))
    return Gene(name, seqid, strand, transcripts)


def _edited(draw: _Draw, gene: Gene) -> list[Gene]:
    isoforms = [_edit(draw, t.cds) if draw.chance(0.7) else t.cds for t in gene.transcripts]
    return [_gene(gene.id, gene.seqid, gene.strand, isoforms)]


def _split(draw: _Draw, gene: Gene) -> list[Gene]:
    parts = gene.transcripts[0].cds
    cut = draw.below(len(parts))
    return [_gene(gene.id, gene.seqid, gene.strand, [piece]) for piece in (parts[:cut], parts[cut:]) if piece]
