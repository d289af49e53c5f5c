"""The Gencode segmentation benchmark as its users know it: train and compare; see `segment.preprocess` for its data."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from genescribe.config import from_mapping
from genescribe.data.dataset import ShardDataset
from genescribe.data.sample import Sample, labels_from_runs
from genescribe.errors import InputError
from genescribe.evaluate.label_counts import LabelCounts, pool
from genescribe.evaluate.label_scores import HEADLINES, compare, summarise
from genescribe.families import family
from genescribe.files import atomic_path, read_json
from genescribe.genome.alphabet import decode, unmasked
from genescribe.nn.config import EncoderConfig
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.label_report import COUNTS, SCORES, score_labels
from genescribe.segment.preprocess import FILES
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train
from genescribe.train.options import HEADS

MODEL = SegmentModelConfig(max_duration=500, encoder=EncoderConfig(hidden_dim=256))
TRAIN = TrainConfig(epochs=50)
"""The benchmark's defaults."""


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
        "model" and "train" of all heads, over `MODEL` and `TRAIN`; the head is set here.
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
    models = models_of(options["model"], heads)
    shards, chosen = shard_folders(folder), list(seeds)
    counts: dict[str, LabelCounts] = {}
    result: dict[str, Any] = {"heads": {}, "differences": {}}
    names: list[str] = []
    for head, model in models.items():
        single: dict[str, Any] = {}
        for seed in chosen:
            run = folder / "compare" / f"{head}-seed{seed}"
            given = {**options["train"], "seed": seed}
            config = from_mapping(TrainConfig, given, where="options", key="train", base=TRAIN)
            scores = _trained_and_scored(model, config, shards, run, replicates)
            single[str(seed)], names = scores["headlines"], scores["labels"]
        counts[head] = pool(
            LabelCounts.load(folder / "compare" / f"{head}-seed{seed}" / "labels" / COUNTS) for seed in chosen
        )
        result["heads"][head] = summarise(counts[head], names, replicates=replicates) | {"seeds": single}
    if "linear" in counts and len(counts) > 1:
        result["differences"] = compare(counts, names, baseline="linear", replicates=replicates)
    return result


def models_of(options: Mapping[str, Any], heads: Sequence[str]) -> dict[str, SegmentModelConfig]:
    """Return the model of each head; an option that only some of them read is no error, one that none reads is."""
    models: dict[str, SegmentModelConfig] = {}
    refused: list[InputError] = []
    for head in heads:
        given = {**options, "head": head}
        models[head] = from_mapping(SegmentModelConfig, given, where="options", key="model", base=MODEL, stored=True)
        try:
            from_mapping(SegmentModelConfig, given, where="options", key="model", base=MODEL)
        except InputError as error:
            refused.append(error)
    if len(refused) == len(heads):
        raise refused[0]
    return models


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
