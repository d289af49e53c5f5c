"""The Gencode segmentation benchmark's commands, end to end on a small genome."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.segment.toy_shards import LENGTH, toy_sequence

from genescribe.bake.config import BakeConfig
from genescribe.bake.splits import Splits
from genescribe.data.dataset import ShardDataset
from genescribe.data.runs import labels_from_runs
from genescribe.errors import InputError
from genescribe.evaluate.labels.draws import HEADLINES
from genescribe.gencode_benchmark.compare import shard_folders
from genescribe.gencode_benchmark.preprocess import preprocess, segment_stats
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.fasta import write_fasta

CHROMOSOMES = ("c1", "c2", "c3", "c4")
SPLITS = ["--train-chroms", "c1,c2", "--val-chroms", "c3", "--test-chroms", "c4"]


def command(repository: Path, *words: object) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, str(repository / "scripts" / "gencode.py"), *map(str, words)]
    return subprocess.run(script, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("genome")
    made = {name: toy_sequence(name, np.random.default_rng(i)) for i, name in enumerate(CHROMOSOMES)}
    write_fasta(folder / "genome.fa", [(name, codes) for name, (codes, _) in made.items()])
    genes = [gene for _, found in made.values() for gene in found]
    write_gff3(folder / "genes.gff3", genes, dict.fromkeys(CHROMOSOMES, LENGTH))
    return folder / "genome.fa", folder / "genes.gff3"


@pytest.fixture(scope="module")
def data(repository: Path, genome: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark") / "data"
    words = ["--fasta", genome[0], "--gtf", genome[1], "--output-dir", folder, "--chunk-size", 700, "--overlap", 100]
    done = command(repository, "preprocess", *words, *SPLITS, "--workers", 2)
    assert done.returncode == 0, done.stderr
    return folder


def test_windows_as_json_lines_are_those_of_the_shards(data: Path) -> None:
    for split, name in (("train", "train"), ("validation", "val"), ("test", "test")):
        dataset = ShardDataset(shard_folders(data), split)
        rows = _rows(data / f"{name}.jsonl")
        assert len(rows) == len(dataset) > 0
        for row, number in zip(rows, range(len(dataset)), strict=True):
            sample = dataset[number]
            assert (row["chrom"], row["start"], row["end"]) == (sample.meta.seqid, sample.meta.start, sample.meta.end)
            assert row["labels"] == labels_from_runs(sample.runs).tolist()
            assert len(row["sequence"]) == len(row["labels"]) == row["end"] - row["start"]
    assert {row["chrom"] for row in rows} == {"c4"}


def test_statistics_of_segments_stand_beside(data: Path) -> None:
    found = json.loads((data / "train_segment_stats.json").read_text())
    assert found["start_codon"] == {"count": 6, "mean": 3.0, "median": 3.0, "std": 0.0, "min": 3, "max": 3}
    assert found["5UTR"]["count"] == 0 and found["5UTR"]["mean"] is None
    assert segment_stats({"durations": {"a": [[10, 2], [40, 1]]}})["a"]["mean"] == 20.0


SMALL = ["--hidden-dim", "8", "--max-duration", "40", "--batch-size", "4", "--epochs", "2", "--encoder", "mamba_stub"]
FILE = '{"model": {"tile": 300, "halo": 60, "encoder": {"fold": 3, "conv_width": 8}}}'


def test_train_leaves_a_model(repository: Path, data: Path, tmp_path: Path) -> None:
    done = command(repository, "train", "--data-dir", data, "--output", tmp_path / "run", "--options", FILE, *SMALL)
    assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())["model"]
    assert config["encoder"]["kind"] == "mamba_stub"
    assert (config["head"], config["max_duration"]) == ("semicrf", 40)
    assert "first batch: B=4" in done.stderr
    assert "NaN=0, Inf=0" in done.stderr
    assert "edge tensor" in done.stderr
    words = [line.split()[0] for line in done.stdout.splitlines() if line]
    assert words[1:] == ["Validation", "Position", *["Boundary"] * 5, "Segment", "Duration", "Test"]
    stored = json.loads((tmp_path / "run" / "validation" / "labels.json").read_text())
    assert f"{100 * stored['boundary']['10']['f1']:.3f}" in done.stdout
    assert stored["provenance"]["split"] == "validation"


def test_other_options_are_another_run(repository: Path, data: Path) -> None:
    words = ["--data-dir", data, "--options", FILE, *SMALL, "--epochs", "0.2"]
    runs = []
    for length in ("40", "30", "40"):
        done = command(repository, "train", *words, "--max-duration", length)
        assert done.returncode == 0, done.stderr
        runs.append(Path(done.stdout.splitlines()[0]).parent)
    assert runs[0] == runs[2] != runs[1]
    assert {run.name.rpartition("-")[0] for run in runs} == {"semicrf-mamba_stub"}
    assert set(runs) == set((data / "models").iterdir())


def test_every_option_of_the_manual_is_taken(repository: Path, data: Path, tmp_path: Path) -> None:
    words = "--model semicrf --encoder mamba --max-duration 20 --hidden-dim 8 --num-layers 1 --epochs 1 --batch-size 4"
    words += " --lr 1e-3 --weight-decay 1e-5 --crf-reg 0.1 --emission-clamp 5 --backend streaming --no-triton"
    words += " --log-every 1 --device cpu --d-state 4 --d-conv 4 --expand 2"
    where = ["--data-dir", data, "--output", tmp_path / "run", "--options", FILE]
    done = command(repository, "train", *where, *words.split())
    assert done.returncode == 0, done.stderr
    model = json.loads((tmp_path / "run" / "model" / "config.json").read_text())["model"]
    encoder = model["encoder"]
    assert [encoder[key] for key in ("kind", "hidden_dim", "d_state", "d_conv", "expand")] == ["mamba", 8, 4, 4, 2]
    assert (model["head"], model["max_duration"]) == ("semicrf", 20)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_one_sequence_is_split_by_region(repository: Path, genome: tuple[Path, Path], tmp_path: Path) -> None:
    half = LENGTH // 2
    parts = ["--train-chroms", f"c1:1-{half}", "--val-chroms", f"c1:{half + 1}-{LENGTH}", "--test-chroms", "c4"]
    words = ["--fasta", genome[0], "--gtf", genome[1], "--output-dir", tmp_path, "--chunk-size", 700, "--overlap", 100]
    done = command(repository, "preprocess", *words, *parts)
    assert done.returncode == 0, done.stderr
    train, validation = (_rows(tmp_path / name) for name in ("train.jsonl", "val.jsonl"))
    assert {row["chrom"] for row in train + validation} == {"c1"}
    assert max(row["end"] for row in train) <= half <= min(row["start"] for row in validation)


def test_compare_trains_and_scores_the_three_heads(repository: Path, data: Path, tmp_path: Path) -> None:
    words = ["--data-dir", data, "--output", tmp_path / "models", "--output-json", tmp_path / "results.json"]
    words += ["--options", FILE, *SMALL, "--epochs", 1, "--bootstrap", 10]
    done = command(repository, "compare", *words, "--distributed", "--world-size", 2)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "results.json").read_text())
    assert set(found["heads"]) == {"pytorch-crf", "linear", "semicrf"}
    assert set(found["differences"]) == {"pytorch-crf", "semicrf"}
    assert {run.name.partition("-seed1-")[0] for run in (tmp_path / "models").iterdir()} == set(found["heads"])
    assert done.stdout.count("semicrf") == 1
    for head, scores in found["heads"].items():
        assert set(scores["headlines"]) == set(HEADLINES)
        assert scores["seeds"] == {"1": scores["headlines"]}
        assert f"{100 * scores['headlines']['position_f1']:17.3f}" in next(
            line for line in done.stdout.splitlines() if line.startswith(head)
        )


def test_wrong_names_are_refused(genome: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no sequence 'c9'; correct --train-, --val-, --test-chroms"):
        preprocess(genome[1], genome[0], tmp_path / "out", Splits(["c1", "c9"], ["c3"], ["c4"]), BakeConfig())
    with pytest.raises(InputError, match="run the command preprocess first"):
        shard_folders(tmp_path)


def test_preprocessing_does_without_torch() -> None:
    """Torch takes longer to import than yeast to bake."""
    code = (
        "import sys, genescribe.gencode_benchmark.preprocess, genescribe.run_options; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
