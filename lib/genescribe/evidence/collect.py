"""All files of evidence that a user gives, into one table; and the options that name them."""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass, fields
from pathlib import Path

from genescribe.errors import InputError
from genescribe.evidence.table import Collector
from genescribe.evidence.text import read_text
from genescribe.files import read_json, write_json
from genescribe.genome.fasta import Genome
from genescribe.paths import InputPath

GIVEN = "given.json"
"""File of a folder of evidence: the names of the files that it was made of."""
_log = logging.getLogger(__name__)
_HELP = {
    "bam": "RNA-seq reads aligned to the genome, sorted and indexed; repeatable",
    "junctions": "introns from spliced reads: SJ.out.tab of STAR, BED of regtools or TopHat; repeatable",
    "hints": "AUGUSTUS's or ProtHint's hints in GFF; repeatable",
    "proteins": "proteins of related species: FASTA (aligned by miniprot), or GFF of miniprot or GeMoMa; repeatable",
}
EVIDENCE_FILES = tuple(_HELP)
"""Destinations of the options that name files of evidence."""
EVIDENCE_OPTIONS = " or ".join(f"--{name}" for name in _HELP)
"""These options, for messages."""


@dataclass(frozen=True)
class EvidenceFiles:
    """Files of evidence by kind."""

    bam: tuple[Path, ...] = ()
    junctions: tuple[Path, ...] = ()
    hints: tuple[Path, ...] = ()
    proteins: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> EvidenceFiles:
        """Return the files that a command line names.

        Raises
        ------
        InputError
            One of them is not there, or is given twice.
        """
        files = cls(**{field.name: tuple(getattr(arguments, field.name)) for field in fields(cls)})
        for field in fields(cls):
            for path in getattr(files, field.name):
                if not path.is_file():
                    problem = "is a folder, not a file" if path.is_dir() else "no such file"
                    raise InputError(problem, where=path, remedy=f"correct --{field.name}")
        cls._refuse_twice([path for field in fields(cls) for path in getattr(files, field.name)])
        return files

    @staticmethod
    def _refuse_twice(paths: list[Path]) -> None:
        real = [path.resolve() for path in paths]
        for number, path in enumerate(real):
            if path in real[:number]:
                raise InputError(
                    "is given twice", where=paths[number], remedy="its support would count twice: give it once"
                )


def add_evidence_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name files of evidence."""
    group = parser.add_argument_group("evidence")
    for name, text in _HELP.items():
        group.add_argument(f"--{name}", type=InputPath(), action="append", default=[], metavar="FILE", help=text)


def evidence_of(files: EvidenceFiles, genome: Genome, folder: Path, workers: int = 1) -> Path | None:
    """Read all files into one table, in a folder that is returned; None where there are none.

    Parameters
    ----------
    files
        Files of reads, junctions, hints and proteins.
    genome
        The genome that they belong to.
    folder
        Folder for the table and scratch files.
    workers
        Processes and threads to use.

    Raises
    ------
    InputError
        A file that is not what it should be, or is of another genome.
    """
    if not files:
        return None
    collector = Collector(genome.lengths)
    if files.bam:
        # pysam takes a while to import.
        from genescribe.evidence.bam import read_bams

        read_bams(files.bam, genome, collector, workers)
    for path in (*files.junctions, *files.hints):
        read_text(path, collector)
    if files.proteins:
        from genescribe.evidence.proteins import read_proteins

        for path in files.proteins:
            read_proteins(path, genome, collector, workers)
    table = collector.table()
    counts = table.counts()
    if counts:
        _log.info("evidence: %s", ", ".join(f"{kind} {number:,}" for kind, number in counts.items()))
    else:
        _log.warning("no read or alignment in the files of evidence counts: the genes will be those without evidence")
    table.save(folder)
    write_json(
        folder / GIVEN, {field.name: [path.name for path in getattr(files, field.name)] for field in fields(files)}
    )
    return folder


def given_files(folder: Path) -> dict[str, list[str]]:
    """Return the names of the files that a folder of evidence was made of, by kind."""
    path = folder / GIVEN
    return dict(read_json(path)) if path.is_file() else {}
