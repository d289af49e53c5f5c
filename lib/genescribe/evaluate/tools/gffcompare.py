"""The external program gffcompare: its input, and its report compared with this project's numbers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genescribe.errors import InputError
from genescribe.evaluate.structures import Groups, structures
from genescribe.genome.model import Gene

OPTIONS = ("--strict-match", "-e", "0", "--no-merge", "-T")

_LEVEL_ROWS = {
    "Base level": "base",
    "Exon level": "exon",
    "Intron level": "intron",
    "Intron chain level": "intron_chain",
    "Transcript level": "transcript",
    "Locus level": "locus",
}
_PERCENTAGES = re.compile(r"^\s*(.+? level):\s+(\S+)\s+\|\s+(\S+)", re.MULTILINE)
_MATCHING = re.compile(r"^\s*Matching (intron chains|transcripts|loci):\s+(\d+)", re.MULTILINE)
_TOTALS = re.compile(r"^# ?\s*(Query|Reference) mRNAs :\s+(\d+) in\s+(\d+) loci\s+\((\d+) multi-exon", re.MULTILINE)
_EXON_TOTALS = re.compile(r"^\s*(Missed|Novel) (exons|introns):\s+\d+/(\d+)", re.MULTILINE)


def write_gtf(path: Path, genes: Sequence[Gene]) -> None:
    """Write coding transcripts in the order of their coordinates, their coding parts as exon rows.

    Parameters
    ----------
    path
        GTF file to write.
    genes
        Genes of one annotation.
    """
    groups = Groups()
    transcripts = structures(genes, "cds", groups)
    places = list(groups)
    rows = []
    for number, structure in enumerate(transcripts):
        seqid, strand = places[structure.group]
        name = f'transcript_id "t{number:07d}"; gene_id "g{structure.gene:07d}";'
        parts = [("transcript", structure.start, structure.end), *(("exon", *exon) for exon in structure.exons)]
        rows += [f"{seqid}\tx\t{kind}\t{start + 1}\t{end}\t.\t{strand}\t.\t{name}\n" for kind, start, end in parts]
    path.write_text("".join(rows), encoding="utf-8")


def run_gffcompare(
    reference: Sequence[Gene], predicted: Sequence[Gene], directory: Path, *, program: str = "gffcompare"
) -> dict[str, Any]:
    """Run gffcompare in `directory` and return its report as `parse_stats` reads it.

    Parameters
    ----------
    reference, predicted
        Genes of the reference annotation and of the prediction.
    directory
        Existing folder for its files.
    program
        Name or path of gffcompare.
    """
    write_gtf(directory / "reference.gtf", reference)
    write_gtf(directory / "predicted.gtf", predicted)
    command = [program, *OPTIONS, "-r", "reference.gtf", "-o", "compared", "predicted.gtf"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(
            f"gffcompare ended with status {done.returncode}: {done.stderr.strip()[-300:]}",
            where=directory,
            remedy="run it by hand there",
        )
    return parse_stats((directory / "compared.stats").read_text(encoding="utf-8"))


def version(program: str = "gffcompare") -> str:
    """Return the version that the program states."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).split()[-1].removeprefix("v")


def parse_stats(text: str) -> dict[str, Any]:
    r"""Return the report's numbers: percentages to one decimal as printed, and counts.

    Examples
    --------
    >>> parse_stats("        Base level:    99.0     |    98.5    |\n       Matching transcripts:     7\n")
    {'percent': {'base': ['99.0', '98.5']}, 'count': {'transcript': 7}}
    """
    count: dict[str, int] = {}
    for side, transcripts, loci, spliced in _TOTALS.findall(text):
        prefix = {"Query": "predicted", "Reference": "reference"}[side]
        count |= {
            f"{prefix}_transcript": int(transcripts),
            f"{prefix}_locus": int(loci),
            f"{prefix}_intron_chain": int(spliced),
        }
    for kind, feature, total in _EXON_TOTALS.findall(text):
        count[f"{'reference' if kind == 'Missed' else 'predicted'}_{feature.removesuffix('s')}"] = int(total)
    names = {"intron chains": "intron_chain", "transcripts": "transcript", "loci": "locus"}
    count |= {names[unit]: int(number) for unit, number in _MATCHING.findall(text)}
    percent = {_LEVEL_ROWS[row]: [sn, pr] for row, sn, pr in _PERCENTAGES.findall(text)}
    return {"percent": percent, "count": count}


def as_reported(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of `genescribe.evaluate.accuracy.compare` in the form of `parse_stats`.

    Intron levels are missing where the reference has no intron, and all levels where a side has no transcript:
    the program prints none.
    """
    count: dict[str, int] = {}
    for level in ("transcript", "locus", "intron_chain", "exon", "intron"):
        count |= {f"{side}_{level}": metrics[level][side] for side in ("predicted", "reference")}
    if not count["predicted_transcript"] or not count["reference_transcript"]:
        return {"percent": {}, "count": {name: n for name, n in count.items() if not name.endswith(("exon", "intron"))}}
    for side in ("predicted", "reference"):
        if not count[f"{side}_intron"]:
            del count[f"{side}_intron"]
    count |= {level: metrics[level]["tp"] for level in ("intron_chain", "transcript", "locus")}
    percent = {}
    for level in _LEVEL_ROWS.values():
        if "reference_intron" in count or not level.startswith("intron"):
            counts = metrics[level]
            right = counts["predicted"] - counts["fp"]
            percent[level] = [_percentage(counts["tp"], counts["reference"]), _percentage(right, counts["predicted"])]
    return {"percent": percent, "count": count}


def _percentage(part: int, total: int) -> str:
    # The program's own order of operations, for values that lie on the border between two decimals.
    return f"{100.0 * part / total:.1f}" if total else "-nan"
