"""Scripts whose processes are killed or stopped: one line, and nothing temporary is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from genescribe.processes import end_late, process_pool
from tests.held import held, reached

KILLED = {
    "a process that reads data": """
import os, signal
from torch.utils.data import DataLoader
class Data(list):
    def __getitem__(self, i):
        os.kill(os.getpid(), signal.SIGKILL)
def main():
    list(DataLoader(Data(range(4)), num_workers=1))
""",
    "a process of a pool": """
import os, signal
from concurrent.futures import ProcessPoolExecutor
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def main():
    with ProcessPoolExecutor(1) as pool:
        pool.submit(die).result()
""",
    "a process that has read nothing of what it is to do": """
import os
def main():
    ours, theirs = os.pipe()
    os.close(ours)
    os.write(theirs, b"what it is to do")
""",
}
RUN = "\nfrom genescribe.cli import run\nif __name__ == '__main__':\n    run(main)\n"
REFUSED = {
    "a process that reads data": """
from torch.utils.data import DataLoader
class Data(list):
    def __getitem__(self, i):
        raise InputError("the shard is damaged", where="a.tar", remedy="bake again")
def main():
    list(DataLoader(Data(range(4)), num_workers=1))
""",
    "a process of a pool": """
from concurrent.futures import ProcessPoolExecutor
def refuse():
    raise InputError("the shard is damaged", where="a.tar", remedy="bake again")
def main():
    with ProcessPoolExecutor(1) as pool:
        pool.submit(refuse).result()
""",
}
WAITING = """
import sys, tempfile, time
from genescribe.files import atomic_path
def main():
    with tempfile.TemporaryDirectory() as name, atomic_path(sys.argv[1]) as part:
        print("there", flush=True)
        time.sleep(600)
"""


@pytest.mark.parametrize("kind", KILLED)
def test_a_killed_worker_is_one_line(kind: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED[kind] + RUN], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("genescribe: error: a worker process was killed, probably by the system for want of")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("kind", REFUSED)
def test_bad_input_that_a_worker_finds_is_one_line(kind: str) -> None:
    program = "from genescribe.errors import InputError\n" + REFUSED[kind] + RUN
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr == "genescribe: error: a.tar: the shard is damaged; bake again\n"


def test_other_errors_of_that_class_are_not_hidden() -> None:
    program = "def main():\n    raise RuntimeError('something else')\n" + RUN
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "RuntimeError: something else" in done.stderr


ENDED = [(signal.SIGTERM, ""), (signal.SIGINT, "\ngenescribe: interrupted\n")]
POOL = """
import os, sys, time
from multiprocessing import get_context
from genescribe.processes import process_pool
def wait(place):
    open(f"{place}/{os.getpid()}", "w").close()
    time.sleep(600)
def main():
    print("there", flush=True)
    with process_pool(2, get_context(sys.argv[2]) if sys.argv[2] else None) as pool:
        list(pool.map(wait, [sys.argv[1]] * 2))
"""
READING = """
import time
from torch.utils.data import DataLoader
class Data(list):
    def __getitem__(self, i):
        time.sleep(0.01)
        return i
def main():
    for i in DataLoader(Data(range(10_000)), num_workers=2):
        if i == 4:
            print("there", flush=True)
"""
HOLDING = """
from multiprocessing import Lock, get_context
from genescribe.processes import process_pool
def hold(number):
    global lock
    lock = Lock()
def main():
    with process_pool(2, get_context("spawn")) as pool:
        list(pool.map(hold, range(2)))
"""
TURNED = """
import os, signal
def main():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except SystemExit:
        raise ImportError("a library makes this of it") from None
