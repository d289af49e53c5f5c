"""A model's folder, the same for every family: `config.json` and `model.safetensors`, read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.files import read_json, sha256

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


def weights_digest(directory: str | Path) -> str:
    """Return the digest of the weights that a folder holds.

    Raises
    ------
    InputError
        There are none.
    """
    path = Path(directory) / WEIGHTS
    if not path.is_file():
        raise InputError("no weights here", where=path, remedy="give a folder that training wrote")
    return sha256(path)


def begin_with(model: nn.Module, directory: str | Path) -> None:
    """Give a model the weights of a trained one of the same shape.

    A frozen part, whose weights a folder does not repeat, keeps those that it has.

    Raises
    ------
    InputError
        A weight is missing, unknown or of another shape.
    """
    weights, own = stored_weights(directory), model.state_dict()
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    odd = sorted((own.keys() ^ weights.keys()) - frozen)
    odd = odd or sorted(name for name, value in weights.items() if value.shape != own[name].shape)
    if odd:
        raise InputError(
            f"weights of another model: {', '.join(odd[:3])}",
            where=Path(directory) / WEIGHTS,
            remedy="give the run the model options of that model",
        )
    model.load_state_dict(weights, strict=False)
