"""What every script shares: one-line errors, exit statuses, logging, comma lists."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable

from genescribe.errors import InputError

EXIT_INPUT = 2


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`; an `InputError` or a refused file becomes one line on stderr, exit status 2."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S")
    try:
        main()
    except InputError as error:
        _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.filename is None:
            raise
        _fail(f"{error.filename}: {error.strerror}; check the path, its permissions and the free space")


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
