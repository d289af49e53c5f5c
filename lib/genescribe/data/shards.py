"""The bytes of a shard: a WebDataset tar file with an index.

A sample is three members (see `genescribe.data.sample`). The index of a folder, `windows.npy`, has one row per window:
its split, its shard and the place of its members, so that any window is one read away. Headers carry no time, owner
or machine: the same samples are the same bytes.
"""

from __future__ import annotations

import io
import json
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from genescribe.data.sample import Sample, WindowMeta
from genescribe.errors import InputError

INDEX = "windows.npy"
MANIFEST = "bake.json"
SPLITS = ("train", "validation", "test")
SUFFIXES = (".seq.npy", ".runs.npy", ".json")
ROW = np.dtype(
    [("split", "<u1"), ("shard", "<u4"), ("offset", "<u8"), ("sizes", "<u4", (3,)), ("length", "<u4")], align=False
)
"""Split (place in `SPLITS`), shard (number within its split), first byte of the sample's first header, bytes of its
members, bases."""

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def shard_name(split: str, number: int) -> str:
    """Return the file name of a shard."""
    return f"{split}-{number:05d}.tar"


class ShardWriter:
    """Writes the samples of a folder into shards of a fixed number of windows, and their index.

    Parameters
    ----------
    folder
        An existing, empty folder.
    windows_per_shard
        Windows of a full shard.
    """

    def __init__(self, folder: Path, windows_per_shard: int) -> None:
        self.folder, self._size = folder, windows_per_shard
        self._counts = dict.fromkeys(SPLITS, 0)
        self._handles: dict[str, BinaryIO] = {}
        self._rows: list[tuple[int, int, int, tuple[int, ...], int]] = []

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        for split in list(self._handles):
            self._close(split)

    def add(self, sample: Sample) -> str:
        """Append a sample to the newest shard of its split; return the shard's name."""
        split = sample.meta.split
        number, place = divmod(self._counts[split], self._size)
        if place == 0:
            self._close(split)
            self._handles[split] = (self.folder / shard_name(split, number)).open("wb")
        handle = self._handles[split]
        members = (_npy(sample.codes), _npy(sample.runs), _ENCODER.encode(_described(sample.meta)).encode("ascii"))
        row = (SPLITS.index(split), number, handle.tell(), tuple(map(len, members)), len(sample.codes))
        for suffix, data in zip(SUFFIXES, members, strict=True):
            handle.write(_header(sample.key + suffix, len(data)))
            handle.write(data)
            handle.write(bytes(-len(data) % _BLOCK))
        self._rows.append(row)
        self._counts[split] += 1
        return shard_name(split, number)

    def finish(self) -> NDArray[Any]:
        """Close the shards and write the index; return it."""
        self.__exit__()
        index = np.array(self._rows, dtype=ROW)
        with (self.folder / INDEX).open("wb") as handle:
            np.lib.format.write_array(handle, index, allow_pickle=False)
        return index

    def _close(self, split: str) -> None:
        if split in self._handles:
            handle = self._handles.pop(split)
            handle.write(_END)
            handle.close()


def read_index(folder: str | Path) -> NDArray[Any]:
    """Return the index of a folder of shards.

    Raises
    ------
    InputError
        There is none, or it is damaged.
    """
    path = Path(folder) / INDEX
    try:
        index: NDArray[Any] = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError("no shards in this folder", where=folder, remedy="give a folder written by bake") from None
    except (ValueError, EOFError) as error:
        raise InputError(f"damaged index ({error})", where=path, remedy="bake again") from None
    if index.dtype != ROW:
        raise InputError("index of another version", where=path, remedy="bake again")
    return index


def sample_bytes(sizes: NDArray[np.uint32]) -> int:
    """Return the bytes of a sample in its shard, headers and padding included."""
    return sum(_BLOCK + int(size) + -int(size) % _BLOCK for size in sizes)


def parse_sample(data: bytes, sizes: NDArray[np.uint32], *, where: str | Path) -> Sample:
    """Return the sample whose members are `data`.

    Parameters
    ----------
    data
        Bytes of the members of a sample, one after the other.
    sizes : (members,) uint32
        Bytes of each member, from the index.
    where
        The shard, for messages.

    Raises
    ------
    InputError
        The bytes are not what the index says.
    """
    members, keys = [], set()
    offset = 0
    for size, suffix in zip(sizes.tolist(), SUFFIXES, strict=True):
        name = data[offset : offset + 100].split(b"\0", 1)[0].decode("ascii", "replace")
        stated = data[offset + 124 : offset + 135]
        if not name.endswith(suffix) or stated != b"%011o" % size or offset + _BLOCK + size > len(data):
            raise InputError("the shard is not the one that its index describes", where=where, remedy="bake again")
        keys.add(name.removesuffix(suffix))
        members.append(data[offset + _BLOCK : offset + _BLOCK + size])
        offset += _BLOCK + size + -size % _BLOCK
    if len(keys) != 1:
        raise InputError("the shard is not the one that its index describes", where=where, remedy="bake again")
    codes, runs = (np.lib.format.read_array(io.BytesIO(member), allow_pickle=False) for member in members[:2])
    return Sample(keys.pop(), codes, runs, meta_from_json(json.loads(members[2])))


def meta_from_json(value: dict[str, Any]) -> WindowMeta:
    """Return a window's origin from the values of its JSON member."""
    core, hints = value["core"], tuple((a, b, strand, score) for a, b, strand, score in value.get("hints", ()))
    changed = {"genes": tuple(value["genes"]), "core": None if core is None else tuple(core), "hints": hints}
    return WindowMeta(**{**value, **changed})


def _described(meta: WindowMeta) -> dict[str, Any]:
    """Return the values of a window's JSON member; windows without sentence or hints have none there."""
    # Not `asdict`, whose deep copies take longer than writing the file.
    values = {field.name: getattr(meta, field.name) for field in fields(meta)}
    return {name: value for name, value in values.items() if name not in ("sentence", "hints") or value}


def _npy(array: NDArray[Any]) -> bytes:
    return _npy_header(array.dtype.str, array.shape) + array.tobytes()


@lru_cache(maxsize=4096)
def _npy_header(descr: str, shape: tuple[int, ...]) -> bytes:
    """Return the header of a .npy file. Most windows share it, and computing it takes longest."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def _header(name: str, size: int) -> bytes:
    """Return a POSIX ustar header of a plain file without time or owner (IEEE Std 1003.1-2017, pax, ustar format)."""
    encoded = name.encode("ascii")
    if len(encoded) > 100:
        raise ValueError(f"a member's name must be at most 100 letters: {name}")
    fields = (
        encoded.ljust(100, b"\0"),
        b"0000644\0" + b"0000000\0" * 2,
        b"%011o\0" % size + b"%011o\0" % 0,
        b" " * 8,
        b"0".ljust(101, b"\0"),
        b"ustar\x0000".ljust(72, b"\0") + b"0000000\0" * 2,
    )
    header = b"".join(fields).ljust(_BLOCK, b"\0")
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]
