"""The genome-wide driver: every strand of every sequence through a model, in parallel, into one annotation."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from genescribe.genome.alphabet import reverse_complement
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene
from genescribe.predict.config import PredictConfig
from genescribe.predict.reconcile import Candidate, name_genes, resolve_overlaps, to_forward
from genescribe.predict.strand import PredictorFactory, Reject, StrandPrediction


@dataclass(frozen=True, slots=True)
class GenomePrediction:
    """Genes of a genome and what was found but not written, as rows of `rejects.jsonl`."""

    genes: list[Gene]
    rejects: list[dict[str, Any]]


def predict_genome(
    factory: PredictorFactory, fasta: str | Path, seqids: Sequence[str], config: PredictConfig
) -> GenomePrediction:
    """Annotate the named sequences of a genome.

    Both strands of each sequence are read apart and reconciled; the result is the same whatever the number of
    workers.

    Parameters
    ----------
    factory
        Gives the model.
    fasta
        The genome.
    seqids
        Sequences to annotate, in the order of the output.
    config
        Workers, filters.
    """
    genome = Genome.open(fasta)
    tasks = [(seqid, strand) for seqid in seqids for strand in "+-"]
    found: dict[tuple[str, str], StrandPrediction] = {}
    total = 2 * sum(genome.lengths[seqid] for seqid in seqids)
    # Longest first fills the workers evenly; results are collected by name, so the order does not show.
    queue = sorted(tasks, key=lambda task: -genome.lengths[task[0]])
    with tqdm(total=total, unit="b", unit_scale=True, desc="predict", disable=None) as bar:
        for task, prediction in _run(factory, str(fasta), queue, config.workers):
            found[task] = prediction
            bar.update(genome.lengths[task[0]])
    genes: list[Gene] = []
    rejects: list[dict[str, Any]] = []
    for seqid in seqids:
        kept, dropped = _sequence(seqid, genome.lengths[seqid], found, config)
        genes.extend(name_genes(kept))
        rejects.extend(dropped)
    return GenomePrediction(genes, rejects)


def _sequence(
    seqid: str, length: int, found: dict[tuple[str, str], StrandPrediction], config: PredictConfig
) -> tuple[list[Candidate], list[dict[str, Any]]]:
    candidates: list[Candidate] = []
    rejects: list[dict[str, Any]] = []
    for strand in "+-":
        genes, refused = to_forward(seqid, strand, length, found[seqid, strand])
        rejects.extend(_reject_row(seqid, strand, reject) for reject in refused)
        for candidate in genes:
            if candidate.gene.transcripts[0].cds_length < config.minimum_cds:
                too_short = Reject(candidate.gene.start, candidate.gene.end, "short coding sequence")
                rejects.append(_reject_row(seqid, strand, too_short))
            else:
                candidates.append(candidate)
    kept, dropped = resolve_overlaps(candidates, config.maximum_overlap)
    for loser, winner in dropped:
        row = _reject_row(seqid, loser.gene.strand, Reject(loser.gene.start, loser.gene.end, "overlaps a better gene"))
        row["winner"] = [winner.gene.start, winner.gene.end, winner.gene.strand]
        rejects.append(row)
    rejects.sort(key=lambda row: (row["start"], row["end"], row["strand"], row["reason"]))
    return kept, rejects


def _reject_row(seqid: str, strand: str, reject: Reject) -> dict[str, Any]:
    return {"seqid": seqid, "strand": strand, "start": reject.start, "end": reject.end, "reason": reject.reason}


_Task = tuple[str, str]


class _Worker:
    """State of one process: the model and the genome, loaded once."""

    def __init__(self, factory: PredictorFactory, fasta: str) -> None:
        # One thread a process: results do not depend on how many processes share the machine.
        torch.set_num_threads(1)
        self.predictor, self.genome = factory(), Genome.open(fasta)

    def __call__(self, task: _Task) -> tuple[_Task, StrandPrediction]:
        seqid, strand = task
        codes = self.genome.codes(seqid)
        return task, self.predictor.predict_strand(codes if strand == "+" else reverse_complement(codes))


_worker: _Worker | None = None


def _initialise(factory: PredictorFactory, fasta: str) -> None:
    global _worker
    _worker = _Worker(factory, fasta)


def _work(task: _Task) -> tuple[_Task, StrandPrediction]:
    assert _worker is not None
    return _worker(task)


def _run(
    factory: PredictorFactory, fasta: str, tasks: list[_Task], workers: int
) -> Iterator[tuple[_Task, StrandPrediction]]:
    if min(workers, len(tasks)) <= 1:
        threads = torch.get_num_threads()
        try:
            yield from map(_Worker(factory, fasta), tasks)
        finally:
            torch.set_num_threads(threads)
        return
    # Spawned, since a forked torch may hang; an executor, since it notices a worker that is killed.
    with ProcessPoolExecutor(
        min(workers, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_initialise,
        initargs=(factory, fasta),
    ) as pool:
        for future in as_completed([pool.submit(_work, task) for task in tasks]):
            yield future.result()
