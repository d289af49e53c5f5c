"""Run the workflow with Snakemake; all arguments are passed to Snakemake.

Targets are all (the default), bake, train, finetune, annotate, evaluate, baselines and benchmark; results are
written to the current folder.

    genescribe run --cores 4
    genescribe run annotate --cores 4 --config genome=genome.fa
    genescribe run --cores 4 --configfile my.yaml --dry-run
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from genescribe.cli import Parser
from genescribe.errors import InputError
from genescribe.shipped import shipped

_CONFIGURATION = ("--configfile", "--configfiles")


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "words", nargs="*", metavar="OPTION", help="targets and options of Snakemake: see snakemake --help"
    )


def main(args: argparse.Namespace) -> None:
    """Become Snakemake.

    Raises
    ------
    InputError
        Snakemake is not installed; a file of configuration is not there.
    """
    if importlib.util.find_spec("snakemake") is None:
        raise InputError("Snakemake is not installed", where="run", remedy="pip install 'genescribe[workflow]'")
    _check_configuration(args.words)
    if set("{}") & set(str(Path.cwd())):
        problem = "the current folder has braces in its path, which stand for wildcards in Snakemake"
        raise InputError(problem, where=Path.cwd(), remedy="run in another folder")
    # The rules call `python`: it must be the one that has this library.
    folders = [str(Path(sys.executable).parent), *os.environ.get("PATH", "").split(os.pathsep)]
    environment = os.environ | {"PATH": os.pathsep.join(dict.fromkeys(folders))}
    words = [sys.executable, "-m", "snakemake", "--snakefile", str(shipped("Snakefile")), *args.words]
    sys.stdout.flush()
    os.execve(sys.executable, words, environment)


def _check_configuration(words: Sequence[str]) -> None:
    """Refuse files of configuration that are not there: Snakemake ends with a traceback."""
    option = ""
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("-"):
            option = "" if equals else name
        path = value if equals else word
        if (name if equals else option) in _CONFIGURATION and path != option and not Path(path).is_file():
            raise InputError("no such file", where=path, remedy="correct --configfile")
