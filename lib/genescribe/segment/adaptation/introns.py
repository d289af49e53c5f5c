"""Information content of the ends of predicted introns, which is low if many are spurious."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene
from genescribe.predict.stretches import Piece

DONOR, ACCEPTOR = (3, 6), (12, 3)
"""Bases before and behind a donor and an acceptor that are compared."""
_BASES = 4


def intron_bits(genome: Genome, pieces: Sequence[Piece], genes: Sequence[Gene]) -> float:
    """Return the information at the ends of introns, in bits: relative entropy to the genome's bases, summed.

    It is corrected for the number of introns (Schneider et al. 1986, J. Mol. Biol. 188:415), so that few introns seem
    no more alike than many; nan if there are none.

    Parameters
    ----------
    genome, pieces
        Sequences, and the stretches of them in which the genes lie.
    genes
        Predicted genes; of each the first transcript counts.
    """
    by_seqid = defaultdict[str, list[Gene]](list)
    for gene in genes:
        by_seqid[gene.seqid].append(gene)
    composition, ends = np.zeros(_BASES), list[Codes]()
    for piece in pieces:
        codes = genome.codes(piece.seqid, piece.start, piece.end)
        composition += np.bincount(codes[codes < _BASES], minlength=_BASES)
        for gene in by_seqid[piece.seqid]:
            if piece.start <= gene.start and gene.end <= piece.end:
                ends += [
                    _ends(codes, start - piece.start, end - piece.start, gene.strand) for start, end in _introns(gene)
                ]
    # The end of a sequence may cut the window.
    ends = [bases for bases in ends if len(bases) == sum(DONOR) + sum(ACCEPTOR)]
    if not ends:
        return math.nan
    return _relative_entropy(np.stack(ends), (composition + composition[::-1]) / (2 * composition.sum()))


def _introns(gene: Gene) -> Sequence[tuple[int, int]]:
    return gene.transcripts[0].cds_introns


def _ends(codes: Codes, start: int, end: int, strand: str) -> Codes:
    """Return the bases around donor and acceptor of an intron, on its strand."""
    first, last = (DONOR, ACCEPTOR) if strand == "+" else (ACCEPTOR[::-1], DONOR[::-1])
    both = np.concatenate([codes[start - first[0] : start + first[1]], codes[end - last[0] : end + last[1]]])
    return both if strand == "+" else reverse_complement(both)


def _relative_entropy(rows: NDArray[np.uint8], background: NDArray[np.float64]) -> float:
    counts = np.stack([(rows == base).sum(axis=0) for base in range(_BASES)])
    shares = counts / np.maximum(1, counts.sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.nansum(shares * np.log2(shares / background[:, None]))
    return float(bits - rows.shape[1] * (_BASES - 1) / (2 * math.log(2) * len(rows)))
