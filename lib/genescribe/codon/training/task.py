"""Training a codon model: batches of packed windows, the loss, and validation perplexity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from genescribe.codon.config import CodonModelConfig, CodonOptions
from genescribe.codon.network.model import FAMILY, CodonModel
from genescribe.codon.sequences.packing import Windows
from genescribe.codon.sequences.prepare import data_digest, load_windows
from genescribe.codon.sequences.row_layout import Layout
from genescribe.codon.sequences.vocabulary import FIRST_CODON
from genescribe.config import to_mapping
from genescribe.data.cursor import Cursor, micro_batches
from genescribe.errors import InputError
from genescribe.train.task import Counts, Loss, Task

IGNORE = -100
_MOST_NATS = 700.0
_LOSS_OPTIONS = ("label_smoothing", "use_checkpoint")


@dataclass(frozen=True)
class CodonBatch:
    """Some windows as one row of N tokens.

    Attributes
    ----------
    tokens, targets : (N,) int64
        Each token and the one that follows it in its coding sequence; `IGNORE` where none does.
    layout
        Where the coding sequences lie.
    """

    tokens: Tensor
    targets: Tensor
    layout: Layout

    def to(self, device: torch.device | str) -> CodonBatch:
        """Return the batch on a device."""
        tokens, targets = (part.to(device, non_blocking=True) for part in (self.tokens, self.targets))
        return CodonBatch(tokens, targets, self.layout.to(device))

    def pin_memory(self) -> CodonBatch:
        """Return the batch in page-locked memory; PyTorch's loader calls this."""
        return CodonBatch(self.tokens.pin_memory(), self.targets.pin_memory(), self.layout.pin())


def batch_of(segments: Sequence[np.ndarray[Any, Any]], windows: Sequence[int] | None = None) -> CodonBatch:
    """Return the batch of some segments of tokens.

    Parameters
    ----------
    segments
        Tokens of each, a `<SEP>` at the end of those that another follows in their window.
    windows
        Segments of each window, to attend over whole windows; None: each segment to itself.
    """
    tokens = torch.from_numpy(np.concatenate(segments).astype(np.int64))
    lengths = torch.tensor([len(segment) for segment in segments])
    targets = torch.cat([tokens[1:], torch.tensor([IGNORE])])
    targets[torch.cumsum(lengths, 0) - 1] = IGNORE
    # What follows the end of a coding sequence is packing, not biology.
    targets[(targets >= 0) & (targets < FIRST_CODON) & (tokens < FIRST_CODON)] = IGNORE
    if windows is not None:
        lengths = torch.tensor([int(part.sum()) for part in torch.split(lengths, list(windows))])
    return CodonBatch(tokens, targets, Layout.of(lengths))


class WindowSet(Dataset[list[Any]]):
    """The windows of a split; a window is the list of its segments' tokens."""

    def __init__(self, windows: Windows) -> None:
        self._w = windows
        self._first = np.searchsorted(windows.segments, windows.windows)

    def __len__(self) -> int:
        return len(self._w)

    def __getitem__(self, number: int) -> list[Any]:
        bounds = self._w.segments[self._first[number] : self._first[number + 1] + 1]
        return [self._w.tokens[a:b] for a, b in pairwise(bounds)]

    @property
    def tokens(self) -> int:
        """Tokens of all windows."""
        return len(self._w.tokens)


def perplexity(nats: float) -> float:
    """Return the perplexity of so many nats per codon; infinite where a number cannot hold it."""
    return math.exp(nats) if nats < _MOST_NATS else math.inf


def _collate(windows: Sequence[list[Any]], *, masked: bool) -> CodonBatch:
    segments = [segment for window in windows for segment in window]
    return batch_of(segments, None if masked else [len(window) for window in windows])


