"""Weights from files: nothing but tensors is read, and names, shapes and values must be those of the network."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from genescribe.errors import InputError


def read_pickle(path: Path, remedy: str) -> dict[str, Tensor]:
    """Return the tensors of a PyTorch file, which runs no code.

    Parameters
    ----------
    path
        File that `torch.save` wrote.
    remedy
        Remedy of the error for a file of something else.

    Raises
    ------
    InputError
        There is none, it is damaged, or it contains anything but tensors by name.
    """
    try:
        with warnings.catch_warnings():
            # PyTorch warns of pickles of other programs, which then are refused anyway.
            warnings.simplefilter("ignore")
            stored: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError("no such file", where=path, remedy=remedy) from None
    except UnpicklingError:
        problem = "damaged, or holds more than tensors, perhaps code; not opened"
        raise InputError(problem, where=path, remedy=remedy) from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"damaged, or no weights ({reason})", where=path, remedy=remedy) from None
    if not isinstance(stored, Mapping) or not all(isinstance(value, Tensor) for value in stored.values()):
        raise InputError("not a state of weights", where=path, remedy=remedy)
    return {str(name): value for name, value in stored.items()}


def mismatch(
    expected: Mapping[str, Tensor], stored: Mapping[str, Tensor], optional: Collection[str] = ()
) -> str | None:
    """Return the fault of stored weights, or None.

    Parameters
    ----------
    expected
        Weights of the network.
    stored
        Weights of a file, under the names of the network.
    optional
        Names that the file may lack.
    """
    lacking, unknown = expected.keys() - stored.keys() - set(optional), stored.keys() - expected.keys()
    for problem, names in (("lacks", lacking), ("has unknown", unknown)):
        if names:
            return f"{problem} {', '.join(sorted(names)[:3])}"
    for name, value in stored.items():
        if value.shape != expected[name].shape:
            return f"{name} is {tuple(value.shape)}, not {tuple(expected[name].shape)}"
        if not bool(value.isfinite().all()):
            return f"{name} is not finite"
    return None
