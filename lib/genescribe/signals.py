"""How a signal ends this process; importing it takes no time, so that a program can begin with it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_status: int | None = None
_waiting: list[int] | None = None
"""Signals that came while they are held back; None: they are not."""


def end_on_signals() -> None:
    """Let SIGTERM (a time limit, `scancel`) and SIGINT (Ctrl-C) end this process as an exception would.

    Temporary files are removed, and no traceback is printed.
    """
    for number in _SIGNALS:
        signal.signal(number, _end)
    sys.excepthook = _tell


def ending() -> int | None:
    """Return the exit status of a process that a signal has told to end; None: it was not.

    Where a library turns the end into an error of its own, as some do that are interrupted while they are imported,
    code that catches every error asks here.
    """
    return _status


def _end(number: int, frame: object) -> None:
    global _status
    if _waiting is not None:
        _waiting.append(number)
        return
    # A second signal must not interrupt what the first began to clear away.
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    # Nor must news of workers that got it, too: PyTorch makes an error of them.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _status = 128 + number
    if number == signal.SIGINT and not _is_worker():
        # Not by print: this may have interrupted one.
        os.write(2, b"\ngenescribe: interrupted\n")
    sys.exit(_status)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an error that nothing caught, unless it says in another thread that a process is gone.

    A thread of `multiprocessing` hands open files to the other processes of the program, and reports that one hung up.
    If a signal ends them all, it may live a little longer than that one.
    """
    import threading

    elsewhere = threading.current_thread() is not threading.main_thread()
    if not (elsewhere and issubclass(kind, ConnectionError | EOFError)):
        sys.__excepthook__(kind, error, trace)


def _is_worker() -> bool:
    """Return whether another process of the program has started this one, by a module that is imported then."""
    parent_process = getattr(sys.modules.get("multiprocessing.process"), "parent_process", None)
    return parent_process is not None and parent_process() is not None


@contextmanager
def held_back() -> Iterator[None]:
    """Hold back the signals that end this process; one that came ends it when the block is left."""
    global _waiting
    # The mask is for the processes that start in the block. Here other threads may still get the signals.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    numbers: list[int] = []
    _waiting = numbers
    try:
        yield
    finally:
        _waiting = None
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if numbers:
            _end(numbers[0], None)
