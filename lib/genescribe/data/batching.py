"""Batches of padded windows: for training from a cursor, for validation each window once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from genescribe.data.balance import GenomeDraw
from genescribe.data.cursor import Cursor, micro_batches
from genescribe.data.dataset import ShardDataset
from genescribe.data.runs import IGNORE
from genescribe.data.sample import Sample, WindowMeta
from genescribe.errors import InputError
from genescribe.genome.alphabet import N

T = TypeVar("T")


def to_device(array: NDArray[Any], device: torch.device | str) -> Tensor:
    """Return an array on a device; to a GPU it goes from pinned memory, and nobody waits for it.

    Parameters
    ----------
    array
        Of numbers; on the CPU the tensor shares its memory.
    device
        Target device.
    """
    tensor = torch.from_numpy(array)
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


@dataclass(frozen=True)
class Batch:
    """B windows, padded to the longest, T bases.

    Attributes
    ----------
    codes : (B, T) int64
        Base codes, softmask bit included; N past a window's end.
    lengths : (B,) int64
        Bases of each window.
    runs : B of (n, 2) int64
        Ends and labels of each window's segments; see `genescribe.data.sample.Runs`.
    left_censored, right_censored : (B,) bool
        See `WindowMeta`.
    keys, metas
        Names and origins of the windows.
    """

    codes: Tensor
    lengths: Tensor
    runs: tuple[Tensor, ...]
    left_censored: Tensor
    right_censored: Tensor
    keys: tuple[str, ...]
    metas: tuple[WindowMeta, ...]

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch with its tensors on a device."""
        return replace(
            self,
            codes=self.codes.to(device, non_blocking=True),
            lengths=self.lengths.to(device, non_blocking=True),
            runs=tuple(run.to(device, non_blocking=True) for run in self.runs),
            left_censored=self.left_censored.to(device, non_blocking=True),
            right_censored=self.right_censored.to(device, non_blocking=True),
        )

    def rows(self, numbers: Sequence[int]) -> Batch:
        """Return some of the windows, padded to the longest of them."""
        chosen = torch.tensor(list(numbers), device=self.lengths.device)
        lengths = self.lengths[chosen]
        return Batch(
            self.codes[chosen, : int(lengths.max())],
            lengths,
            tuple(self.runs[i] for i in numbers),
            self.left_censored[chosen],
            self.right_censored[chosen],
            tuple(self.keys[i] for i in numbers),
            tuple(self.metas[i] for i in numbers),
        )

    def labels(self) -> Tensor:
        """Return the label of every base, (B, T) int64; `IGNORE` past a window's end."""
        labels = torch.full_like(self.codes, IGNORE)
        for row, run in zip(labels, self.runs, strict=True):
            durations = torch.diff(run[:, 0], prepend=run.new_zeros(1))
            row[: int(run[-1, 0])] = torch.repeat_interleave(run[:, 1], durations)
        return labels

    def core(self) -> Tensor:
        """Return which bases this batch counts, (B, T) bool: see `WindowMeta.core`."""
        core = torch.zeros_like(self.codes, dtype=torch.bool)
        for row, meta in zip(core, self.metas, strict=True):
            row[meta.core_slice] = True
        return core


def collate(samples: Sequence[Sample]) -> Batch:
    """Return the batch of some samples."""
    lengths = [len(sample.codes) for sample in samples]
    codes = np.full((len(samples), max(lengths)), N, dtype=np.int64)
    for row, sample in zip(codes, samples, strict=True):
        row[: len(sample.codes)] = sample.codes
    return Batch(
        torch.from_numpy(codes),
        torch.tensor(lengths),
        tuple(torch.from_numpy(sample.runs.astype(np.int64)) for sample in samples),
        torch.tensor([sample.meta.left_censored for sample in samples]),
        torch.tensor([sample.meta.right_censored for sample in samples]),
        tuple(sample.key for sample in samples),
        tuple(sample.meta for sample in samples),
    )


def training_batches(
    dataset: ShardDataset,
    cursor: Cursor,
    collate_fn: Callable[[list[Sample]], T],
    lengths: NDArray[np.int64] | None = None,
    draw: GenomeDraw | None = None,
) -> Iterator[T]:
    """Yield this process's micro-batches from `cursor` on, without end.

    The batches of a step do not depend on the number of workers or, taken over all processes, of processes.
    No global random state is touched. `lengths` (n,) are what buckets go by where it is not the bases of windows.
    `draw` says which windows an epoch holds; None: each once.

    Parameters
    ----------
    dataset
        Windows of the training split.
    cursor
        Position in the data: seed, step, batch size, this process's share, workers.
    collate_fn
        Makes a batch of samples.
    lengths : (n,) int64 or None
        Lengths that buckets sort by; None: bases of the windows.
    draw
        Order of the windows where genomes are balanced; None: a permutation per epoch.

    Raises
    ------
    InputError
        Both `draw` and the cursor's buckets would order the windows.
    """
    if draw is not None and cursor.buckets:
        raise InputError("the model's species order the windows", where="train.buckets", remedy="leave it at 0")
    count, order = len(dataset), cursor.order(dataset.lengths if lengths is None else lengths)
    if draw is not None:
        count, order = len(draw), draw.order
    yield from _load(dataset, micro_batches(cursor, count, order), collate_fn, cursor.workers)


def ordered_batches(
    dataset: ShardDataset,
    collate_fn: Callable[[list[Sample]], T],
    *,
    size: int,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    among: NDArray[np.int64] | None = None,
) -> Iterator[T]:
    """Yield every window of this process's share once.

    Parameters
    ----------
    dataset
        Windows of baked shards.
    collate_fn
        Makes a batch of samples.
    size
        Most windows of a batch.
    rank, world
        Process `rank` of `world` takes every `world`-th batch: the batches do not depend on `world`.
    workers
        Processes that read shards; 0: this one.
    among
        The numbers of the windows; None: all of them.
    """
    numbers = np.arange(len(dataset)) if among is None else among
    batches = [numbers[group].tolist() for group in pack(dataset.lengths[numbers], size=size)]
    yield from _load(dataset, batches[rank::world], collate_fn, workers)


def pack(lengths: NDArray[np.int64], *, size: int) -> list[list[int]]:
    """Return groups of at most `size` windows of like length.

    Parameters
    ----------
    lengths : (n,) int64
        Bases of each window.
    size
        Most windows of a group.

    Examples
    --------
    >>> pack(np.array([5, 10, 5, 9, 30]), size=2)
    [[4, 1], [3, 0], [2]]
    """
    # Longest first: a device that runs out of memory does so at once.
    order = np.argsort(-lengths, kind="stable").tolist()
    return [order[first : first + size] for first in range(0, len(order), size)]


def _load(
    dataset: ShardDataset, batches: Iterable[list[int]], collate_fn: Callable[[list[Sample]], T], workers: int
) -> Iterator[T]:
    loader = DataLoader(
        cast("Dataset[Sample]", dataset),
        batch_sampler=batches,
        collate_fn=collate_fn,
        num_workers=workers,
        # A generator of its own: DataLoader draws a seed when it starts, and would move the global random state.
        generator=torch.Generator(),
    )
    yield from loader
