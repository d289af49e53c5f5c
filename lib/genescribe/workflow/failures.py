"""The end of a run in which jobs failed: which they were, since much else may have been said after each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_EVENT = re.compile(
    r"^ *(?:Error in rule (?P<rule>\w+):|Finished jobid: (?P<finished>\d+).*|(?P<key>jobid|output|log): (?P<value>.*))$"
)
_NOTE = " (check log file(s) for error details)"


@dataclass
class Failure:
    """A job whose last attempt failed, as Snakemake's log tells of it."""

    rule: str
    output: str = "no file"
    log: str = "none"


def failures(said: str) -> list[Failure]:
    """Return the jobs that failed and did not succeed later, from what Snakemake said.

    Parameters
    ----------
    said
        The text of Snakemake's own log file.
    """
    found: dict[str, Failure] = {}
    current: Failure | None = None
    for line in said.splitlines():
        event = _EVENT.match(line)
        if event is None:
            continue
        if event["rule"]:
            current = Failure(event["rule"])
        elif event["finished"]:
            found.pop(event["finished"], None)
        elif current is not None and event["key"] == "jobid":
            found[event["value"]] = current
        elif current is not None and event["key"] == "output":
            current.output = event["value"]
        elif current is not None:
            # The last of a job's keys: what follows belongs to others.
            current.log = event["value"].removesuffix(_NOTE)
            current = None
    return list(found.values())


def summary(logs: Iterable[str | Path]) -> str:
    """Return the lines that end a failed run: each job that failed, what it was to make, and its log.

    Parameters
    ----------
    logs
        Snakemake's log files.
    """
    lost = failures("\n".join(Path(log).read_text(errors="replace") for log in logs))
    if not lost:
        return "genescribe: the run ended before its jobs did; the same command goes on where it stood"
    jobs, them = ("job", "it") if len(lost) == 1 else ("jobs", "them")
    head = f"genescribe: {len(lost)} {jobs} failed at every attempt; what does not need {them} is done:"
    return "\n".join([head, *(f"  {job.rule}: {job.output} (log: {job.log})" for job in lost)])
