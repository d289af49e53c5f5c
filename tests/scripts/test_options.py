"""Every script's options: paths that are read are never written, and what may be given is read."""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.scripts import programs

from genescribe.commands import console
from genescribe.evidence.collect import EvidenceFiles
from genescribe.paths import ENDS, OutputFile, OutputFolder, PathType, RunFolder

LIBRARY = programs.REPOSITORY / "lib" / "genescribe"
COMMANDS = [(name, command) for name in programs.NAMES for command in programs.commands(name)]
IDS = ["-".join([name, *command]) for name, command in COMMANDS]
TEXTS = {
    "genetic_code_of", "name",
    "title", "source", "label", "gm_key", "hints_source", "utr_source", "revision", "remote_shell", "hosts",
    "nccl_ifname", "node_rank", "command", "dna", "protein", "device", "backend", "species", "option", "sha256", "md5",
    "md5sums", "exclude", "skip", "locus_tag", "whole", "val_species", "test_species", "train_chroms", "val_chroms",
    "test_chroms", "without_augustus", "heads", "--backend", "--device", "kind", "method", "partial", "prefix",
}  # fmt: skip
"""Options that are text and name no file of this machine."""


def value_of(action: argparse.Action, path: Path) -> list[str]:
    """Return words that give an option a valid value: the path where it names one."""
    if isinstance(action.type, PathType):
        value = next(text for text in shapes(path) if names(action, text, path))
    elif action.choices is not None:
        value = str(next(iter(action.choices)))
    elif action.nargs == 0:
        return [action.option_strings[0]]
    else:
        value = "2" if action.type is not None else "x"
    return [action.option_strings[0], value] if action.option_strings else [value]


def shapes(path: Path) -> list[str]:
    """Return the ways in which an option may name a path."""
    return [str(path), f"@{path}", f"x={path}", f"{path}:x", json.dumps({"start": str(path)})]


def names(action: argparse.Action, text: str, path: Path, what: str = "sources targets") -> bool:
    """Whether a text that is given to an option names a path that is read, or written."""
    assert isinstance(action.type, PathType)
    value = action.type(text)
    values = value if isinstance(value, list) else [value]
    return any(path == found.path for kind in what.split() for v in values for found in getattr(action.type, kind)(v))


def alternatives(name: str) -> set[str]:
    """Return the options that stand in for another one of their required group."""
    groups = [group for parser, _ in programs.parser(name).actions() for group in parser._mutually_exclusive_groups]
    return {action.dest for group in groups if group.required for action in group._group_actions}


def least(actions: list[argparse.Action], command: list[str], fill: dict[str, Path], free: Path) -> list[str]:
    """Return a command line of what must be given, some options being given these paths."""
    positional, options = [], []
    for action in actions:
        if action.required or action.dest in fill:
            words = value_of(action, fill.get(action.dest, free / action.dest))
            (options if action.option_strings else positional).extend(words)
    return [*command, *options, *(["--"] if positional else []), *positional]


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=IDS)
def test_what_is_a_path_is_declared_as_one(name: str, command: list[str]) -> None:
    """A path that is plain text to the parser would escape the check."""
    for action in programs.options(name, command):
        plain = action.type is None or action.type is Path or action.type is str
        if plain and action.nargs != 0 and action.choices is None:
            assert action.dest in TEXTS, f"{name}: say with a type of genescribe.paths what --{action.dest} is"


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=IDS)
def test_no_output_is_an_input(name: str, command: list[str], tmp_path: Path, capsys: Any) -> None:
    """Every pair of an option that is read and one that is written, given one path: refused, and the file stays."""
    actions = programs.options(name, command)
    paths = [action for action in actions if isinstance(action.type, PathType)]
    kept = tmp_path / "kept"
    kept.write_bytes(b"precious\n")
    read = [a for a in paths if any(names(a, text, kept, "sources") for text in shapes(kept))]
    written = [a for a in paths if any(names(a, text, kept, "targets") for text in shapes(kept))]
    for source in read:
        for target in written:
            fill = {source.dest: kept, target.dest: kept}
            if (choice := alternatives(name)) and not choice & set(fill):
                fill[min(choice)] = tmp_path / "free" / "choice"
            words = least(actions, command, fill, tmp_path / "free")
            ended = programs.run(name, words, tmp_path, capsys)
            assert ended.raised is None and ended.status == 2, (words, ended)
            assert ended.err.count("\n") == 1 and str(kept) in ended.err, ended.err
            assert kept.read_bytes() == b"precious\n"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


