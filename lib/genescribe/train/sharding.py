"""Weights, gradients and optimiser state divided among processes: FSDP2, beside DDP, with the same checkpoints.

Checkpoints and models always hold whole tensors, so that a run may go on with another number of processes, divided or
not. (Zhao et al. 2023, "PyTorch FSDP", arXiv:2304.11277; FSDP2 is its form on distributed tensors, `fully_shard`.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from genescribe.train.distributed import World


def spread(objective: nn.Module, world: World, parallel: str) -> nn.Module:
    """Return the objective as the processes train it together; alone it is left as it is.

    Parameters
    ----------
    objective
        Its forward pass returns the loss.
    world
        The processes.
    parallel
        "ddp": each has all weights. "fsdp": each holds a share; every block of an `nn.ModuleList`, and the rest, is
        put together when it is used.
    """
    if world.size == 1:
        return objective
    if parallel == "ddp":
        return DistributedDataParallel(objective, broadcast_buffers=False)
    mesh = init_device_mesh(world.device.type, (world.size,))
    for block in _blocks(objective):
        fully_shard(block, mesh=mesh)
    fully_shard(objective, mesh=mesh)
    return objective


def _blocks(module: nn.Module) -> list[nn.Module]:
    lists = [part for part in module.modules() if isinstance(part, nn.ModuleList)]
    # Only leaves of the nesting: a block within a block would be gathered twice.
    return [
        block
        for part in lists
        for block in part
        if any(True for _ in block.parameters())
        and not any(isinstance(inner, nn.ModuleList) for inner in block.modules())
    ]


def unsynchronised(objective: nn.Module) -> AbstractContextManager[None]:
    """Leave gradients unshared: more micro-batches of the step are to come."""
    if isinstance(objective, DistributedDataParallel):
        return objective.no_sync()
    return _local_gradients(objective) if isinstance(objective, FSDPModule) else nullcontext()


@contextmanager
def _local_gradients(objective: FSDPModule) -> Iterator[None]:
    objective.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        objective.set_requires_gradient_sync(True)


@contextmanager
def together(objective: nn.Module) -> Iterator[None]:
    """Put all weights together on every process for a while: for passes that do not go through the objective."""
    parts = [part for part in objective.modules() if isinstance(part, FSDPModule)]
    for part in parts:
        part.unshard()
    try:
        yield
    finally:
        for part in parts:
            part.reshard()


def whole(value: Any) -> Any:
    """Return a value with its divided tensors put together; all processes must ask at once."""
    if isinstance(value, DTensor):
        return value.full_tensor()
    if isinstance(value, Mapping):
        return {key: whole(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(whole(entry) for entry in value)
    return value


def divided(value: Tensor, parameter: Tensor) -> Tensor:
    """Return a whole tensor divided as a parameter is; a parameter that is not divided leaves it as it is."""
    if not isinstance(parameter, DTensor) or value.shape != parameter.shape or isinstance(value, DTensor):
        return value.to(parameter.device)
    value = value.to(parameter.device_mesh.device_type)
    return distribute_tensor(value, parameter.device_mesh, parameter.placements)


def divide_state(state: Mapping[Tensor, dict[str, Any]]) -> None:
    """Divide an optimiser's state as its parameters are."""
    for parameter, entries in state.items():
        if isinstance(parameter, DTensor):
            for name, value in entries.items():
                if isinstance(value, torch.Tensor):
                    entries[name] = divided(value, parameter)
