"""AGAT as the sorter: its own working directory, an explicit configuration, and a list of its changes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from genescribe.errors import InputError
from genescribe.files import atomic_path, open_binary, temporary_folder, write_text
from genescribe.genome.repair.read import AnnotationReader
from genescribe.genome.repair.rows import Repair, Row

PROGRAM = "agat_convert_sp_gxf2gxf.pl"

_SETTINGS = {
    "verbose": 1, "progress_bar": "false", "log": "false", "debug": "false", "cpu": 1, "minimum_chunk_size": 100000,
    "force_gff_input_version": 0, "prefix_new_id": "agat", "create_l3_for_l2_orphan": "true",
    "clean_attributes_from_template": "false", "deflate_attribute": "false", "output_format": "GFF",
    "gff_output_version": 3, "gtf_output_version": "relax", "url_encode_out": "true", "force": "false",
    "tabix": "false", "throw_fasta": "true", "check_sequential": "true", "check_l2_linked_to_l3": "true",
    "check_l1_linked_to_l2": "true", "remove_orphan_l1": "true", "check_all_level3_locations": "true",
    "check_cds": "true", "check_exons": "true", "check_utrs": "true", "check_all_level2_locations": "true",
    "check_all_level1_locations": "true", "check_identical_isoforms": "true",
}  # fmt: skip
"""AGAT's own defaults, spelt out: a file `agat_config.yaml` of the user's folder must not change the result."""


def agat_program() -> str | None:
    """Return the path of AGAT's converter, or None."""
    return shutil.which(PROGRAM)


def configuration(merge_loci: bool, tags: tuple[str, ...]) -> str:
    """Return the text of an `agat_config.yaml`."""
    lines = [f"{key}: {value}" for key, value in _SETTINGS.items()]
    lines += [f"merge_loci: {str(merge_loci).lower()}", "locus_tag:", *(f"  - {tag}" for tag in tags)]
    return "\n".join(["---", *lines, ""])


def run_agat(source: Path, target: Path, merge_loci: bool, tags: tuple[str, ...]) -> tuple[str, int, int, list[Repair]]:
    """Run AGAT on `source`; return its version, the rows in and out, and the rows that did not come out unchanged.

    AGAT's own messages are kept as `<target>.agat.log`.

    Parameters
    ----------
    source
        GFF3 or GTF file.
    target
        GFF3 file to write.
    merge_loci
        Merge genes whose coding sequences overlap.
    tags
        Attributes, other than ID and Parent, that link rows.
    """
    program = agat_program()
    if program is None:
        raise InputError(
            f"{PROGRAM} is not on PATH", where="sorter",
            remedy="install AGAT (conda: envs/agat.yaml), or take sorter: builtin",
        )  # fmt: skip
    # Reading the source first gives the same errors for bad files as the built-in sorter.
    rows = [(row.line, _key(row)) for row, _ in AnnotationReader(source, tags)]
    log = target.with_name(f"{target.name}.agat.log")
    with temporary_folder() as folder, atomic_path(target) as temporary:
        (folder / "agat_config.yaml").write_text(configuration(merge_loci, tags), encoding="ascii")
        _plain_copy(source, folder / "input.gff")
        text, output = _execute(program, folder), folder / "output.gff"
        write_text(log, text)
        if not output.is_file() or output.stat().st_size == 0:
            last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")
            raise InputError(f"AGAT failed ({last})", where=source, remedy=f"read {log}, or take sorter: builtin")
        try:
            written = [_key(row) for row, _ in AnnotationReader(output, tags)]
        except InputError as error:
            problem = f"AGAT wrote no annotation ({error.what})"
            raise InputError(problem, where=source, remedy=f"read {log}, or take sorter: builtin") from error
        shutil.copyfile(output, temporary)
    return _version(text), len(rows), len(written), _account(rows, set(written), log)


def _execute(program: str, folder: Path) -> str:
    """Run AGAT in `folder`; return its messages. No output is left where it fails."""
    command = [program, "--gff", "input.gff", "--output", "output.gff", "--config", "agat_config.yaml"]
    # A fixed hash seed makes Perl walk its tables, and so AGAT number its IDs, in the same order each time.
    environment = os.environ | {"PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0", "LC_ALL": "C"}
    run = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if run.returncode != 0:
        (folder / "output.gff").unlink(missing_ok=True)
    return run.stdout.decode("utf-8", "replace")


_Key = tuple[str, str, int, int, str]


def _key(row: Row) -> _Key:
    return row.seqid, row.kind, row.start, row.end, row.strand


def _account(rows: list[tuple[int, _Key]], written: set[_Key], log: Path) -> list[Repair]:
    return [
        Repair(line, f"{key[1]} left out, joined, moved or given another type by AGAT: see {log.name}")
        for line, key in rows
        if key not in written
    ]


def _version(text: str) -> str:
    match = re.search(r"Version: v?([\d.]+)", text)
    return match.group(1) if match else "of unknown version"


def _plain_copy(source: Path, target: Path) -> None:
    """Unpack and end lines as Unix does; AGAT tells compression by the file's name alone."""
    with open_binary(source) as reader, target.open("wb") as writer:
        for line in reader:
            writer.write(line[:-2] + b"\n" if line.endswith(b"\r\n") else line)
