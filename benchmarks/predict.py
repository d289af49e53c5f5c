"""Bases a second and peak memory of annotation, beside AUGUSTUS on the same sequence in the same run.

    GENESCRIBE_DATA=... python benchmarks/predict.py --model DIR --output benchmarks/results/predict.json

Annotates yeast and the beginning of a C. elegans chromosome, both strands, posterior probabilities on, as
scripts/annotate.py does, and runs AUGUSTUS with its stock settings and with --sample=0 --UTR=off, a process a core,
each on a share of the sequence. Seconds of CPU are summed over processes, so that what else the machine does counts
little; of this program they hold starting Python and loading the model.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import write_json
from genescribe.genome.fasta import Genome, write_fasta

REPOSITORY = Path(__file__).resolve().parents[1]
SETS = {
    "yeast": (
        "eukaryotes/Saccharomyces.cerevisiae/genome.fa.gz",
        "saccharomyces_cerevisiae_S288C",
        ("IV", "VII", "XV", "XII", "XVI", "XIII", "II", "XIV", "X", "XI", "V", "VIII", "IX", "III", "VI", "I"),
        0,
    ),
    "C. elegans": ("scale/Caenorhabditis.elegans_WS220_noCDS/genome.fa.gz", "caenorhabditis", (), 2_000_000),
}
"""Name -> genome, AUGUSTUS species, sequences (none: the first), first base."""
PR_SET_CHILD_SUBREAPER = 36
"""Of `prctl`, in linux/prctl.h."""
AUGUSTUS = {"AUGUSTUS, stock": (), "AUGUSTUS, --sample=0 --UTR=off": ("--sample=0", "--UTR=off")}


def cut(source: Path, folder: Path, seqids: tuple[str, ...], start: int, bases: int, shares: int) -> list[Path]:
    """Write `bases` of a genome whole, and in as many shares as asked for; return the files, the whole first."""
    genome = Genome.open(source)
    records, left = [], bases
    for seqid in seqids or (next(iter(genome.lengths)),):
        codes = genome.codes(seqid, start, min(genome.lengths[seqid], start + left))
        records.append((seqid, codes))
        left -= len(codes)
        if left <= 0:
            break
    write_fasta(folder / "whole.fa", records)
    pieces: list[list[Any]] = [[] for _ in range(shares)]
    for seqid, codes in records:
        size = -(-len(codes) // shares)
        for number in range(shares):
            pieces[number].append((f"{seqid}_{number}", codes[number * size : (number + 1) * size]))
    for number, piece in enumerate(pieces):
        write_fasta(folder / f"share_{number}.fa", piece)
    return [folder / "whole.fa", *(folder / f"share_{number}.fa" for number in range(shares))]


def timed(commands: list[list[str]]) -> dict[str, float]:
    """Run commands side by side; return wall seconds, CPU seconds of all, and the largest process's peak in MiB.

    Processes that outlive the command that began them are waited for and counted too.
    """
    # Whatever a command leaves behind becomes a child of this process.
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    began = time.perf_counter()
    running = {process.pid: process for process in (subprocess.Popen(w, stdout=subprocess.DEVNULL) for w in commands)}
    used, seconds = [], 0.0
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        used.append(usage)
        if process := running.pop(pid, None):
            seconds, process.returncode = time.perf_counter() - began, os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, process.args)
    return {
        "seconds": seconds,
        "cpu_seconds": sum(usage.ru_utime + usage.ru_stime for usage in used),
        "peak_mib": max(usage.ru_maxrss for usage in used) / 1024,
    }


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, required=True, help="folder of a trained model")
    arguments.add_argument("--workers", type=int, default=2, help="processes of each program")
    arguments.add_argument("--bases", type=int, default=5_000_000, help="bases of each genome")
    arguments.add_argument("--output", type=Path, help="JSON file to write")
    args = arguments.parse_args()
    data = os.environ.get("GENESCRIBE_DATA")
    if not data:
        raise InputError("not set", where="GENESCRIBE_DATA", remedy="name the folder of docs/data.md")
    rows = []
    for name, (path, species, seqids, start) in SETS.items():
        with tempfile.TemporaryDirectory() as scratch:
            whole, *shares = cut(Path(data) / path, Path(scratch), seqids, start, args.bases, args.workers)
            bases = sum(Genome.open(whole).lengths.values())
            script = [
                sys.executable,
                str(REPOSITORY / "scripts" / "annotate.py"),
                str(whole),
                "--model",
                str(args.model),
            ]
            ours = [*script, "--workers", str(args.workers), "-o", str(Path(scratch) / "out.gff3")]
            found = {"genescribe": timed([ours])}
            if shutil.which("augustus"):
                for title, words in AUGUSTUS.items():
                    found[title] = timed(
                        [["augustus", f"--species={species}", "--softmasking=0", *words, str(one)] for one in shares]
                    )
        for title, measured in found.items():
            rate = bases / measured["cpu_seconds"] / 1e6
            rows.append({"genome": name, "program": title, "bases": bases, "mb_per_cpu_second": rate, **measured})
            cpu, peak = measured["cpu_seconds"], measured["peak_mib"]
            print(f"{name}, {title}: {bases:,} bases, {cpu:.1f} CPU s, {rate:.4f} Mb a CPU second, {peak:.0f} MiB")
        if args.output:  # after each genome: a run that is cut off leaves what it has
            provenance = {"torch": torch.__version__, "workers": args.workers, "bases": args.bases}
            write_json(args.output, {"provenance": provenance, "rows": rows})


if __name__ == "__main__":
    run(main)
