"""Trained models by name: those that come with the project and those of the user, and what their cards say."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from genescribe.errors import InputError
from genescribe.paths import InputPath, as_path
from genescribe.shipped import shipped

VARIABLE = "GENESCRIBE_MODELS"
"""Environment variable: folders of further models, separated as those of $PATH; they go before the shipped ones."""
DEFAULT = "all_genomes"
"""The model that annotates where none is named."""
HELP = "folder of a model, or a name that `genescribe models list` shows"
CARD = "README.md"
_CONFIG = "config.json"


class ModelPath(InputPath):
    """Type of an option that names a model: by its folder, or as `genescribe models list` does."""

    def __call__(self, text: str) -> Path:
        """Return the folder of the model."""
        return model_folder(as_path(text))


@dataclass(frozen=True)
class Card:
    """What a user has to know of a model before using it.

    Attributes
    ----------
    name, folder
        Of the model.
    species
        Whose genes it finds.
    trained_on
        Genomes and annotations.
    licence
        SPDX identifier.
    text
        The whole card, as Markdown.
    """

    name: str
    folder: Path
    species: str
    trained_on: str
    licence: str
    text: str


def available() -> dict[str, Path]:
    """Return name -> folder of all models that can be named, in alphabetical order."""
    own = [Path(folder).expanduser() for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
    found: dict[str, Path] = {}
    for parent in (*own, shipped("models")):
        for config in parent.glob(f"*/{_CONFIG}"):
            found.setdefault(config.parent.name, config.parent)
    return dict(sorted(found.items()))


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


def read_card(name: str) -> Card:
    """Return the card of a model: the YAML at the head of its README.md and the text below.

    Raises
    ------
    InputError
        There is no such model, or its card cannot be read.
    """
    folder = model_folder(name)
    if not (folder / _CONFIG).is_file():
        known = ", ".join(available()) or "none"
        raise InputError("no such model", where=name, remedy=f"give the folder of a model, or a name; known: {known}")
    path = folder / CARD
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        _, head, body = text.split("---\n", 2) if text.startswith("---\n") else ("", "", text)
        values = yaml.safe_load(head) or {}
        fields = {key: str(values.get(key, "not said")) for key in ("species", "trained_on", "license")}
    except (ValueError, AttributeError, yaml.YAMLError):
        raise InputError("its head is not YAML between two lines ---", where=path, remedy="correct it") from None
    return Card(folder.name, folder, fields["species"], fields["trained_on"], fields["license"], body.strip())
