"""A batch that fails again and again: it is retried, then reported, and everything that does not need it is made."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import indent

import pytest
import yaml
from tests.workflow.pipeline import start

from genescribe.workflow.failures import failures, summary

OUT_OF_MEMORY = """
import os, signal, sys
if any(word.endswith("tiny/tiny/batch_1") for word in sys.orig_argv):
    with open({note!r}, "a") as handle:
        handle.write("killed\\n")
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""A sitecustomize.py, which Python runs first: each attempt of one job is killed, as for want of memory."""


@pytest.mark.workflow
def test_a_failing_batch_is_reported_and_the_others_finish(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {
        "simulate": {"parameters": "arabidopsis_thaliana", "bases": 20000, "sequences": 1, "seed": 4},
        "splits": {"train": ["chr1"]},
        "batches": 1,
    }
    overlay = {"genomes": {"other": other}, "runs": {"tiny": {"genomes": ["tiny", "other"]}}}
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(overlay))
    files = [str(repository / "tests" / "tiny.yaml"), str(tmp_path / "two.yaml")]
    note = tmp_path / "killed.txt"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(OUT_OF_MEMORY.format(note=str(note)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
    run = start(repository, tmp_path, "bake", "--configfile", *files)
    run.wait()
    said = (tmp_path / "snakemake.log").read_text()
    assert run.returncode == 1, said[-4000:]
    assert note.read_text().splitlines() == ["killed"] * 3, "one attempt and, by profiles/default, two more"
    baked = tmp_path / "results/tiny/bake/tiny"
    assert sorted(str(p.relative_to(baked)) for p in baked.glob("*/batch_*")) == ["other/batch_0", "tiny/batch_0"]
    assert said.count("Trying to restart job") == 2
    job = "bake_batch: results/tiny/bake/tiny/tiny/batch_1 (log: results/tiny/logs/bake_batch/tiny/tiny/1.log)"
    told = said[said.index("genescribe: ") :].splitlines()
    assert told[:2] == [
        "genescribe: 1 job failed at every attempt; what does not need it is done:",
        f"  {job}",
    ]


FAILED = """
Error in rule bake_batch:
    message: None
    jobid: {number}
    input: a
    output: out/{number}
    log: logs/{number}.log (check log file(s) for error details)
    shell:
        something
    external_jobid: 7
Logfile logs/{number}.log:
================
Error in rule inner:
    jobid: 0
Logfile nested.log:
================
Finished jobid: 3 (Rule: inner)
================
=========
Error in rule inner:
    jobid: 1
================
rule other:
    output: b
    jobid: 9
    log: c
"""


def test_the_summary_forgets_what_succeeded_later(tmp_path: Path) -> None:
    """A failed rule; one that a later attempt made; one without log or output; one of a group, indented."""
    text = FAILED.format(number=3) + FAILED.format(number=4) + "[Fri]\nFinished jobid: 4 (Rule: bake_batch)\n"
    text += "Error in rule fetch:\n    jobid: 12\n" + indent(FAILED.format(number=5), "    ")
    assert [(one.rule, one.output, one.log) for one in failures(text)] == [
        ("bake_batch", "out/3", "logs/3.log"),
        ("fetch", "no file", "none"),
        ("bake_batch", "out/5", "logs/5.log"),
    ]
    (tmp_path / "log").write_text("nothing of the kind\n")
    assert "run the same command to resume" in summary([tmp_path / "log"])
