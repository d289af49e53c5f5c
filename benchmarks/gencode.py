"""Measure the Gencode benchmark's preprocessing: yeast from files to shards, and a GTF of GENCODE's size.

The large GTF is drawn: genes of several isoforms with the rows and attributes that GENCODE writes, on the worm's
genome (its coding sequences mean nothing, so nearly all are flagged: the slowest case). Prints a table and writes it as
JSON.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from catalogue import MEASURE, SCRIPT, WORM, YEAST, machine

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import write_json
from genescribe.genome.fasta import Genome

RESULTS = Path(__file__).resolve().parent / "results/gencode.json"
FRONT = Path(__file__).resolve().parents[1] / "scripts/gencode.py"
YEAST_SPLITS = {
    "--train-chroms": "I,II,III,IV,V,VI,VII,VIII,IX,X",
    "--val-chroms": "XI,XII",
    "--test-chroms": "XIII,XIV,XV,XVI",
}
LIMITS = {"seconds": 180.0, "megabytes": 4096.0, "yeast Mb/s": 5.0}
"""What 1.5 million rows may take, and how fast yeast must be."""


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--rows", type=int, default=1_500_000, help="rows of the drawn GTF")
    arguments.add_argument("--only", choices=("yeast", "gtf"), help="one of the two measurements")
    arguments.add_argument("--repeats", type=int, default=9, help="how often yeast is preprocessed")
    arguments.add_argument("--write", type=Path, default=RESULTS, help="JSON file for the figures")
    args = arguments.parse_args()
    folder = os.environ.get("GENESCRIBE_DATA")
    if not folder:
        raise InputError("not set", where="GENESCRIBE_DATA", remedy="set it to the folder of real genomes")
    data = Path(folder)
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        if args.only != "gtf":
            figures["yeast, preprocess"] = yeast(data / YEAST, Path(scratch), args.repeats)
        if args.only != "yeast":
            figures[f"GTF of {args.rows:,} rows"] = large_gtf(data / WORM / "genome.fa.gz", args.rows, Path(scratch))
    for name, row in figures.items():
        print(name)
        for column, value in row.items():
            print(f"    {column:<24} {value:14,.2f}")
    write_json(args.write, {"figures": figures, "limits": LIMITS, "machine": machine()})


def yeast(folder: Path, scratch: Path, repeats: int) -> dict[str, float]:
    """Preprocess yeast in two processes, several times: annotation and genome in, shards and statistics out.

    So short a run shows every busy neighbour on the host: the figures are those of the median run, the range beside.
    """
    fasta = folder / "genome.fa.gz"
    options: list[object] = ["preprocess", "--fasta", fasta, "--gtf", folder / "annotation.refseq_R64-4-1.gff3.gz"]
    options += ["--workers", 2, *(word for pair in YEAST_SPLITS.items() for word in pair)]
    runs = [measured(FRONT, *options, "--output-dir", scratch / f"yeast{number}") for number in range(repeats)]
    # Mito, 0.09 Mb, is in no split.
    megabases = sum(Genome.open(fasta).lengths.values()) / 1e6
    used = sorted(runs, key=lambda run: run["seconds"])
    speeds = {
        name: megabases / run["seconds"]
        for name, run in (("Mb/s", used[repeats // 2]), ("Mb/s, fastest", used[0]), ("Mb/s, slowest", used[-1]))
    }
    return {"megabases": megabases, **used[repeats // 2], **speeds}


def large_gtf(fasta: Path, rows: int, scratch: Path) -> dict[str, float]:
    """Build the catalogue of a drawn GTF."""
    annotation = scratch / "large.gtf"
    lengths = Genome.open(fasta).lengths
    with annotation.open("w", encoding="utf-8") as out:
        written = 0
        for gene in drawn_genes(lengths, random.Random(1)):
            out.write("".join(gene))
            written += len(gene)
            if written >= rows:
                break
    size = annotation.stat().st_size / 1e6
    target = scratch / "large.duckdb"
    used = measured(SCRIPT, "--fasta", fasta, "--annotation", annotation, "--output", target, "--tolerant")
    return {"rows": written, "megabytes of text": size, **used}


def measured(script: Path, *options: object) -> dict[str, float]:
    """Run a script in a process of its own; return its seconds, those of all its processes, and its peak memory."""
    command = [sys.executable, "-c", MEASURE, str(script), *map(str, options)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures: dict[str, float] = json.loads(output.splitlines()[-1])
    figures["cpu_seconds"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return figures


def drawn_genes(lengths: Mapping[str, int], draw: random.Random) -> Iterator[list[str]]:
    """Yield the rows of one gene after another, without end: one to six coding isoforms of about nine exons."""
    names = [name for name, length in lengths.items() if length > 1_000_000]
    number = 0
    while True:
        number += 1
        seqid, strand = draw.choice(names), draw.choice("+-")
        cuts = [draw.randint(1, lengths[seqid] - 60_000)]
        for _ in range(2 * (2 + int(draw.expovariate(1 / 8)))):
            cuts.append(cuts[-1] + draw.randint(60, 400))
        exons = list(zip(cuts[::2], cuts[1::2], strict=False))
        fields = f'gene_id "ENSG{number:011d}.1"; gene_type "protein_coding"; gene_name "G{number}"; level 2;'
        rows = [_row(seqid, "gene", exons[0][0], exons[-1][1], strand, ".", fields)]
        for isoform in range(draw.randint(1, 6)):
            kept = [exon for i, exon in enumerate(exons) if i in (0, len(exons) - 1) or draw.random() < 0.9]
            own = f'{fields} transcript_id "ENST{number:08d}{isoform:03d}.1"; transcript_type "protein_coding";'
            rows += _transcript(seqid, strand, kept, own + ' tag "basic"; havana_gene "OTTHUMG00000000000.1";')
        yield rows


def _transcript(seqid: str, strand: str, exons: list[tuple[int, int]], fields: str) -> list[str]:
    """Return transcript, exon, CDS, codon and UTR rows; the coding sequence is all but 20 bases at both ends."""
    rows = [_row(seqid, "transcript", exons[0][0], exons[-1][1], strand, ".", fields)]
    first, last = exons[0][0] + 20, exons[-1][1] - 20
    codons = (first, last - 2) if strand == "+" else (last - 2, first)
    done = 0
    for number, (start, end) in enumerate(exons if strand == "+" else exons[::-1], 1):
        numbered = f"{fields} exon_number {number};"
        rows.append(_row(seqid, "exon", start, end, strand, ".", numbered))
        low, high = max(start, first), min(end, last)
        rows.append(_row(seqid, "CDS", low, high, strand, str(-done % 3), numbered))
        done += high - low + 1
    rows += [
        _row(seqid, kind, place, place + 2, strand, "0", fields)
        for kind, place in zip(("start_codon", "stop_codon"), codons, strict=True)
    ]
    rows.append(_row(seqid, "UTR", exons[0][0], first - 1, strand, ".", fields))
    rows.append(_row(seqid, "UTR", last + 1, exons[-1][1], strand, ".", fields))
    return rows


def _row(seqid: str, kind: str, start: int, end: int, strand: str, phase: str, fields: str) -> str:
    return f"{seqid}\tHAVANA\t{kind}\t{start}\t{end}\t.\t{strand}\t{phase}\t{fields}\n"


if __name__ == "__main__":
    run(main)
