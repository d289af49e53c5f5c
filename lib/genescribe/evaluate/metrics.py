"""All measurements of one prediction, as written to `metrics.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from genescribe.evaluate.accuracy import summarize, tally
from genescribe.evaluate.bootstrap import intervals, paired_intervals
from genescribe.evaluate.calibration import Part, calibration
from genescribe.evaluate.lengths import compare_lengths
from genescribe.evaluate.proteins import compare_proteins
from genescribe.evaluate.regions import Stretch, overlapping, restrict
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
    groups: Mapping[str, str] | None = None,
    labelled_only: bool = False,
    parts: Mapping[Part, float] | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Score a prediction in every way that needs nothing but genes.

    Parameters
    ----------
    reference, predicted
        Genes of the reference annotation and of the prediction.
    regions
        Score only there (`genescribe.evaluate.regions.restrict`); everywhere if None.
    sequences
        Genome and code to translate with; without them "proteins" is missing.
    others
        More predictions, by name: "paired" says by how much `predicted` is better than each.
    groups
        Sequence -> group: "groups" scores each group by itself; a sequence without a group stands in none.
    labelled_only
        Only some genes are annotated: predicted genes that share no base with one of them, on its strand, are not
        scored.
    parts
        Probability of each predicted coding part, for "calibration".
    replicates, seed
        Of the bootstrap; no intervals where `replicates` is 0.

    Returns
    -------
    dict
        "cds" and "exon": level -> `accuracy.score` and "interval"; "spliced" and "unspliced": as "cds", on genes with
        and without an intron in a coding sequence; "proteins", "lengths", "left_out"; "paired" and "paired_spliced":
        name -> `bootstrap.paired_intervals`, on all genes and on spliced ones; "groups"; "calibration" of what has
        probabilities.
    """

    def scorable(genes: Sequence[Gene]) -> tuple[tuple[list[Gene], list[Gene]], dict[str, int]]:
        return _restricted(reference, genes, regions, labelled_only)

    scorable_genes, left_out = scorable(predicted)
    scored, answers = scorable_genes
    result: dict[str, Any] = {"left_out": left_out, "lengths": compare_lengths(scored, answers)}
    for level in get_args(Level):
        result[level] = _levels(scored, answers, level, replicates, seed)
    for name, spliced in (("spliced", True), ("unspliced", False)):
        part, answered = (_of_kind(some, spliced) for some in (scored, answers))
        result[name] = _levels(part, answered, "cds", replicates, seed)
    if sequences is not None:
        result["proteins"] = compare_proteins(scored, answers, *sequences)
    rivals = {name: scorable(other)[0][1] for name, other in (others or {}).items()}
    result["paired"] = {name: _paired(scored, answers, genes, replicates, seed) for name, genes in rivals.items()}
    spliced_sides = _of_kind(scored, True), _of_kind(answers, True)
    result["paired_spliced"] = {
        name: _paired(*spliced_sides, _of_kind(genes, True), replicates, seed) for name, genes in rivals.items()
    }
    result["calibration"] = calibration(scored, answers, parts or {})
    result["groups"] = {}
    for group in sorted(set((groups or {}).values())):
        part, answered = ([g for g in some if (groups or {}).get(g.seqid) == group] for some in (scored, answers))
        result["groups"][group] = _levels(part, answered, "cds", replicates, seed)
    return result


def is_spliced(gene: Gene) -> bool:
    """Whether any coding sequence of the gene has an intron."""
    return any(transcript.cds_introns for transcript in gene.transcripts)


def _restricted(
    reference: Sequence[Gene], predicted: Sequence[Gene], regions: Sequence[Stretch] | None, labelled_only: bool
) -> tuple[tuple[list[Gene], list[Gene]], dict[str, int]]:
    left_out = {"reference": 0, "predicted": 0}
    scored, answers = list(reference), list(predicted)
    if regions is not None:
        inside = restrict(reference, predicted, regions)
        scored, answers, left_out = inside.reference, inside.predicted, inside.left_out
    if labelled_only:
        near = overlapping(answers, scored)
        left_out = {**left_out, "predicted": left_out["predicted"] + len(answers) - len(near)}
        answers = near
    return (scored, answers), left_out


def _of_kind(genes: Sequence[Gene], spliced: bool) -> list[Gene]:
    return [gene for gene in genes if is_spliced(gene) == spliced]


def _paired(
    reference: Sequence[Gene], predicted: Sequence[Gene], rival: Sequence[Gene], replicates: int, seed: int
) -> dict[str, dict[str, dict[str, Any]]]:
    counts = tally(reference, rival, predicted)
    return paired_intervals(counts[0], counts[1], replicates, seed)


def _levels(
    reference: Sequence[Gene], predicted: Sequence[Gene], level: Level, replicates: int, seed: int
) -> dict[str, Any]:
    counts = tally(reference, predicted, level=level)[0]
    levels: dict[str, Any] = dict(summarize(counts.sum(axis=0)))
    if replicates:
        for name, interval in intervals(counts, replicates, seed).items():
            levels[name]["interval"] = interval
    return levels
