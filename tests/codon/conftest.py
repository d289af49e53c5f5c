"""A small prepared data set and a small trained model, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.codon.genomes import write_genome

from genescribe.codon.config import CodonModelConfig, CodonTrainSection, DataConfig, DatasetConfig, ScheduleConfig
from genescribe.codon.run import CodonRunConfig
from genescribe.codon.sequences.extract import extract
from genescribe.codon.sequences.prepare import prepare
from genescribe.codon.training.train import train_run

SPLITS = {"Alpha.one": "train", "Beta.two": "train", "Gamma.three": "validation", "Delta.four": "test"}


@pytest.fixture(scope="session")
def run_config() -> CodonRunConfig:
    return CodonRunConfig(
        DataConfig([DatasetConfig(name, gbff="x", split=split) for name, split in SPLITS.items()]),  # type: ignore[arg-type]
        CodonModelConfig(block_size=96, n_layer=2, n_head=2, n_embd=32, dropout=0.1),
        CodonTrainSection(batch_size=4, grad_accum_steps=2, lr=5e-3, epochs=6, amp=False),
        ScheduleConfig(warmup_steps=3, validate_epochs=2),
    )


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, run_config: CodonRunConfig) -> Path:
    """Return prepared data of four genomes that share one strong codon usage."""
    folder = tmp_path_factory.mktemp("codon")
    usage = np.random.default_rng(0).gamma(0.3, size=64)
    extracted: dict[str, str | Path] = {}
    for seed, name in enumerate(SPLITS):
        path = write_genome(folder / f"{name}.gbff", 30, seed=seed, usage=usage, codons=90)
        extract(path, folder / name)
        extracted[name] = folder / name
    prepare(extracted, run_config.data, folder / "data", block_size=96)
    return folder / "data"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, run_config: CodonRunConfig, prepared: Path) -> Path:
    """Return the folder of a run."""
    folder = tmp_path_factory.mktemp("run")
    train_run(run_config, prepared, folder)
    return folder
