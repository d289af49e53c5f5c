"""`benchmarks/gpu.py` rehearsed on the CPU: every step runs, what must be right is, a rerun does what is left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genescribe.files import read_json, write_json

pytest.importorskip("triton", reason="triton is an optional dependency; its kernels are not there without it")


def rehearse(repository: Path, folder: Path) -> dict[str, object]:
    """Run it, and return the results."""
    command = [sys.executable, str(repository / "benchmarks" / "gpu.py"), "--device", "cpu", "--minutes", "25"]
    command += ["--bundle", str(folder / "bundle"), "--output", str(folder / "out")]
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["PYTHONPATH"] = str(repository / "lib")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    (results,) = (folder / "out").glob("*/gpu.json")
    found: dict[str, object] = read_json(results)
    table = (results.parent / "gpu.md").read_text()
    assert 0 < table.index("| device |") < table.index("| correct: CRF |") < table.index("| training |")
    return found


def test_every_step_runs_on_the_cpu_and_a_rerun_goes_on(repository: Path, tmp_path: Path) -> None:
    found = rehearse(repository, tmp_path)
    states, rows = found["states"], found["rows"]
    assert isinstance(states, dict) and isinstance(rows, dict)
    assert {"device", "correct: segment", "correct: generate", "speed: genome", "training"} <= set(states)
    assert set(states.values()) == {"done"}, states
    for step, those in rows.items():
        assert those, step
        wrong = [row for row in those if row["passed"] is False]
        assert not wrong, wrong
    judged = sum(row["passed"] is not None for row in rows["correct: CRF"])
    assert judged >= 20
    # As if one step had failed: it alone is done again, and so is nothing else.
    results = next((tmp_path / "out").glob("*/gpu.json"))
    write_json(results, {**found, "states": {**states, "correct: scan": "failed: MemoryError"}})
    others = {path: path.stat().st_mtime_ns for path in results.parent.glob("*.jsonl")}
    assert rehearse(repository, tmp_path)["states"] == states
    changed = [path.name for path, time in others.items() if path.stat().st_mtime_ns != time]
    assert changed == ["correct_scan.jsonl"]
