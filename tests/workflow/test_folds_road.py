"""A genome in folds from the configuration to one score, by the target that trains no model."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from genescribe.files import read_json
from genescribe.genome.annotation.gff3 import read_genes

pytestmark = pytest.mark.workflow


def snakemake(repository: Path, folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(repository / "Snakefile"), "--cores", "1"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_every_sequence_is_annotated_once_and_scored(repository: Path, tmp_path: Path) -> None:
    trained = shutil.which("etraining") is not None
    config = {
        "results": "results/folds",
        "select": ["cross", "given"],
        "genomes": {
            "g": {
                "simulate": {"parameters": "arabidopsis_thaliana", "bases": 240_000, "sequences": 6, "seed": 3},
                "folds": {"number": 2, "validation": 0.2},
                "batches": 1,
            },
            "whole": {
                "simulate": {"parameters": "arabidopsis_thaliana", "bases": 40_000, "sequences": 2, "seed": 4},
                "splits": {"test": ["*"]},
                "batches": 1,
            },
        },
        "runs": {"cross": {"genomes": ["g"]}, "given": {"genomes": ["whole"], "trained": "nowhere"}},
        "baselines": {"augustus_retrained": trained},
        "bootstrap": 20,
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    snakemake(repository, tmp_path, "baselines", "--configfile", "config.yaml")
    results = tmp_path / "results" / "folds"
    sequences = (results / "folds/g/all.txt").read_text().split()
    assert len(sequences) == 6
    tested = [(results / f"folds/g/{fold}.test.txt").read_text().split() for fold in (1, 2)]
    assert sorted([*tested[0], *tested[1]]) == sorted(sequences)
    if trained:
        pooled = read_genes(results / "pool/augustus_retrained/g/whole/annotation.gff3")
        parts = [results / f"baseline/augustus_retrained/g-fold{fold}/whole/annotation.gff3" for fold in (1, 2)]
        found = [read_genes(part) for part in parts]
        assert {gene.seqid for gene in found[0]} <= set(tested[0])
        assert sorted(gene.id for gene in pooled) == sorted(gene.id for part in found for gene in part)
        metrics = read_json(results / "evaluate/augustus_retrained/g/metrics.json")
        assert metrics["cds"]["base"]["f1"] > 0.7
        assert metrics["provenance"]["regions"] == sequences
    assert read_json(results / "evaluate/orf_rule/g/metrics.json")["cds"]["gene"]["reference"] > 20
    assert read_json(results / "evaluate/orf_rule/whole/metrics.json")["provenance"]["regions"] == []


@pytest.mark.parametrize("name", ["yeast", "celegans_small", "all_genomes", "g3po"])
def test_the_baselines_of_the_examples_resolve(repository: Path, tmp_path: Path, data_dir: Path, name: str) -> None:
    assert data_dir.is_dir()
    example = str(repository / "examples" / f"{name}.yaml")
    said = snakemake(repository, tmp_path, "baselines", "--dry-run", "--configfile", example)
    assert "orf_rule" in said
    assert "train_model" not in said
