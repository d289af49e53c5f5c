"""The parser that every command shares."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from genescribe.cli import JsonText, Parser, integer, list_of, number, parser
from genescribe.errors import InputError
from genescribe.paths import InputPath, InputText, NameList, OutputFile


def refused(capsys: pytest.CaptureFixture[str], words: list[str], **how: object) -> str:
    arguments = parser("A command.")
    arguments.add_argument("--x", **how)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as end:
        arguments.parse_args(words)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("genescribe: error: ") and said.count("\n") == 1
    return said


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("a", integer(), "'a' is not a whole number"),
        ("1.5", integer(), "'1.5' is not a whole number"),
        ("0", integer(1), "0 is less than 1"),
        ("9", integer(1, 8), "9 is more than 8"),
        ("x", number(), "'x' is not a number"),
        ("nan", number(), "'nan' is not finite"),
        ("inf", number(0), "'inf' is not finite"),
        ("-1", number(0), "-1.0 is less than 0"),
        ("", list_of(integer()), "an empty list"),
        (",", list_of(integer()), "an empty list"),
        ("1,a", list_of(integer()), "'a' is not a whole number"),
        ("", InputPath(), "an empty path"),
        ("", OutputFile(), "an empty path"),
    ],
)
def test_a_value_that_is_none_is_one_line(
    capsys: pytest.CaptureFixture[str], text: str, kind: object, message: str
) -> None:
    assert message in refused(capsys, [f"--x={text}"], type=kind)


def test_values_are_read() -> None:
    arguments = parser(None)
    arguments.add_argument("--n", type=integer(0, 5))
    arguments.add_argument("--p", type=number(0, 1))
    arguments.add_argument("--many", type=list_of(integer(0)))
    args = arguments.parse_args(["--n", "5", "--p", "1e-1", "--many", "1,2"])
    assert (args.n, args.p, args.many) == (5, 0.1, [1, 2])


def test_hyphens_and_underscores_are_alike() -> None:
    arguments = parser(None)
    arguments.add_argument("--min-posterior")
    arguments.add_argument("--batch_size")
    arguments.add_argument("rest", nargs="*")
    args = arguments.parse_args(["--min_posterior=0.5_x", "--batch-size", "3_4", "--", "--no_option"])
    assert (args.min_posterior, args.batch_size, args.rest) == ("0.5_x", "3_4", ["--no_option"])


def test_an_option_that_does_nothing_is_refused_only_where_it_is_given() -> None:
    arguments = parser(None)
    commands = arguments.add_subparsers(dest="command")
    for name in ("one", "two"):
        command = commands.add_parser(name)
        command.add_argument("--search", default="greedy")
        command.add_argument("--beams", type=integer(1), default=4)
        command.only(["beams"], lambda args: args.search == "beam", "--search beam")
    assert arguments.parse_args(["one"]).beams == 4
    assert arguments.parse_args(["two", "--beams", "4", "--search", "beam"]).beams == 4
    with pytest.raises(InputError, match="--beams: does nothing here; it needs --search beam; leave it out"):
        arguments.parse_args(["two", "--beams", "4"])
    assert arguments.parse_args(["one"]).beams == 4, "the defaults are there again"


@pytest.mark.parametrize(
    "words",
    [
        ["--fasta", "g.fa", "--output", "g.fa"],
        ["--names", "a,@g.fa", "--output", "g.fa"],
        ["--against", "orf=g.fa", "--output", "g.fa"],
        ["--options", '{"train": {"start": "./g.fa"}}', "--output", "g.fa"],
        ["--many", "a", "g.fa", "--output", "g.fa"],
        ["--fasta", "g.fa"],
    ],
)
def test_no_option_may_name_what_another_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.fa").write_text(">a\nACGT\n")
    arguments = parser(None)
    arguments.add_argument("--fasta", type=InputPath())
    arguments.add_argument("--names", type=NameList(), default=[])
    arguments.add_argument("--against", type=InputText(lambda text: text.partition("=")[2]), action="append")
    arguments.add_argument("--options", type=JsonText())
    arguments.add_argument("--many", type=InputPath(), nargs="+")
    arguments.add_argument("--output", type=OutputFile(), default="g.fa")
    with pytest.raises(InputError, match="would be overwritten"):
        arguments.parse_args(words)


def test_help_tells_defaults_that_say_something() -> None:
    arguments = parser("What it does.")
    arguments.add_argument("--none", help="first")
    arguments.add_argument("--flag", action="store_true", help="second")
    arguments.add_argument("--zero", type=float, default=0.0, help="third")
    arguments.add_argument("--list", default=["a", "b"], help="fourth")
    text = " ".join(arguments.format_help().split())
    assert "first --flag" in text and "second --zero" in text
    assert "third (default: 0.0)" in text and "fourth (default: a,b)" in text


def test_the_genome_may_be_called_genome() -> None:
    arguments = parser(None)
    arguments.add_argument("--fasta")
    assert arguments.parse_args(["--genome", "g.fa"]).fasta == arguments.parse_args(["--genome=g.fa"]).fasta == "g.fa"


def test_help_says_what_kind_of_value_an_option_has() -> None:
    arguments = parser("What it does.")
    arguments.add_argument("--fasta", type=InputPath(), help="first")
    arguments.add_argument("--output", type=OutputFile(), help="second")
    arguments.add_argument("--workers", type=integer(1), default=2, help="third")
    arguments.add_argument("--fast", action=argparse.BooleanOptionalAction, default=True, help="fourth")
    arguments.add_argument("--lr", dest="--lr", type=number(0), help="fifth")
    text = " ".join(arguments.format_help().split())
    assert "--fasta PATH first" in text and "--output FILE second" in text and "--workers N third (default: 2)" in text
    assert "fourth (default: yes)" in text and "--lr N fifth" in text


def test_duckdb_has_nothing_to_complain_of_at_exit() -> None:
    code = "from genescribe import cli; cli.run(lambda: __import__('duckdb'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a, b,", ["a", "b"]),
        ("2L:1-30", ["2L:1-30"]),
        ("2L:1,000-20,000,3R", ["2L:1,000-20,000", "3R"]),
        ("2L:1-20,000,2L:30,000-40,000", ["2L:1-20,000", "2L:30,000-40,000"]),
        ("1,200", ["1", "200"]),
        ("a:b,c:1-2", ["a:b", "c:1-2"]),
    ],
)
def test_a_list_of_names_or_regions(text: str, names: list[str]) -> None:
    """With thousands as genome browsers write them."""
    assert NameList()(text) == names


@pytest.mark.parametrize("text", ["", ",", " , "])
def test_a_list_of_nothing_is_not_everything(text: str) -> None:
    """As of a shell's variable that is not set."""
    with pytest.raises(argparse.ArgumentTypeError, match="an empty list"):
        NameList()(text)


