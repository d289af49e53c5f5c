"""What Snakemake would run for many configurations, planned in one process: a plan takes a quarter of a second so."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STAND_IN = """#!/bin/sh
for word in "$@"; do
  case "$word" in results/*) [ -e "$word" ] && continue;; *) continue;; esac
  mkdir -p "$(dirname "$word")"
  case "$word" in
    *.sorted.gff3) : > "$word"; : > "$word.repairs.tsv";;
    */genome.fa) : > "$word"; : > "$word.fai";;
    *.*) : > "$word";;
    *) mkdir "$word";;
  esac
done
"""
"""In the place of python: makes every result that it is told of, files and folders, all of them empty."""


@dataclass(frozen=True)
class Request:
    """Targets, configuration and configuration files of a run; `made`: not only planned, but run with `STAND_IN`."""

    targets: Sequence[str]
    config: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[str] = ()
    made: bool = False


def planned(repository: Path, folder: Path, requests: Sequence[Request]) -> list[dict[str, int]]:
    """Return rule -> jobs for each of some requests, planned one after another in a folder."""
    words = [vars(request) for request in requests]
    tools = folder / "stand_in"
    tools.mkdir(exist_ok=True)
    (tools / "python").write_text(STAND_IN)
    (tools / "python").chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, str(repository / "Snakefile")],
        input=json.dumps(words),
        cwd=folder,
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [dict(row) for row in json.loads(done.stdout.splitlines()[-1])]


def main() -> None:
    """Plan what stands on standard input."""
    from snakemake.api import SnakemakeApi
    from snakemake.logging import logger
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

    jobs: Counter[str] = Counter()

    class Count(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if getattr(record, "event", None) == "job_info":
                jobs[record.rule_name] += 1  # type: ignore[attr-defined]

    counter, found = Count(), []
    for request in json.load(sys.stdin):
        jobs.clear()
        with SnakemakeApi(OutputSettings(dryrun=not request["made"])) as api:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=2),
                config_settings=ConfigSettings(config=request["config"], configfiles=[*map(Path, request["files"])]),
                snakefile=Path(sys.argv[1]),
                workdir=Path.cwd(),
            )
            logger.addHandler(counter)
            dag = workflow.dag(DAGSettings(targets=set(request["targets"])))
            dag.execute_workflow(executor="local" if request["made"] else "dryrun")
            logger.removeHandler(counter)
        found.append(dict(jobs))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
