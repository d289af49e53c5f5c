"""Weights, gradients and optimiser state sharded across processes (FSDP2), with the same checkpoints as DDP.

Checkpoints and models always hold whole tensors, so that a run may go on with another number of processes, divided or
not. (Zhao et al. 2023, "PyTorch FSDP", arXiv:2304.11277; FSDP2 is its form on distributed tensors, `fully_shard`.)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from genescribe.train.distributed import World


def distribute(objective: nn.Module, world: World, parallel: str) -> nn.Module:
    """Return the objective as the processes train it; unchanged for a single process.

    Parameters
    ----------
    objective
        Its forward pass returns the loss.
    world
        Processes of the run.
    parallel
        "ddp": each has all weights. "fsdp": each holds a share; every block of an `nn.ModuleList`, and the rest, is
        gathered when it is used.
    """
    if world.size == 1:
        return objective
    if parallel == "ddp":
        return DistributedDataParallel(objective, broadcast_buffers=False)
    # An LSTM's output is a view; what follows here changes no tensor in place.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")
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


def without_sync(objective: nn.Module) -> AbstractContextManager[None]:
    """Keep gradients local: more micro-batches of the step follow."""
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


def unsharded(model: nn.Module, world: World, parallel: str) -> nn.Module:
    """Return the model for passes that do not go through the objective; ask before `distribute`.

    A divided model's blocks exchange weights at each pass, also out of turn, and processes may make different numbers
    of such passes: the first alone looks at the first batch, and validation batches do not always divide evenly. So
    they are made by a copy, which holds weights only within `gathered`.

    Parameters
    ----------
    model
        The model, before it is divided.
    world
        Processes of the run.
    parallel
        `ddp` or `fsdp`.
    """
    if world.size == 1 or parallel == "ddp":
        return model
    copy = deepcopy(model)
    _empty(copy)
    return copy


def _empty(model: nn.Module) -> None:
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(parameter.to("meta"), parameter.requires_grad))


@contextmanager
def gathered(model: nn.Module, copy: nn.Module) -> Iterator[nn.Module]:
    """Yield the `unsharded` copy of a model, holding its weights meanwhile; all processes must call it at once."""
    if copy is model:
        yield model
        return
    copy.load_state_dict(full(model.state_dict()), assign=True)
    copy.train(model.training)
    try:
        yield copy
    finally:
        _empty(copy)


def full(value: Any) -> Any:
    """Return a value with its sharded tensors gathered; all processes must call it at once."""
    if isinstance(value, DTensor):
        return value.full_tensor()
    if isinstance(value, Mapping):
        return {key: full(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(full(entry) for entry in value)
    return value


def sharded_like(value: Tensor, parameter: Tensor) -> Tensor:
    """Return a full tensor sharded as a parameter is; unchanged where the parameter is not sharded."""
    if not isinstance(parameter, DTensor) or value.shape != parameter.shape or isinstance(value, DTensor):
        return value.to(parameter.device)
    value = value.to(parameter.device_mesh.device_type)
    return distribute_tensor(value, parameter.device_mesh, parameter.placements)


def shard_state(state: Mapping[Tensor, dict[str, Any]]) -> None:
    """Shard an optimiser's state as its parameters are."""
    for parameter, entries in state.items():
        if isinstance(parameter, DTensor):
            for name, value in entries.items():
                if isinstance(value, torch.Tensor):
                    entries[name] = sharded_like(value, parameter)
