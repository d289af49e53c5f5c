"""Python processes that wait where a test needs them, so that what it does to them never comes too late."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

_SITE = """
import os, sys, time
left = {number}
def wait(event, arguments):
    global left
    if event == {event!r} and any(str(one).endswith({ending!r}) for one in arguments):
        left -= 1
        if left < 1:
            open({reached!r}, "w").close()
        while left < 1 and os.path.exists({hold!r}):
            time.sleep(0.01)
sys.addaudithook(wait)
"""
"""A sitecustomize.py, which Python runs first."""


def held(folder: Path, event: str, ending: str, number: int = 1) -> dict[str, str]:
    """Return an environment whose Python processes, and those that they start, wait until `release`.

    Parameters
    ----------
    folder
        Folder of the test.
    event, ending
        Each process waits before an audit event of Python, one of whose arguments ends so.
    number
        Which of such events, counted in each process.
    """
    site = folder / "site"
    site.mkdir(exist_ok=True)
    hold = site / "hold"
    hold.touch()
    places = {"hold": str(hold), "reached": str(site / "reached")}
    text = _SITE.format(number=number, event=event, ending=ending, **places)
    (site / "sitecustomize.py").write_text(text, encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path}


def reached(folder: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a process of a folder waits."""
    while not (folder / "site" / "reached").exists():
        assert process.poll() is None, "it ended before it was to wait"
        time.sleep(0.01)


def release(folder: Path) -> None:
    """Let the processes of a folder go on."""
    (folder / "site" / "hold").unlink()
