"""The command-line options of a run: those of the Gencode segmentation benchmark under their names."""

from __future__ import annotations

import argparse
from typing import Any, get_args, get_type_hints

import pytest
import torch

from genescribe.cli import parser
from genescribe.config import from_mapping
from genescribe.errors import InputError
from genescribe.segment.config import SegmentModelConfig
from genescribe.train.config import TrainConfig
from genescribe.train.options import HEADS, RunOptions, add_arguments, read_options

GIVEN: dict[str, tuple[str, str, Any]] = {
    "--model": ("pytorch-crf", "model.head", "pytorch-crf"),
    "--encoder": ("mamba", "model.encoder.kind", "mamba"),
    "--max-duration": ("77", "model.max_duration", 77),
    "--hidden-dim": ("64", "model.encoder.hidden_dim", 64),
    "--num-layers": ("4", "model.encoder.num_layers", 4),
    "--epochs": ("3", "train.epochs", 3.0),
    "--batch-size": ("5", "train.batch_size", 5),
    "--lr": ("1e-4", "train.lr", 1e-4),
    "--weight-decay": ("1e-3", "train.weight_decay", 1e-3),
    "--crf-reg": ("1e-4", "model.crf_reg", 1e-4),
    "--emission-clamp": ("50", "model.emission_clamp", 50.0),
    "--backend": ("exact", "model.backend", "exact"),
    "--log-every": ("2", "train.validate_epochs", 2.0),
    "--device": ("cpu", "train.device", "cpu"),
    "--d-state": ("8", "model.encoder.d_state", 8),
    "--d-conv": ("3", "model.encoder.d_conv", 3),
    "--expand": ("1", "model.encoder.expand", 1),
}


def options(*words: str) -> tuple[RunOptions, argparse.Namespace]:
    arguments = parser(None)
    add_arguments(arguments)
    arguments = arguments.parse_args(words)
    return read_options(arguments)[0], arguments


@pytest.mark.parametrize("flag", sorted(GIVEN))
def test_an_option_sets_its_key(flag: str) -> None:
    text, key, value = GIVEN[flag]
    run, _ = options(flag, text, *(["--encoder", "mamba"] if flag in ("--d-state", "--d-conv", "--expand") else []))
    model = from_mapping(SegmentModelConfig, run.model, where="options", key="model")
    found: Any = {"model": model, "train": from_mapping(TrainConfig, run.train, where="options", key="train")}
    part, *names = key.split(".")
    found = found[part]
    for name in names:
        found = getattr(found, name)
    assert found == value


def test_processes_have_their_options() -> None:
    _, arguments = options("--distributed", "--world-size", "4", "--nccl-ifname", "ib0", "--no-triton")
    assert (arguments.distributed, arguments.world_size, arguments.nccl_ifname) == (True, 4, "ib0")
    assert arguments.no_triton


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--distributed"], "--distributed: does nothing here; it needs --world-size above 1"),
        (["--world-size", "2"], "--world-size: does nothing here; it needs --distributed"),
        (["--nccl-ifname", "ib0"], "--nccl-ifname: does nothing here; it needs --distributed, or torchrun"),
    ],
)
def test_options_of_processes_that_nobody_starts_are_refused(
    monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(InputError, match=message):
        options(*words)


def test_without_triton_a_gpu_takes_the_pytorch_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert options("--no-triton")[0].model == {"backend": "blocked"}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert options("--no-triton")[0].model == {}


def test_all_heads_can_be_named() -> None:
    assert get_args(get_type_hints(SegmentModelConfig)["head"]) == (*HEADS[:2], "pytorch-crf")


def test_an_option_overrides_the_file_text() -> None:
    run, _ = options("--options", '{"train": {"lr": 0.1, "seed": 2}}', "--lr", "0.2")
    assert run.train == {"lr": 0.2, "seed": 2}
