"""The recipe of the largest shipped model, trained for the minutes that are left; a rerun resumes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from genescribe.files import read_table
from gpu_steps.bundle import ENCODER, RECIPE, REPOSITORY
from gpu_steps.step import Context, Row


def recipe(context: Context, tell: Callable[[Row], None]) -> None:
    """Train until the time is up or the recipe is done; checkpoints are written every few seconds."""
    folder = context.folder / "training"
    words = [sys.executable, str(REPOSITORY / "scripts" / "train.py"), "--data", str(context.bundle / "shards")]
    words += ["--config", str(context.bundle / RECIPE), "--output", str(folder)]
    options = f'{{"train": {{"device": "{context.device}", "checkpoint_seconds": 10}}}}'
    process = subprocess.Popen([*words, "--options", options], stderr=subprocess.PIPE, text=True)
    try:
        # Some seconds are left to say how far it came.
        _, told = process.communicate(timeout=max(context.seconds - 8, 1))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    else:
        if process.returncode:
            raise RuntimeError(told.strip().splitlines()[-1])
    rows = read_table(folder / "log.csv")
    trained = [row for row in rows if row["split"] == "train"]
    judged = [row for row in rows if row["split"] == "validation"]
    tell(Row(f"{ENCODER}'s recipe, steps in all", float(trained[-1]["step"]) if trained else 0, "steps"))
    for row in trained[:1] + trained[-1:]:
        tell(Row(f"loss at step {row['step']}", float(row["loss"]), "nats"))
    for row in judged[-1:]:
        tell(Row(f"F1 of CDS bases in validation, step {row['step']}", 100 * float(row["cds_base_f1"]), "%"))