class CodonTask(Task):
    """The family at work on prepared data.

    Parameters
    ----------
    config
        The network and its loss.
    folders
        One folder that `genescribe.codon.sequences.prepare.prepare` wrote.

    Raises
    ------
    InputError
        Not one folder, or windows longer than the network's.
    """

    name = FAMILY
    metrics: tuple[str, ...] = ("log_likelihood", "perplexity")
    best = "log_likelihood"
    no_decay: tuple[str, ...] = ("embedding.", "positions.")
    remedy = "lower train.lr, set train.clip, or train.amp: false"
    adamw_only: tuple[str, ...] = ("embedding.", "positions.")

    def __init__(self, config: CodonOptions, folders: Sequence[str | Path]) -> None:
        if len(folders) != 1:
            raise InputError(f"{len(folders)} folders of data", where="data", remedy="give the one prepared folder")
        self.config, self.folder = config, Path(folders[0])
        self.training = WindowSet(load_windows(self.folder, "train"))
        self.validation = WindowSet(load_windows(self.folder, "validation"))
        longest = max(int(np.diff(dataset._w.windows).max(initial=0)) for dataset in (self.training, self.validation))
        if longest > config.block_size:
            raise InputError(
                f"windows of {longest} tokens",
                where=self.folder,
                remedy=f"set block_size to {longest} or prepare again",
            )
        # Kept between validations, and their processes with them where `persistent_workers` says so.
        self._validating: dict[tuple[int, ...], DataLoader[Any]] = {}
        torch.set_float32_matmul_precision(config.matmul_precision)

    def fingerprint(self) -> Mapping[str, Any]:
        """Return the options that change the result, and a digest of the data."""
        names = [field.name for field in fields(CodonModelConfig)] + list(_LOSS_OPTIONS)
        options = to_mapping(self.config)
        return {"model": {name: options[name] for name in names}, "data": data_digest(self.folder)}

    def build(self) -> nn.Module:
        """Return a fresh network."""
        return CodonModel(self.config, use_checkpoint=self.config.use_checkpoint)

    def samples(self) -> int:
        """Return the number of training windows."""
        return len(self.training)

    def batches(self, cursor: Cursor) -> Iterator[CodonBatch]:
        """Yield training batches."""
        return iter(self._loader(self.training, micro_batches(cursor, len(self.training)), cursor.workers))

    def validation_batches(self, rank: int, world: int, size: int, workers: int) -> Iterator[CodonBatch]:
        """Yield validation batches; see `Task.validation_batches`."""
        key = (rank, world, size, workers)
        if key not in self._validating:
            count = len(self.validation)
            chosen = [list(range(first, min(first + size, count))) for first in range(0, count, size)]
            self._validating[key] = self._loader(self.validation, chosen[rank::world], workers)
        return iter(self._validating[key])

    def _loader(self, windows: WindowSet, chosen: Any, workers: int) -> DataLoader[Any]:
        options = self.config
        ahead: dict[str, Any] = {
            "prefetch_factor": options.prefetch_factor,
            "persistent_workers": options.persistent_workers,
        }
        return DataLoader(
            windows,
            batch_sampler=chosen,
            collate_fn=partial(_collate, masked=options.sep_mask_enabled),
            num_workers=workers,
            pin_memory=options.pin_memory and torch.cuda.is_available(),
            generator=torch.Generator(),
            **(ahead if workers else {}),
        )

    def to_device(self, batch: CodonBatch, device: torch.device) -> CodonBatch:
        """Return the batch on a device."""
        return batch.to(device)

    def loss(self, model: nn.Module, batch: CodonBatch) -> Loss:
        """Return the cross-entropy in float32, summed over transitions."""
        smoothing = self.config.label_smoothing if model.training else 0.0
        logits = model(batch.tokens, batch.layout).float()
        total = cross_entropy(logits, batch.targets, ignore_index=IGNORE, reduction="sum", label_smoothing=smoothing)
        return Loss(total, (batch.targets != IGNORE).sum())

    def validate(self, model: nn.Module, batch: CodonBatch) -> Counts:
        """Return the unsmoothed negative log likelihood of codons, and their number."""
        logits = model(batch.tokens, batch.layout).float()
        targets = torch.where(batch.targets >= FIRST_CODON, batch.targets, IGNORE)
        total = cross_entropy(logits, targets, ignore_index=IGNORE, reduction="sum")
        return {"nll": total, "codons": (targets != IGNORE).sum()}

    def summarise(self, counts: Counts) -> dict[str, float]:
        """Return nats per codon, negative, and perplexity."""
        nll = float(counts["nll"]) / max(float(counts["codons"]), 1.0)
        return {"log_likelihood": -nll, "perplexity": perplexity(nll)}

    def diagnose(self, model: nn.Module, batch: CodonBatch) -> list[str]:
        """Return the sizes, and the first loss beside ln V."""
        with torch.no_grad():
            loss = self.loss(model, batch)
        size = sum(parameter.numel() for parameter in model.parameters())
        first = float(loss.total / loss.weight)
        return [
            f"{size:,} parameters; {self.training.tokens:,} training tokens in {len(self.training):,} windows",
            f"first loss {first:.4f}; ln {self.config.vocab_size} = {math.log(self.config.vocab_size):.4f}",
        ]

    def compile(self, model: nn.Module) -> None:
        """Compile the blocks."""
        assert isinstance(model, CodonModel)
        for block in model.blocks:
            block.compile(mode=self.config.compile_mode, dynamic=True)

    def save(self, model: nn.Module, directory: Path) -> None:
        """Write the model."""
        assert isinstance(model, CodonModel)
        model.save(directory)
