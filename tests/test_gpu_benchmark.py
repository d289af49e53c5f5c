"""`benchmarks/gpu.py` rehearsed on the CPU, and killed: every step runs, figures are right, a rerun does the rest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from genescribe.files import read_json, write_json

pytest.importorskip("triton", reason="triton is an optional dependency; its kernels are not there without it")


def start(repository: Path, folder: Path) -> subprocess.Popen[str]:
    """Start it."""
    command = [sys.executable, str(repository / "benchmarks" / "gpu.py"), "--device", "cpu", "--minutes", "25"]
    command += ["--bundle", str(folder / "bundle"), "--output", str(folder / "out")]
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["PYTHONPATH"] = str(repository / "lib")
    with (folder / "log").open("w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, text=True, env=environment)


def results(folder: Path) -> dict[str, Any]:
    """Return what is on disk; nothing before the first step."""
    paths = list((folder / "out").glob("*/gpu.json"))
    return read_json(paths[0]) if paths else {"states": {}, "rows": {}}


def rehearse(repository: Path, folder: Path) -> dict[str, Any]:
    """Run it, and return the results."""
    assert start(repository, folder).wait() == 0, (folder / "log").read_text()
    (table,) = (folder / "out").glob("*/gpu.md")
    text = table.read_text()
    assert 0 < text.index("| device |") < text.index("| correct: CRF |") < text.index("| training |")
    return results(folder)


def kill_within(step: str, repository: Path, folder: Path) -> None:
    """Start it, and kill it as soon as a figure of a step is on disk; what it has started ends with it."""
    process = start(repository, folder)
    try:
        while not (results(folder)["states"].get(step) == "unfinished" and results(folder)["rows"][step]):
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        started = psutil.Process(process.pid).children(recursive=True)
        assert started
    finally:
        process.kill()
        process.wait()
    assert psutil.wait_procs(started, timeout=60)[1] == []


def test_every_step_runs_on_the_cpu_and_a_rerun_goes_on(repository: Path, tmp_path: Path) -> None:
    kill_within("correct: CRF", repository, tmp_path)
    kept = results(tmp_path)
    assert kept["states"] == {"device": "done", "correct: CRF": "unfinished"}
    assert "| device | float64 |" in next((tmp_path / "out").glob("*/gpu.md")).read_text()
    found = rehearse(repository, tmp_path)
    states, rows = found["states"], found["rows"]
    # What was done is not done again.
    assert rows["device"] == kept["rows"]["device"]
    assert {"device", "correct: segment", "correct: generate", "speed: genome", "training"} <= set(states)
    assert set(states.values()) == {"done"}, states
    for step, those in rows.items():
        assert those, step
        wrong = [row for row in those if row["passed"] is False]
        assert not wrong, wrong
    judged = sum(row["passed"] is not None for row in rows["correct: CRF"])
    assert judged >= 20
    # As if one step had failed: it alone is done again, and so is nothing else.
    table = next((tmp_path / "out").glob("*/gpu.json"))
    write_json(table, {**found, "states": {**states, "correct: scan": "failed: MemoryError"}})
    others = {path: path.stat().st_mtime_ns for path in table.parent.glob("*.jsonl")}
    assert rehearse(repository, tmp_path)["states"] == states
    changed = [path.name for path, time in others.items() if path.stat().st_mtime_ns != time]
    assert changed == ["correct_scan.jsonl"]


PACKED = """
import shutil, sys
from pathlib import Path
from genescribe.cli import run
from gpu_steps import bundle
def main():
    folder = Path(sys.argv[1])
    bundle.LIMIT = int(sys.argv[2])
    bundle.pack(folder)
    shutil.rmtree(folder)
    assert bundle.unpack(folder) and not bundle.unpack(folder.with_name("another"))
run(main)
"""


@pytest.mark.parametrize("limit", [10_000, 100])
def test_a_bundle_travels_as_one_file_that_must_not_be_too_large(repository: Path, tmp_path: Path, limit: int) -> None:
    folder = tmp_path / "bundle"
    (folder / "wheels").mkdir(parents=True)
    (folder / "wheels" / "a.whl").write_bytes(os.urandom(1_000))
    kept = (folder / "wheels" / "a.whl").read_bytes()
    path = os.pathsep.join(str(repository / part) for part in ("lib", "benchmarks"))
    command = [sys.executable, "-c", PACKED, str(folder), str(limit)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    if limit < 1_000:
        assert done.returncode == 2
        assert "at most 100 travel" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert (folder / "wheels" / "a.whl").read_bytes() == kept
