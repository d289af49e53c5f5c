"""Memory that a worker reuses instead of releasing it after every tile."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # of glibc's mallopt


def keep_memory() -> None:
    """Let glibc reuse the arrays of one tile for the next; elsewhere do nothing.

    By default it maps every large array anew, and the kernel clears the pages each time: a third of the time of reading
    a chunk.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 << 20)):
            mallopt(parameter, value)