@pytest.mark.parametrize(
    ("word", "said"),
    [("--modle=x", "did you mean --model?"), ("--regoins", "did you mean --regions?"), ("--zzz", "see tool --help")],
)
def test_a_misspelt_option_is_told_with_the_one_that_is_near(
    word: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = Parser(prog="tool")
    arguments.add_argument("--model")
    arguments.add_subparsers(dest="command").add_parser("one").add_argument("--regions")
    with pytest.raises(SystemExit):
        arguments.parse_args(["one", word])
    assert capsys.readouterr().err == f"genescribe: error: unrecognized arguments: {word}; {said}\n"


CLOSED = """
import logging, os, subprocess, sys

def main():
    with open(sys.argv[1], "w") as result:
        print("said")
        logging.getLogger("a").info("logged")
        subprocess.run([sys.executable, "-c", "print('of a child')"], check=True)
        result.write(f"{sys.stdin.read()}the result, {sys.stderr.isatty()}")

from genescribe.cli import run
run(main)
"""


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(closed: str, tmp_path: Path) -> None:
    """What is said then goes nowhere, and not into a result that was opened with the number of the stream."""
    command = shlex.join([sys.executable, "-c", CLOSED, str(tmp_path / "result")])
    done = subprocess.run(f"{command} {closed}", shell=True, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0
    assert (tmp_path / "result").read_text() == "the result, False"
