"""Published weights that can be fetched by name: where they lie, their digests, licences and training data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from genescribe.config import from_mapping
from genescribe.errors import InputError
from genescribe.files import atomic_directory, read_json, write_text
from genescribe.models import CARD, cache_folder, fetched
from genescribe.shipped import shipped

REGISTRY = "registry.json"


@dataclass(frozen=True)
class Published:
    """Weights that others publish.

    Attributes
    ----------
    name
        To fetch them by.
    species
        Species or clade that the sites were learned from.
    url, sha256
        Where the file lies, and its digest.
    licence
        SPDX identifier; it holds for what is made of them.
    trained_on, not_to_test_on
        Genomes, as far as their authors say.
    """

    name: str
    species: str
    url: str
    sha256: str
    licence: str
    trained_on: str
    not_to_test_on: str


def published(registry: Path | None = None) -> dict[str, Published]:
    """Return all by their names, in the order of the registry.

    Parameters
    ----------
    registry
        The file; None: the one that comes with the project.

    Raises
    ------
    InputError
        It is no registry.
    """
    path = shipped("models") / REGISTRY if registry is None else registry
    content = read_json(path)
    entries = content.get("models") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise InputError("no list `models` in it", where=path, remedy="give a registry of models")
    weights = [from_mapping(Published, entry, where=str(path)) for entry in entries]
    return {item.name: item for item in weights}


def fetch(name: str, registry: Path | None = None) -> Path:
    """Bring published weights into the cache, unless they are there already; return their folder.

    Parameters
    ----------
    name
        Name in the registry.
    registry
        As for `published`.

    Raises
    ------
    InputError
        There is no such name, they cannot be downloaded, or are not what the registry's digest says.
    """
    # Listing needs no numerical library.
    from genescribe.genome.inputs import fetch_file

    known = published(registry)
    if name not in known:
        raise InputError("no such weights", where=name, remedy=f"known: {', '.join(known)}")

    if (folder := fetched(name)) is not None:
        return folder
    weights, target = known[name], cache_folder() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_directory(target) as part:
        fetch_file(weights.url, part / PurePosixPath(urlparse(weights.url).path).name, sha256=weights.sha256)
        write_text(part / CARD, _card(weights))
    return target


def _card(weights: Published) -> str:
    return f"""---
license: {weights.licence}
species: {weights.species}
trained_on: "{weights.trained_on}"
not_to_test_on: "{weights.not_to_test_on}"
---
# {weights.name}

Published weights of a signal network, unchanged: {weights.url}
(SHA-256 {weights.sha256}). The licence holds for every model that is made with them.

    python scripts/combine_model.py --model MODEL --sites {weights.name} -o MY_MODEL
"""
