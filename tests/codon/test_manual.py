"""Every command of the table "Coming from Genomics-LM" in docs/codon.md, at toy size, one after the other."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.codon.conftest import SPLITS
from tests.codon.genomes import random_cds, write_genome
from tests.run_script import run_script

from genescribe.codon.run import CodonRunConfig, load_run
from genescribe.codon.sequences.prepare import prepare
from genescribe.files import read_json

RUN: dict[str, Any] = {
    "data": {
        "datasets": [{"name": name, "gbff": f"{name}.gbff", "min_len": 30, "split": s} for name, s in SPLITS.items()],
        "pack_mode": "multi",
    },
    "model": {"block_size": 96, "n_layer": 1, "n_head": 2, "n_embd": 16, "dropout": 0.0, "sep_mask_enabled": True},
    "train": {"batch_size": 8, "grad_accum_steps": 1, "lr": 0.01, "epochs": 1, "optimizer": "adamw", "amp": False},
    "schedule": {"scheduler": "cosine", "warmup_steps": 0.1, "min_lr": 0.0001, "validate_epochs": 1},
    "outputs": {"seed": 1},
}


@pytest.fixture(scope="module")
def run(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that the commands of data and training have made."""
    folder = tmp_path_factory.mktemp("manual")
    usage = np.random.default_rng(0).gamma(0.3, size=64)
    for seed, name in enumerate(SPLITS):
        write_genome(folder / f"{name}.gbff", 30, seed=seed, usage=usage, codons=90)
        run_script(repository, f"codon_extract.py {folder}/{name}.gbff --min-len 30 --output {folder}/extract/{name}")
    (folder / "run.yaml").write_text(yaml.safe_dump(RUN))
    extracted = " ".join(f"{folder}/extract/{name}" for name in SPLITS)
    run_script(repository, f"codon_prepare.py {extracted} --config {folder}/run.yaml --output {folder}/data --force")
    run_script(repository, f"codon_train.py --data {folder}/data --config {folder}/run.yaml --output {folder}")
    return folder


def test_preparing_and_training(run: Path, repository: Path) -> None:
    assert read_json(run / "data" / "integrity.json")["ok"]
    with (run / "scores" / "curves.csv").open() as handle:
        assert next(csv.reader(handle)) == ["step", "train_loss", "val_loss", "perplexity", "lr"]
    # A finished run is left as it is.
    weights = run / "train" / "model" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    run_script(repository, f"codon_train.py --data {run}/data --config {run}/run.yaml --output {run} --resume")
    assert weights.stat().st_mtime_ns == before


def test_evaluation_generation_and_interpretation(run: Path, repository: Path, tmp_path: Path) -> None:
    of = f"--model {run}/train/model --data {run}/data"
    run_script(repository, f"codon_evaluate.py {of} --bootstrap 5 --output {tmp_path}/scores")
    assert read_json(tmp_path / "scores" / "metrics.json")["sanity"]["model"].keys() == {
        "frame_shift_delta",
        "stop_rate",
        "stop_rate_at_end",
    }
    run_script(repository, f"codon_generate.py {of} --prefix 5,10 --samples 2 --output {tmp_path}/scores/gen_prefix")
    assert {path.name for path in (tmp_path / "scores" / "gen_prefix").iterdir()} == {"samples.csv", "summary.csv"}
    run_script(repository, f"codon_interpret.py {of} --genes 12 --maps 1 --top 20 --output {tmp_path}/interpret")
    assert sorted(path.name[0] for path in (tmp_path / "interpret").iterdir()) == list("1234567")


def test_questions(run: Path, repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for mode, wanted in (("next", r"[ACGT]{3}\t\S\t"), ("generate", r"ATGAAA[ACGT]*"), ("score", r"# 2 codons")):
        run_script(repository, f"query_model.py {run}/train/model --mode {mode} --dna ATGAAA")
        assert re.search(wanted, capsys.readouterr().out)
    run_script(repository, f"codon_mutations.py {run}/train/model --dna ATGAAATAA --output {tmp_path}/map.tsv")
    assert len((tmp_path / "map.tsv").read_text().splitlines()) == 1 + 3 * 63


def labelled(path: Path, seed: int, *, origin: str = "") -> Path:
    """Write labelled sequences of two usages, as CSV."""
    generator = np.random.default_rng(seed)
    usages = [np.random.default_rng(i).gamma(0.5, size=64) for i in (100, 200)]
    rows = [["id", "seq", "label", *(["origin"] if origin else [])]]
    for number in range(30):
        dna = random_cds(generator, 30, usages[number % 2])
        rows.append([f"s{seed}_{number}", dna, "red" if number % 2 else "blue", *([origin] if origin else [])])
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)
    return path


