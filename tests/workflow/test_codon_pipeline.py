"""Two codon language models on small made-up genomes, from GenBank files to one report."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.codon.genomes import write_genome
from tests.workflow.pipeline import finish

from genescribe.files import read_json

pytestmark = pytest.mark.workflow

SPLITS = {"Alpha.one": "train", "Beta.two": "train", "Gamma.three": "validation", "Delta.four": "test"}
RUNS = ("narrow_1L2H_d16_e1", "wide_1L2H_d32_e1")
STAGES = {"codon_extract": 8} | dict.fromkeys(
    [
        "codon_prepare",
        "codon_train",
        "codon_evaluate",
        "codon_generate",
        "codon_interpret",
        "codon_classify",
        "codon_page",
    ],
    2,
)


def configuration(folder: Path, **evaluate: Any) -> str:
    """Write the genomes and the configuration, and return its path."""
    usage = np.random.default_rng(0).gamma(0.3, size=64)
    for seed, name in enumerate(SPLITS):
        if not (folder / f"{name}.gbff").exists():
            write_genome(folder / f"{name}.gbff", 44, seed=seed, usage=usage, codons=90)
    run = {
        "data": {
            "datasets": [{"name": name, "gbff": f"{name}.gbff", "split": split} for name, split in SPLITS.items()]
        },
        "train": {"batch_size": 8, "epochs": 1, "amp": False},
        "schedule": {"warmup_steps": 2, "validate_epochs": 1},
        "system": {"device": "cpu"},
        "evaluate": {"bootstrap": 20, "samples": 4, "genes": 12, "mutation_genes": 1, "classifiers": ["kmer_logreg"]}
        | evaluate,
    }
    shape = {"block_size": 96, "n_layer": 1, "n_head": 2}
    runs = {
        name: run | {"model": shape | {"n_embd": width}}
        for name, width in zip(("narrow", "wide"), (16, 32), strict=True)
    }
    config = {"results": "results/codon_pipeline", "select": list(runs), "codon": runs}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return "config.yaml"


def jobs(plan: str) -> dict[str, int]:
    """Return how many jobs of each rule a dry run plans."""
    return {name: int(count) for name, count in re.findall(r"^(codon_\w+) +(\d+)$", plan, re.MULTILINE)}


def test_every_stage_of_every_run_is_planned(repository: Path, tmp_path: Path) -> None:
    plan = finish(repository, tmp_path, "--configfile", configuration(tmp_path), "--dry-run")
    assert jobs(plan) == STAGES


@pytest.mark.slow
def test_from_genbank_to_the_report(repository: Path, tmp_path: Path) -> None:
    config = configuration(tmp_path)
    finish(repository, tmp_path, "--configfile", config)
    results = tmp_path / "results" / "codon_pipeline"
    for run in RUNS:
        folder = results / "codon" / run
        with (folder / "scores" / "curves.csv").open() as handle:
            assert next(csv.reader(handle)) == ["step", "train_loss", "val_loss", "perplexity", "lr"]
        assert read_json(folder / "train" / "model" / "provenance.json")["finished"]
        metrics = read_json(folder / "scores" / "metrics.json")
        assert metrics["first_loss"]["untrained"] == pytest.approx(metrics["first_loss"]["ln_v"], rel=0.02)
        assert sorted(path.name[0] for path in (folder / "interpret").glob("[1-7]_*")) == list("1234567")
        result = folder / "classify" / "kmer_logreg" / "result"
        assert (result / "calibration.png").stat().st_size
        assert (tmp_path / read_json(result / "metrics.json")["options"]["train"]).exists()
        assert (folder / "scores" / "gen_prefix" / "summary.csv").stat().st_size
    page = (results / "report.html").read_text()
    assert all(page.count(run) > 5 for run in RUNS)
    assert "What the interpretation measured in every run" in page
    assert "Nothing to be done" in finish(repository, tmp_path, "--configfile", config)
    for run in RUNS:
        folder = results / "codon" / run
        assert f"{run}: held-out genomes" in (folder / "report.html").read_text()
        log = (folder / "log.txt").read_text()
        assert all(f"codon_{step}/{run}" in log for step in ("extract", "prepare", "train", "evaluate", "classify"))
        assert "first loss" in log
    plan = finish(repository, tmp_path, "--configfile", configuration(tmp_path, samples=5), "--dry-run")
    assert jobs(plan) == {"codon_generate": 2, "codon_page": 2}
