"""The folder of a model, the same for every family: `config.json` and `model.safetensors`, read strictly."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from genescribe.config import from_mapping, to_mapping
from genescribe.errors import InputError
from genescribe.files import read_json, sha256, write_json
from genescribe.nn.weights import mismatch

T = TypeVar("T")
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def store_model(directory: str | Path, family: str, config: Any, weights: Mapping[str, Tensor]) -> None:
    """Write `config.json` and `model.safetensors` into an existing directory.

    Parameters
    ----------
    directory
        The folder; files of these names are replaced.
    family
        Name of the family that reads it.
    config
        Dataclass of the model's options; every default is written out.
    weights
        Tensors by name, on any device.
    """
    directory = Path(directory)
    write_json(directory / CONFIG, {"family": family, "model": to_mapping(config)})
    save_file({name: weight.detach().cpu().contiguous() for name, weight in weights.items()}, directory / WEIGHTS)


def stored_options(cls: type[T], directory: str | Path, family: str) -> T:
    """Return the model options that a folder holds.

    Parameters
    ----------
    cls
        Dataclass of the family's options.
    directory
        Folder of a model.
    family
        Name of the family that reads it.

    Raises
    ------
    InputError
        The file is missing, not JSON, of another family, or holds an unknown option.
    """
    path = Path(directory) / CONFIG
    try:
        stored: Any = read_json(path)
    except FileNotFoundError:
        raise InputError("no such file", where=path, remedy="give a folder written by training") from None
    except ValueError as error:
        raise InputError(f"not JSON ({error})", where=path, remedy="copy or train the model again") from None
    if not isinstance(stored, dict) or stored.get("family") != family or stored.keys() != {"family", "model"}:
        raise InputError(f"not the configuration of a {family} model", where=path, remedy="give another folder")
    return from_mapping(cls, stored["model"], where=str(path), key="model", stored=True)


def stored_weights(
    directory: str | Path, expected: Mapping[str, Tensor], optional: Collection[str] = (), parts: Sequence[str] = ()
) -> dict[str, Tensor]:
    """Return the weights that a folder holds, for a model that has those of `expected`.

    Parameters
    ----------
    directory
        Folder of a model.
    expected
        The model's own weights, for their names and shapes.
    optional
        Names that the folder may lack.
    parts
        Only the weights whose names begin with one of these are read; none: all.

    Raises
    ------
    InputError
        The file is missing or damaged, or a weight is missing, unknown, of another shape or not finite.
    """
    path = Path(directory) / WEIGHTS
    try:
        stored = load_file(path)
    except FileNotFoundError:
        raise InputError("no weights in this folder", where=path, remedy="give a folder written by training") from None
    except SafetensorError as error:
        raise InputError(f"damaged weights ({error})", where=path, remedy="copy or train the model again") from None
    if parts:
        expected, stored = (
            {name: value for name, value in weights.items() if name.startswith(tuple(parts))}
            for weights in (expected, stored)
        )
    problem = mismatch(expected, stored, optional)
    if problem:
        raise InputError(problem, where=path, remedy=f"give the weights that belong to its {CONFIG}")
    return stored


def weights_digest(directory: str | Path) -> str:
    """Return the digest of the weights that a folder holds.

    Raises
    ------
    InputError
        There are none.
    """
    path = Path(directory) / WEIGHTS
    if not path.is_file():
        raise InputError("no weights in this folder", where=path, remedy="give a folder written by training")
    return sha256(path)


def begin_with(model: nn.Module, directory: str | Path, parts: Sequence[str] = ()) -> None:
    """Give a model the weights of a trained one of the same shape, or those of some parts that both have.

    A frozen part, whose weights a folder does not repeat, keeps those that it has.

    Parameters
    ----------
    model
        Model that gets the weights, in place.
    directory
        Folder of the trained model.
    parts
        Prefixes of the names of the weights to take; empty: all.

    Raises
    ------
    InputError
        See `stored_weights`; no weight has such a name.
    """
    named_parts(model, parts, "start_parts")
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    model.load_state_dict(stored_weights(directory, model.state_dict(), frozen, parts), strict=False)


def freeze(model: nn.Module, parts: Sequence[str]) -> None:
    """Freeze the weights whose names begin with one of these.

    Raises
    ------
    InputError
        No weight has such a name, or all weights have.
    """
    names = named_parts(model, parts, "freeze")
    for name, parameter in model.named_parameters():
        if name in names:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError("every weight is frozen", where="train.freeze", remedy="leave something to train")


def named_parts(model: nn.Module, parts: Sequence[str], option: str) -> set[str]:
    """Return the names of parameters that begin with one of `parts`, or raise `InputError` where one begins none.

    Parameters
    ----------
    model
        Model whose parameters are searched.
    parts
        Prefixes of parameter names.
    option
        Option that they come from, for messages.
    """
    known = [name for name, _ in model.named_parameters()]
    for part in parts:
        if not any(name.startswith(part) for name in known):
            heads = ", ".join(sorted({name.split(".")[0] for name in known}))
            raise InputError(f"no weight begins with {part!r}", where=f"train.{option}", remedy=f"there are {heads}")
    return {name for name in known if name.startswith(tuple(parts))}
