"""The optimisers, behind one interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from genescribe.errors import InputError
from genescribe.train.config import TrainConfig
from genescribe.train.schedule import parameter_groups
from genescribe.train.sharding import shard_state


class Optimiser:
    """One or several optimisers that step together.

    Attributes
    ----------
    param_groups
        Of all of them; their learning rates are set before each step.
    """

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self._parts = list(parts)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of every part."""
        return [group for part in self._parts for group in part.param_groups]

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for part in self._parts:
            part.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Take one step with every part."""
        for part in self._parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the state, that of the only part as it is."""
        if len(self._parts) == 1:
            return self._parts[0].state_dict()
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load a state that `state_dict` returned."""
        states = state["parts"] if len(self._parts) > 1 else [dict(state)]
        for part, part_state in zip(self._parts, states, strict=True):
            part.load_state_dict(part_state)
            shard_state(part.state)


def build_optimiser(
    config: TrainConfig, model: nn.Module, exempt: Sequence[str] = (), adamw_only: Sequence[str] = ()
) -> Optimiser:
    """Return the optimiser of a run.

    Parameters
    ----------
    config
        `optimizer` is `adamw`, `adafactor` (Shazeer and Stern 2018, arXiv:1804.04235, its steps not relative to the
        weights, so that one learning rate serves it and AdamW) or `muon` (Jordan 2024: the
        momentum of each hidden matrix is orthogonalised; its update is scaled to the size of AdamW's, so that one
        learning rate serves both).
    model
        Model whose parameters are optimised.
    exempt
        Beginnings of the names of parameters without weight decay.
    adamw_only
        Beginnings of the names of matrices that Muon leaves to AdamW: embeddings and output layers.

    Raises
    ------
    InputError
        Muon was asked for and no matrix is left to it; FSDP with another optimiser than AdamW.
    """
    groups = parameter_groups(model, config.weight_decay, exempt)
    if config.optimizer != "adamw" and config.parallel == "fsdp":
        raise InputError(f"{config.optimizer} does not divide its state", where="train.parallel", remedy="use ddp")
    if config.optimizer == "adafactor":
        # Steps relative to a matrix (0.02 when fresh) would hardly move it; with 1 as least size they are lr itself.
        return Optimiser([torch.optim.Adafactor(groups, lr=config.lr, eps=(None, 1.0))])
    if config.optimizer == "adamw":
        return Optimiser([torch.optim.AdamW(groups, lr=config.lr)])
    spared = {id(p) for name, p in model.named_parameters() if name.startswith((*exempt, *adamw_only))}
    hidden = [p for p in model.parameters() if p.requires_grad and p.ndim == 2 and id(p) not in spared]
    if not hidden:
        raise InputError("Muon finds no hidden matrix", where="train.optimizer", remedy="use adamw")
    by_muon = {id(p) for p in hidden}
    remaining = [group | {"params": [p for p in group["params"] if id(p) not in by_muon]} for group in groups]
    muon = torch.optim.Muon(hidden, lr=config.lr, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw")
    return Optimiser([muon, torch.optim.AdamW(remaining, lr=config.lr)])
