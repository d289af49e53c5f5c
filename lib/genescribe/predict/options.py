"""The options of `PredictConfig` on a command line."""

from __future__ import annotations

import argparse
import dataclasses
import typing
from collections.abc import Collection
from typing import Any, Literal, get_args, get_origin

from genescribe.config import from_mapping
from genescribe.predict.config import PredictConfig

FILTERS = ("min_posterior", "min_cds", "opposite_strands", "max_overlap", "require_evidence")
"""Options that choose among the genes of all strands, when batches are joined; reading a batch needs none of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options to a script's parser."""
    reading = parser.add_argument_group("prediction")
    choosing = parser.add_argument_group("filters")
    hints = typing.get_type_hints(PredictConfig)
    for field in dataclasses.fields(PredictConfig):
        kind = hints[field.name]
        more: dict[str, Any]
        if kind is bool:
            more = {"action": argparse.BooleanOptionalAction}
        elif get_origin(kind) is Literal:
            more = {"choices": get_args(kind)}
        else:
            more = {"type": kind}
        name = f"--{field.name.replace('_', '-')}"
        group = choosing if field.name in FILTERS else reading
        group.add_argument(name, default=field.default, help=field.metadata["doc"], **more)


def config_of(arguments: argparse.Namespace) -> PredictConfig:
    """Return the options that were given.

    Raises
    ------
    InputError
        A value outside its bounds.
    """
    values = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(PredictConfig)}
    return from_mapping(PredictConfig, values, where="command line")


def command_line(config: PredictConfig, without: Collection[str] = ()) -> list[str]:
    """Return the words that give these options to a script, but for those named `without`."""
    words = []
    for field in dataclasses.fields(PredictConfig):
        if field.name in without:
            continue
        value, name = getattr(config, field.name), field.name.replace("_", "-")
        words += [f"--{name}" if value else f"--no-{name}"] if isinstance(value, bool) else [f"--{name}", str(value)]
    return words
