"""The interface of models that write gene sentences, and the folder that stores one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from genescribe.data.batching import to_device
from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.forms.pointer_model import PointerModel
from genescribe.generate.text.free_text import FreeText
from genescribe.generate.text.grammar import Grammar
from genescribe.generate.text.sentence import GeneSentence
from genescribe.generate.text.window_signals import Mask, Signals
from genescribe.genome.alphabet import N
from genescribe.segment.network.model import SegmentModel
from genescribe.train.model_files import store_model, stored_options, stored_weights

SEGMENT, PRETRAINED, TOKENIZER = "segment", "pretrained", "tokenizer.json"
FAMILY = "generate"


class Automaton(Protocol):
    """The constraint on a sentence in progress."""

    @property
    def grammar(self) -> Grammar | FreeText:
        """The features and transcripts that a sentence may hold."""

    @property
    def finished(self) -> bool:
        """Whether the sentence has ended."""

    def allowed(self) -> Mask:
        """Return which values the next step may have; none at a dead end."""

    def advance(self, value: int) -> None:
        """Write a step."""

    def copy(self) -> Automaton:
        """Return an independent copy in the same state."""


class Session(Protocol):
    """Sentences in progress of a model, one per row; each locus is encoded once."""

    def scores(self) -> list[np.ndarray]:
        """Return each row's scores of the values of its next step."""

    def advance(self, values: Sequence[int]) -> None:
        """Write the next step of every row."""

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows, in this order; a row may occur several times."""


class SentenceModel(Protocol):
    """A model that writes the sentence of a locus, given on its strand: this library's or a published one."""

    config: GenerateModelConfig

    def automaton(self, signals: Signals) -> Automaton:
        """Return the constraint on the sentence of a window."""

    def prompt(self, sentence: GeneSentence) -> list[int]:
        """Return the values that declare the features of a sentence, after which writing continues."""

    def begin(self, codes: Tensor, lengths: Tensor) -> Session:
        """Read loci and begin to write."""


def build_model(config: GenerateModelConfig) -> PointerModel:
    """Return a model with fresh weights."""
    segment = None if config.segment is None else SegmentModel.load(config.segment).requires_grad_(False)
    return PointerModel(config, segment)


def save_model(model: nn.Module, directory: str | Path) -> None:
    """Write the folder of a model into an existing directory.

    `config.json`, `model.safetensors`, and copies of the folders that the model was built with, so that it stands by
    itself. What a frozen encoder weighs stands in its own folder only.
    """
    directory, config = Path(directory), model.config
    assert isinstance(config, GenerateModelConfig)
    for folder, name in (
        (config.segment, SEGMENT),
        (config.pretrained.folder if config.pretrained else None, PRETRAINED),
    ):
        if folder is not None:
            shutil.copytree(folder, directory / name)
    if config.segment is not None:
        config = replace(config, segment=SEGMENT)
    if config.pretrained is not None:
        config = replace(config, pretrained=replace(config.pretrained, folder=PRETRAINED))
    if config.prefix.tokenizer is not None:
        shutil.copyfile(config.prefix.tokenizer, directory / TOKENIZER)
        config = replace(config, prefix=replace(config.prefix, tokenizer=TOKENIZER))
    store_model(directory, FAMILY, config, weights_of(model))


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights that belong to the model, without those of a frozen encoder."""
    weights: dict[str, Tensor] = {name: value.detach() for name, value in model.state_dict().items()}
    config = model.config
    assert isinstance(config, GenerateModelConfig)
    if config.pretrained is not None and config.pretrained.tuning == "frozen":
        weights = {name: value for name, value in weights.items() if not name.startswith("reader.pretrained.")}
    return weights


def load_model(directory: str | Path) -> nn.Module:
    """Return the model of a folder, in evaluation mode, on the CPU.

    Raises
    ------
    InputError
        A file is missing or damaged, an option is unknown, or a weight is missing, unknown or of another shape.
    """
    directory = Path(directory)
    model = build_model(read_config(directory))
    model.load_state_dict(stored_weights(directory, weights_of(model)), strict=False)
    return model.eval()


def read_config(directory: str | Path) -> GenerateModelConfig:
    """Return the configuration of a model's folder; folders in it are given with their whole path.

    Raises
    ------
    InputError
        It is missing, not JSON, of another family, or holds an unknown option.
    """
    config = stored_options(GenerateModelConfig, directory, FAMILY)
    if config.segment is not None:
        config = replace(config, segment=str(Path(directory) / config.segment))
    if config.pretrained is not None:
        folder = str(Path(directory) / config.pretrained.folder)
        config = replace(config, pretrained=replace(config.pretrained, folder=folder))
    if config.prefix.tokenizer is not None:
        path = Path(directory) / config.prefix.tokenizer
        config = replace(config, prefix=replace(config.prefix, tokenizer=str(path)))
    return config


def pad_codes(windows: Sequence[np.ndarray], device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Return windows of base codes as (B, T) int64, N past the end, and their lengths."""
    lengths = np.array([len(window) for window in windows], dtype=np.int64)
    codes = np.full((len(windows), lengths.max()), N, dtype=np.uint8)
    for row, window in zip(codes, windows, strict=True):
        row[: len(window)] = window
    return to_device(codes, device).long(), to_device(lengths, device)
