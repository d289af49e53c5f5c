"""Full-state checkpoints: written atomically, the newest kept, refused by a run that they do not belong to."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genescribe.errors import InputError
from genescribe.files import atomic_path

_VERSION = 1
KEPT = 2
"""Number of newest checkpoints kept: should the last one be damaged, the one before it serves."""
_SHOWN = 3
"""Differences between two runs that an error message names."""


@dataclass
class State:
    """All that a run needs to go on as if it had never stopped.

    Attributes
    ----------
    step
        Optimiser steps taken: position in the schedule and, times the batch, in the data.
    model, optimiser
        State dictionaries of the model and the optimiser.
    random
        Random state of torch, NumPy and Python; see `random_state`.
    best_step
        Step of the best validation so far, whose weights lie in their own file; -1 before the first.
    best_value
        Metric of the best validation.
    stale
        Number of validations since the best.
    lr_scale, plateau
        Scheduler `plateau`: what the learning rate is multiplied by, and validations without a better result since it
        last changed.
    done
        No step is left.
    running
        Since the last row of the log: sum and number of the losses, sums of their parts; empty where there was none.
    log
        Rows of the log so far.
    seconds
        Time spent so far.
    """

    step: int = 0
    model: dict[str, Any] = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)
    random: dict[str, Any] = field(default_factory=dict)
    best_step: int = -1
    best_value: float = 0.0
    stale: int = 0
    lr_scale: float = 1.0
    plateau: int = 0
    done: bool = False
    running: list[float] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Checkpoints:
    """The checkpoints of one run, in a folder of their own.

    Parameters
    ----------
    directory
        Made where it does not exist.
    fingerprint
        All that the run's result depends on; see `differences`.
    """

    def __init__(self, directory: Path, fingerprint: Mapping[str, Any]) -> None:
        self._directory, self._fingerprint = directory, dict(fingerprint)

    def newest_step(self) -> int | None:
        """Return the step of the newest state, or None where there is none."""
        states = self._states()
        return _step(states[-1]) if states else None

    def load(self, step: int) -> State:
        """Return the state of a step.

        Raises
        ------
        InputError
            It belongs to a run with other options or other data.
        """
        source = self._directory / f"step-{step:09d}.pt"
        try:
            stored = torch.load(source, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, OSError) as error:
            raise InputError(
                f"not a readable checkpoint ({type(error).__name__})", where=source, remedy="remove this file"
            ) from error
        if stored["version"] != _VERSION:
            raise InputError("written by another version", where=source, remedy=self._remedy())
        changed = differences(stored["fingerprint"], self._fingerprint)
        if changed:
            more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
            raise InputError(
                f"the run has changed since: {'; '.join(changed[:_SHOWN])}{more}",
                where=source,
                remedy=self._remedy(),
            )
        state = State(**stored["state"])
        # Best weights that a killed run wrote after its last checkpoint: this run may find others.
        for path in self._bests():
            if _step(path) > state.step:
                path.unlink(missing_ok=True)  # All processes do this at once.
        return state

    def _remedy(self) -> str:
        return f"go on with the old options, give another output folder, or remove {self._directory} to begin again"

    def save(self, state: State) -> None:
        """Write a state; remove states older than the newest ones, and best weights that none of them names."""
        stored = {"version": _VERSION, "fingerprint": self._fingerprint, "state": vars(state)}
        with atomic_path(self._directory / f"step-{state.step:09d}.pt") as temporary:
            torch.save(stored, temporary)
        for old in self._states()[:-KEPT]:
            old.unlink()
        # A state names the newest best weights that are not newer than itself: keep those of the oldest state.
        best = [path for path in self._bests() if _step(path) <= _step(self._states()[0])]
        for old in best[:-1]:
            old.unlink()

    def save_best(self, step: int, weights: dict[str, Any]) -> None:
        """Write the weights of the best validation, to be named by the next state."""
        with atomic_path(self._best(step)) as temporary:
            torch.save(weights, temporary)

    def load_best(self, step: int) -> dict[str, Any]:
        """Return the weights that `save_best` wrote."""
        weights: dict[str, Any] = torch.load(self._best(step), map_location="cpu", weights_only=True)
        return weights

    def _best(self, step: int) -> Path:
        return self._directory / f"best-{step:09d}.pt"

    def _states(self) -> list[Path]:
        return sorted(self._directory.glob("step-*.pt"))

    def _bests(self) -> list[Path]:
        return sorted(self._directory.glob("best-*.pt"))

    def clear(self) -> None:
        """Remove everything: the run is over and its model written."""
        shutil.rmtree(self._directory, ignore_errors=True)


def _step(path: Path) -> int:
    return int(path.stem.partition("-")[2])


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the differences of two fingerprints, a phrase per value.

    Examples
    --------
    >>> differences({"train": {"lr": 0.1, "seed": 1}}, {"train": {"lr": 0.2, "seed": 1}})
    ['train.lr was 0.1, is 0.2']
    """
    before, after = _flat(old), _flat(new)
    return [
        f"{key} was {before.get(key, 'not set')}, is {after.get(key, 'not set')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, entry in value.items():
        if isinstance(entry, Mapping):
            flat |= _flat(entry, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = entry
    return flat


def random_state() -> dict[str, Any]:
    """Return the state of the generators of torch (CPU and this process's GPU), NumPy and Python, as plain values."""
    # The global generators are what is meant: libraries that a task uses draw from them.
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    version, words, gauss = random.getstate()
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "python": [version, torch.tensor(words), gauss],
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Set the generators to the state that `random_state` returned."""
    torch.set_rng_state(state["torch"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
