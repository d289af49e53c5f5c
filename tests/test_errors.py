"""The one error that users see, and how a script ends with it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from genescribe.errors import InputError


@pytest.mark.parametrize(
    ("line", "expected"),
    [(None, "a.fa: empty; give another"), (7, "a.fa:7: empty; give another")],
)
def test_one_line_with_place_and_remedy(line: int | None, expected: str) -> None:
    error = InputError("empty", where="a.fa", line=line, remedy="give another")
    assert str(error) == expected
    assert (error.what, error.where, error.line, error.remedy) == ("empty", "a.fa", line, "give another")
    assert isinstance(error, ValueError)


def test_newlines_in_what_it_is_told_do_not_break_the_line() -> None:
    assert str(InputError("two\nlines", where="a", remedy="mend\n it")) == "a: two lines; mend it"


def test_it_comes_whole_from_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(InputError("wrong", where=Path("a.fa"), line=7, remedy="mend it")))
    assert (error.what, error.where, error.line, error.remedy) == ("wrong", "a.fa", 7, "mend it")
    assert str(error) == "a.fa:7: wrong; mend it"


SCRIPT = """
from pathlib import Path
from genescribe.cli import run
from genescribe.errors import InputError
def main():
    {body}
run(main)
"""


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("raise InputError('wrong', where='x.fa', line=3, remedy='mend it')", 2, "x.fa:3: wrong; mend it\n"),
        ("Path('nowhere/x').read_text()", 2, "nowhere/x: No such file or directory; correct the path"),
        ("Path('/').read_text()", 2, "/: Is a directory; give a file, not a folder"),
        ("Path('/etc/passwd/x').read_text()", 2, "/etc/passwd/x: Not a directory; correct the path"),
        ("import errno; raise OSError(errno.ENOSPC, 'No space')", 2, "no space left on the device of an output"),
        ("print('fine')", 0, ""),
    ],
)
def test_scripts_end_with_one_line(body: str, status: int, words: str) -> None:
    command = [sys.executable, "-c", SCRIPT.format(body=body)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == status
    assert words in result.stderr
    assert result.stderr.count("\n") == (1 if status else 0)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("body", ["raise RuntimeError('a fault of ours')", "raise OSError('no file named')"])
def test_faults_of_the_program_keep_their_traceback(body: str) -> None:
    command = [sys.executable, "-c", SCRIPT.format(body=body)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_a_closed_pipe_is_no_error() -> None:
    body = "print('\\n'.join(map(str, range(100000))))"
    command = [sys.executable, "-c", SCRIPT.format(body=body)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
