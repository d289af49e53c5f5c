"""Bases a second and peak memory of annotation, beside AUGUSTUS on the same sequence in the same run.

    GENESCRIBE_DATA=... python benchmarks/predict.py --output benchmarks/results/predict.json

Annotates the beginnings of genomes, both strands, posterior probabilities on, as scripts/annotate.py does with one
worker, and runs AUGUSTUS with its stock settings and with --sample=0 --UTR=off on the beginning of the same sequence.
The programs take turns, several times over, and the median of each is reported. Seconds of CPU are of all processes, so
that what else the machine does counts little; of this program they hold all there is: starting Python, loading the
model, the choice of the species, the report.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import read_json, write_json
from genescribe.genome.fasta import Genome, write_fasta

REPOSITORY = Path(__file__).resolve().parents[1]


class Set(NamedTuple):
    """What is annotated: the sequences of a genome, each from a base on, by a model and with a species of AUGUSTUS."""

    path: str
    first: int
    model: str
    species: str
    skip: str = ""


SETS = {
    "yeast": Set(
        "eukaryotes/Saccharomyces.cerevisiae/genome.fa.gz", 0, "yeast", "saccharomyces_cerevisiae_S288C", "Mito"
    ),
    "C. elegans": Set(
        "scale/Caenorhabditis.elegans_WS220_noCDS/genome.fa.gz", 2_000_000, "all_genomes", "caenorhabditis"
    ),
    "fly": Set("eukaryotes/Drosophila.melanogaster_2L_3Mb/genome.fa.gz", 0, "all_genomes", "fly"),
    "fly, insects": Set("eukaryotes/Drosophila.melanogaster_2L_3Mb/genome.fa.gz", 0, "insects", "fly"),
    "poplar": Set("eukaryotes/Populus.trichocarpa_Chr01_8Mb/genome.fa.gz", 0, "plants", "arabidopsis"),
    "human": Set("eukaryotes/Homo.sapiens_chr1_chunks/genome.fa.gz", 0, "vertebrates", "human"),
    # What benchmarks/published.py combines: name the folder of its models in $GENESCRIBE_MODELS.
    "human, wide network": Set("eukaryotes/Homo.sapiens_chr1_chunks/genome.fa.gz", 0, "human+mane.10000", "human"),
}
PR_SET_CHILD_SUBREAPER = 36
"""Of `prctl`, in linux/prctl.h."""
AUGUSTUS = {"AUGUSTUS, stock": (), "AUGUSTUS, --sample=0 --UTR=off": ("--sample=0", "--UTR=off")}


def cut(given: Set, source: Path, target: Path, bases: int) -> int:
    """Write the first `bases` of a set, as many as there are; return their number."""
    genome = Genome.open(source)
    records: list[tuple[str, Any]] = []
    left = bases
    for seqid, length in genome.lengths.items():
        if seqid != given.skip and left > 0:
            records.append((seqid, genome.codes(seqid, given.first, min(length, given.first + left))))
            left -= len(records[-1][1])
    write_fasta(target, records)
    return bases - left


def timed(command: list[str]) -> dict[str, float]:
    """Run a command; return wall seconds, CPU seconds of all its processes, and the largest one's peak in MiB.

    Processes that outlive the command are waited for and counted too.
    """
    # Processes that a command leaves behind become children of this one.
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    used, seconds = [], 0.0
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        used.append(usage)
        if pid == process.pid:
            seconds, process.returncode = time.perf_counter() - began, os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, process.args)
    return {
        "seconds": seconds,
        "cpu_seconds": sum(usage.ru_utime + usage.ru_stime for usage in used),
        "peak_mib": max(usage.ru_maxrss for usage in used) / 1024,
    }


def measure(given: Set, source: Path, scratch: Path, args: Any) -> list[dict[str, Any]]:
    """Return a row per program: its median of all rounds, and the CPU seconds of each."""
    long, short = scratch / "long.fa", scratch / "short.fa"
    sizes = cut(given, source, long, args.bases), cut(given, source, short, args.augustus_bases)
    annotate = [sys.executable, str(REPOSITORY / "scripts" / "annotate.py"), str(long), "--model", given.model]
    programs = {f"genescribe, models/{given.model}": (sizes[0], [*annotate, "--workers", "1"])}
    if shutil.which("augustus"):
        for title, words in AUGUSTUS.items():
            command = ["augustus", f"--species={given.species}", "--softmasking=0", *words, str(short)]
            programs[title] = (sizes[1], command)
    rounds: dict[str, list[dict[str, float]]] = {title: [] for title in programs}
    for number in range(args.rounds):
        for title, (_, command) in programs.items():
            target = ["-o", str(scratch / f"{number}.gff3")] if command[0] == sys.executable else []
            rounds[title].append(timed([*command, *target]))
    rows = []
    for title, (bases, _) in programs.items():
        middle = {key: statistics.median(turn[key] for turn in rounds[title]) for key in rounds[title][0]}
        each = [turn["cpu_seconds"] for turn in rounds[title]]
        rate = bases / middle["cpu_seconds"] / 1e6
        rows.append({"program": title, "bases": bases, "mb_per_cpu_second": rate, **middle, "rounds": each})
    return rows


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--bases", type=int, default=12_000_000, help="bases of each genome at most")
    arguments.add_argument("--augustus-bases", type=int, default=150_000, help="of these, the first for AUGUSTUS")
    arguments.add_argument("--rounds", type=int, default=3, help="runs of each program")
    arguments.add_argument("--genomes", nargs="+", choices=SETS, default=list(SETS), help="which genomes")
    arguments.add_argument("--output", type=Path, help="JSON file to write")
    args = arguments.parse_args()
    data = os.environ.get("GENESCRIBE_DATA")
    if not data:
        raise InputError("not set", where="GENESCRIBE_DATA", remedy="name the folder of docs/data.md")
    rows = []
    for name in args.genomes:
        with tempfile.TemporaryDirectory() as scratch:
            measured = measure(SETS[name], Path(data) / SETS[name].path, Path(scratch), args)
        for row in measured:
            row["times_genescribe"] = measured[0]["mb_per_cpu_second"] / row["mb_per_cpu_second"]
            cpu, rate, peak = row["cpu_seconds"], row["mb_per_cpu_second"], row["peak_mib"]
            behind = f", {row['times_genescribe']:.1f} times behind" if row is not measured[0] else ""
            size = f"{row['bases']:,} bases, {cpu:.1f} CPU s, {peak:.0f} MiB"
            print(f"{name}, {row['program']}: {size}, {rate:.4f} Mb a CPU second{behind}")
            rows.append({"genome": name, **row})
        if args.output:
            # After each genome: a run that is cut off leaves what it has. Those of other runs stay.
            before = read_json(args.output)["rows"] if args.output.exists() else []
            others = [row for row in before if row["genome"] not in args.genomes[: args.genomes.index(name) + 1]]
            provenance = {"torch": torch.__version__}
            write_json(args.output, {"provenance": provenance, "rows": others + rows})


if __name__ == "__main__":
    run(main)
