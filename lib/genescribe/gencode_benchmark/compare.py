"""The commands train and compare of the Gencode segmentation benchmark; see `preprocess` for its data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genescribe.config import from_mapping
from genescribe.errors import InputError
from genescribe.evaluate.labels.counts import LabelCounts, pool
from genescribe.evaluate.labels.draws import HEADLINES
from genescribe.evaluate.labels.scores import compare, summarise
from genescribe.families import family
from genescribe.files import read_json
from genescribe.gencode_benchmark.label_report import COUNTS, SCORES, score_labels
from genescribe.nn.config import EncoderConfig
from genescribe.run_options import HEADS
from genescribe.segment.config import SegmentModelConfig
from genescribe.train.config import TrainConfig
from genescribe.train.distributed import join
from genescribe.train.engine import fingerprint_of, train
from genescribe.train.provenance import digest
from genescribe.train.task import Task

MODEL = SegmentModelConfig(max_duration=500, encoder=EncoderConfig(hidden_dim=256))
TRAIN = TrainConfig(epochs=50)
"""The benchmark's defaults."""


def shard_folders(folder: Path) -> list[Path]:
    """Return the shard folders that `preprocess` left.

    Raises
    ------
    InputError
        There are none.
    """
    shards = sorted((folder / "shards").glob("*/windows.npy"))
    if not shards:
        raise InputError("no shards in this folder", where=folder, remedy="run the command preprocess first")
    return [path.parent for path in shards]


def run_name(prefix: str, task: Task, config: TrainConfig) -> str:
    """Return the name of a run's folder: other options or data, another name.

    Parameters
    ----------
    prefix
        Beginning of the name.
    task, config
        Model with its data, and options of training.
    """
    return f"{prefix}-{digest(fingerprint_of(task, config))[:8]}"


def compare_heads(
    shards: Sequence[Path],
    folder: Path,
    options: Mapping[str, Any],
    seeds: Iterable[int],
    *,
    heads: Sequence[str] = HEADS,
    replicates: int = 1000,
) -> dict[str, Any] | None:
    """Train every head with the same encoder and budget, score each on the test windows once, and compare them.

    An interrupted run resumes. Under torchrun all processes train, and the first one scores.

    Parameters
    ----------
    shards
        Folders that `preprocess` wrote.
    folder
        Gets the models, one folder ``<head>-seed<n>-<digest of options and data>`` a run.
    options
        "model" and "train" of all heads, over `MODEL` and `TRAIN`; the head is set here.
    seeds
        One model per head and seed.
    heads
        Names of the heads to compare.
    replicates
        Number of bootstrap samples.

    Returns
    -------
    dict or None
        "heads": head -> `scores.summarise` of its seeds pooled, "seeds": the headlines of each; "differences":
        head -> headline -> its difference from the linear head, with the interval. None in processes that do not lead.

    Raises
    ------
    InputError
        An option that no head reads.
    """
    runs: dict[str, dict[int, Path]] = {}
    configs = {seed: _train_config({**options["train"], "seed": seed}) for seed in seeds}
    with join(_train_config(options["train"]).device) as world:
        for head, model in models_of(options["model"], heads).items():
            task = family("segment").build_task(model, shards)
            runs[head] = {
                seed: train(task, config, folder / run_name(f"{head}-seed{seed}", task, config))
                for seed, config in configs.items()
            }
    return _compared(runs, shards, replicates) if world.leads else None


def _train_config(options: Mapping[str, Any]) -> TrainConfig:
    return from_mapping(TrainConfig, dict(options), where="options", key="train", base=TRAIN)


def _compared(runs: Mapping[str, Mapping[int, Path]], shards: Sequence[Path], replicates: int) -> dict[str, Any]:
    counts: dict[str, LabelCounts] = {}
    result: dict[str, Any] = {"heads": {}, "differences": {}}
    names: list[str] = []
    for head, models in runs.items():
        scores = {seed: _scores(model, shards, replicates) for seed, model in models.items()}
        names = next(iter(scores.values()))["labels"]
        counts[head] = pool(LabelCounts.load(model.parent / "labels" / COUNTS) for model in models.values())
        result["heads"][head] = summarise(counts[head], names, replicates=replicates) | {
            "seeds": {str(seed): scored["headlines"] for seed, scored in scores.items()}
        }
    if "linear" in counts and len(counts) > 1:
        result["differences"] = compare(counts, names, baseline="linear", replicates=replicates)
    return result


def _scores(model: Path, shards: Sequence[Path], replicates: int) -> dict[str, Any]:
    """Return the scores on the test windows, which are read once and then kept with the model."""
    folder = model.parent / "labels"
    if (folder / SCORES).exists():
        stored: dict[str, Any] = read_json(folder / SCORES)
        return stored
    return score_labels(model, shards, folder, replicates=replicates)


def models_of(options: Mapping[str, Any], heads: Sequence[str]) -> dict[str, SegmentModelConfig]:
    """Return the model of each head; an option that only some of them read is no error, one that none reads is."""
    models: dict[str, SegmentModelConfig] = {}
    refused: list[InputError] = []
    for head in heads:
        chosen = {**options, "head": head}
        models[head] = from_mapping(SegmentModelConfig, chosen, where="options", key="model", base=MODEL, stored=True)
        try:
            from_mapping(SegmentModelConfig, chosen, where="options", key="model", base=MODEL)
        except InputError as error:
            refused.append(error)
    if len(refused) == len(heads):
        raise refused[0]
    return models


def comparison_table(result: Mapping[str, Any]) -> str:
    """Return the headlines of each head as lines of text: shares in percent, distances as they are."""
    width = max(len(head) for head in result["heads"])
    lines = [" " * width + "".join(f"  {name:>17}" for name in HEADLINES)]
    for head, row in result["heads"].items():
        values = [row["headlines"][name] for name in HEADLINES]
        shown = [
            math.nan if v is None else v if n.startswith("dur") else 100 * v
            for n, v in zip(HEADLINES, values, strict=True)
        ]
        lines.append(f"{head:{width}}" + "".join(f"  {value:17.3f}" for value in shown))
    return "\n".join(lines)


def validation_table(model: Path, shards: Sequence[Path]) -> str:
    """Return the benchmark's metrics on the validation windows as lines of text; they are also kept beside the model.

    Parameters
    ----------
    model
        Folder of a trained model; `validation/` beside it gets the scores.
    shards
        Folders that `preprocess` wrote.

    Raises
    ------
    InputError
        No validation windows.
    """
    scores = score_labels(model, shards, model.parent / "validation", split="validation", replicates=0)
    percent = {"Position F1": scores["headlines"]["position_f1"], "Boundary F1": scores["boundary"]["0"]["f1"]}
    percent |= {f"Boundary F1 @ tol={k}": scores_at["f1"] for k, scores_at in scores["boundary"].items() if k != "0"}
    percent["Segment F1"] = scores["headlines"]["segment_f1"]
    lines = [f"{name:22}{_shown(value, 100):>8}" for name, value in percent.items()]
    return "\n".join([*lines, f"{'Duration KL (nats)':22}{_shown(scores['headlines']['duration_kl'], 1):>8}"])


def _shown(value: float | None, factor: float) -> str:
    return "-" if value is None else f"{factor * value:.3f}"
