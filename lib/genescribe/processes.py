"""Worker processes that end with the program that started them."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection, resource_tracker
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, ParamSpec, TypeVar

from genescribe.signals import held_back

T = TypeVar("T")
P = ParamSpec("P")
_GRACE = 10.0
"""Seconds in which processes end when their work is done."""


class _Pool(ProcessPoolExecutor):
    """Processes that Ctrl-C at the terminal, which every process gets, does not reach: this one ends them."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand out a task.

        Processes start here. What is held back meanwhile is so in them, too; and a process that is interrupted between
        the start of another and taking note of it would leave that one behind.
        """
        with held_back():
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
