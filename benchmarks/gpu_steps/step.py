"""What all steps share: their surroundings, their rows, clocks, peaks of the device, and what a figure is bound by."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Sizes:
    """How much is done: on a GPU, or in a rehearsal on the CPU.

    Attributes
    ----------
    stretch, genome
        Bases of the stretch whose genes are compared, and of the genome that is timed.
    sequences
        Of the simulated genome, of which two are trained on and one validates.
    generate_steps
        Steps for which the model that writes genes is trained before.
    chains : (B, T, K, C)
        Chains whose CRF is timed.
    compared : tuple of (B, T, K, C)
        Chains on which kernels are compared with the reference.
    attention : (B, heads, S, width, block)
        Rows of block-sparse attention.
    scan : (B, T, width, state)
        Rows of a Mamba block.
    network
        Bases of a tile of the signal network.
    batches
        Tiles of the encoder, and loci, that are read together.
    steps
        Training steps that are timed.
    repeats
        Of which the best time counts.
    """

    stretch: int
    genome: int
    sequences: int
    generate_steps: int
    chains: tuple[int, int, int, int]
    compared: tuple[tuple[int, int, int, int], ...]
    attention: tuple[int, int, int, int, int]
    scan: tuple[int, int, int, int]
    network: int
    batches: tuple[int, ...]
    steps: int
    repeats: int


REAL = Sizes(
    stretch=1_000_000,
    genome=20_000_000,
    sequences=40,
    generate_steps=80,
    chains=(32, 10_000, 500, 11),
    compared=((4, 600, 100, 11), (2, 2_000, 500, 11), (2, 300, 60, 47)),
    attention=(2, 4, 2_048, 64, 64),
    scan=(4, 2_048, 256, 16),
    network=1 << 20,
    batches=(4, 16, 64),
    steps=60,
    repeats=5,
)
TOY = Sizes(
    stretch=20_000,
    genome=60_000,
    sequences=10,
    generate_steps=2,
    chains=(1, 17, 4, 2),
    compared=((1, 33, 6, 3),),
    attention=(1, 1, 20, 16, 16),
    scan=(1, 20, 16, 4),
    network=2_048,
    batches=(1,),
    steps=2,
    repeats=1,
)


@dataclass(frozen=True)
class Context:
    """Surroundings of a step.

    Attributes
    ----------
    device
        Where it runs.
    sizes
        How much it does.
    bundle
        Files that were prepared: `gpu_steps.bundle`.
    folder
        Where it writes.
    seconds
        When it will be stopped.
    """

    device: torch.device
    sizes: Sizes
    bundle: Path
    folder: Path
    seconds: float

    @property
    def rehearsal(self) -> bool:
        return self.sizes == TOY

    def reached(self, minutes: float, goal: float) -> bool | None:
        """Return whether a time is within a goal; a rehearsal is not asked."""
        return None if self.rehearsal else minutes <= goal

    def figures(self, step: str) -> dict[str, float]:
        """Return the figures of an earlier step by what they are of."""
        return {row["what"]: row["value"] for row in read_rows(rows_path(self.folder, step))}


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes
    ----------
    what
        The thing measured, and how.
    value, unit
        The figure; None: it could not be had, and `note` says why.
    passed
        Whether it is as good as it must be; None: nothing is asked of it.
    note
        The limit, what bounds it, the extrapolation.
    """

    what: str
    value: float | None
    unit: str
    passed: bool | None = None
    note: str = ""


Step = Callable[[Context, Callable[[Row], None]], None]
"""Runs with its surroundings, and a function that takes each row as it comes."""


class Rows:
    """A file of rows, one a line, each on disk before the next is begun."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text("", encoding="utf-8")

    def __call__(self, row: Row) -> None:
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(row)) + "\n")
        print(
            f"  {row.what}: {row.value if row.value is None else f'{row.value:.4g}'} {row.unit} {row.note}", flush=True
        )


def rows_path(folder: Path, step: str) -> Path:
    """Return the file of a step's rows."""
    return folder / f"{re.sub(r'[^a-z]+', '_', step.lower())}.jsonl"


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows that a step wrote, also one that was stopped; a line that was cut short is left out."""
    if not path.is_file():
        return []
    *lines, _ = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines]


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def best_seconds(work: Callable[[], Any], context: Context) -> float:
    """Return the least seconds that `work` takes, after one run that compiles and warms up."""
    work()
    best = float("inf")
    for _ in range(context.sizes.repeats):
        synchronise(context.device)
        began = time.perf_counter()
        work()
        synchronise(context.device)
        best = min(best, time.perf_counter() - began)
    return best


def peak_memory(device: torch.device) -> str:
    """Return the most memory that was allocated since the last call, as a note."""
    if device.type != "cuda":
        return ""
    peak = torch.cuda.max_memory_allocated(device) / 2**20
    torch.cuda.reset_peak_memory_stats(device)
    return f"peak {peak:,.0f} MiB"


def bound(context: Context, seconds: float, flop: float, moved: float, kind: str) -> str:
    """Return the shares of the device's peaks, and which of them bounds: the roofline of one figure.

    Parameters
    ----------
    seconds
        That the work took.
    flop, moved
        Operations and bytes that it cannot do without.
    kind
        Type of its arithmetic: of `gpu_steps.device.TYPES`, whose peaks the first step measures.
    """
    peaks = context.figures("device")
    compute, memory = flop / seconds / (peaks[kind] * 1e12), moved / seconds / (peaks["copy"] * 1e9)
    most, name = max((compute, f"{kind} arithmetic"), (memory, "memory"))
    which = name if most > 0.4 else "neither: launches, or the chain of steps"
    return f"{compute:.1%} of {kind} peak, {memory:.1%} of memory peak; bound by {which}"