"""


@pytest.mark.parametrize(("number", "said"), ENDED, ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("when", ["they start", "they work"])
@pytest.mark.parametrize("method", ["", "spawn", "forkserver"])
def test_a_signal_ends_all_processes_without_a_traceback(
    tmp_path: Path, method: str, when: str, number: signal.Signals, said: str
) -> None:
    """As the terminal sends it: to all of them."""
    (tmp_path / "pool.py").write_text(POOL + RUN)
    command = [sys.executable, str(tmp_path / "pool.py"), str(tmp_path), method]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as run:
        assert run.stdout is not None and run.stdout.readline() == "there\n"
        while when == "they work" and len(list(tmp_path.glob("[0-9]*"))) < 2:
            assert run.poll() is None
            time.sleep(0.02)
        os.killpg(run.pid, number)
        assert run.wait(300) == 128 + number
        assert run.stderr is not None and run.stderr.read() == said
    for place in tmp_path.glob("[0-9]*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(place.name), 0)


@pytest.mark.parametrize(("number", "said"), ENDED, ids=["SIGTERM", "SIGINT"])
def test_processes_that_read_data_end_without_a_traceback(number: signal.Signals, said: str) -> None:
    command = [sys.executable, "-c", READING + RUN]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as run:
        assert run.stdout is not None and run.stdout.readline() == "there\n"
        os.killpg(run.pid, number)
        assert run.wait(300) == 128 + number
        assert run.stderr is not None and run.stderr.read() == said


HUNG_UP = """
from multiprocessing.connection import SocketClient
from multiprocessing.resource_sharer import DupFd
def main():
    handed = DupFd(1)
    for _ in range(10):
        SocketClient(handed._id[0]).close()
    handed.detach()
    raise ConnectionError("of main itself")
"""


def test_a_process_that_hangs_up_before_it_is_answered_is_no_news() -> None:
    """So ends one that asks for an open file, if a signal ends all; which of them is faster is a matter of chance."""
    done = subprocess.run([sys.executable, "-c", HUNG_UP + RUN], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.count("Traceback") == 1, done.stderr
    assert done.stderr.endswith("ConnectionError: of main itself\n")


def test_an_error_ends_no_process_of_another_part_of_the_program() -> None:
    """As in a notebook that has processes of its own."""
    other = get_context("fork").Process(target=time.sleep, args=(600,))
    other.start()

    def fail(pool: ProcessPoolExecutor) -> None:
        pool.submit(time.sleep, 600)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), process_pool(1) as pool:
        fail(pool)
    other.join(0.5)
    assert other.is_alive()
    other.kill()
    other.join()


def test_processes_that_are_done_end_by_themselves(tmp_path: Path) -> None:
    """One that is killed would leave to others what it holds of the system, who say so."""
    (tmp_path / "pool.py").write_text(HOLDING + RUN)
    done = subprocess.run([sys.executable, str(tmp_path / "pool.py")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_error_that_a_library_makes_of_a_signal_is_not_told() -> None:
    done = subprocess.run([sys.executable, "-c", TURNED + RUN], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "")


def test_nor_is_it_a_report_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever catches every error lets this one through."""
    from genescribe.report.annotation import page

    annotation: Any = None
    assert not page.write_annotation_report(tmp_path / "report.html", annotation)
    monkeypatch.setattr("genescribe.signals._status", 143)
    with pytest.raises(AttributeError):
        page.write_annotation_report(tmp_path / "report.html", annotation)


@pytest.mark.parametrize(("number", "said"), ENDED, ids=["SIGTERM", "SIGINT"])
def test_a_signal_leaves_nothing_temporary(tmp_path: Path, number: signal.Signals, said: str) -> None:
    (tmp_path / "tmp").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp")}
    command = [sys.executable, "-c", WAITING + RUN, str(tmp_path / "out" / "result")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None and run.stdout.readline() == "there\n"
        assert list((tmp_path / "tmp").iterdir()) and list((tmp_path / "out").iterdir())
        run.send_signal(number)
        assert run.wait(300) == 128 + number
        assert run.stderr is not None and run.stderr.read() == said
    assert not list((tmp_path / "tmp").iterdir()) and not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("number", "said"), ENDED, ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("module", ["genescribe.commands.console", "genescribe.cli", "logging"])
def test_a_signal_ends_a_program_that_is_still_being_imported(
    tmp_path: Path, module: str, number: signal.Signals, said: str
) -> None:
    environment, pipe = held(tmp_path, "import", module), subprocess.PIPE
    command = [sys.executable, "-m", "genescribe", "--version"]
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as run:
        reached(tmp_path, run)
        run.send_signal(number)
        out, err = run.communicate(timeout=300)
    assert (run.returncode, out, err) == (128 + number, "", said)


def test_a_process_that_does_not_end_is_ended() -> None:
    """It may wait for ever, for a lock that another one took with it when it was killed."""
    # A fork server that a pool has started holds signals back in all it starts; workers of the pool let SIGTERM in.
    context = get_context("spawn")
    late, done = context.Process(target=time.sleep, args=(600,)), context.Process(target=int)
    done.start()
    done.join(300)
    late.start()
    end_late([late, done], 0.5)
    late.join(300)
    assert late.exitcode == -signal.SIGTERM and done.exitcode == 0
