"""Genome-wide prediction: run every strand of every piece through a model and assemble one annotation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genescribe.files import temporary_folder
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene
from genescribe.genome.strand import Reject
from genescribe.predict.config import PredictConfig
from genescribe.predict.interface import PredictorFactory, StrandPrediction
from genescribe.predict.reconcile import Candidate, name_genes, resolve_overlaps, to_forward
from genescribe.predict.scan import job_of, scan
from genescribe.predict.stretches import Piece
from genescribe.predict.work_folder import StrandKey, Work


@dataclass(frozen=True, slots=True)
class GenomePrediction:
    """Genes of a genome, and rejected ones as rows of `rejects.jsonl`."""

    genes: list[Gene]
    rejects: list[dict[str, Any]]


def predict_genome(
    factory: PredictorFactory,
    fasta: str | Path | Genome,
    pieces: Sequence[Piece],
    config: PredictConfig,
    work: str | Path | None = None,
) -> GenomePrediction:
    """Annotate stretches of a genome.

    Both strands of each are read apart and reconciled; the result does not depend on chunks or workers.

    Parameters
    ----------
    factory
        Opens the model in each process.
    fasta
        The genome, or its file.
    pieces
        Stretches to annotate, in the order of the output: `genescribe.predict.stretches.pieces_of`.
    config
        Number of workers, filters, rules for overlaps.
    work
        Folder of unfinished work, from which a later call resumes; it is left there. One that others may use as well is
        to be held by `genescribe.predict.work_folder.work_folder`. None: a temporary one.
    """
    if work is None:
        with temporary_folder() as scratch:
            return predict_genome(factory, fasta, pieces, config, scratch / "work")
    genome = fasta if isinstance(fasta, Genome) else Genome.open(fasta)
    keeping = Work(work, job_of(factory, genome.path, pieces, config))
    scan(factory, genome, pieces, config, keeping)
    return assemble(pieces, keeping.done, config)


def assemble(
    pieces: Iterable[Piece], predictions: Mapping[StrandKey, StrandPrediction], config: PredictConfig
) -> GenomePrediction:
    """Make one annotation of the strands' genes: filter, resolve overlaps, give names.

    Parameters
    ----------
    pieces
        In the order of the output.
    predictions
        Of each strand of each piece.
    config
        Filters, and rules for overlaps.
    """
    candidates: dict[str, list[Candidate]] = defaultdict(list)
    rejects: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for piece in pieces:
        for strand in "+-":
            genes, refused = to_forward(
                piece.seqid, piece.start, piece.end, strand, predictions[piece.seqid, piece.start, piece.end, strand]
            )
            candidates[piece.seqid] += [item for item in genes if piece.wants(item.gene.start, item.gene.end)]
            rejects[piece.seqid] += [
                _reject_row(piece.seqid, strand, reject) for reject in refused if piece.wants(reject.start, reject.end)
            ]
    prediction = GenomePrediction([], [])
    for seqid, items in candidates.items():
        kept, dropped = _filtered(items, config)
        if config.opposite_strands == "resolve":
            kept, losers = resolve_overlaps(kept, config.max_overlap)
            for loser, winner in losers:
                place = [winner.gene.start, winner.gene.end, winner.gene.strand]
                dropped.append(_candidate_row(loser, "overlaps a better gene") | {"winner": place})
        else:
            kept = sorted(kept, key=lambda item: (item.gene.start, item.gene.end, item.gene.strand))
        prediction.genes.extend(name_genes(kept))
        rows = rejects[seqid] + dropped
        prediction.rejects.extend(
            sorted(rows, key=lambda row: (row["start"], row["end"], row["strand"], row["reason"]))
        )
    return prediction


def _filtered(candidates: Iterable[Candidate], config: PredictConfig) -> tuple[list[Candidate], list[dict[str, Any]]]:
    """Return genes that pass, and rows for the others. A gene without a probability passes any threshold."""
    kept, rejects = [], []
    for candidate in candidates:
        gene = candidate.gene
        if max(transcript.cds_length for transcript in gene.transcripts) < config.min_cds:
            rejects.append(_candidate_row(candidate, "short coding sequence"))
        elif gene.score is not None and gene.score < config.min_posterior:
            rejects.append(_candidate_row(candidate, "improbable"))
        else:
            kept.append(candidate)
    return kept, rejects


def _candidate_row(candidate: Candidate, reason: str) -> dict[str, Any]:
    gene = candidate.gene
    row = _reject_row(gene.seqid, gene.strand, Reject(gene.start, gene.end, reason))
    return row if gene.score is None else {**row, "posterior": gene.score}


def _reject_row(seqid: str, strand: str, reject: Reject) -> dict[str, Any]:
    return {"seqid": seqid, "strand": strand, "start": reject.start, "end": reject.end, "reason": reject.reason}
