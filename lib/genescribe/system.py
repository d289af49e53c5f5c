"""The system around a process: its standard streams, the user's home, and paths that are not of files."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path


def open_standard_streams() -> None:
    """Open those of the three standard streams that the caller has closed (`2>&-`, some daemons), to nothing.

    The lowest free number is that of the stream. Otherwise a file that is opened later would get it, and what goes to
    standard error would end up in a result.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(opened, True)
            setattr(sys, name, os.fdopen(opened, mode))


def with_home(path: str | Path) -> Path:
    """Return a path with the user's home in place of ``~``; a user without one (in a container) keeps the ``~``.

    Examples
    --------
    >>> with_home("a/~b.fa")
    PosixPath('a/~b.fa')
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111  `Path.expanduser` fails where there is no home.


def is_stream(path: Path) -> bool:
    """Return whether a path is that of a pipe, a device or a socket, or of an open file such as /dev/stdout.

    They cannot be read twice, and a finished file that is moved to such a path replaces it for all programs.

    Examples
    --------
    >>> is_stream(Path("/dev/null")), is_stream(Path("/dev/stdin")), is_stream(Path("genome.fa"))
    (True, True, False)
    """
    folder = os.path.realpath(path.absolute().parent)
    if folder == "/dev" or folder.startswith("/proc/"):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:  # Who opens it can say so.
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
