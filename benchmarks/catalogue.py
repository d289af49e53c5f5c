"""Measure the catalogue: seconds and peak memory, on yeast and at the scale of 20,000 genes.

The C. elegans annotation of the scale set has gene, mRNA and UTR rows only. It is measured as it is, and again with
exon and CDS rows drawn at random into the spans of its mRNAs, which makes a full-sized annotation (its coding
sequences mean nothing, so nearly all are flagged: the slowest case). Prints a table and writes it as JSON.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import write_json

RESULTS = Path(__file__).resolve().parent / "results/catalogue.json"
SCRIPT = Path(__file__).resolve().parents[1] / "scripts/catalogue.py"
YEAST, WORM = Path("eukaryotes/Saccharomyces.cerevisiae"), Path("scale/Caenorhabditis.elegans_WS220_noCDS")
LIMITS = {"seconds": 30.0, "megabytes": 1024.0}
"""What 20,000 genes may take."""

# Runs a program and prints what it used; the kernel's high-water mark is that of the program itself.
MEASURE = """
import json, os, runpy, sys, time
start = time.perf_counter()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
used = os.times()
print(json.dumps({"seconds": time.perf_counter() - start, "cpu_seconds": used.user + used.system,
    "megabytes": int(peak) / 1024}))
"""


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--write", type=Path, default=RESULTS, help="JSON file for the figures")
    args = arguments.parse_args()
    folder = os.environ.get("GENESCRIBE_DATA")
    if not folder:
        raise InputError("not set", where="GENESCRIBE_DATA", remedy="set it to the folder of real genomes")
    data = Path(folder)
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / "full.gff3"
        full.write_text("".join(full_annotation(data / WORM / "genes_mrna_utr.gff3.gz")), encoding="utf-8")
        sets = {
            "yeast, RefSeq": (data / YEAST / "genome.fa.gz", data / YEAST / "annotation.refseq_R64-4-1.gff3.gz"),
            "yeast, Ensembl": (data / YEAST / "genome.fa.gz", data / YEAST / "annotation.gtf.gz"),
            "C. elegans, gene, mRNA, UTR": (data / WORM / "genome.fa.gz", data / WORM / "genes_mrna_utr.gff3.gz"),
            "C. elegans, exons drawn": (data / WORM / "genome.fa.gz", full),
        }
        figures = {name: measure(fasta, annotation, Path(scratch)) for name, (fasta, annotation) in sets.items()}
    columns = list(next(iter(figures.values())))
    print(f"{'':<30}" + "".join(f"{column:>13}" for column in columns))
    for name, row in figures.items():
        print(
            f"{name:<30}"
            + "".join(f"{row[column]:>13,{'' if isinstance(row[column], int) else '.1f'}}" for column in columns)
        )
    print(f"limits for 20,000 genes: {LIMITS['seconds']:.0f} s, {LIMITS['megabytes']:.0f} MB")
    write_json(args.write, {"figures": figures, "limits": LIMITS, "machine": machine()})


def measure(fasta: Path, annotation: Path, scratch: Path) -> dict[str, float]:
    """Build a catalogue in a process of its own and return what that took."""
    target = scratch / "catalogue.duckdb"
    options = ["--fasta", fasta, "--annotation", annotation, "--output", target, "--tolerant"]
    command = [sys.executable, "-c", MEASURE, SCRIPT, *options]
    output = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout
    used: dict[str, float] = json.loads(output.splitlines()[-1])
    with duckdb.connect(str(target), read_only=True) as connection:
        for table in ("genes", "transcripts", "exons", "cds", "rejected"):
            used[table] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
    return used


def full_annotation(path: Path, seed: int = 1) -> Iterator[str]:
    """Yield the lines of an annotation with exon and CDS rows in place of the UTR rows."""
    draw = random.Random(seed)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            columns = line.rstrip("\n").split("\t")
            if line.startswith("#") or columns[2] == "gene":
                yield line
            elif columns[2] == "mRNA" and columns[8].startswith("ID="):
                yield line
                parent = columns[8].split(";")[0].replace("ID=", "Parent=")
                yield from ("\t".join([*row, parent]) + "\n" for row in drawn_parts(columns, draw))


def drawn_parts(columns: list[str], draw: random.Random) -> Iterator[list[str]]:
    """Yield the first eight columns of exon and CDS rows within an mRNA."""
    start, end = int(columns[3]), int(columns[4])
    wanted = min(1 + int(draw.expovariate(1 / 6)), (end - start) // 60)
    cuts = sorted(draw.sample(range(start + 20, end - 20), 2 * wanted)) if wanted else []
    edges = [start, *cuts, end]
    exons = [(low, high) for low, high in zip(edges[::2], edges[1::2], strict=True) if low <= high]
    done = 0
    for low, high in exons if columns[6] == "+" else reversed(exons):
        yield [*columns[:2], "exon", str(low), str(high), ".", columns[6], "."]
        yield [*columns[:2], "CDS", str(low), str(high), ".", columns[6], str(-done % 3)]
        done += high - low + 1


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "cores": os.cpu_count(),
        "duckdb": duckdb.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


if __name__ == "__main__":
    run(main)
