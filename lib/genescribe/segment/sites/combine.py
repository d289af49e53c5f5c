"""A segment model and signal networks as one folder, with the gains that fit them together and a card that says so."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from genescribe.data.batching import Batch, collate
from genescribe.data.dataset import ShardDataset
from genescribe.errors import InputError
from genescribe.files import atomic_directory, read_json, sha256, write_json, write_text
from genescribe.models import read_card
from genescribe.nn.site_network import SiteEnsemble
from genescribe.segment.network.gene_scores import SIGNALS
from genescribe.segment.network.model import FAMILY, SPECIES, STATISTICS, SegmentModel
from genescribe.segment.network.species import POOLED
from genescribe.segment.sites.gains import GainFit, combined, fit_gains, set_gains
from genescribe.segment.support.features import WEIGHTS as SUPPORT
from genescribe.segment.training.temperature import CALIBRATION, fit_temperature
from genescribe.sites.model_folder import load_sites
from genescribe.train.model_files import CONFIG, WEIGHTS

ORIGIN, CARD = "sites.json", "README.md"
"""Beside the weights: what the model was put together from, for programs and for people."""


def combine(
    model: str | Path,
    species: str,
    sites: Sequence[str | Path],
    data: Sequence[str | Path],
    output: str | Path,
    windows: int = 120,
    gains: Mapping[str, Sequence[float]] | None = None,
) -> GainFit | None:
    """Write a model of one set of parameters with signal networks.

    Parameters
    ----------
    model
        Folder of a segment model.
    species
        Name of the parameters to use, of a model that has several.
    sites
        The networks: folders that training wrote, published checkpoints, folders of replicates of one, or of segment
        models whose networks are taken.
    data
        Baked folders whose validation windows the gains are fitted on: complete annotation, seen by neither. None are
        needed beside a model that was imported, whose scores are log probabilities (gains are then the usual ones), nor
        with `gains`.
    output
        Folder to write; an existing one is replaced.
    windows
        Most windows of that: `fitting_windows`.
    gains
        Gains to set (`set_gains`) in place of fitted ones. The data then tells only the temperature of the model's
        probabilities.

    Returns
    -------
    GainFit or None
        None where nothing was fitted.

    Raises
    ------
    InputError
        Neither data nor gains for a trained model; see also `SegmentModel.load`, `load_sites` and `fit_gains`.
    """
    output = Path(output)
    networks = [(Path(path), ensemble) for path in sites for ensemble in networks_of(Path(path))]
    joined = combined(SegmentModel.load(model).specialised(species), [ensemble for _, ensemble in networks])
    if not data and not gains and joined.config.tables is None:
        raise InputError(
            "no windows to fit gains on",
            where="--data",
            remedy="give folders that bake wrote, with a validation part, or --gains",
        )
    fit, batches = None, fitting_windows(ShardDataset(data, "validation"), windows) if data else []
    if data and gains is None:
        fit = fit_gains(joined, batches)
    else:
        set_gains(joined, gains)
    with atomic_directory(output) as folder:
        joined.save(folder)
        if data:
            temperature, genes = fit_temperature(joined, [batch for batch, _ in batches])
            write_json(folder / CALIBRATION, {"temperature": temperature, "windows": len(batches), "genes": genes})
        if statistics := _statistics(Path(model), species):
            write_json(folder / STATISTICS, statistics)
        origin = _origin(Path(model), species, networks, joined, fit)
        if (Path(model) / SUPPORT).is_file():
            shutil.copyfile(Path(model) / SUPPORT, folder / SUPPORT)
        write_json(folder / ORIGIN, origin)
        write_text(folder / CARD, _card(output.name, origin) + _card_of(Path(model)))
    return fit


def networks_of(path: Path) -> list[SiteEnsemble]:
    """Return the networks of a file or folder; of a segment model, those that it was combined with.

    Raises
    ------
    InputError
        A segment model without networks; see also `load_sites`.
    """
    known = read_json(path / CONFIG) if (path / CONFIG).is_file() else None
    if not (isinstance(known, dict) and known.get("family") == FAMILY):
        return [load_sites(path)]
    sites = SegmentModel.load(path).sites
    if sites is None:
        raise InputError("a segment model without signal networks", where=path, remedy="give a network's folder")
    return [cast(SiteEnsemble, ensemble) for ensemble in sites.ensembles]


def fitting_windows(known: ShardDataset, most: int) -> list[tuple[Batch, float]]:
    """Return windows, one in each batch, and their weights, by which they represent all windows.

    Half of them hold genes where there are enough: there is most to learn, and in large genomes they are few.
    """
    genic = np.array([bool(known[number].meta.genes) for number in range(len(known))], dtype=bool)
    groups = [np.flatnonzero(genic), np.flatnonzero(~genic)]
    shares = [min(len(group), max(most // 2, most - len(other))) for group, other in (groups, groups[::-1])]
    windows = []
    for group, share in zip(groups, shares, strict=True):
        chosen = group[np.linspace(0, max(0, len(group) - 1), share).astype(np.int64)]
        windows += [(collate([known[number]]), len(group) / share) for number in chosen.tolist()]
    return windows


def _statistics(model: Path, species: str) -> dict[str, Any]:
    path = model / STATISTICS
    known = dict(read_json(path)) if path.is_file() else {}
    return dict(known.pop(SPECIES, {}).get(species, known))


def _origin(
    model: Path,
    species: str,
    parts: Sequence[tuple[Path, SiteEnsemble]],
    combined: SegmentModel,
    fit: GainFit | None,
) -> dict[str, Any]:
    assert combined.sites is not None
    networks = []
    for number, (path, ensemble) in enumerate(parts):
        values = zip(combined.sites.gain[number].tolist(), combined.sites.offset[number].tolist(), strict=True)
        fitted = {
            name: {"gain": round(gain, 3), "offset": round(offset, 3)}
            for name, (gain, offset) in zip(SIGNALS, values, strict=True)
            if name in ensemble.config.classes or offset
        }
        files = sorted(path.iterdir()) if path.is_dir() and not (path / CONFIG).is_file() else [path]
        files = [path / WEIGHTS] if (path / CONFIG).is_file() else files
        networks.append(
            {
                "name": _name(path),
                "sha256": {file.name: sha256(file) for file in files if file.is_file()},
                "context": ensemble.config.context,
                "replicates": len(ensemble.networks),
                "signals": fitted,
            }
        )
    return {
        "model": {"name": _name(model), "species": species, "sha256": sha256(model / WEIGHTS)},
        "networks": networks,
        "fit": None
        if fit is None
        else {
            "windows": fit.windows,
            "left_out": fit.left_out,
            "bases": fit.bases,
            "nats_before": fit.before,
            "nats_after": fit.after,
        },
    }


def _name(path: Path) -> str:
    """Return the name of a run, whose model lies in its folder `model`, or of any other file or folder."""
    return path.resolve().parent.name if path.name == "model" else path.name


def _card_of(model: Path) -> str:
    """Return the card of the model that was combined, which has its licence, a heading lower; or nothing."""
    text = read_card(str(model)).text
    return "\n" + re.sub("^#", "##", text, flags=re.MULTILINE) + "\n" if text else ""


def _fitted(fit: dict[str, Any] | None) -> list[str]:
    if fit is None:
        return ["Gains were set, not fitted."]
    return [
        f"Gains are from {fit['windows']} windows of {fit['bases']:,} bases: negative log likelihood",
        f"{fit['nats_before']:,.0f} nats without the networks, {fit['nats_after']:,.0f} with them.",
    ]


def _card(name: str, origin: dict[str, Any]) -> str:
    base, fit = origin["model"], origin["fit"]
    whose = "" if base["species"] == POOLED else f", parameters of `{base['species']}`"
    lines = [
        f"# {name}",
        "",
        f"The segment model `{base['name']}`{whose}, with scores of signal networks added to its boundaries.",
        "",
        "| network | context | replicates | signal | gain | offset, nats |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for network in origin["networks"]:
        for signal, values in network["signals"].items():
            cells = (network["name"], network["context"], network["replicates"], signal, *values.values())
            lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += [
        "",
        *_fitted(fit),
        f"`{ORIGIN}` holds digests of all parts.",
        "",
        "What the model and the networks were trained on, and their licences, hold for this model too: say them here.",
        "",
    ]
    return "\n".join(lines)