PARSERS = {name: programs.parser(name) for name in programs.NAMES} | {
    name: console.parser_of(name) for name in console.NAMES
}


@pytest.mark.parametrize("name", PARSERS)
def test_a_name_that_says_what_the_output_is_not_is_refused(name: str, tmp_path: Path) -> None:
    """A table under the name of a page, plain text under that of a compressed file, a file called `-`."""
    for _, action in PARSERS[name].actions():
        kind: Any = action.type
        if isinstance(kind, OutputFile | OutputFolder | RunFolder):
            with pytest.raises(argparse.ArgumentTypeError, match="- is no name of a file"):
                kind("-")
        if isinstance(kind, OutputFile):
            assert kind.forms or not any(
                f"{form} {word}" in str(action.help) for form in ENDS for word in ("file", "to")
            )
            wrong = [f"a{ends[0]}" for form, ends in ENDS.items() if kind.forms and form not in kind.forms]
            wrong += [] if kind.compressed else ["a.gz", "a.GZ"]
            for text in (*wrong, f"new{os.sep}"):
                with pytest.raises(argparse.ArgumentTypeError, match=text):
                    kind(text)
            for text in (f"a{end}" for form in kind.forms for end in ENDS[form]):
                assert kind(text) == Path(text)
            assert kind("a.out") == Path("a.out")


# -- what may be given is read ---------------------------------------------------------------------------------------
def names_read(name: str) -> set[str]:
    """Return every name that a script, or a module of the library that it hands its arguments to, reads."""
    files = [programs.REPOSITORY / "scripts" / f"{name}.py", *(LIBRARY / f"{part}.py" for part in HANDED)]
    files += [Path(str(inspect.getfile(module))) for module in programs.commands_of(name)]
    found: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("--"):
                found.add(node.value)
    return found


HANDED = ("run_options", "predict/options")
BY_NAME = {
    "run_genome_annotation": ("genescribe.generate.annotation.job", "AnnotationJob"),
    "annotate": ("genescribe.predict.config", "PredictConfig"),
    "collect_evidence": ("genescribe.evidence.collect", "EvidenceFiles"),
    "evaluate": ("genescribe.evidence.collect", "EvidenceFiles"),
    "predict": ("genescribe.predict.config", "PredictConfig"),
    "join_predictions": ("genescribe.predict.config", "PredictConfig"),
}
"""Scripts that hand all options to a dataclass by name."""


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=IDS)
def test_every_option_is_read(name: str, command: list[str]) -> None:
    read = names_read(name)
    if name in BY_NAME:
        module, cls = BY_NAME[name]
        read |= set(getattr(__import__(module, fromlist=[cls]), cls).__dataclass_fields__)
    if name == "annotate":
        read |= set(EvidenceFiles.__dataclass_fields__)
    unread = {action.dest for action in programs.options(name, command)} - read
    assert not unread, f"{name} {' '.join(command)} accepts {sorted(unread)} and reads none of it"


@pytest.mark.parametrize("name", programs.NAMES)
def test_conditions_name_options(name: str) -> None:
    for parser, _ in programs.parser(name).actions():
        for dests, _, needs in parser._conditions:
            assert needs and set(dests) <= {action.dest for action in parser._actions}


@pytest.mark.parametrize("name", programs.NAMES)
def test_help_is_for_people(name: str) -> None:
    """Every option says what it is for; no default and no value is shown as Python has it."""
    for parser, action in programs.parser(name).actions():
        assert action.help or isinstance(action, argparse._SubParsersAction), action.dest
        shown = parser.format_help()
        assert "None" not in shown and "(default: True)" not in shown and " --MAX" not in shown
