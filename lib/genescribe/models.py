"""Trained models by name, shipped ones and those of the user, with their cards."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from genescribe.errors import InputError
from genescribe.paths import InputPath, as_path
from genescribe.shipped import shipped
from genescribe.system import with_home

VARIABLE = "GENESCRIBE_MODELS"
"""Environment variable: folders of further models, separated as those of $PATH; they go before the shipped ones."""
CACHE_VARIABLE = "XDG_CACHE_HOME"
DEFAULT = "auto"
"""Default model: the shipped model that suits the sequence."""
HELP = "folder of a model, or a name that `genescribe models list` shows"
CARD = "README.md"
_CONFIG = "config.json"
WEIGHTS_PATTERN = "*.pt"
"""Published weights in a folder of their own."""


class NetworkPath(InputPath):
    """Type of an option for a signal network: a file, a folder, a model, or the name of weights that were fetched."""

    def __call__(self, text: str) -> Path:
        """Return the path."""
        path = as_path(text)
        return path if path.exists() else fetched(text) or model_folder(path)


class ModelPath(InputPath):
    """Type of an option that names a model: by its folder, or as `genescribe models list` does."""

    def __call__(self, text: str) -> Path:
        """Return the folder of the model."""
        return model_folder(as_path(text))


@dataclass(frozen=True)
class Card:
    """Facts that users need before they use a model.

    Attributes
    ----------
    name, folder
        Name and folder of the model.
    species
        Species or clade that the model is for.
    trained_on
        Genomes and annotations of the training data.
    not_to_test_on
        Genomes on which its figures would flatter it.
    licence
        SPDX identifier of the licence.
    text
        The whole card, as Markdown.
    """

    name: str
    folder: Path
    species: str
    trained_on: str
    not_to_test_on: str
    licence: str
    text: str


def cache_folder() -> Path:
    """Return the user's folder of models that were fetched or imported; it need not be there.

    Raises
    ------
    InputError
        The user has no home, and `CACHE_VARIABLE` names no folder.
    """
    base = os.environ.get(CACHE_VARIABLE) or with_home("~/.cache")
    if str(base).startswith("~"):
        raise InputError("names no folder, and there is no home folder", where=CACHE_VARIABLE, remedy="set it to one")
    return Path(base) / "genescribe" / "models"


def _readable_cache() -> list[Path]:
    """Return the cache where it can be read: that of another user, whose HOME was kept, or of none, holds no model."""
    try:
        folder = cache_folder()
    except InputError:
        return []
    return [folder] if os.access(folder, os.R_OK | os.X_OK) else []


def folders() -> list[Path]:
    """Return the folders that hold models, by precedence: those of `VARIABLE`, the cache, the shipped ones."""
    own = [with_home(folder) for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
    return [*own, *_readable_cache(), shipped("models")]


def available() -> dict[str, Path]:
    """Return name -> folder of all models that can be named, in alphabetical order."""
    by_name: dict[str, Path] = {}
    for parent in folders():
        for config in parent.glob(f"*/{_CONFIG}"):
            by_name.setdefault(config.parent.name, config.parent)
    return dict(sorted(by_name.items()))


def fetched(name: str) -> Path | None:
    """Return the folder of published weights that were fetched, by their name; None if they were not."""
    return next((parent / name for parent in folders() if any((parent / name).glob(WEIGHTS_PATTERN))), None)


def model_folder(model: str | Path | None) -> Path:
    """Return the folder of a model that is named by its path or by its name; None: of the default one.

    A path that holds a model goes before a name. What is neither is returned as it is, so that who opens it can say so.

    Examples
    --------
    >>> model_folder("yeast") == model_folder(shipped("models") / "yeast")
    True
    """
    path = Path(DEFAULT if model is None else model)
    return path if (path / _CONFIG).is_file() else available().get(str(path), path)


def no_model(model: str | Path) -> InputError:
    """Return the error that a path or a name is that of no model, with the names that are near."""
    path, names = Path(model), list(available())
    near = difflib.get_close_matches(str(model).lower(), names, 3)
    known = f"give the folder of a model, or a name: {', '.join(names) or 'none is installed'}"
    if path.is_dir():
        return InputError("no model in this folder", where=model, remedy=known)
    if path.exists():
        return InputError("is a file, not the folder of a model", where=model, remedy=known)
    return InputError("no such model", where=model, remedy=f"did you mean {' or '.join(near)}?" if near else known)


def read_card(name: str) -> Card:
    """Return the card of a model: the YAML at the head of its README.md and the text below.

    Raises
    ------
    InputError
        There is no such model, or its card cannot be read.
    """
    folder = model_folder(name)
    if not (folder / _CONFIG).is_file():
        folder = fetched(name) or folder
    if not (folder / _CONFIG).is_file() and not any(folder.glob(WEIGHTS_PATTERN)):
        raise no_model(name)
    path = folder / CARD
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        _, head, body = text.split("---\n", 2) if text.startswith("---\n") else ("", "", text)
        values = yaml.safe_load(head) or {}
        fields = {
            key: str(values.get(key, "not said")) for key in ("species", "trained_on", "not_to_test_on", "license")
        }
    except (ValueError, AttributeError, yaml.YAMLError):
        raise InputError("its head is not YAML between two lines ---", where=path, remedy="correct it") from None
    return Card(
        folder.name,
        folder,
        fields["species"],
        fields["trained_on"],
        fields["not_to_test_on"],
        fields["license"],
        body.strip(),
    )
