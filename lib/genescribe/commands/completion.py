"""Print a script that lets bash or zsh complete commands, options and file names.

Run the line of your shell once; it works in shells that you open then. For zsh, the folder must be in $fpath before
compinit.

    genescribe completion bash > ~/.local/share/bash-completion/completions/genescribe
    genescribe completion zsh > ~/.zfunc/_genescribe
"""

from __future__ import annotations

import argparse

from genescribe.cli import Parser
from genescribe.paths import OutputFolder, PathType, RunFolder, SharedFolder

SHELLS = ("bash", "zsh")


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    parser.add_argument("shell", choices=SHELLS, help="your shell")


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    print(script(args.shell))


def script(shell: str) -> str:
    """Return the completion of all commands, made from their parsers."""
    import shtab

    from genescribe.commands.console import NAMES, command

    parser = Parser(prog="genescribe", description="Learn to annotate genomes, and annotate them.")
    parsers = parser.add_subparsers(dest="command")
    for name in NAMES:
        chosen = command(name)
        first_line = (chosen.__doc__ or "").splitlines()[0]
        chosen.add_arguments(parsers.add_parser(name, help=first_line, description=chosen.__doc__))
    for _, action in parser.actions():
        # What runs Snakemake is given its files; shtab reads this attribute.
        if isinstance(action.type, PathType) or action.dest == "words":
            is_folder = isinstance(action.type, OutputFolder | RunFolder | SharedFolder)
            vars(action)["complete"] = shtab.DIRECTORY if is_folder else shtab.FILE
    completed: str = shtab.complete(parser, shell)
    return completed