def test_classifiers_on_embeddings(run: Path, repository: Path, tmp_path: Path) -> None:
    for seed, name in enumerate(("train", "test", "new")):
        source = labelled(tmp_path / f"{name}.csv", seed)
        run_script(
            repository, f"extract_embeddings.py --model {run}/train/model --csv {source} --out {tmp_path}/{name}.npz"
        )
    options = {name: f"{tmp_path}/{name.partition('_')[0]}.npz" for name in ("train_embeddings", "test_embeddings")}
    classifier = {**options, "kind": "probe_logreg", "bootstrap": 5, "out_dir": f"{tmp_path}/e1"}
    (tmp_path / "probe.yaml").write_text(yaml.safe_dump(classifier))
    run_script(repository, f"train_classifier.py --config {tmp_path}/probe.yaml")
    run_script(
        repository,
        f"eval_classifier.py --kind probe --model {tmp_path}/e1/model.joblib --embeddings {tmp_path}/new.npz"
        f" --labels {tmp_path}/new.csv --out {tmp_path}/eval",
    )
    for folder in ("e1", "eval"):
        assert {"metrics.json", "confusion.png", "calibration.png"} <= {p.name for p in (tmp_path / folder).iterdir()}


@pytest.mark.parametrize(("protocol", "origins"), [("tstr", "synthetic real"), ("trts", "real synthetic")])
def test_classifiers_on_words_under_every_protocol(
    protocol: str, origins: str, repository: Path, tmp_path: Path
) -> None:
    for seed, (name, origin) in enumerate(zip(("train", "test"), origins.split(), strict=True)):
        labelled(tmp_path / f"{name}.csv", seed, origin=origin)
    new = labelled(tmp_path / "new.csv", 7, origin=origins.split()[1])
    sides = {name: f"{tmp_path}/{name}.csv" for name in ("train", "test")}
    classifier = {**sides, "kind": "kmer_logreg", "protocol": protocol, "bootstrap": 5, "out_dir": f"{tmp_path}/e2"}
    (tmp_path / "kmer.yaml").write_text(yaml.safe_dump(classifier))
    run_script(repository, f"train_classifier.py --config {tmp_path}/kmer.yaml")
    run_script(repository, f"eval_classifier.py --model {tmp_path}/e2/model.joblib --seqs {new} --out {tmp_path}/eval")
    assert read_json(tmp_path / "eval" / "metrics.json")["sequences"]["test"] == 30


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "pack_mode", "single"),
        ("model", "sep_mask_enabled", False),
        ("train", "optimizer", "adafactor"),
        ("schedule", "scheduler", "plateau"),
    ],
)
def test_a_b_switches(section: str, key: str, value: Any, run: Path, repository: Path, tmp_path: Path) -> None:
    changed = {**RUN, section: {**RUN[section], key: value}}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(changed))
    data = run / "data"
    if section == "data":
        data = tmp_path / "data"
        config: CodonRunConfig = load_run(tmp_path / "run.yaml")
        prepare({name: run / "extract" / name for name in SPLITS}, config.data, data, block_size=96)
    run_script(repository, f"codon_train.py --data {data} --config {tmp_path}/run.yaml --output {tmp_path}")
    best = read_json(tmp_path / "train" / "model" / "provenance.json")["best"]["log_likelihood"]
    assert -4.3 < best < -3


def test_training_begins_with_another_run(run: Path, repository: Path, tmp_path: Path) -> None:
    changed = {**RUN, "train": {**RUN["train"], "start": f"{run}/train/model", "epochs": 0}}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(changed))
    run_script(repository, f"codon_train.py --data {run}/data --config {tmp_path}/run.yaml --output {tmp_path}")
    name = "train/model/model.safetensors"
    assert (tmp_path / name).read_bytes() == (run / name).read_bytes()


def test_the_table_names_only_what_runs_here(repository: Path) -> None:
    page = (repository / "docs" / "codon.md").read_text()
    table = page[page.index("## Coming from Genomics-LM") :]
    here = [line.split("|")[2] for line in table.splitlines() if line.startswith("|")]
    scripts = set(re.findall(r"(\w+\.py) ", " ".join(here)))
    tested = set(re.findall(r"(\w+\.py) ", Path(__file__).read_text()))
    assert scripts and scripts <= tested
