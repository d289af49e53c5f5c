"""Assign sequences to cross-validation folds of similar size, with homologous genes in one fold.

Sequences that hold homologous proteins are joined into clusters (single linkage; `genescribe.bake.leakage`, at a lower
share of words in common than its report); the clusters are packed into folds. Of the clusters outside a fold some
validate. A gene has no homologue in another part that this search finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from genescribe.bake.leakage import Sketch, connected, similar_pairs, sketch
from genescribe.data.cursor import hash64
from genescribe.errors import InputError
from genescribe.genome.batches import balance
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
    pairs, _ = similar_pairs(sketches, sides, similar=SIMILAR)
    groups: dict[int, list[str]] = {}
    cluster = connected(len(seqids), np.array(sides, dtype=np.int64)[pairs])
    for seqid, number in zip(seqids, cluster.tolist(), strict=True):
        groups.setdefault(number, []).append(seqid)
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
    packed = balance({i: len(groups[i]) for i in order}, number)
    position = {seqid: place for place, seqid in enumerate(seqid for group in groups for seqid in group)}
    folds = []
    for inside in packed:
        outside = [i for i in order if i not in inside]
        wanted = validation * sum(len(groups[i]) for i in outside)
        validating: list[int] = []
        # The smallest groups first: what trains keeps the large families.
        for i in sorted(outside, key=lambda i: (len(groups[i]), int(drawn[i]))):
            if sum(len(groups[j]) for j in validating) + len(groups[i]) > wanted:
                break
            validating.append(i)
        parts = ([i for i in outside if i not in validating], validating, inside)
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
