"""Check and measure everything on a GPU, in one run of a few minutes.

    make gpu-bundle                    # on a machine without a GPU: the files that are needed
    python benchmarks/gpu.py           # on the GPU
    python benchmarks/gpu.py --device cpu --bundle results/gpu_rehearsal   # the same at toy sizes

Steps run in order of importance, each in a process of its own with a time limit, and write each figure as soon as they
have it. One that fails or is stopped is recorded, and the next begins; a rerun does those that are not done. Results
are `gpu.json` and `gpu.md` in a folder with the device's name, up to date whenever the program is killed.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import re
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from gpu_steps import bundle
from gpu_steps.step import REAL, TOY, Context, Rows, Step, read_rows, rows_path

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import read_json, write_json, write_text
from genescribe.paths import InputPath

STEPS: dict[str, tuple[str, float]] = {
    "device": ("device.machine", 40),
    "correct: CRF": ("correctness.crf", 90),
    "correct: attention": ("correctness.attention", 60),
    "correct: scan": ("correctness.scan", 30),
    "correct: segment": ("prediction.segment", 60),
    "correct: generate": ("prediction.generate", 60),
    "speed: CRF": ("speed.crf", 80),
    "speed: networks": ("speed.networks", 45),
    "speed: genome": ("prediction.whole", 120),
    "speed: training": ("speed.steps", 60),
    "speed: generation": ("speed.loci", 40),
    "training": ("training.recipe", float("inf")),
}
"""Name -> the function of `gpu_steps` that does it, and the most seconds that it may take. They are imported in the
processes of the steps: what they import may be a package that the bundle carries."""
DONE, UNFINISHED = "done", "unfinished"
REFRESH = 2.0
"""Seconds between two writings of the results while a step runs."""


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto", help="cpu: a rehearsal")
    arguments.add_argument("--minutes", type=float, default=8.0, help="that all may take")
    arguments.add_argument("--bundle", type=Path, default=Path("results/gpu_bundle"), help="files; made if missing")
    arguments.add_argument("--output", type=Path, default=Path("results/gpu"), help="folder of the results")
    arguments.add_argument("--prepare", action="store_true", help="make the bundle, and no more")
    arguments.add_argument("--genome", type=InputPath(), help="FASTA for the stretches of the bundle; else simulated")
    args = arguments.parse_args()
    sizes = TOY if args.device == "cpu" else REAL
    if args.prepare:
        bundle.prepare(args.bundle, sizes, args.genome, wheels=True)
        archive = bundle.pack(args.bundle)
        print(f"{archive}: {archive.stat().st_size / 2**20:.1f} MiB")
        return
    chosen = _device(args.device)
    folder = args.output / re.sub(r"\W+", "_", name_of(chosen))
    began = time.monotonic()
    os.environ |= bundle.environment(args.bundle, rehearsal=sizes is TOY)
    if not bundle.unpack(args.bundle):
        bundle.prepare(args.bundle, sizes, None, wheels=False)
    bundle.install(args.bundle)
    folder.mkdir(parents=True, exist_ok=True)
    # Forked from a process that has imported all and computed nothing: no GPU is in use in it yet.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(sorted({_module(work) for work, _ in STEPS.values()}))
    table = Results(folder, name_of(chosen))
    for name, (_, limit) in STEPS.items():
        left = 60 * args.minutes - (time.monotonic() - began)
        if table.states.get(name) != DONE:
            # The limits are a GPU's; a rehearsal has the minutes alone.
            context = Context(chosen, sizes, args.bundle, folder, left if sizes is TOY else min(limit, left))
            table.enter(name, _run_step(name, context, processes, table) if left > 5 else "no time was left")
            print(f"{name}: {table.states[name]}", flush=True)
    print(table.markdown())
    print(f"{folder}/gpu.json, {folder}/gpu.md")


class Results:
    """The state of every step, and all rows, on disk while the steps run."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        path = folder / "gpu.json"
        self.states: dict[str, str] = read_json(path)["states"] if path.is_file() else {}

    def enter(self, step: str, state: str) -> None:
        """Write how a step ended, or that it is `UNFINISHED`, and all rows so far."""
        self.states[step] = state
        rows = {name: read_rows(rows_path(self.folder, name)) for name in self.states}
        write_json(self.folder / "gpu.json", {"device": self.name, "states": self.states, "rows": rows})
        write_text(self.folder / "gpu.md", self.markdown())

    def markdown(self) -> str:
        """Return the table."""
        lines = [
            f"# {self.name}",
            "",
            "| step | what | figure | as it must be | note |",
            "| --- | --- | ---: | --- | --- |",
        ]
        for name in filter(self.states.__contains__, STEPS):
            state = self.states[name]
            for row in read_rows(rows_path(self.folder, name)):
                lines.append(f"| {name} | {row['what']} | {_figure(row)} | {_verdict(row['passed'])} | {row['note']} |")
            if state != DONE:
                lines.append(f"| {name} | **{state}** | | no | |")
        return "\n".join(lines) + "\n"


def name_of(device: torch.device) -> str:
    """Return the device's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU (a rehearsal: toy sizes)"


def _run_step(name: str, context: Context, processes: Any, table: Results) -> str:
    """Run a step in a process of its own; return how it ended."""
    rows_path(context.folder, name).unlink(missing_ok=True)
    process = processes.Process(target=_work, args=(name, context))
    process.start()
    end = time.monotonic() + context.seconds
    while process.is_alive() and time.monotonic() < end:
        # The results so far are kept if this program is killed.
        table.enter(name, UNFINISHED)
        process.join(min(REFRESH, max(end - time.monotonic(), 0)))
    if process.is_alive():
        # What it has started ends with it.
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
        return f"stopped after {context.seconds:.0f} s"
    error = rows_path(context.folder, name).with_suffix(".error")
    if process.exitcode == 0:
        error.unlink(missing_ok=True)
        return DONE
    return f"failed: {error.read_text(encoding='utf-8') if error.is_file() else f'exit status {process.exitcode}'}"


def _work(name: str, context: Context) -> None:
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    path = rows_path(context.folder, name)
    try:
        _step(name)(context, Rows(path))
    except Exception as error:
        path.with_suffix(".error").write_text(" ".join(f"{type(error).__name__}: {error}".split()), encoding="utf-8")
        raise


def _module(work: str) -> str:
    return f"gpu_steps.{work.partition('.')[0]}"


def _step(name: str) -> Step:
    work, _ = STEPS[name]
    step: Step = getattr(importlib.import_module(_module(work)), work.partition(".")[2])
    return step


def _end_with_parent() -> None:
    """End a step, and what it has started, when the program is killed: the GPU would be busy when it is run again."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.killpg(0, signal.SIGKILL)


def _device(name: str) -> torch.device:
    if name == "cuda" or (name == "auto" and torch.cuda.is_available()):
        if not torch.cuda.is_available():
            raise InputError("no GPU that torch can use", where="--device", remedy="give cpu for a rehearsal")
        return torch.device("cuda", 0)
    if name == "auto":
        raise InputError("no GPU that torch can use", where="this machine", remedy="give --device cpu for a rehearsal")
    return torch.device("cpu")


def _figure(row: Mapping[str, Any]) -> str:
    return "" if row["value"] is None else f"{row['value']:.4g} {row['unit']}"


def _verdict(passed: bool | None) -> str:
    return {True: "yes", False: "**no**", None: ""}[passed]


if __name__ == "__main__":
    run(main)
