"""BUSCO: completeness of a set of proteins or a genome, by genes that are single-copy in a lineage.

Manni et al. 2021, Molecular Biology and Evolution 38:4647. The program is run as it is; this module prepares its input
(one isoform per gene), keeps it offline where the lineage is a folder, and reads what it wrote.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from genescribe.errors import InputError
from genescribe.evaluate.regions import Stretch, restrict
from genescribe.files import read_json, temporary_folder
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene
from genescribe.genome.products import LONGEST_PROTEINS, write_products

PROGRAM = "busco"
SERVER = "https://busco-data2.ezlab.org/v5/data/file_versions.tsv"
"""Where BUSCO looks first."""
PATIENCE = 10.0
"""Seconds to wait for it."""
Mode = Literal["proteins", "genome"]
COUNTS = {"Complete": "single", "Duplicated": "duplicated", "Fragmented": "fragmented", "Missing": "missing"}
"""Status in BUSCO's table -> key of the result. BUSCO calls single-copy genes `Complete`."""


def write_longest_proteins(
    genes: Sequence[Gene], regions: Iterable[Stretch] | None, genome: Genome, code: GeneticCode, folder: Path
) -> tuple[Path, int]:
    """Write the protein of each gene's longest isoform; return the file and the number of proteins.

    Parameters
    ----------
    genes
        Genes of the annotation.
    regions
        Genes that lie whole inside these are taken; all of them if None.
    genome, code
        Sequences and genetic code, by which genes are translated.
    folder
        Folder to write the file into.
    """
    chosen = list(genes) if regions is None else restrict(genes, [], regions).reference
    write_products(chosen, genome, code, folder)
    return folder / LONGEST_PROTEINS, sum(any(t.cds for t in gene.transcripts) for gene in chosen)


def run_busco(fasta: str | Path, lineage: str, mode: Mode, threads: int = 1) -> dict[str, Any]:
    """Run BUSCO and return its counts.

    Parameters
    ----------
    fasta
        Proteins, or a genome.
    lineage
        Name of a lineage, which BUSCO downloads (`saccharomycetes_odb10`); or the folder of one, upon which it asks
        nothing of the network.
    mode
        Content of `fasta`: proteins or a genome.
    threads
        Number of threads.

    Returns
    -------
    dict
        "complete" (single and duplicated together), "single", "duplicated", "fragmented", "missing" and "total" groups;
        "lineage" (name, creation_date, number_of_buscos, number_of_species), "versions", "mode".

    Raises
    ------
    InputError
        BUSCO is not installed or fails; no such lineage.
    """
    folder = lineage_folder(lineage)
    if folder is None:
        _check_network(lineage)
    with temporary_folder() as work:
        # BUSCO takes a lineage for a folder only where its path has a slash, and works beside where it is started.
        where = (
            [str(folder.resolve()), "--offline"] if folder else [lineage, "--download_path", str(work / "downloads")]
        )
        command = [PROGRAM, "-i", str(Path(fasta).resolve()), "-m", mode, "-o", "out", "-c", str(threads), "-f", "-l"]
        try:
            done = subprocess.run(
                [*command, *where], cwd=work, capture_output=True, text=True, check=False, env=_environment()
            )
        except FileNotFoundError:
            raise InputError("busco is not on PATH", where="BUSCO", remedy="install it, or use --sdm conda") from None
        if done.returncode:
            raise InputError(f"BUSCO failed: {_reason(done)}", where=lineage, remedy="see its documentation")
        return read_result(work / "out") | {"mode": mode}


def _check_network(lineage: str) -> None:
    """Refuse to download a lineage without a network: BUSCO itself tries for minutes."""
    try:
        urllib.request.urlopen(urllib.request.Request(SERVER, method="HEAD"), timeout=PATIENCE).close()
    except urllib.error.HTTPError:
        return  # It answers.
    except OSError as error:
        what = f"it is to be downloaded, and {SERVER} cannot be reached ({getattr(error, 'reason', error)})"
        raise InputError(what, where=lineage, remedy="give the folder of a lineage") from None


def lineage_folder(lineage: str) -> Path | None:
    """Return the folder that a lineage is, or None where it is a name.

    Raises
    ------
    InputError
        It looks like a path, and no lineage is there.
    """
    folder = Path(lineage)
    if "/" not in lineage and not folder.is_dir():
        return None
    if not (folder / "dataset.cfg").is_file():
        raise InputError(
            "no BUSCO lineage (it holds dataset.cfg and hmms)",
            where=lineage,
            remedy="give its folder, or a lineage's name",
        )
    return folder


def check_busco(lineage: str) -> None:
    """Refuse settings that BUSCO cannot run with, before any other work is done.

    Raises
    ------
    InputError
        BUSCO is not installed; no lineage is where one should be.
    """
    lineage_folder(lineage)
    if shutil.which(PROGRAM) is None:
        raise InputError("busco is not on PATH", where="BUSCO", remedy="install it (apt install busco)")


def read_result(folder: Path) -> dict[str, Any]:
    """Return the counts, lineage and versions from a folder that BUSCO wrote.

    Counts are those of its table, gene by gene: the percentages of its summary are rounded, and their keys differ
    between versions.

    Raises
    ------
    InputError
        BUSCO's files are not there, or its table has a status that it does not know.
    """
    summaries = sorted(folder.glob("short_summary*.json")) or sorted(folder.glob("run_*/short_summary*.json"))
    tables = sorted(folder.glob("run_*/full_table.tsv"))
    if not summaries or not tables:
        raise InputError("BUSCO left no summary", where=folder, remedy="look at its messages")
    status: dict[str, str] = {}
    for number, line in enumerate(tables[0].read_text(encoding="utf-8").splitlines(), 1):
        if line and not line.startswith("#"):
            group, status_name = line.split("\t")[:2]
            if status_name not in COUNTS:
                raise InputError(
                    f"unknown status {status_name!r}", where=tables[0], line=number, remedy="use another BUSCO"
                )
            status[group] = status_name
    counts = {key: sum(status_name == name for status_name in status.values()) for name, key in COUNTS.items()}
    summary = read_json(summaries[0])
    return {
        **counts,
        "complete": counts["single"] + counts["duplicated"],
        "total": len(status),
        "lineage": {key: str(value) for key, value in summary.get("lineage_dataset", {}).items()},
        "versions": {key: str(value) for key, value in summary.get("versions", {}).items()},
    }


def nothing_found(lineage: str, mode: Mode) -> dict[str, Any]:
    """Return the result for no proteins at all, which BUSCO refuses: everything is missing.

    The size of a lineage that is a name is not known here: its total is 0.
    """
    folder, described = lineage_folder(lineage), {"name": lineage}
    if folder:
        lines = (folder / "dataset.cfg").read_text(encoding="utf-8").splitlines()
        described = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines) if value}
    total = int(described.get("number_of_BUSCOs", 0))
    facts = {key.lower(): described[key] for key in ("name", "creation_date", "number_of_BUSCOs") if key in described}
    counts = dict.fromkeys(("complete", "single", "duplicated", "fragmented"), 0)
    return {**counts, "missing": total, "total": total, "lineage": facts, "versions": {}, "mode": mode}


def _environment() -> dict[str, str]:
    # BUSCO is a Python program of its own, with another Python than this one where it comes from the system.
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line and "failed" not in line]
    return (errors or lines or ["no message"])[0].partition("ERROR:")[2].strip() or (lines or ["no message"])[
        -1
    ].strip()
