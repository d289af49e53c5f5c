"""Summary statistics of the predicted genes, and warnings if they differ from those of the training genomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from genescribe.genome.model import Gene
from genescribe.predict.stretches import Piece

ENOUGH_BASES, ENOUGH_GENES = 200_000, 20
"""Below these, numbers say too little to warn of."""
TOLERANCE = {"genes_per_mb": 3.0, "mean_cds_length": 2.0, "mean_exons": 2.5}
"""Number -> by which factor it may differ from the training genomes, up or down."""
LOW_POSTERIOR, ENOUGH_SCORES = 0.5, 10
"""A mean probability below this is told, from so many genes on. It is 0.94 on yeast and 0.71 on the fly, whose genomes
models were trained on; 0.40 on Plasmodium with the parameters of a plant, and 0.23 on a yeast with those of the fly."""
_NAMES = {
    "genes_per_mb": "genes per Mb",
    "mean_cds_length": "coding bases per gene",
    "mean_exons": "coding exons per gene",
}


def summarise(genes: Sequence[Gene], pieces: Sequence[Piece]) -> dict[str, float]:
    """Return the number of genes, and per gene the mean CDS, exons and probability; means of no gene are left out."""
    bases = sum(end - start for piece in pieces for start, end in piece.regions)
    transcripts = [gene.transcripts[0] for gene in genes]
    density = round(1e6 * len(genes) / max(bases, 1), 2)
    row: dict[str, float] = {"genes": len(genes), "bases": bases, "genes_per_mb": density}
    if genes:
        row["mean_cds_length"] = round(mean(t.cds_length for t in transcripts), 1)
        row["mean_exons"] = round(mean(len(t.cds) for t in transcripts), 3)
        row["partial_genes"] = sum(t.partial5 or t.partial3 for t in transcripts)
    scores = [gene.score for gene in genes if gene.score is not None]
    if scores:
        row["mean_posterior"] = round(mean(scores), 4)
    return row


def warnings_of(predicted: Mapping[str, float], trained: Mapping[str, float]) -> list[str]:
    """Return a line for a low mean probability, and for each number that is far from that of the training genomes.

    Examples
    --------
    >>> few = {"genes": 30, "bases": 10_000_000, "genes_per_mb": 3.0, "mean_cds_length": 1400.0, "mean_exons": 1.1}
    >>> warnings_of(few, {"genes_per_mb": 480.0, "mean_cds_length": 1480.0, "mean_exons": 1.05})
    ['3.00 genes per Mb; the training genomes have 480.00: is this model meant for this genome?']
    """
    lines = []
    posterior = predicted.get("mean_posterior", 1.0)
    if posterior < LOW_POSTERIOR and predicted["genes"] >= ENOUGH_SCORES:
        lines.append(
            f"the model expects only {100 * posterior:.0f}% of its genes to be exactly right (mean_posterior "
            f"{posterior:.2f}): the genome may be unlike those of its training, or its genes hard to find; reads or "
            "proteins help (--bam, --proteins), as may another --model or --species, or training on a relative"
        )
    if predicted["bases"] < ENOUGH_BASES:
        return lines
    for name, factor in TOLERANCE.items():
        if name not in trained or (name != "genes_per_mb" and predicted["genes"] < ENOUGH_GENES):
            continue
        here, there = predicted.get(name, 0.0), trained[name]
        if here * factor < there or here > there * factor:
            shown = f"{here:.2f} {_NAMES[name]}; the training genomes have {there:.2f}"
            lines.append(f"{shown}: is this model meant for this genome?")
    return lines
