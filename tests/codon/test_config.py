"""Every option of a run exists under its name, is checked, and reaches the place where it acts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from genescribe.codon.config import CodonOptions, DatasetConfig
from genescribe.codon.run import CodonRunConfig, load_run, run_name, with_starts
from genescribe.codon.sequences.prepare import load_windows, prepare, read_genes
from genescribe.codon.training.task import CodonTask
from genescribe.config import to_mapping
from genescribe.data.cursor import Cursor
from genescribe.errors import InputError
from genescribe.train.config import TrainConfig
from genescribe.workflow.codon_layout import CodonLayout

KEYS = {
    "model": "vocab_size block_size n_layer n_head n_embd dropout sep_mask_enabled",
    "data": "datasets windows_per_seq val_frac test_frac pack_mode",
    "train": "batch_size grad_accum_steps lr weight_decay epochs optimizer amp use_checkpoint label_smoothing",
    "schedule": "scheduler warmup_steps min_lr plateau_patience early_stop_patience",
    "system": "compile compile_mode matmul_precision num_workers pin_memory prefetch_factor persistent_workers",
    "outputs": "out_dir scores_dir log_csv seed itos_path saliency_window saliency_top",
}


def run(**sections: Any) -> CodonRunConfig:
    data = {"datasets": [{"name": "E.coli", "gbff": "e.gbff", "min_len": 50}]} | sections.pop("data", {})
    return load_run(None, yaml.safe_dump({"data": data, **sections}))


def test_every_key_has_its_name() -> None:
    written = to_mapping(run())
    for section, names in KEYS.items():
        assert set(names.split()) <= written[section].keys()
        with pytest.raises(InputError, match=f"unknown key `{section}.no_such_key`"):
            run(**{section: {"no_such_key": 1}})
    assert {"name", "gbff", "min_len"} <= {field.name for field in fields(DatasetConfig)}


ARRIVES: dict[str, tuple[Any, Callable[[TrainConfig, CodonOptions], bool]]] = {
    "train.batch_size": (3, lambda t, _: t.micro_batch == t.batch_size == 3),
    "train.grad_accum_steps": (4, lambda t, _: t.batch_size == 4 * t.micro_batch),
    "train.lr": (0.5, lambda t, _: t.lr == 0.5),
    "train.weight_decay": (0.25, lambda t, _: t.weight_decay == 0.25),
    "train.epochs": (7, lambda t, _: t.epochs == 7),
    "train.optimizer": ("adafactor", lambda t, _: t.optimizer == "adafactor"),
    "train.amp": (False, lambda t, _: t.precision == "float32"),
    "train.use_checkpoint": (True, lambda _, o: o.use_checkpoint),
    "train.label_smoothing": (0.1, lambda _, o: o.label_smoothing == 0.1),
    "schedule.scheduler": ("plateau", lambda t, _: t.scheduler == "plateau"),
    "schedule.warmup_steps": (50, lambda t, _: t.warmup == pytest.approx(50 / 500)),
    "train.start": ("runs/model", lambda t, _: t.start == "runs/model"),
    "train.start_parts": (["blocks."], lambda t, _: t.start_parts == ["blocks."]),
    "train.freeze": (["embedding."], lambda t, _: t.freeze == ["embedding."]),
    "schedule.min_lr": (1e-4, lambda t, _: t.final_lr == pytest.approx(0.1)),
    "schedule.plateau_patience": (5, lambda t, _: t.plateau_patience == 5),
    "schedule.early_stop_patience": (6, lambda t, _: t.patience == 6),
    "system.compile": (True, lambda t, _: t.compile),
    "system.compile_mode": ("max-autotune", lambda _, o: o.compile_mode == "max-autotune"),
    "system.matmul_precision": ("high", lambda _, o: o.matmul_precision == "high"),
    "system.num_workers": (2, lambda t, _: t.num_workers == 2),
    "system.pin_memory": (True, lambda _, o: o.pin_memory),
    "system.prefetch_factor": (8, lambda _, o: o.prefetch_factor == 8),
    "system.persistent_workers": (True, lambda _, o: o.persistent_workers),
    "system.device": ("mps", lambda t, _: t.device == "mps"),
    "outputs.seed": (9, lambda t, _: t.seed == 9),
    "model.dropout": (0.3, lambda _, o: o.dropout == 0.3),
    "model.sep_mask_enabled": (False, lambda _, o: not o.sep_mask_enabled),
}


NEEDS: dict[str, dict[str, Any]] = {
    "schedule.plateau_patience": {"scheduler": "plateau"},
    "train.start_parts": {"start": "runs/model"},
    "system.compile_mode": {"compile": True},
    "system.prefetch_factor": {"num_workers": 2},
    "system.persistent_workers": {"num_workers": 2},
}
"""What else the section must say for an option to do something."""


@pytest.mark.parametrize("name", ARRIVES)
def test_an_option_of_training_arrives(name: str) -> None:
    value, holds = ARRIVES[name]
    section, key = name.split(".")
    found = []
    needs = NEEDS.get(name, {})
    for config in (run(**{section: needs}), run(**{section: {**needs, key: value}})):
        options = config.training(windows=1600, tokens=100_000, parameters=1000)
        found.append(holds(options, config.options()))
    assert found == [False, True]


def test_the_loader_has_the_options_of_the_system(prepared: Path) -> None:
    torch.set_float32_matmul_precision("highest")
    options = CodonOptions(block_size=96, prefetch_factor=3, persistent_workers=True, matmul_precision="high")
    task = CodonTask(options, [prepared])
    try:
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
    first, second = (list(task.validation_batches(0, 1, 4, 1)) for _ in range(2))
    assert all(torch.equal(a.tokens, b.tokens) for a, b in zip(first, second, strict=True))
    (loader,) = task._validating.values()
    assert (loader.num_workers, loader.prefetch_factor, loader.persistent_workers) == (1, 3, True)
    alone = next(task.batches(Cursor(1, 0, 4, 4)))
    apart = next(task.batches(Cursor(1, 0, 4, 4, workers=1)))
    assert torch.equal(alone.tokens, apart.tokens)


def test_options_of_the_data_act(prepared: Path, run_config: CodonRunConfig, tmp_path: Path) -> None:
    extracted = {d.name: prepared.parent / d.name for d in run_config.data.datasets}
    datasets = [{"name": d.name, "gbff": "x"} for d in run_config.data.datasets]
    config = run(data={"datasets": datasets, "pack_mode": "single", "val_frac": 0.2, "test_frac": 0.3}).data
    prepare(extracted, config, tmp_path / "data", block_size=200)
    genes = read_genes(tmp_path / "data")
    shares = {split: len({g.genome for g in genes if g.split == split}) for split in ("train", "validation", "test")}
    assert shares == {"train": 1, "validation": 1, "test": 2}
    windows = load_windows(tmp_path / "data", "train")
    assert len(windows) == len(windows.cds) == sum(gene.split == "train" for gene in genes)


def test_warm_up_is_steps_or_a_share() -> None:
    shares = []
    for value in (0, 0.1, 1, 50):
        options = run(schedule={"warmup_steps": value}).training(windows=1600, tokens=100_000, parameters=1000)
        shares.append(options.warmup)
    assert shares == pytest.approx([0, 0.1, 1 / 500, 50 / 500])


def test_a_run_may_begin_with_another(tmp_path: Path) -> None:
    runs = {
        "first": run(),
        "second": run(train={"start": "first"}),
        "third": run(train={"start": "second"}),
        "apart": run(train={"start": str(tmp_path)}),
    }
    assert list(with_starts(runs, ["third"])) == ["first", "second", "third"]
    assert with_starts(runs, []) == runs
    layout = CodonLayout("results", runs)
    first, second, _, apart = layout.runs
    assert layout.start(first) == []
    assert layout.start(second) == [layout.model(first)]
    assert layout.start(apart) == [str(tmp_path)]
    assert json.loads(layout.options(second, "train"))["train"]["start"] == layout.model(first)
    with pytest.raises(InputError, match=r"`codon\.first\.train\.start` leads back to 'first'"):
        with_starts({**runs, "first": run(train={"start": "third"})}, [])


@pytest.mark.parametrize("prefix", [0, [], [10, 0]])
def test_prefixes_are_codons(prefix: Any) -> None:
    assert run(evaluate={"prefix": [5, 10]}).evaluate.prefixes == [5, 10]
    with pytest.raises(InputError, match="give codons"):
        run(evaluate={"prefix": prefix})


def test_names_of_runs_and_their_files() -> None:
    config = run(
        model={"n_layer": 6, "n_head": 4, "n_embd": 256},
        outputs={"out_dir": "o", "scores_dir": "s", "saliency_window": 11, "saliency_top": 77},
    )
    assert run_name("tiny", config) == "tiny_6L4H_d256_e5"
    layout = CodonLayout("results", {"tiny": config})
    assert layout.model("tiny_6L4H_d256_e5") == "results/codon/tiny_6L4H_d256_e5/o/model"
    assert layout.scores("tiny_6L4H_d256_e5") == "results/codon/tiny_6L4H_d256_e5/s"
    assert "--window 11 --top 77" in layout.interpret_options("tiny_6L4H_d256_e5")
    auto = run(train={"epochs": "auto"})
    assert run_name("tiny", auto) == "tiny_4L4H_d128_eauto"
