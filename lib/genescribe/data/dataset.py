"""Windows in shards as a sequence: any window by its index, from any number of folders."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.data.sample import Sample
from genescribe.data.shards import INDEX, MANIFEST, SPLITS, parse_sample, read_index, sample_bytes, shard_name
from genescribe.errors import InputError

_OPEN_FILES = 64


class ShardDataset:
    """The windows of one split in the order in which they were baked.

    Shards are read in place, one request per window, so that any order costs the same and nothing is unpacked. May be
    copied into worker processes. A map-style dataset for PyTorch without being one of its classes: preprocessing reads
    shards too, and need not wait for torch.

    Parameters
    ----------
    folders
        Folders of baked shards, one per batch of sequences, of any number of genomes.
    split
        "train", "validation" or "test".

    Attributes
    ----------
    lengths : (n,) int64
        Bases of each window.
    folder_of : (n,) int64
        The place in `folders` of each window's folder.

    Raises
    ------
    InputError
        A folder holds no shards or a damaged index; a shard is missing or cut short.
    """

    def __init__(self, folders: Iterable[str | Path], split: str) -> None:
        if split not in SPLITS:
            raise InputError(f"no split {split!r}", where="shards", remedy=f"give one of {', '.join(SPLITS)}")
        self.folders, self.split = tuple(Path(folder) for folder in folders), split
        indices = [_rows(folder, split) for folder in self.folders]
        for folder, rows in zip(self.folders, indices, strict=True):
            _check_shards(folder, split, rows)
        self._rows: NDArray[Any] = np.concatenate(indices) if indices else np.zeros(0, dtype=np.uint8)
        self.folder_of: NDArray[np.int64] = np.repeat(np.arange(len(indices)), [len(index) for index in indices])
        self.lengths: NDArray[np.int64] = (
            self._rows["length"].astype(np.int64) if indices else np.zeros(0, dtype=np.int64)
        )
        self._open: OrderedDict[Path, int] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.lengths)

    def __getitem__(self, number: int) -> Sample:
        """Return a window.

        Raises
        ------
        InputError
            The shard is not the one that was indexed.
        """
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        row = self._rows[number]
        path = self.folders[self.folder_of[number]] / shard_name(self.split, int(row["shard"]))
        data = os.pread(self._descriptor(path), sample_bytes(row["sizes"]), int(row["offset"]))
        return parse_sample(data, row["sizes"], where=path)

    def digest(self) -> str:
        """Return a digest of the folders' contents, from the digests that `bake` noted."""
        total = hashlib.sha256()
        for folder in self.folders:
            for name in (MANIFEST, INDEX):
                total.update(hashlib.sha256((folder / name).read_bytes()).digest())
        return total.hexdigest()

    def _descriptor(self, path: Path) -> int:
        """Return an open file, closing the one used longest ago where there are many."""
        if path not in self._open:
            if len(self._open) >= _OPEN_FILES:
                os.close(self._open.popitem(last=False)[1])
            self._open[path] = os.open(path, os.O_RDONLY)
        self._open.move_to_end(path)
        return self._open[path]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": OrderedDict()}

    def __del__(self) -> None:
        for descriptor in getattr(self, "_open", {}).values():
            os.close(descriptor)


def _check_shards(folder: Path, split: str, rows: NDArray[Any]) -> None:
    """Raise `InputError` where a shard does not fit its index: now, and not after hours of training."""
    last_of_shard = rows[np.append(np.flatnonzero(np.diff(rows["shard"])), len(rows) - 1)] if len(rows) else rows
    for row in last_of_shard:
        path = folder / shard_name(split, int(row["shard"]))
        if not path.is_file():
            raise InputError("the shard is missing", where=path, remedy="bake again")
        if path.stat().st_size < int(row["offset"]) + sample_bytes(row["sizes"]):
            raise InputError("the shard is cut short", where=path, remedy="bake again")


def _rows(folder: Path, split: str) -> NDArray[Any]:
    index = read_index(folder)
    chosen: NDArray[Any] = index[index["split"] == SPLITS.index(split)]
    return chosen
