"""How fast evidence is read: a synthetic BAM of spliced reads, and a file of hints; seconds of CPU, largest memory.

python benchmarks/evidence.py --reads 2000000 --hints 2000000 --output benchmarks/results/evidence.json
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from multiprocessing import Process
from pathlib import Path

import numpy as np
import pysam

from genescribe.cli import parser, run
from genescribe.evidence.bam import read_bams
from genescribe.evidence.table import Collector
from genescribe.evidence.text import read_text
from genescribe.files import write_json
from genescribe.genome.fasta import Genome

LENGTH, SEQUENCES, GENE = 5_000_000, 2, 2_000
FASTA, BAM, HINTS = "g.fa", "r.bam", "h.gff"


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--reads", type=int, default=2_000_000, help="spliced reads of 100 bases")
    arguments.add_argument("--hints", type=int, default=2_000_000, help="rows")
    arguments.add_argument("--workers", type=int, default=1, help="processes that read the BAM file")
    arguments.add_argument("--output", type=Path, help="JSON file to write")
    args = arguments.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        fasta, bam, gff = (Path(folder) / name for name in (FASTA, BAM, HINTS))
        # In a process of its own: its memory is not that of reading.
        writer = Process(target=write_all, args=(Path(folder), args.reads, args.hints))
        writer.start()
        writer.join()
        genome = Genome.open(fasta)
        bam_seconds, bam_rows = timed(lambda into: read_bams([bam], genome, into, args.workers), genome)
        bam_peak = peak()
        hint_seconds, hint_rows = timed(lambda into: read_text(gff, into), genome)
        result = {
            "reads": args.reads,
            "reads_per_cpu_second": round(args.reads / bam_seconds),
            "bam_peak_mib": bam_peak,
            "bam_rows": bam_rows,
            "hints": args.hints,
            "hints_cpu_seconds": round(hint_seconds, 1),
            "hints_rows": hint_rows,
            "peak_mib": peak(),
        }
    for name, value in result.items():
        print(f"{name}: {value}")
    if args.output:
        write_json(args.output, result)


def timed(read: Callable[[Collector], None], genome: Genome) -> tuple[float, int]:
    """Return the CPU seconds of reading a file into a table, processes included, and the rows of the table."""
    into, start = Collector(genome.lengths), cpu_seconds()
    read(into)
    rows = len(into.table())
    return cpu_seconds() - start, rows


def cpu_seconds() -> float:
    """Return CPU seconds of this process and those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def peak() -> int:
    """Return the largest memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def write_all(folder: Path, reads: int, hints: int) -> None:
    """Write genome, BAM and hints."""
    rng = np.random.default_rng(0)
    with (folder / FASTA).open("w") as out:
        for number in range(SEQUENCES):
            out.write(f">c{number}\n{''.join(rng.choice(list('ACGT'), size=LENGTH))}\n")
    write_reads(folder / BAM, reads, rng)
    write_hints(folder / HINTS, hints, rng)


def write_reads(path: Path, count: int, rng: np.random.Generator) -> None:
    """Write reads, each over an intron of 200 bases in the middle of its gene, sorted, with an index."""
    header = {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": [{"SN": f"c{n}", "LN": LENGTH} for n in range(SEQUENCES)],
    }
    quality = pysam.qualitystring_to_array("I" * 100)
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for number in range(SEQUENCES):
            genes = rng.geometric(0.002, size=count // SEQUENCES) % (LENGTH // GENE - 1)
            left = rng.integers(5, 96, size=len(genes))
            starts = genes * GENE + GENE // 2 - left
            for index in np.argsort(starts, kind="stable"):
                row = pysam.AlignedSegment(out.header)
                row.query_name, row.flag, row.reference_id = f"r{index}", int(16 * (index & 1)), number
                row.reference_start, row.mapping_quality = int(starts[index]), 60
                row.query_sequence, row.query_qualities = "ACGTA" * 20, quality
                row.cigartuples = [(0, int(left[index])), (3, 200), (0, 100 - int(left[index]))]
                row.set_tags([("AS", 0), ("NM", 0), ("XS", "+", "A"), ("NH", 1)])
                out.write(row)
    pysam.index(str(path))


def write_hints(path: Path, count: int, rng: np.random.Generator) -> None:
    """Write rows of introns as AUGUSTUS's bam2hints does."""
    starts, sizes = rng.integers(1, LENGTH - 10_000, size=count), rng.integers(40, 5_000, size=count)
    mult = rng.geometric(0.1, size=count)
    with path.open("w") as out:
        for start, size, reads in zip(starts.tolist(), sizes.tolist(), mult.tolist(), strict=True):
            out.write(f"c0\tb2h\tintron\t{start}\t{start + size}\t0\t+\t.\tmult={reads};pri=4;src=E\n")


if __name__ == "__main__":
    run(main)
