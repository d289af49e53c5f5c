"""Assign sequences to cross-validation folds of similar size, with homologous genes in one fold.

Sequences that hold homologous proteins are joined into clusters (single linkage; `genescribe.bake.leakage`, at a lower
share of words in common than its report); the clusters are packed into folds. Of the clusters outside a fold some
validate. A gene has no homologue in another part that this search finds.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from genescribe.bake.leakage import Sketch, similar_pairs, sketch
from genescribe.data.cursor import hash64
from genescribe.errors import InputError
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene
from genescribe.genome.products import coding_codes, translate

SIMILAR = 0.05
"""Share of words in common from which two proteins go into one fold: about 60 % identity."""


class Fold(NamedTuple):
    """The sequences of one fold, in the genome's order."""

    train: list[str]
    validation: list[str]
    test: list[str]


def clusters(genes: Iterable[Gene], genome: Genome, code: GeneticCode, seqids: Sequence[str]) -> list[list[str]]:
    """Return the sequences in groups that share homologous proteins, in the order of their first members.

    Parameters
    ----------
    genes
        Of these sequences and others; every isoform counts.
    genome, code
        Sequences and genetic code, by which genes are translated.
    seqids
        The sequences to group.
    """
    place = {seqid: number for number, seqid in enumerate(seqids)}
    sides: list[int] = []
    sketches: list[Sketch] = []
    for gene in genes:
        for transcript in gene.transcripts:
            if transcript.cds and gene.seqid in place:
                sides.append(place[gene.seqid])
                sketches.append(sketch(translate(coding_codes(genome, gene, transcript), transcript, code)))
    parent = list(range(len(seqids)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    for _, left, right in similar_pairs(sketches, sides, SIMILAR):
        a, b = sorted((root(sides[left]), root(sides[right])))
        parent[b] = a
    groups: dict[int, list[str]] = {}
    for number, seqid in enumerate(seqids):
        groups.setdefault(root(number), []).append(seqid)
    return list(groups.values())


def assign_folds(groups: Sequence[Sequence[str]], number: int, validation: float, seed: int) -> list[Fold]:
    """Return the folds: each group is tested in one of them, and validates or trains as a whole in the others.

    Parameters
    ----------
    groups
        Disjoint groups of sequences.
    number
        Number of folds.
    validation
        Share of the sequences outside a fold that validate, as nearly as whole groups allow from below.
    seed
        Decides among groups of one size.

    Raises
    ------
    InputError
        Fewer groups than folds.
    """
    if len(groups) < number:
        raise InputError(
            f"{len(groups)} groups of sequences without homologues in common, for {number} folds",
            where="folds",
            remedy="use fewer folds, or splits by region",
        )
    drawn = hash64(hash64(np.array([seed], dtype=np.uint64)) ^ np.arange(len(groups), dtype=np.uint64))
    order = sorted(range(len(groups)), key=lambda i: (-len(groups[i]), int(drawn[i])))
    home = _pack([len(groups[i]) for i in order], number)
    position = {seqid: place for place, seqid in enumerate(seqid for group in groups for seqid in group)}
    folds = []
    for fold in range(number):
        outside = [i for i, at in zip(order, home, strict=True) if at != fold]
        wanted = validation * sum(len(groups[i]) for i in outside)
        validating: list[int] = []
        # The smallest groups first: what trains keeps the large families.
        for i in sorted(outside, key=lambda i: (len(groups[i]), int(drawn[i]))):
            if sum(len(groups[j]) for j in validating) + len(groups[i]) > wanted:
                break
            validating.append(i)
        parts = ([i for i in outside if i not in validating], validating, [i for i in order if i not in outside])
        seqids = ([seqid for i in part for seqid in groups[i]] for part in parts)
        folds.append(Fold(*(sorted(names, key=position.__getitem__) for names in seqids)))
    return folds


def summary(groups: Sequence[Sequence[str]], folds: Sequence[Fold]) -> Mapping[str, object]:
    """Return a summary of folds, as JSON values."""
    return {
        "sequences": sum(map(len, groups)),
        "groups": len(groups),
        "largest_group": max(map(len, groups)),
        "folds": [{split: len(names) for split, names in fold._asdict().items()} for fold in folds],
    }


def _pack(sizes: Sequence[int], number: int) -> list[int]:
    """Return the fold of each group: always the one with the fewest sequences so far."""
    heap = [(0, fold) for fold in range(number)]
    home = []
    for size in sizes:
        total, fold = heapq.heappop(heap)
        home.append(fold)
        heapq.heappush(heap, (total + size, fold))
    return home
