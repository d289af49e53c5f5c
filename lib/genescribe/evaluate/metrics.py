"""Everything that is measured on one prediction, as it stands in `metrics.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from genescribe.evaluate.accuracy import summarize, tally
from genescribe.evaluate.bootstrap import intervals, paired_intervals
from genescribe.evaluate.lengths import compare_lengths
from genescribe.evaluate.proteins import compare_proteins
from genescribe.evaluate.regions import Stretch, restrict
from genescribe.evaluate.structures import Level
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene


def measure(
    reference: Sequence[Gene],
    predicted: Sequence[Gene],
    *,
    regions: Sequence[Stretch] | None = None,
    sequences: tuple[Genome, GeneticCode] | None = None,
    others: Mapping[str, Sequence[Gene]] | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Score a prediction in every way that needs nothing but genes.

    Parameters
    ----------
    reference, predicted
        Annotations.
    regions
        Score only there (`genescribe.evaluate.regions.restrict`); everywhere if None.
    sequences
        Genome and code to translate with; without them "proteins" is missing.
    others
        More predictions, by name: "paired" says by how much `predicted` is better than each.
    replicates, seed
        Of the bootstrap; no intervals where `replicates` is 0.

    Returns
    -------
    dict
        "cds" and "exon": level -> `accuracy.score` and "interval"; "spliced" and "unspliced": the level gene on genes
        with and without an intron in a coding sequence; "proteins", "lengths", "paired", "left_out".
    """
    kept, left_out = _restricted(reference, predicted, regions)
    scored, answers = kept
    result: dict[str, Any] = {"left_out": left_out, "lengths": compare_lengths(scored, answers)}
    for level in get_args(Level):
        result[level] = _levels(scored, answers, level, replicates, seed)
    for name, spliced in (("spliced", True), ("unspliced", False)):
        part, answered = ([gene for gene in some if is_spliced(gene) == spliced] for some in (scored, answers))
        result[name] = _levels(part, answered, "cds", replicates, seed)["gene"]
    if sequences is not None:
        result["proteins"] = compare_proteins(scored, answers, *sequences)
    result["paired"] = {}
    for name, other in (others or {}).items():
        (_, rival), _ = _restricted(reference, other, regions)
        counts = tally(scored, rival, answers)
        result["paired"][name] = paired_intervals(counts[0], counts[1], replicates, seed)
    return result


def is_spliced(gene: Gene) -> bool:
    """Whether any coding sequence of the gene has an intron."""
    return any(transcript.cds_introns for transcript in gene.transcripts)


def _restricted(
    reference: Sequence[Gene], predicted: Sequence[Gene], regions: Sequence[Stretch] | None
) -> tuple[tuple[list[Gene], list[Gene]], dict[str, int]]:
    if regions is None:
        return (list(reference), list(predicted)), {"reference": 0, "predicted": 0}
    inside = restrict(reference, predicted, regions)
    return (inside.reference, inside.predicted), inside.left_out


def _levels(
    reference: Sequence[Gene], predicted: Sequence[Gene], level: Level, replicates: int, seed: int
) -> dict[str, Any]:
    counts = tally(reference, predicted, level=level)[0]
    found: dict[str, Any] = dict(summarize(counts.sum(axis=0)))
    if replicates:
        for name, interval in intervals(counts, replicates, seed).items():
            found[name]["interval"] = interval
    return found
