"""Whatever an option is given, a script ends with one line that says what is wrong, and writes nothing half."""

from __future__ import annotations

import argparse
import errno
import io
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.scripts import programs
from tests.scripts.test_options import COMMANDS, IDS, alternatives

from genescribe.genome.catalogue.database import build_catalogue
from genescribe.models import ModelPath
from genescribe.paths import PathType

NUMBERS = ("-1", "0", "1" * 40, "nan", "inf", "-1e400", "1,2", "", "words")
TEXTS = ("words", "", ",", "é", "=", "x=", "-1", "{", "[1]", '{"a": 1}', "null", "a\nb", "n" * 5000)
PATHS = ("missing/deep", "empty", "folder", "binary", "text", "/dev/null/x", "broken")
DIFFERENT = {"launch": "starts what it is given", "show_scores": "shows what is there"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a genome, and with files that are none of what a script expects."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "genome.fa").write_text(">a\n" + "ACGTTGCA" * 9 + "ATGAAATTTGGGCCCTAA" + "ACGTTGCA" * 9 + "\n")
    rows = (("gene", "ID=g"), ("mRNA", "ID=t;Parent=g"), ("exon", "Parent=t"), ("CDS", "ID=c;Parent=t"))
    lines = [f"a\tx\t{kind}\t73\t90\t.\t+\t{'0' if kind == 'CDS' else '.'}\t{text}\n" for kind, text in rows]
    (folder / "genes.gff3").write_text("##gff-version 3\n" + "".join(lines))
    build_catalogue(folder / "genome.fa", folder / "genes.gff3", folder / "catalogue.duckdb", 1)
    (folder / "empty").write_bytes(b"")
    (folder / "binary").write_bytes(bytes(range(256)) * 40)
    (folder / "text").write_text("neither this\nnor that\n")
    (folder / "folder").mkdir()
    (folder / "broken").symlink_to("nowhere")
    # A model whose weights are gone: all that comes before them is checked.
    shutil.copytree(programs.REPOSITORY / "models" / "yeast", folder / "model")
    (folder / "model" / "model.safetensors").unlink()
    return folder


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep scripts from other programs, from the network and from the terminal."""

    def refused(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("bin")))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))


def usual(action: argparse.Action, inputs: Path) -> list[str]:
    """Return words that give an option something of the right kind."""
    named = {"fasta": "genome.fa", "genome": "genome.fa", "fasta_file": "genome.fa", "catalogue": "catalogue.duckdb",
             "annotation": "genes.gff3", "gff_file": "genes.gff3", "reference": "genes.gff3", "source": "genes.gff3",
             "predicted": "text", "gtf": "genes.gff3", "model": "model"}  # fmt: skip
    if action.nargs == 0:
        return [action.option_strings[0]]
    if isinstance(action.type, PathType):
        written = bool(action.type.targets(Path("x")))
        value = str(Path("out") / action.dest) if written else str(inputs / named.get(action.dest, "folder"))
    elif action.choices is not None:
        value = str(next(iter(action.choices)))
    else:
        value = "2"
    return [action.option_strings[0], value] if action.option_strings else [value]


def pool(action: argparse.Action, inputs: Path, targets: Path) -> list[str]:
    """Return values to try: texts, and what an option of its kind may be given by mistake.

    What is written may be there already, and is then replaced: in a folder of its own, `targets`.
    """
    if action.choices is not None:
        return ["", "words"]
    if isinstance(action.type, PathType):
        folder = targets if action.type.targets(Path("x")) else inputs
        return [*TEXTS, *(value if value.startswith("/") else str(folder / value) for value in PATHS)]
    return list(TEXTS if action.type is None else NUMBERS)


def command_line(name: str, command: list[str], inputs: Path, tried: argparse.Action, value: str) -> list[str]:
    positional: list[str] = []
    options: list[str] = []
    chosen = alternatives(name)
    for action in programs.options(name, command):
        if action is tried:
            words = [f"{action.option_strings[0]}={value}"] if action.option_strings else [value]
        elif (
            action.required
            or isinstance(action.type, ModelPath)
            or (action.dest in chosen and tried.dest not in chosen and action.dest == min(chosen))
        ):
            words = usual(action, inputs)
        else:
            continue
        (options if action.option_strings else positional).extend(words)
    return [*command, *options, *(["--"] if positional else []), *positional]


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=IDS)
def test_the_last_line_tells(name: str, command: list[str], inputs: Path, tmp_path: Path, capsys: Any) -> None:
    before = {path: path.read_bytes() for path in sorted(inputs.rglob("*")) if path.is_file()}
    if name in DIFFERENT:
        pytest.skip(DIFFERENT[name])
    targets = tmp_path / "targets"
    shutil.copytree(inputs, targets, symlinks=True, ignore=shutil.ignore_patterns("model"))
    faults = []
    for action in programs.options(name, command):
        if action.nargs == 0:
            continue
        for value in pool(action, inputs, targets):
            words = command_line(name, command, inputs, action, value)
            ended = programs.run(name, words, tmp_path, capsys)
            last = (ended.err.rstrip("\n").splitlines() or [""])[-1]
            if ended.raised is not None:
                faults.append(f"{action.dest} = {value[:60]!r}: {type(ended.raised).__name__}: {ended.raised}")
            elif ended.status and not last.startswith("genescribe: error: "):
                faults.append(f"{action.dest} = {value[:60]!r}: status {ended.status}, {last!r}")
    after = {path: path.read_bytes() for path in sorted(inputs.rglob("*")) if path.is_file()}
    assert not faults, "\n".join(faults)
    assert {k: v for k, v in after.items() if k in before} == before
    assert not list(tmp_path.rglob("*.part"))
