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

COMMANDS = {
    "annotate genomes": ("annotate", "models", "report"),
    "use and share genes": ("convert", "check"),
    "compare with a reference": ("evaluate", "sort", "simulate"),
    "train models": ("catalogue", "bake", "train", "predict"),
    "everything together": ("run", "doctor", "completion"),
}
"""Purpose -> its commands, each a module of this package."""
NAMES = tuple(name for names in COMMANDS.values() for name in names)
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
    """Return the help of the program: its commands and what each does."""
    lines = ["usage: genescribe COMMAND ...", "", "Learn to annotate genomes, and annotate them."]
    for purpose, names in COMMANDS.items():
        lines += ["", f"{purpose}:"]
        lines += [f"  {name:<11}{(command(name).__doc__ or '').splitlines()[0]}" for name in names]
    lines += [
        "",
        "Options of a command: genescribe COMMAND --help. A first try:",
        "",
        "    genescribe annotate genome.fa",
    ]
    return "\n".join(lines) + "\n"


def _refuse(word: str) -> NoReturn:
    near = difflib.get_close_matches(word, NAMES, 1)
    remedy = f"did you mean {near[0]}?" if near else f"give one of {', '.join(NAMES)}"
    raise InputError("no such command", where=word, remedy=remedy)
