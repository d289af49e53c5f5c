"""The program `genescribe`: run the command named by the first argument."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn, cast

from genescribe import __version__
from genescribe.cli import Command, Parser, run
from genescribe.errors import InputError
from genescribe.paths import OutputFolder, PathType, RunFolder, SharedFolder

COMMANDS = {
    "annotate genomes": ("annotate", "adapt", "models"),
    "work with annotations": ("convert", "check", "sort"),
    "measure accuracy": ("evaluate", "report", "simulate"),
    "train models": ("catalogue", "bake", "train", "predict"),
    "workflow and installation": ("run", "doctor"),
}
"""Purpose -> its commands, each a module of this package."""
NAMES = tuple(name for names in COMMANDS.values() for name in names)
SHELLS = ("bash", "zsh")
_HELP = ("-h", "--help")


def start() -> None:
    """Run the program: errors as one line, an exit status that tells."""
    run(main)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command that the words name; those of the command line by default.

    Raises
    ------
    InputError
        There is no such command.
    """
    first, *rest = list(sys.argv[1:] if words is None else words) or ["--help"]
    if first in _HELP:
        print(overview(), end="")
    elif first == "--version":
        print(f"genescribe {__version__}")
    elif first == "--completion":
        print(completion(" ".join(rest)))
    elif first not in NAMES:
        _refuse(first)
    else:
        # What `run` passes on is not for a parser of ours, but for the request for help.
        passed_on = first == "run" and rest[:1] not in ([word] for word in _HELP)
        command(first).main(parser_of(first).parse_args(["--", *rest] if passed_on else rest))


def command(name: str) -> Command:
    """Return a command."""
    return cast("Command", importlib.import_module(f"{__package__}.{name}"))


def parser_of(name: str) -> Parser:
    """Return the parser of a command's options."""
    chosen = command(name)
    parser = Parser(prog=f"genescribe {name}", description=chosen.__doc__)
    chosen.add_arguments(parser)
    return parser


def overview() -> str:
    """Return the help of the program: its commands, with a line on each."""
    lines = ["usage: genescribe COMMAND ...", "", "Learn to annotate genomes, and annotate them."]
    for purpose, names in COMMANDS.items():
        lines += ["", f"{purpose}:"]
        lines += [f"  {name:<11}{(command(name).__doc__ or '').splitlines()[0]}" for name in names]
    lines += [
        "",
        "Options of a command: genescribe COMMAND --help. Tab completion: genescribe --completion bash (or zsh) prints",
        "the script to install (docs/install.md). To start:",
        "",
        "    genescribe annotate genome.fa",
    ]
    return "\n".join(lines) + "\n"


def completion(shell: str) -> str:
    """Return the script with which a shell completes commands, options and files; it is made from the parsers.

    Raises
    ------
    InputError
        It is not one of `SHELLS`.
    """
    if shell not in SHELLS:
        raise InputError(f"no completion for {shell!r}", where="--completion", remedy=f"give {' or '.join(SHELLS)}")
    import shtab

    parser = Parser(prog="genescribe", description="Learn to annotate genomes, and annotate them.")
    parsers = parser.add_subparsers(dest="command")
    for name in NAMES:
        chosen = command(name)
        first_line = (chosen.__doc__ or "").splitlines()[0]
        chosen.add_arguments(parsers.add_parser(name, help=first_line, description=chosen.__doc__))
    for _, action in parser.actions():
        # shtab reads this attribute. The words are Snakemake's.
        if isinstance(action.type, PathType) or action.dest == "words":
            is_folder = isinstance(action.type, OutputFolder | RunFolder | SharedFolder)
            vars(action)["complete"] = shtab.DIRECTORY if is_folder else shtab.FILE
    script: str = shtab.complete(parser, shell)
    return script


def _refuse(word: str) -> NoReturn:
    near = difflib.get_close_matches(word, NAMES, 1)
    remedy = f"did you mean {near[0]}?" if near else f"give one of {', '.join(NAMES)}"
    raise InputError("no such command", where=word, remedy=remedy)
