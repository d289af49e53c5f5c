"""What every script shares: one-line errors, exit statuses, logging, comma lists."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from typing import Any

from genescribe.errors import InputError

EXIT_INPUT = 2


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`; an `InputError`, a refused file or a killed worker becomes one line, exit status 2.

    SIGTERM (a time limit, `scancel`) ends it as an exception would: temporary files are removed.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S")
    signal.signal(signal.SIGTERM, _stop)
    try:
        main()
    except RuntimeError as error:
        # PyTorch tells of the end of a process that reads data by the text of its error alone.
        if not isinstance(error, BrokenExecutor) and not str(error).startswith("DataLoader worker"):
            raise
        _fail(
            "a worker process was killed, probably by the system for want of memory; run again with fewer workers or"
            " smaller chunks or batches, or with more memory"
        )
    except InputError as error:
        _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.filename is None:
            raise
        _fail(f"{error.filename}: {error.strerror}; check the path, its permissions and the free space")


def _stop(number: int, frame: object) -> None:
    # A second one must not interrupt what the first began to clear away.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


def _fail(message: str) -> None:
    print(f"genescribe: error: {message}", file=sys.stderr)
    sys.exit(EXIT_INPUT)


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return an argument parser that shows defaults and the script's own docstring."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter, allow_abbrev=False
    )


def comma_list(text: str) -> list[str]:
    """Split `a,b,c` into its parts, ignoring empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


def json_options(text: str, *, where: str = "--options") -> dict[str, Any]:
    """Return a JSON object that stands on the command line.

    Raises
    ------
    InputError
        It is none.
    """
    try:
        options = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON ({error})", where=where, remedy="give a JSON object") from None
    if not isinstance(options, dict):
        raise InputError("not a JSON object", where=where, remedy='give for example {"seed": 1}')
    return options
