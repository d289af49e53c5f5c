"""Combine two strands into one annotation: convert coordinates, resolve overlaps, assign names.

The rule: of two genes whose coding sequences share more than a share of the shorter one, the one of the higher log odds
stays. It is asked of genes on opposite strands; those of one strand come from one path and never overlap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from genescribe.genome.intervals import shared_length
from genescribe.genome.model import Gene, mirror, shifted
from genescribe.genome.strand import Reject
from genescribe.predict.interface import PredictedTranscript, StrandPrediction


@dataclass(frozen=True, slots=True)
class Candidate:
    """A predicted gene in forward coordinates, with its log odds."""

    gene: Gene
    log_odds: float


def to_forward(
    seqid: str, start: int, end: int, strand: str, prediction: StrandPrediction
) -> tuple[list[Candidate], list[Reject]]:
    """Turn the prediction of a strand of ``[start, end)`` of a sequence into the sequence's coordinates.

    Parameters
    ----------
    seqid
        Name of the sequence.
    start, end
        The stretch, 0-based and half-open.
    strand
        The strand that was read.
    prediction
        Its genes and rejects, in its own coordinates.
    """
    length = end - start
    isoforms: dict[tuple[str, int], list[PredictedTranscript]] = {}
    for number, predicted in enumerate(prediction.transcripts):
        own = ("", number) if predicted.gene is None else ("gene", predicted.gene)
        isoforms.setdefault(own, []).append(predicted)
    genes = []
    for some in isoforms.values():
        # One isoform is the gene; of several, none is as probable as the gene.
        score = some[0].transcript.score if some[0].gene is None else None
        gene = Gene("", seqid, "+", tuple(predicted.transcript for predicted in some), score=score)
        odds = max(predicted.log_odds for predicted in some)
        genes.append(Candidate(shifted(gene if strand == "+" else mirror(gene, length), start), odds))
    rejects = []
    for reject in prediction.rejects:
        low, high = (reject.start, reject.end) if strand == "+" else (length - reject.end, length - reject.start)
        rejects.append(Reject(low + start, high + start, reject.reason))
    return genes, rejects


def resolve_overlaps(
    candidates: list[Candidate], maximum_share: float
) -> tuple[list[Candidate], list[tuple[Candidate, Candidate]]]:
    """Keep the better of two genes whose coding sequences overlap by more than a share of the shorter.

    Greedy by log odds per base, highest first; ties by position, so that the result does not depend on the order of
    `candidates`.

    Returns
    -------
    kept
        In order of position.
    dropped
        Each with the gene that it lost to.
    """

    def rank(candidate: Candidate) -> tuple[float, str, int, int, str]:
        gene = candidate.gene
        return (-candidate.log_odds, gene.seqid, gene.start, gene.end, gene.strand)

    kept: list[Candidate] = []
    dropped: list[tuple[Candidate, Candidate]] = []
    grid: dict[tuple[str, int], list[Candidate]] = {}
    for candidate in sorted(candidates, key=rank):
        cells = _cells(candidate.gene)
        rivals = {id(rival): rival for cell in cells for rival in grid.get(cell, ())}.values()
        winner = next((rival for rival in rivals if _overlap(candidate, rival) > maximum_share), None)
        if winner is not None:
            dropped.append((candidate, winner))
            continue
        kept.append(candidate)
        for cell in cells:
            grid.setdefault(cell, []).append(candidate)
    return sorted(kept, key=lambda c: (c.gene.seqid, c.gene.start, c.gene.end, c.gene.strand)), dropped


_CELL = 10_000


def _cells(gene: Gene) -> list[tuple[str, int]]:
    return [(gene.seqid, cell) for cell in range(gene.start // _CELL, (gene.end - 1) // _CELL + 1)]


def _overlap(a: Candidate, b: Candidate) -> float:
    first, second = a.gene.transcripts[0], b.gene.transcripts[0]
    return shared_length(first.cds, second.cds) / max(1, min(first.cds_length, second.cds_length))


def name_genes(candidates: list[Candidate]) -> list[Gene]:
    """Return the genes of one sequence named by it and their order, so that names do not depend on batches."""
    genes = []
    for number, candidate in enumerate(candidates, start=1):
        identifier = f"{candidate.gene.seqid}_g{number:06d}"
        transcripts = tuple(
            replace(transcript, id=f"{identifier}.t{index}")
            for index, transcript in enumerate(candidate.gene.transcripts, start=1)
        )
        genes.append(replace(candidate.gene, id=identifier, transcripts=transcripts, biotype="protein_coding"))
    return genes
