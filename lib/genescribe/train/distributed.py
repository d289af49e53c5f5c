"""The processes of a training run: one, or as many as torchrun started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from genescribe.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The place of a process among those that train."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether the process writes files and logs."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes."""
        if self.size == 1:
            return value
        total = value.to(self.device).clone()
        dist.all_reduce(total)
        return total

    def first(self, value: T) -> T:
        """Return the leader's value."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, device=self.device)
        return values[0]

    def gather(self, value: T) -> list[T]:
        """Return every process's value, in the order of their ranks."""
        if self.size == 1:
            return [value]
        values: list[T | None] = [None] * self.size
        dist.all_gather_object(values, value)
        return cast(list[T], values)


def choose_device(name: str, local_rank: int = 0) -> torch.device:
    """Return the device that `auto`, `cpu`, `cuda`, `cuda:N` or `mps` (Apple) means for a process.

    Raises
    ------
    InputError
        No such device here.
    """
    available = torch.cuda.is_available()
    if name == "auto":
        name = "cuda" if available else "cpu"
    if name == "cuda":
        name = f"cuda:{local_rank}"
    kind, _, number = name.partition(":")
    if kind == "cpu" and not number:
        return torch.device("cpu")
    if kind == "mps" and not number:
        if not torch.backends.mps.is_available():
            raise InputError("mps is not there", where="device", remedy="give auto or cpu")
        return torch.device("mps")
    if kind != "cuda" or not number.isdecimal():
        raise InputError(f"no device is called {name!r}", where="device", remedy="give auto, cpu, cuda, cuda:N or mps")
    count = torch.cuda.device_count() if available else 0
    if int(number) >= count:
        raise InputError(f"{name} is not there: {count} CUDA devices", where="device", remedy="give auto or cpu")
    return torch.device(name)


def named_device(name: str) -> str:
    """Return `auto` as cpu or cuda, and any other name as it is, once it is known to be a device here.

    Raises
    ------
    InputError
        No such device here.
    """
    chosen = choose_device(name)
    return chosen.type if name == "auto" else name


def computes_in_bf16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16 products: where it has none, they are slower than in float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, bool)() for name in names)
    return torch.amp.is_autocast_available(device.type)


@contextmanager
def join(device: str) -> Iterator[World]:
    """Join the processes that torchrun started (NCCL on GPUs, gloo on CPUs); alone where it started none.

    Several runs in one process join once, around all of them: a second group after the first has ended would find the
    first one's addresses in the store of torchrun.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(0, 1, choose_device(device))
        return
    chosen = choose_device(device, int(os.environ["LOCAL_RANK"]))
    if dist.is_initialized():
        yield World(dist.get_rank(), size, chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), size, chosen)
    finally:
        dist.destroy_process_group()
