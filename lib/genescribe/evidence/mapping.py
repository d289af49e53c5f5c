"""Reads mapped to a genome: HISAT2 for short ones, minimap2 for long ones, sorted and indexed by samtools."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from genescribe.errors import InputError
from genescribe.files import atomic_path, open_binary

PREFIX = "genome"


def build_index(fasta: Path, folder: Path, threads: int) -> None:
    """Write HISAT2's index of a genome, plain or compressed, into an existing folder.

    Parameters
    ----------
    fasta
        Genome, plain or compressed.
    folder
        Existing folder to write into.
    threads
        Number of threads of HISAT2.
    """
    plain = folder / f"{PREFIX}.fa"
    with open_binary(fasta) as source, plain.open("wb") as target:
        shutil.copyfileobj(source, target)
    _run([["hisat2-build", "-q", "-p", str(threads), str(plain), str(folder / PREFIX)]])
    plain.unlink()


def map_short(index: Path, reads: Sequence[Path], target: Path, threads: int) -> None:
    """Map reads, or both files of pairs, by an index of `build_index`, and write BAM with its index.

    Parameters
    ----------
    index
        Folder of `build_index`.
    reads
        One FASTQ file, or both files of pairs.
    target
        BAM file to write; its index stands beside it.
    threads
        Threads of HISAT2 and of sorting.
    """
    inputs = ["-U", str(reads[0])] if len(reads) == 1 else ["-1", str(reads[0]), "-2", str(reads[1])]
    _sorted(["hisat2", "-p", str(threads), "--dta", "-x", str(index / PREFIX), *inputs], target, threads)


def map_long(fasta: Path, reads: Path, target: Path, threads: int) -> None:
    """Map long reads and write BAM with its index.

    Parameters
    ----------
    fasta
        Genome, plain or compressed.
    reads
        FASTQ of long reads.
    target
        BAM file to write; its index stands beside it.
    threads
        Threads of minimap2 and of sorting.
    """
    _sorted(["minimap2", "-t", str(threads), "-ax", "splice", str(fasta), str(reads)], target, threads)


def _sorted(mapper: list[str], target: Path, threads: int) -> None:
    with atomic_path(target) as temporary:
        _run([mapper, ["samtools", "sort", "-@", str(threads), "-o", str(temporary), "-"]])
    _run([["samtools", "index", str(target)]])


def _run(commands: Sequence[Sequence[str]]) -> None:
    """Run commands as a pipe.

    Raises
    ------
    InputError
        One of them is not installed, or fails.
    """
    for words in commands:
        if shutil.which(words[0]) is None:
            raise InputError(
                f"{words[0]} is not installed", where="mapping", remedy="conda env create -f envs/mapping.yaml"
            )
    processes: list[subprocess.Popen[bytes]] = []
    for number, words in enumerate(commands):
        source = processes[-1].stdout if processes else None
        last = number == len(commands) - 1
        processes.append(subprocess.Popen(words, stdin=source, stdout=None if last else subprocess.PIPE))
        if source is not None:
            source.close()
    statuses = [process.wait() for process in processes]
    for words, status in zip(commands, statuses, strict=True):
        if status:
            raise InputError(f"{words[0]} ended with {status}", where="mapping", remedy="see its messages above")
