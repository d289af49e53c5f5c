"""Completeness of an annotation by BUSCO, where the user names a lineage."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from genescribe.errors import InputError
from genescribe.evaluate.tools.busco import nothing_found, run_busco
from genescribe.files import read_json, write_json
from genescribe.genome.products import LONGEST_PROTEINS
from genescribe.predict.file_names import SUMMARY

HELP = "also measure completeness with BUSCO: folder of a lineage, or the name of one to download (fungi_odb10)"
FAILED = "failed"
"""Key of the reason, in place of the counts."""
_log = logging.getLogger("annotate")


def measure_completeness(folder: Path, lineage: str, threads: int) -> dict[str, Any]:
    """Run BUSCO on an annotation, add the counts to its summary, and return them.

    BUSCO that fails costs nothing of a finished annotation: the reason is told, and returned as `FAILED`.

    Parameters
    ----------
    folder
        Folder that `genescribe.predict.output_files.write_annotation` wrote: one protein per gene is taken.
    lineage, threads
        As `genescribe.evaluate.tools.busco.run_busco` takes them.
    """
    proteins = folder / LONGEST_PROTEINS
    try:
        _log.info("BUSCO: looking for the genes of %s", Path(lineage).name)
        number = proteins.read_bytes().count(b">")
        counts = run_busco(proteins, lineage, "proteins", threads) if number else nothing_found(lineage, "proteins")
    except InputError as error:
        _log.warning("completeness was not measured: %s; the annotation is complete", error)
        return {FAILED: error.what}
    counts["proteins"] = number
    total, complete = counts["total"], counts["complete"]
    _log.info("BUSCO: %d of %d genes of %s are complete", complete, total, counts["lineage"].get("name", lineage))
    write_json(folder / SUMMARY, read_json(folder / SUMMARY) | {"busco": counts})
    return counts
