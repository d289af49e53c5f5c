"""How a program and its worker processes end when the user or the system asks them to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection, resource_tracker
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GRACE = 10.0
"""Seconds in which processes end when their work is done."""
_status: int | None = None
_waiting: list[int] | None = None
"""Signals that came while they are held back; None: they are not."""


def end_on_signals() -> None:
    """Let SIGTERM (a time limit, `scancel`) and SIGINT (Ctrl-C) end this process as an exception would.

    Temporary files are removed, and no traceback is printed.
    """
    for number in _SIGNALS:
        signal.signal(number, _end)


def ending() -> int | None:
    """Return the exit status of a process that a signal has told to end; None: it was not.

    Where a library turns the end into an error of its own, as some do that are interrupted while they are imported,
    whoever catches every error asks here.
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
    if number == signal.SIGINT and multiprocessing.parent_process() is None:
        # Not by print: this may have interrupted one.
        os.write(2, b"\ngenescribe: interrupted\n")
    sys.exit(_status)


@contextmanager
def _held_back() -> Iterator[None]:
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


class _Pool(ProcessPoolExecutor):
    """Processes that Ctrl-C at the terminal, which every process gets, does not reach: this one ends them."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand out a task.

        Processes start here. What is held back meanwhile is so in them, too; and a process that is interrupted between
        the start of another and taking note of it would leave that one behind.
        """
        with _held_back():
            return super().submit(fn, *args, **kwargs)


def _ready(initializer: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    """Begin in a worker: now it can be ended, and at once, since an exception would be taken for a task's result."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    if initializer is not None:
        initializer(*arguments)


@contextmanager
def process_pool(
    workers: int,
    context: BaseContext | None = None,
    initializer: Callable[..., object] | None = None,
    arguments: tuple[Any, ...] = (),
) -> Iterator[ProcessPoolExecutor]:
    """Give processes; those that still work when an error leaves the block are ended.

    Nobody waits for what they are at. Left to end by themselves they may not: one that is killed while it waits for
    work takes the lock of the queue with it, and the others wait for that lock for ever. So those that do not end soon
    when all is done are ended as well.

    Parameters
    ----------
    workers
        Number of processes.
    context
        How they start; None: as is usual on this system.
    initializer, arguments
        Function that each of them calls first, and its arguments.
    """
    # Where Python starts it later it lets through the signals that are held back then.
    resource_tracker.ensure_running()
    others = set(multiprocessing.active_children())
    with _Pool(workers, mp_context=context, initializer=_ready, initargs=(initializer, arguments)) as pool:
        try:
            yield pool
        except BaseException:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise
        started = set(multiprocessing.active_children()) - others
        pool.shutdown(wait=False)
        end_late(started, _GRACE)


def end_late(processes: Iterable[BaseProcess], seconds: float) -> None:
    """End the processes that have not ended by themselves.

    Parameters
    ----------
    processes
        Children of this process.
    seconds
        Time that they have.
    """
    waiting, end = {process.sentinel: process for process in processes}, time.monotonic() + seconds
    while waiting and (left := end - time.monotonic()) > 0:
        for sentinel in connection.wait(list(waiting), left):
            assert isinstance(sentinel, int)
            del waiting[sentinel]
    for process in waiting.values():
        process.terminate()
