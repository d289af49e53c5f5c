"""Runs a script of the repository as a user types it, in this process."""

from __future__ import annotations

import runpy
import shlex
import sys
from pathlib import Path


def run_script(repository: Path, line: str) -> None:
    """Run one line of a manual, a script's name and its arguments; a status other than 0 is raised."""
    name, *words = shlex.split(line)
    before = sys.argv
    sys.argv = [name, *words]
    try:
        runpy.run_path(str(repository / "scripts" / name), run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            raise
    finally:
        sys.argv = before
