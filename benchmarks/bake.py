"""Measure baking: megabases per second and peak memory, and how fast the windows are read again.

Bakes a genome with the script, one process a core at a time, as the workflow does; the catalogue is built first and
measured apart. A base counts once, though both strands are written. Prints a table and writes it as JSON if asked.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from genescribe.cli import parser, run
from genescribe.data.batching import collate, training_batches
from genescribe.data.cursor import Cursor
from genescribe.data.dataset import ShardDataset
from genescribe.errors import InputError
from genescribe.files import write_json
from genescribe.genome.catalogue.database import build_catalogue
from genescribe.genome.fasta import Genome

SCRIPT = Path(__file__).resolve().parents[1] / "scripts/bake.py"
YEAST = Path("eukaryotes/Saccharomyces.cerevisiae")
READ_STEPS, BATCH = 100, 16
# The kernel's high-water mark of the program itself: that of getrusage counts what the process was forked from.
WITH_MEMORY = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--fasta", type=Path, help="genome; default: yeast below $GENESCRIBE_DATA")
    arguments.add_argument("--annotation", type=Path, help="its GFF3 or GTF")
    arguments.add_argument("--processes", type=int, default=2, help="batches baked at a time")
    arguments.add_argument("--write", type=Path, help="JSON file for the figures")
    args = arguments.parse_args()
    folder = os.environ.get("GENESCRIBE_DATA")
    if not (args.fasta and args.annotation):
        if not folder:
            raise InputError("no genome", where="arguments", remedy="give --fasta and --annotation or $GENESCRIBE_DATA")
        args.fasta = Path(folder) / YEAST / "genome.fa.gz"
        args.annotation = Path(folder) / YEAST / "annotation.refseq_R64-4-1.gff3.gz"
    figures = measure(args.fasta, args.annotation, args.processes)
    for name, value in figures.items():
        print(f"{name:32} {value:12,.2f}")
    if args.write:
        write_json(args.write, figures)


def measure(fasta: Path, annotation: Path, processes: int) -> dict[str, float]:
    """Return the figures of one genome."""
    lengths = Genome.open(fasta).lengths
    megabases = sum(lengths.values()) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        catalogue = Path(folder) / "catalogue.duckdb"
        start = time.perf_counter()
        build_catalogue(fasta, annotation, catalogue)
        seconds: dict[str, float] = {"catalogue seconds": time.perf_counter() - start}
        options = json.dumps({"splits": {"train": ["*"]}})
        parts = [Path(folder) / f"batch_{number}" for number in range(processes)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        with ThreadPoolExecutor(processes) as pool:
            jobs = [
                pool.submit(bake, fasta, catalogue, options, number, processes, part)
                for number, part in enumerate(parts)
            ]
            peak = max(job.result() for job in jobs)
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {
            "megabases": megabases,
            **seconds,
            "bake seconds": wall,
            "bake CPU seconds": cpu,
            "bake Mb/s": megabases / wall,
            "bake Mb/s a core": megabases / cpu,
            "bake peak MB a process": peak,
            "megabytes of shards": sum(path.stat().st_size for part in parts for path in part.glob("*.tar")) / 1e6,
            **reading(parts),
        }


def bake(fasta: Path, catalogue: Path, options: str, number: int, count: int, target: Path) -> float:
    """Run the script on one batch; return its peak memory in megabytes."""
    words: list[Any] = [
        sys.executable,
        "-c",
        WITH_MEMORY,
        SCRIPT,
        "--fasta",
        fasta,
        "--catalogue",
        catalogue,
        "--options",
        options,
    ]
    words += ["--batch", number, "--batches", count, "--output", target]
    done = subprocess.run([str(word) for word in words], check=True, text=True, stdout=subprocess.PIPE)
    return int(done.stdout) / 1024


def reading(parts: list[Path]) -> dict[str, float]:
    """Return how fast one process reads shuffled training batches."""
    dataset = ShardDataset(parts, "train")
    batches = training_batches(dataset, Cursor(seed=1, step=0, batch=BATCH, micro=BATCH), collate)
    start, bases = time.process_time(), 0
    for _ in range(READ_STEPS):
        bases += int(next(batches).lengths.sum())
    return {"read Mb/s a core, shuffled": bases / 1e6 / (time.process_time() - start)}


if __name__ == "__main__":
    run(main)
