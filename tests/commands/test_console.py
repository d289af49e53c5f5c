"""The program `genescribe`: every command is found, helps with an example that is right, and starts without waiting."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from genescribe.cli import Parser
from genescribe.commands import console
from genescribe.errors import InputError
from genescribe.paths import PathType

HEAVY = {"torch", "matplotlib", "scipy", "snakemake", "sklearn"}
SLOW = HEAVY | {"numpy", "duckdb", "Bio"}
NOT_TO_ANNOTATE = (HEAVY | {"pysam", "pandas", "sympy", "networkx", "tensorboard", "torch._dynamo", "triton"}) - {
    "torch",
    "matplotlib",
}
"""Libraries that an annotation without evidence does without, on a CPU."""


def examples(name: str) -> list[list[str]]:
    lines = (console.command(name).__doc__ or "").splitlines()
    # What follows > is the shell's.
    return [shlex.split(line.partition(" > ")[0])[1:] for line in lines if line.startswith("    ")]


def test_every_module_is_a_command() -> None:
    folder = Path(console.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "console"}
    assert modules == set(console.NAMES) and len(console.NAMES) == len(modules)


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_the_overview_names_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    console.main(words)
    shown = capsys.readouterr().out
    for name in console.NAMES:
        assert f"\n  {name} " in shown
    assert max(map(len, shown.splitlines())) <= 120


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["models", "list"], ["run", "--help"]])
def test_what_needs_no_model_loads_none(words: list[str]) -> None:
    code = "import atexit, sys; from genescribe.commands import console\n"
    code += f"atexit.register(lambda: print(sorted({SLOW!r} & set(sys.modules)), file=sys.stderr))\n"
    code += "console.main(sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n" and done.stdout


def test_help_waits_for_no_heavy_library() -> None:
    code = "import sys, contextlib; from genescribe.commands import console\n"
    code += "for name in console.NAMES:\n    with contextlib.suppress(SystemExit):\n"
    code += "        console.main([name, '--help'])\n"
    code += f"    print(name, sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [f"{name} []" for name in console.NAMES]


def test_an_annotation_loads_no_more_than_it_uses(tmp_path: Path) -> None:
    (tmp_path / "genome.fa").write_text(">s\n" + "ACGTTGCA" * 60 + "\n")
    code = "import gc, sys; from genescribe import cli; from genescribe.commands import console\n"
    code += "cli.run(console.main)\n"
    code += f"print(sorted({NOT_TO_ANNOTATE!r} & set(sys.modules)), gc.isenabled())"
    words = ["annotate", "genome.fa", "--model", "yeast", "--workers", "1"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    # What was imported is not looked through once more at exit.
    assert done.stdout.splitlines()[-1] == "[] False"
    assert "leaked" not in done.stderr


@pytest.mark.parametrize("name", console.NAMES)
def test_examples_are_accepted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = examples(name)
    assert found, f"the docstring of {name} has no example"
    assert name in {command for command, *_ in found}
    for command, *words in found:
        console.parser_of(command).parse_args(["--", *words] if command == "run" else words)


@pytest.mark.parametrize("name", console.NAMES)
def test_help_says_what_every_option_is_for(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        console.main([name, "--help"])
    shown = capsys.readouterr().out
    assert end.value.code == 0 and shown.startswith(f"usage: genescribe {name}")
    assert "None" not in shown
    for line in (console.command(name).__doc__ or "").splitlines():
        assert not line.startswith("    ") or line in shown
    for _, action in console.parser_of(name).actions():
        assert action.help or action.dest == "action", action.dest


def test_one_thing_has_one_spelling() -> None:
    """An option that two commands have means the same kind of thing in both; no option has two long names."""
    kinds: dict[str, set[str]] = {}
    for name in console.NAMES:
        for _, action in console.parser_of(name).actions():
            names = [option for option in action.option_strings if option.startswith("--") and option != "--help"]
            assert len([option for option in names if not option.startswith("--no-")]) <= 1, names
            for option in names:
                kinds.setdefault(option, set()).add("path" if isinstance(action.type, PathType) else "other")
    assert {option: found for option, found in kinds.items() if len(found) > 1} == {}
    assert not {"--genome", "--seqids", "--minimum-posterior", "--gff"} & set(kinds)


@pytest.mark.parametrize(
    ("word", "remedy"),
    [("anotate", "did you mean annotate?"), ("--models", "did you mean models?"), ("x", "give one of")],
)
def test_an_unknown_command_is_one_line(word: str, remedy: str) -> None:
    with pytest.raises(InputError, match=f"{word}: no such command; ") as error:
        console.main([word])
    assert remedy in str(error.value)


def test_python_m_is_the_same_program(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "genescribe", "evaluate", "--fasta"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("genescribe: error: argument --fasta: expected one argument; see genescribe evaluate")


def test_a_parser_of_a_command_checks_its_paths(tmp_path: Path) -> None:
    genome = tmp_path / "g.gff3"
    genome.write_text(">a\nACGT\n")
    parser: Parser = console.parser_of("annotate")
    with pytest.raises(InputError, match="is read and would be overwritten"):
        parser.parse_args([str(genome), "-o", str(genome)])
