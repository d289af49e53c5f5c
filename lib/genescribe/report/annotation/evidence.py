"""How well reads and proteins support the genes: from what `genescribe.predict.support` wrote on each transcript."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from genescribe.genome.model import Gene, Transcript
from genescribe.predict.support import COVERAGE, ENOUGH, INTRONS, PROTEIN

CLASSES = ("all introns supported", "some introns supported", "no intron supported", "single exon")
"""Classes of support of a gene by reads, the best first: of the introns of its first transcript."""


@dataclass(slots=True)
class Support:
    """Support of the genes of an annotation.

    Attributes
    ----------
    introns, supported
        Introns of all genes, and those that evidence has.
    genes
        Number of genes of each of `CLASSES`.
    scores
        Sum of the probabilities of those genes, and the number of those that have one.
    proteins, covered
        Genes with half their coding bases or more aligned to one protein; covered by reads.
    """

    introns: int = 0
    supported: int = 0
    genes: Counter[str] = field(default_factory=Counter)
    scores: dict[str, tuple[float, int]] = field(default_factory=dict)
    proteins: int = 0
    covered: int = 0


def support_of(genes: Iterable[Gene]) -> Support:
    """Count the support of the genes, each by its first transcript."""
    support = Support()
    for gene in genes:
        transcript = gene.transcripts[0]
        supported, introns = intron_support(transcript)
        name = class_of(supported, introns)
        support.introns, support.supported = support.introns + introns, support.supported + supported
        support.genes[name] += 1
        if gene.score is not None:
            total, number = support.scores.get(name, (0.0, 0))
            support.scores[name] = total + gene.score, number + 1
        support.proteins += _share(transcript.attributes, PROTEIN) >= ENOUGH
        support.covered += _share(transcript.attributes, COVERAGE) >= ENOUGH
    return support


def intron_support(transcript: Transcript) -> tuple[int, int]:
    """Return how many introns evidence has, and how many there are."""
    supported, _, introns = transcript.attributes.get(INTRONS, "0/0").partition("/")
    return int(supported), int(introns)


def class_of(supported: int, introns: int) -> str:
    """Return the one of `CLASSES` that a gene belongs to.

    Examples
    --------
    >>> [class_of(*pair) for pair in ((2, 2), (1, 2), (0, 2), (0, 0))]
    ['all introns supported', 'some introns supported', 'no intron supported', 'single exon']
    """
    if not introns:
        return CLASSES[3]
    return CLASSES[0] if supported == introns else CLASSES[1] if supported else CLASSES[2]


def _share(attributes: Mapping[str, str], name: str) -> float:
    return float(attributes.get(name, "0").rpartition(":")[2])
