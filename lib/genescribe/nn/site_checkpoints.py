"""Published weights of splice-site networks (OpenSpliceAI) as `SiteEnsemble`: read strictly, and nothing but tensors.

A checkpoint is the state of a PyTorch module whose names are mapped here. Files are opened with `weights_only`: a
pickle that holds anything else, such as code, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from genescribe.errors import InputError
from genescribe.nn.site_config import GROUP, SITE_CLASSES, UNITS, SiteNetworkConfig
from genescribe.nn.site_network import SiteEnsemble
from genescribe.nn.weights import mismatch, read_pickle

SUFFIXES = (".pt", ".pth")
PUBLISHED = 1 + SITE_CLASSES.index("donor")
"""Classes of a published network: `SITE_CLASSES` up to the donor."""
_NAMES = {"initial_conv": "entry", "initial_skip.conv": "skips.0", "final_conv": "head"}
_REMEDY = "give a checkpoint of OpenSpliceAI, or a folder of replicates of one"


def load_published(path: str | Path) -> SiteEnsemble:
    """Return the network of a checkpoint, or of all checkpoints of a folder as replicates, in evaluation mode.

    Raises
    ------
    InputError
        No checkpoint there, one that is damaged or holds more than tensors, one of another architecture, or replicates
        of several shapes.
    """
    path = Path(path)
    files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES) if path.is_dir() else [path]
    if not files:
        raise InputError(f"no {' or '.join(SUFFIXES)} file", where=path, remedy=_REMEDY)
    states = [_renamed(read_pickle(file, _REMEDY), file) for file in files]
    shapes = [_shape(state, file) for state, file in zip(states, files, strict=True)]
    for shape, file in zip(shapes, files, strict=True):
        if shape != shapes[0]:
            raise InputError(f"another shape than {files[0].name}", where=file, remedy="give replicates of one network")
    context, width, classes = shapes[0]
    names = list(SITE_CLASSES[:classes])
    ensemble = SiteEnsemble(SiteNetworkConfig(cast(Any, context), width, names), len(files))
    for network, state, file in zip(ensemble.networks, states, files, strict=True):
        problem = mismatch(network.state_dict(), state)
        if problem:
            raise InputError(f"weights do not fit: {problem}", where=file, remedy=_REMEDY)
        network.load_state_dict(state)
    return ensemble.eval()


def _renamed(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return published weights under the names that `SiteNetwork` gives them."""
    renamed = {}
    for name, value in state.items():
        module, _, kind = name.rpartition(".")
        renamed[f"{_NAMES.get(module) or _unit_name(module, path)}.{kind}"] = value
    return renamed


def _unit_name(module: str, path: Path) -> str:
    match = re.fullmatch(r"residual_units\.(\d+)\.(conv|conv1|conv2|batchnorm1|batchnorm2)", module)
    if match is None:
        raise InputError(f"another architecture: weights of {module!r}", where=path, remedy=_REMEDY)
    group, place = divmod(int(match[1]), GROUP + 1)
    if place == GROUP:
        return f"skips.{group + 1}"
    return f"units.{GROUP * group + place}.{match[2].replace('batchnorm', 'norm')}"


def _shape(state: Mapping[str, Tensor], path: Path) -> tuple[int, int, int]:
    """Return context, width and number of classes."""
    units = {name.split(".")[1] for name in state if name.startswith("units.")}
    contexts = {GROUP * len(groups): context for context, groups in UNITS.items()}
    head = state.get("head.weight")
    if len(units) not in contexts or head is None or head.ndim != 3:
        raise InputError(f"another architecture: {len(units)} residual units", where=path, remedy=_REMEDY)
    classes = head.shape[0] - 1
    if classes not in (PUBLISHED, len(SITE_CLASSES)):
        raise InputError(f"{classes + 1} classes, not {PUBLISHED + 1}", where=path, remedy=_REMEDY)
    return contexts[len(units)], head.shape[1], classes
