"""Bases a second and peak memory of prediction, on any genome and model.

    GENESCRIBE_DATA=... python benchmarks/predict.py --model DIR --output benchmarks/results/predict.json

Measures yeast's sixteen chromosomes and 10 Mb of the C. elegans genome, both strands, as scripts/predict.py runs them.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import write_json
from genescribe.genome.fasta import Genome, write_fasta

REPOSITORY = Path(__file__).resolve().parents[1]
SETS = {
    "yeast": ("eukaryotes/Saccharomyces.cerevisiae/genome.fa.gz", {"skip": {"Mito"}, "bases": None}),
    "C. elegans, 10 Mb": (
        "scale/Caenorhabditis.elegans_WS220_noCDS/genome.fa.gz",
        {"skip": set(), "bases": 10_000_000},
    ),
}


def cut(source: Path, target: Path, skip: set[str], bases: int | None) -> int:
    """Write the first bases of a genome's sequences to `target`; return how many."""
    genome, records, left = Genome.open(source), [], bases or sys.maxsize
    for seqid, length in genome.lengths.items():
        if seqid not in skip and left > 0:
            records.append((seqid, genome.codes(seqid, 0, min(length, left))))
            left -= len(records[-1][1])
    write_fasta(target, records)
    return sum(len(codes) for _, codes in records)


def measure(fasta: Path, model: Path, workers: int, scratch: Path) -> tuple[float, float, int]:
    """Return wall seconds, the largest process's peak memory in MiB, and the genes of one prediction."""
    command = [sys.executable, str(REPOSITORY / "scripts" / "predict.py"), "--model", str(model), "--fasta", str(fasta)]
    began = time.perf_counter()
    subprocess.run([*command, "--workers", str(workers), "--output", str(scratch / "out")], check=True)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    genes = (scratch / "out" / "annotation.gff3").read_text().count("\tgene\t")
    return seconds, peak, genes


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, required=True, help="folder of a trained model")
    arguments.add_argument("--workers", type=int, default=2, help="processes")
    arguments.add_argument("--output", type=Path, help="JSON file to write")
    args = arguments.parse_args()
    data = os.environ.get("GENESCRIBE_DATA")
    if not data:
        raise InputError("not set", where="GENESCRIBE_DATA", remedy="name the folder of docs/data.md")
    rows = []
    for name, (path, limits) in SETS.items():
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder)
            bases = cut(Path(data) / path, scratch / "genome.fa", limits["skip"], limits["bases"])
            seconds, peak, genes = measure(scratch / "genome.fa", args.model, args.workers, scratch)
        rows.append({"genome": name, "bases": bases, "seconds": seconds, "peak_mib": peak, "genes": genes})
        rate = bases / seconds / 1e6
        print(f"{name}: {bases / 1e6:.2f} Mb, {seconds:.1f} s, {rate:.3f} Mb/s, {peak:.0f} MiB, {genes} genes")
    if args.output:
        provenance = {"torch": torch.__version__, "workers": args.workers, "model": args.model.name}
        write_json(args.output, {"provenance": provenance, "rows": json.loads(json.dumps(rows))})


if __name__ == "__main__":
    run(main)
