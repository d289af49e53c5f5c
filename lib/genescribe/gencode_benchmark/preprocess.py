"""Data of the Gencode segmentation benchmark: annotation and genome to labelled windows. Imports no torch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from genescribe.bake.batch import bake_batch
from genescribe.bake.config import BakeConfig, BakeJob
from genescribe.bake.splits import Splits
from genescribe.bake.stats import sum_stats
from genescribe.errors import InputError
from genescribe.files import read_json, write_json
from genescribe.gencode_benchmark.json_lines import write_json_lines
from genescribe.genome.batches import balance
from genescribe.genome.catalogue.database import build_catalogue
from genescribe.genome.fasta import Genome
from genescribe.processes import process_pool

FILES = {"train": "train", "validation": "val", "test": "test"}
"""Split -> beginning of the names of its files."""

_logger = logging.getLogger("genescribe.benchmark")


def preprocess(
    gtf: Path, fasta: Path, folder: Path, splits: Splits, config: BakeConfig, *, workers: int = 1, genetic_code: int = 1
) -> list[Path]:
    """Load an annotation and bake its genome's windows; return the folders of shards.

    Parameters
    ----------
    gtf, fasta
        Annotation (GTF or GFF3, well-formed) and genome.
    folder
        Gets `catalogue.duckdb`, `shards/<n>/`, `<split>.jsonl` and `<split>_segment_stats.json`.
    splits
        Sequences, or regions of them, for training, validation and test; others are left out.
    config
        Options of windows and labels.
    workers
        Number of processes that bake.
    genetic_code
        Number of the NCBI translation table.

    Raises
    ------
    InputError
        A sequence or region of `splits` that the genome has not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    catalogue = folder / "catalogue.duckdb"
    genome = Genome.open(fasta)
    lengths = genome.lengths
    try:
        used = splits.regions(lengths)
    except InputError as error:
        raise InputError(error.what, where=fasta, remedy="correct --train-, --val-, --test-chroms") from None
    job = BakeJob("genome", config, splits, genetic_code=genetic_code)
    batches = balance({name: lengths[name] for name in lengths if name in used}, max(1, workers))
    shards = [folder / "shards" / str(number) for number in range(len(batches))]
    with process_pool(max(1, len(batches) - 1), get_context("spawn")) as processes:
        # This process is one of those that bake; the others start while it loads the annotation.
        for seqids in batches[1:]:
            processes.submit(_make_ready, genome.plain, seqids)
        build_catalogue(genome.plain, gtf, catalogue, genetic_code, tolerant=True)
        _logger.info("baking %d sequences in %d processes", len(used), len(batches))
        jobs = [
            processes.submit(bake_batch, catalogue, genome.plain, job, seqids, target)
            for seqids, target in zip(batches[1:], shards[1:], strict=True)
        ]
        bake_batch(catalogue, genome.plain, job, batches[0], shards[0])
        for done in jobs:
            done.result()
        # The training file is as long as the others together, and longer.
        others = processes.submit(write_json_lines, shards, folder, {s: n for s, n in FILES.items() if s != "train"})
        write_json_lines(shards, folder, {"train": FILES["train"]})
        others.result()
    stats = sum_stats(read_json(shard / "stats.json") for shard in shards)
    for split, name in FILES.items():
        write_json(folder / f"{name}_segment_stats.json", segment_stats(stats["splits"][split]))
    return shards


def _make_ready(fasta: Path, seqids: list[str]) -> None:
    """Read sequences once, so that modules are imported and files are cached before the clock starts."""
    genome = Genome.open(fasta)
    for seqid in seqids:
        genome.codes(seqid)


def segment_stats(split: Mapping[str, Any]) -> dict[str, dict[str, float | int | None]]:
    """Return number, mean, median, standard deviation, minimum and maximum of each label's whole segments."""
    result: dict[str, dict[str, float | int | None]] = {}
    for name, durations in split["durations"].items():
        lengths = np.repeat(*np.array(durations, dtype=np.int64).reshape(-1, 2).T)
        many = len(lengths) > 0
        result[name] = {
            "count": len(lengths),
            "mean": float(lengths.mean()) if many else None,
            "median": float(np.median(lengths)) if many else None,
            "std": float(lengths.std()) if many else None,
            "min": int(lengths.min()) if many else None,
            "max": int(lengths.max()) if many else None,
        }
    return result
