"""SIGKILL to running jobs of a workflow at random moments, each kill known to have hit."""

from __future__ import annotations

import csv
import random
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ALIVE = {psutil.STATUS_RUNNING, psutil.STATUS_SLEEPING, psutil.STATUS_DISK_SLEEP}


@dataclass
class Killer:
    """Watches the jobs of Snakemake and kills them.

    Attributes
    ----------
    plan
        Rule -> kills that are still to come.
    seconds
        Rule -> how long its jobs last when nobody disturbs them.
    checkpoints
        Where training keeps its checkpoints: its first kill waits for one.
    chance
        Decides when.
    hits
        Rule -> jobs that were running and died.
    in_mid_epoch
        Kills of training with a checkpoint behind it and a reading process beside it.
    """

    plan: Counter[str]
    seconds: Mapping[str, float]
    checkpoints: Path
    chance: random.Random
    hits: Counter[str] = field(default_factory=Counter)
    in_mid_epoch: int = 0
    _seen: dict[tuple[int, float], float] = field(default_factory=dict)

    def watch(self, snakemake: subprocess.Popen[bytes]) -> int:
        """Kill as planned until Snakemake has ended; return its exit status."""
        while snakemake.poll() is None:
            for rule, process in running_jobs(snakemake.pid):
                self._consider(rule, process)
            time.sleep(0.01)
        return snakemake.wait()

    def _consider(self, rule: str, process: psutil.Process) -> None:
        if self.plan[rule] <= 0:
            return
        now, key = time.monotonic(), (process.pid, process.create_time())
        if key not in self._seen:
            # Some at once, some in the midst.
            self._seen[key] = now + self.chance.choice([0, self.chance.uniform(0, 0.5)]) * self.seconds.get(rule, 0)
        saved = any(self.checkpoints.glob("step-*.pt"))
        if rule == "train_model" and not self.in_mid_epoch:
            if not saved or not reading(process):
                return
        elif now < self._seen[key]:
            return
        beside = rule == "train_model" and saved and reading(process)
        if kill(process):
            self.plan[rule] -= 1
            self.hits[rule] += 1
            self.in_mid_epoch += beside


def running_jobs(pid: int) -> list[tuple[str, psutil.Process]]:
    """Return the jobs that a Snakemake process runs: rule and the Python process of its script.

    The rule is told by the job's log, which every job's shell redirects to.
    """
    found: list[tuple[str, psutil.Process]] = []
    processes = []
    with suppress(psutil.Error):
        processes = psutil.Process(pid).children(recursive=True)
    for process in processes:
        with suppress(psutil.Error, OSError):  # It may end while it is looked at.
            words = process.cmdline()
            script = next((word for word in words[1:2] if "/scripts/" in word), None)
            output = Path(f"/proc/{process.pid}/fd/2").readlink() if script else None
            # A reading process looks like the job that forked it.
            if output is not None and "logs" in output.parts and process.ppid() not in {p.pid for _, p in found}:
                found.append((output.parts[output.parts.index("logs") + 1].removesuffix(".log"), process))
    return found


def reading(process: psutil.Process) -> bool:
    """Whether a process has processes of its own."""
    try:
        return bool(process.children())
    except psutil.Error:
        return False


def kill(process: psutil.Process) -> bool:
    """Kill a process; return whether it was alive, and died of it."""
    try:
        process.suspend()  # It can no longer end by itself; the signal takes a moment.
        while process.status() in ALIVE:
            time.sleep(0.001)
        if process.status() != psutil.STATUS_STOPPED:
            return False
        process.kill()
        process.wait(timeout=60)
    except psutil.NoSuchProcess:
        return False
    return True


def durations(benchmarks: Path) -> dict[str, float]:
    """Return the seconds of the shortest job of each rule, from Snakemake's benchmark tables."""
    found: dict[str, float] = {}
    for path in benchmarks.rglob("*.tsv"):
        rule = path.relative_to(benchmarks).parts[0].removesuffix(".tsv")
        with path.open() as handle:
            seconds = float(next(csv.DictReader(handle, delimiter="\t"))["s"])
        found[rule] = min(seconds, found.get(rule, seconds))
    return found


def plan(rules: list[str], kills: int, chance: random.Random) -> Counter[str]:
    """Return kills for each rule: every rule once, a quarter of the rest for training, others by chance."""
    counts = Counter(rules)
    rest = kills - len(rules)
    counts["train_model"] += rest // 4
    counts.update(chance.choices(rules, k=rest - rest // 4))
    return counts
