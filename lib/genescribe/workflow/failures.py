"""The summary of a run with failed jobs: a list of them at the end of the output."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_ERROR = re.compile(r"(?P<indent> *)Error in rule (?P<rule>\w+):$")
_KEY = re.compile(r" *(?P<key>jobid|output|log): (?P<value>.*)$")
_FINISHED = re.compile(r" *Finished jobid: (?P<number>\d+)")
_NOTE = " (check log file(s) for error details)"


@dataclass
class Failure:
    """A job whose last attempt failed, from Snakemake's log."""

    rule: str
    output: str = "no file"
    log: str = "none"


def failures(output: str) -> list[Failure]:
    """Return the jobs that failed and did not succeed later, from Snakemake's output.

    Parameters
    ----------
    output
        The text of Snakemake's own log file.
    """
    failed: dict[str, Failure] = {}
    current: Failure | None = None
    numbered, indent = False, 0
    for line in _own_lines(output):
        if error := _ERROR.match(line):
            current, numbered, indent = Failure(error["rule"]), False, len(error["indent"])
        elif finished := _FINISHED.match(line):
            failed.pop(finished["number"], None)
        elif current is not None and numbered and not line.startswith(" " * (indent + 1)):
            current = None
        elif current is not None and (key := _KEY.match(line)):
            if key["key"] == "jobid":
                failed[key["value"]], numbered = current, True
            else:
                setattr(current, key["key"], key["value"].removesuffix(_NOTE))
    return list(failed.values())


def _own_lines(output: str) -> Iterator[str]:
    """Leave out the logs of jobs that are shown: on a cluster they hold the output of another Snakemake."""
    fences: list[str] = []
    before = ""
    for line in output.splitlines():
        text = line.strip()
        if text and not text.strip("="):
            if before.startswith("Logfile "):
                fences.append(text)
            elif fences and text == fences[-1]:
                fences.pop()
        elif not fences:
            yield line
        before = text


def summary(logs: Iterable[str | Path]) -> str:
    """Return the lines that end a failed run: each job that failed, its output, and its log.

    Parameters
    ----------
    logs
        Log files of Snakemake.
    """
    lost = failures("\n".join(Path(log).read_text(errors="replace") for log in logs))
    if not lost:
        return "genescribe: the run ended before its jobs did; run the same command to resume"
    jobs, them = ("job", "it") if len(lost) == 1 else ("jobs", "them")
    head = f"genescribe: {len(lost)} {jobs} failed at every attempt; what does not need {them} is done:"
    return "\n".join([head, *(f"  {job.rule}: {job.output} (log: {job.log})" for job in lost)])
