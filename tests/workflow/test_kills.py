"""annotate.py, killed again and again: its processes one by one or all at once, at any moment, and run again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.predict.noisy_model import CONFIG, noisy_model
from tests.workflow.killer import kill

from genescribe.genome.fasta import write_fasta

pytestmark = [pytest.mark.workflow, pytest.mark.kills]

LIMIT = 600
"""Seconds after which a run hangs."""
LENGTHS = {"one": 9 * CONFIG.tile, "two": 4 * CONFIG.tile, "three": CONFIG.tile}


ENDS = {"": {0}, "worker": {0, 2}, "first": {-signal.SIGKILL}, "all": {-signal.SIGKILL}}
"""What was killed -> exit statuses of the run."""


def start(repository: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start annotate.py on the genome of a folder, in a process group of its own."""
    words = ["g.fa", "--model", "model", "-o", "out/g.gff3", "--workers", "2", "--chunk", "1"]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, str(repository / "scripts" / "annotate.py"), *words],
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(folder)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir() if path.is_file()}


def progress(folder: Path) -> int:
    """Return a number that grows with the work: chunks that were read, and ten for each strand that is done."""
    work = folder / "out" / "g.gff3.work"
    try:
        strands = (work / "strands.jsonl").read_bytes().count(b"\n")
        return 10 * strands + len(list((work / "scores").glob("*.scores")))
    except OSError:
        return 0


def inputs(folder: Path) -> Path:
    codes = np.random.default_rng(4)
    write_fasta(folder / "g.fa", [(name, codes.integers(0, 4, n).astype(np.uint8)) for name, n in LENGTHS.items()])
    noisy_model().save(folder / "model")
    return folder


def test_annotation_killed_at_random_moments(
    request: pytest.FixtureRequest, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Most kills wait for some progress, so that the run comes to its end; before all are done, it then begins anew."""
    kills = request.config.getoption("--kills") or 6
    whole, folder = inputs(tmp_path_factory.mktemp("whole")), inputs(tmp_path_factory.mktemp("killed"))
    began = time.monotonic()
    assert start(repository, whole).wait(LIMIT) == 0, (whole / "log").read_text()[-3000:]
    seconds = time.monotonic() - began
    chance, hits, rounds = random.Random(kills), Counter[str](), 0
    while hits.total() < kills:
        process = start(repository, folder)
        end = time.monotonic() + chance.uniform(0, seconds)
        goal = progress(folder) + chance.choice([0, 1, 2, 10])
        while process.poll() is None and not (time.monotonic() > end and progress(folder) >= goal):
            time.sleep(0.005)
        hit = strike(process, chance)
        if hit:
            hits[hit] += 1
        status = process.wait(LIMIT)
        # A worker may be at its end, and no longer needed.
        assert status in ENDS[hit], (folder / "log").read_text()[-3000:]
        if status == 0:
            rounds += 1
            assert results(folder) == results(whole)
            for path in (folder / "out").iterdir():
                path.unlink()
    assert start(repository, folder).wait(LIMIT) == 0, (folder / "log").read_text()[-3000:]
    assert results(folder) == results(whole)
    assert not (folder / "out" / "g.gff3.work").exists() and not list(folder.glob("genescribe-*"))
    assert "Traceback" not in (folder / "log").read_text()
    print(f"{kills} kills of annotation: {dict(hits)} in {rounds + 1} runs, the same bytes")


def strike(process: subprocess.Popen[bytes], chance: random.Random) -> str:
    """Kill all processes of a run, the first one, or a worker; return which, or nothing where they had ended."""
    try:
        first = psutil.Process(process.pid)
        # On Linux the first process starts a server, which starts the workers.
        workers = [child for child in first.children(recursive=True) if child.ppid() != first.pid]
    except psutil.NoSuchProcess:
        return ""
    kind = chance.choice(["all", "first", "worker"] if workers else ["all", "first"])
    if kind == "worker":
        return kind if kill(chance.choice(workers)) else ""
    if kind == "first":
        process.kill()
    elif process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return kind if process.wait() == -signal.SIGKILL else ""
