"""Cautions on an annotation, in words to act on."""

from __future__ import annotations

from genescribe.predict.summary import ENOUGH_BASES
from genescribe.report.annotation.numbers import BaseCounts, GeneNumbers

UNMASKED, REPETITIVE = 0.01, 20_000_000
"""Share of soft-masked bases below which a genome counts as unmasked; bases from which repeats are to be expected."""
IN_REPEATS = 0.05
"""Share of genes that lie in repeats, from which it is told."""
GAPS = 0.1
"""Share of N from which it is told."""
EMPTY = 0.5
"""Share of sequences without a gene from which it is told."""


def cautions(bases: BaseCounts, genes: GeneNumbers, in_repeats: int, least_posterior: float) -> list[str]:
    """Return the warnings that the numbers of an annotation call for, a text each.

    Parameters
    ----------
    bases, genes
        Numbers of bases and of genes.
    in_repeats
        Genes that lie mostly in soft-masked bases.
    least_posterior
        The option `min_posterior`.
    """
    lines = []
    if bases.total >= REPETITIVE and bases.masked < UNMASKED * bases.total:
        lines.append(
            "The genome is not soft-masked. Genes of transposons are then easily annotated as genes of the host. Mask "
            "repeats in lower case (for example with RepeatModeler and RepeatMasker -xsmall) and annotate again."
        )
    if len(genes) and in_repeats >= IN_REPEATS * len(genes):
        lines.append(
            f"{in_repeats:,} genes ({share(in_repeats, len(genes))}) have at least half of their coding bases in "
            "soft-masked repeats and may belong to transposons. Compare their proteins with a database of transposons "
            "before you count them."
        )
    if bases.total and bases.total - bases.known >= GAPS * bases.total:
        lines.append(
            f"{share(bases.total - bases.known, bases.total)} of the assembly is N. Genes that reach into gaps are "
            "missing or cut short."
        )
    if bases.sequences > 1 and genes.empty >= EMPTY * bases.sequences:
        lines.append(
            f"{genes.empty:,} of {bases.sequences:,} sequences have no gene. In a fragmented assembly many genes are "
            "cut by the end of a sequence: --partial writes those as well."
        )
    if bases.total < ENOUGH_BASES:
        lines.append(
            f"Only {bases.total:,} bases were annotated: too few to compare the genes with those of the training "
            "genomes."
        )
    if least_posterior > 0:
        lines.append(f"Genes with a probability below {least_posterior:g} were left out (--min-posterior).")
    return lines


def share(part: float, total: float) -> str:
    """Return a share in percent.

    Examples
    --------
    >>> share(1, 8), share(1, 3000), share(0, 0)
    ('12.5%', '0.03%', '–')
    """
    if not total:
        return "–"
    percent = 100 * part / total
    return f"{percent:.2f}%" if 0 < percent < 0.1 else f"{percent:.1f}%"
