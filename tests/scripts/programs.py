"""The scripts as a test takes hold of them: their modules, their parsers, and a run in this process."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import sys
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

from genescribe import cli

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((REPOSITORY / "scripts").glob("*.py"))
NAMES = [script.stem for script in SCRIPTS]


class _Caught(Exception):  # noqa: N818
    """Carries a parser out of a script's main."""

    def __init__(self, parser: cli.Parser) -> None:
        self.parser = parser


@cache
def module(name: str) -> ModuleType:
    """Return a script as a module."""
    path = REPOSITORY / "scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"script_{name}", path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@cache
def parser(name: str) -> cli.Parser:
    """Return the parser that a script makes: that of its main, caught where it would read the command line."""

    def caught(self: cli.Parser, *_: Any) -> None:
        raise _Caught(self)

    with mock.patch.object(cli.Parser, "parse_args", caught):
        try:
            module(name).main()
        except _Caught as found:
            return found.parser
    raise AssertionError(f"{name} reads no command line")


def commands(name: str) -> list[list[str]]:
    """Return the words that choose each command of a script; one empty list where it has none."""
    for action in parser(name)._actions:
        if isinstance(action, argparse._SubParsersAction):
            return [[command] for command in action.choices]
    return [[]]


def options(name: str, command: list[str]) -> list[argparse.Action]:
    """Return the options of a command, its positional ones included."""
    chosen = parser(name)
    for word in command:
        (subparsers,) = (a for a in chosen._actions if isinstance(a, argparse._SubParsersAction))
        chosen = subparsers.choices[word]
    return [action for action in chosen._actions if not isinstance(action, argparse._HelpAction)]


class Ended(NamedTuple):
    """How a script ended: its status, what it wrote, and what it raised beside."""

    status: int
    out: str
    err: str
    raised: BaseException | None


def run(name: str, words: list[str], folder: Path, capsys: Any) -> Ended:
    """Run a script in this process, in a folder; what it would only show a developer comes back as `raised`."""
    before, level = Path.cwd(), logging.root.level
    status, raised = 0, None
    capsys.readouterr()
    os.chdir(folder)
    try:
        arguments = mock.patch.object(sys, "argv", [str(REPOSITORY / "scripts" / f"{name}.py"), *words])
        with arguments, warnings.catch_warnings(), mock.patch.dict(os.environ):
            warnings.simplefilter("ignore")
            cli.run(module(name).main)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except Exception as error:
        status, raised = 1, error
    finally:
        os.chdir(before)
        logging.root.setLevel(level)
    said = capsys.readouterr()
    return Ended(status, said.out, said.err, raised)
