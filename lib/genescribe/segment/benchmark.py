"""The Gencode segmentation benchmark as its users know it: preprocess, train, compare, over the common stages."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from genescribe.bake.batch import bake_batch
from genescribe.bake.config import BakeConfig, BakeJob
from genescribe.bake.splits import Splits
from genescribe.bake.stats import sum_stats
from genescribe.config import from_mapping
from genescribe.data.dataset import ShardDataset
from genescribe.data.sample import Sample, labels_from_runs
from genescribe.errors import InputError
from genescribe.evaluate.label_counts import LabelCounts, pool
from genescribe.evaluate.label_scores import HEADLINES, compare, summarise
from genescribe.families import family
from genescribe.files import atomic_path, read_json, write_json
from genescribe.genome.alphabet import decode, unmasked
from genescribe.genome.catalogue import build_catalogue
from genescribe.genome.fasta import Genome
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.label_report import COUNTS, SCORES, score_labels
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train
from genescribe.workflow.batches import balance

DEFAULTS: dict[str, Any] = {
    "family": "segment",
    "model": {"head": "semicrf", "max_duration": 500, "encoder": {"kind": "bilstm", "hidden_dim": 256}},
    "train": {"epochs": 50, "batch_size": 32, "lr": 1e-3, "weight_decay": 1e-5},
}
"""Of the benchmark's `train`, where they are not those of `scripts/train.py`."""
FILES = {"train": "train", "validation": "val", "test": "test"}
"""Split -> beginning of the names of its files."""
HEADS = ("pytorch-crf", "linear", "semicrf")

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
        Gets `catalogue.duckdb`, `shards/<n>/` and `<split>_segment_stats.json`.
    splits
        Which sequences train, validate and test; others are left out.
    config
        Windows.
    workers
        Processes that bake.
    genetic_code
        NCBI table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    catalogue = folder / "catalogue.duckdb"
    build_catalogue(fasta, gtf, catalogue, genetic_code, tolerant=True)
    lengths = Genome.open(fasta).lengths
    used = {name for names in (splits.train, splits.validation, splits.test) for name in names}
    unknown = sorted(used - lengths.keys())
    if unknown:
        raise InputError(
            f"no sequence {', '.join(unknown[:5])}", where=fasta, remedy="correct --train-, --val-, --test-chroms"
        )
    job = BakeJob("genome", config, splits, genetic_code=genetic_code)
    batches = balance({name: lengths[name] for name in lengths if name in used}, max(1, workers))
    shards = [folder / "shards" / str(number) for number in range(len(batches))]
    _logger.info("baking %d sequences in %d processes", len(used), len(batches))
    if len(batches) == 1:
        bake_batch(catalogue, fasta, job, batches[0], shards[0])
    else:
        with ProcessPoolExecutor(len(batches), mp_context=get_context("spawn")) as processes:
            jobs = [
                processes.submit(bake_batch, catalogue, fasta, job, seqids, target)
                for seqids, target in zip(batches, shards, strict=True)
            ]
            for done in jobs:
                done.result()
    stats = sum_stats(read_json(shard / "stats.json") for shard in shards)
    for split, name in FILES.items():
        write_json(folder / f"{name}_segment_stats.json", segment_stats(stats["splits"][split]))
    return shards


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


def write_jsonl(shards: Sequence[Path], folder: Path) -> None:
    """Write the windows of each split as `<split>.jsonl`: chrom, start, end, strand, sequence, labels.

    Start and end are 0-based half-open on the forward strand. Sequence and labels are those of the strand, 5' to 3';
    label -1 is not known.
    """
    for split, name in FILES.items():
        dataset = ShardDataset(shards, split)
        with atomic_path(folder / f"{name}.jsonl") as temporary, temporary.open("w", encoding="utf-8") as out:
            for number in tqdm(range(len(dataset)), desc=name, unit="window", disable=None):
                out.write(json.dumps(_as_json(dataset[number]), separators=(",", ":")) + "\n")


def _as_json(sample: Sample) -> dict[str, Any]:
    meta = sample.meta
    return {
        "chrom": meta.seqid,
        "start": meta.start,
        "end": meta.end,
        "strand": meta.strand,
        "sequence": decode(unmasked(sample.codes)),
        "labels": labels_from_runs(sample.runs).tolist(),
    }


def shard_folders(folder: Path) -> list[Path]:
    """Return the shard folders that `preprocess` left.

    Raises
    ------
    InputError
        There are none.
    """
    shards = sorted((folder / "shards").glob("*/windows.npy"))
    if not shards:
        raise InputError("no shards here", where=folder, remedy="run the command preprocess first")
    return [path.parent for path in shards]


def compare_heads(
    folder: Path,
    options: Mapping[str, Any],
    seeds: Iterable[int],
    *,
    heads: Sequence[str] = HEADS,
    replicates: int = 1000,
) -> dict[str, Any]:
    """Train every head with the same encoder and budget, score each on the test windows once, and compare them.

    A run that was interrupted goes on where it stopped.

    Parameters
    ----------
    folder
        What `preprocess` wrote; models go to ``compare/<head>-seed<n>``.
    options
        "model" and "train" of all heads; the head is set here.
    seeds
        One model a head and seed.
    heads
        Which of them.
    replicates
        Of the bootstrap.

    Returns
    -------
    dict
        "heads": head -> `label_scores.summarise` of its seeds pooled, "seeds": the headlines of each; "differences":
        head -> headline -> its difference from the linear head, with the interval.
    """
    shards, chosen = shard_folders(folder), list(seeds)
    counts: dict[str, LabelCounts] = {}
    result: dict[str, Any] = {"heads": {}, "differences": {}}
    names: list[str] = []
    for head in heads:
        model = from_mapping(SegmentModelConfig, {**options["model"], "head": head}, where="options", key="model")
        single: dict[str, Any] = {}
        for seed in chosen:
            run = folder / "compare" / f"{head}-seed{seed}"
            config = from_mapping(TrainConfig, {**options["train"], "seed": seed}, where="options", key="train")
            scores = _trained_and_scored(model, config, shards, run, replicates)
            single[str(seed)], names = scores["headlines"], scores["labels"]
        counts[head] = pool(
            LabelCounts.load(folder / "compare" / f"{head}-seed{seed}" / "labels" / COUNTS) for seed in chosen
        )
        result["heads"][head] = summarise(counts[head], names, replicates=replicates) | {"seeds": single}
    if "linear" in counts and len(counts) > 1:
        result["differences"] = compare(counts, names, baseline="linear", replicates=replicates)
    return result


def _trained_and_scored(
    model: SegmentModelConfig, config: TrainConfig, shards: Sequence[Path], run: Path, replicates: int
) -> dict[str, Any]:
    trained = train(family("segment").build_task(model, shards), config, run)
    scores = run / "labels" / SCORES
    if scores.exists():
        stored: dict[str, Any] = read_json(scores)
        return stored
    return score_labels(trained, shards, run / "labels", replicates=replicates)


def comparison_table(result: Mapping[str, Any]) -> str:
    """Return the headlines of each head as lines of text: shares in percent, distances as they are."""
    width = max(len(head) for head in result["heads"])
    lines = [" " * width + "".join(f"  {name:>17}" for name in HEADLINES)]
    for head, found in result["heads"].items():
        values = [found["headlines"][name] for name in HEADLINES]
        shown = [
            math.nan if v is None else v if n.startswith("dur") else 100 * v
            for n, v in zip(HEADLINES, values, strict=True)
        ]
        lines.append(f"{head:{width}}" + "".join(f"  {value:17.3f}" for value in shown))
    return "\n".join(lines)
