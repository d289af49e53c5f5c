"""A model's folder, the same for every family: `config.json` and `model.safetensors`, read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from genescribe.errors import InputError
from genescribe.files import read_json

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def stored_options(directory: str | Path, family: str) -> Any:
    """Return the model options that a folder holds, not yet checked.

    Raises
    ------
    InputError
        The file is missing, not JSON, or of another family.
    """
    path = Path(directory) / CONFIG
    try:
        stored: Any = read_json(path)
    except FileNotFoundError:
        raise InputError("no such file", where=path, remedy="give a folder that training wrote") from None
    except ValueError as error:
        raise InputError(f"not JSON ({error})", where=path, remedy="copy or train the model again") from None
    if not isinstance(stored, dict) or stored.get("family") != family or stored.keys() != {"family", "model"}:
        raise InputError(f"not the configuration of a {family} model", where=path, remedy="give another folder")
    return stored["model"]


def stored_weights(directory: str | Path) -> dict[str, Tensor]:
    """Return the weights that a folder holds.

    Raises
    ------
    InputError
        The file is missing or damaged.
    """
    path = Path(directory) / WEIGHTS
    try:
        return load_file(path)
    except FileNotFoundError:
        raise InputError("no weights here", where=path, remedy="give a folder that training wrote") from None
    except SafetensorError as error:
        raise InputError(f"damaged weights ({error})", where=path, remedy="copy or train the model again") from None
