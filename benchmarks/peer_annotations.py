"""Sort and catalogue every annotation of some folders, and count what goes wrong: one row of a table a folder.

A file is accepted, or refused in one line. Of the accepted ones: `invalid` (by `gt gff3validator`, which must be on
PATH), `lost` (genes with a CDS or exon row that is neither in the output nor in the list of repairs) and `joined`
(transcripts whose CDS no single parent of the input accounts for, or that lie on two strands, or overlap). The
catalogue is built on a made-up genome that is as long as the annotation reaches.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from tqdm import tqdm

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import open_binary
from genescribe.genome.catalogue.database import Catalogue, build_catalogue
from genescribe.genome.repair.sort import sort_annotation

SUFFIXES = re.compile(r"\.(gff|gff2|gff3|gtf)(\.gz)?$", re.IGNORECASE)
COLUMNS = ("files", "accepted", "refused", "crashed", "invalid", "lost", "joined", "no gene")

BIN = 10_000
"""Bases of a stretch by which rows are looked up."""
CODING = ("cds", "so:0000316", "stop_codon")

Place = tuple[str, int, int, str]
"""seqid, start, end, strand."""


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, columns) of the feature rows, read as simply as can be: apart from the library."""
    with open_binary(path) as handle:
        text = handle.read().decode("utf-8", "replace").removeprefix("\ufeff")
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        columns = line.split("\t")
        if len(columns) >= 8 and not line.startswith(("#", ">")):
            columns[0] = unquote(columns[0].strip())
            yield number, [*columns, ""][:9]


def value(column: str, key: str) -> str:
    """Return an attribute of a GFF3 or GTF row; empty where there is none."""
    found = re.search(rf'(?:^|;)\s*{key}(?:=|\s+)\s*"*([^";]*)', column.replace('""', '"').strip('"'))
    return unquote(found[1].strip()) if found else ""


def coding(path: Path) -> dict[tuple[str, int], list[tuple[Place, set[str]]]]:
    """Return the CDS rows of a file, each with the names of what it may belong to, by sequence and `BIN`."""
    found: dict[tuple[str, int], list[tuple[Place, set[str]]]] = defaultdict(list)
    for _, columns in rows(path):
        if columns[2].lower() in CODING and columns[3].isdigit() and columns[4].isdigit():
            named = [value(columns[8], key) for key in ("Parent", "transcript_id")]
            # Rows without a transcript above them are told apart by their own names, or held together by their gene's.
            named += [value(columns[8], key) for key in (["ID"] if any(named) else ["ID", "(?:gene_id|locus_tag)"])]
            owners = ",".join(filter(None, named)) or columns[8].strip()
            place = columns[0], int(columns[3]), int(columns[4]), columns[6]
            for number in range(place[1] // BIN, place[2] // BIN + 1):
                found[place[0], number].append((place, {name.lower() for name in owners.split(",")}))
    return found


def joined(source: Path, target: Path) -> list[str]:
    """Return the transcripts of the output that hold CDS of no one parent of the input."""
    given = coding(source)
    made: dict[str, list[Place]] = defaultdict(list)
    for _, columns in rows(target):
        if columns[2] == "CDS":
            made[value(columns[8], "Parent")].append((columns[0], int(columns[3]), int(columns[4]), columns[6]))
    wrong = []
    for name, places in made.items():
        spans = sorted(places)
        clash = any(a[2] - b[1] > 1 for a, b in pairwise(spans))
        # A row without any attribute belongs to what lies around it.
        owners = [names for names in (_owners(given, place) for place in spans) if "" not in names]
        if clash or len({place[3] for place in spans}) > 1 or (owners and not set.intersection(*owners)):
            wrong.append(name)
    return wrong


def _owners(given: dict[tuple[str, int], list[tuple[Place, set[str]]]], place: Place) -> set[str]:
    """Return the names of all that lies at a place."""
    seqid, start, end, strand = place
    near = [row for number in range(start // BIN, end // BIN + 1) for row in given.get((seqid, number), ())]
    return set().union(*(names for (_, a, b, sign), names in near if sign == strand and start <= b and a <= end))


def lost(source: Path, target: Path, repaired: set[int]) -> list[int]:
    """Return the lines of CDS and exon rows that are neither in the output nor among the repairs."""
    kept = {(c[0], c[2].lower(), c[3], c[4], c[6]) for _, c in rows(target)}
    return [
        number
        for number, c in rows(source)
        if c[2].lower() in ("cds", "exon") and number not in repaired
        and (c[0], c[2].lower(), c[3].strip(), c[4].strip(), c[6].strip()) not in kept
    ]  # fmt: skip


def write_genome(target: Path, annotation: Path) -> None:
    """Write a genome of As that the annotation fits in."""
    reach: Counter[str] = Counter()
    for _, columns in rows(annotation):
        reach[columns[0]] = max(reach[columns[0]], int(columns[4]))
    with target.open("w") as out:
        for name, length in reach.items():
            out.write(f">{name}\n{'A' * min(length, 300_000_000)}\n")


def check(path: Path, folder: Path) -> tuple[Counter[str], list[str]]:
    """Return the counts of one file and what there is to say of it."""
    counts, said = Counter({"files": 1}), []
    target = folder / "sorted.gff3"
    try:
        report = sort_annotation(path, target)
    except InputError as error:
        return counts + Counter({"refused": 1}), [f"refused: {error}"]
    except Exception:
        return counts + Counter({"crashed": 1}), [f"crashed: {traceback.format_exc()}"]
    counts["accepted"] += 1
    valid = subprocess.run(["gt", "gff3validator", target], capture_output=True, text=True, check=False)
    if valid.returncode:
        counts["invalid"] += 1
        said.append(f"invalid: {valid.stderr.strip().splitlines()[-1]}")
    for kind, wrong in (
        ("lost", lost(path, target, {r.line for r in report.repairs})),
        ("joined", joined(path, target)),
    ):
        counts[kind] += len(wrong)
        said += [f"{kind}: {wrong[:5]}"] if wrong else []
    genome, catalogue = folder / "genome.fa", folder / "catalogue.duckdb"
    write_genome(genome, target)
    try:
        build_catalogue(genome, target, catalogue)
        with Catalogue(catalogue) as made:
            made.genes()
    except InputError as error:
        counts["no gene"] += 1
        said.append(f"catalogue: {error}")
    except Exception:
        counts["crashed"] += 1
        said.append(f"catalogue crashed: {traceback.format_exc()}")
    finally:
        for leftover in folder.iterdir():
            leftover.unlink()
    return counts, said


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("folders", nargs="+", type=Path, help="folders with annotations, searched to the bottom")
    options = arguments.parse_args()
    print("folder", *COLUMNS, sep="\t")
    for folder in options.folders:
        total: Counter[str] = Counter()
        files = sorted(path for path in folder.rglob("*") if path.is_file() and SUFFIXES.search(path.name))
        for path in tqdm(files, desc=folder.name, disable=None):
            with tempfile.TemporaryDirectory() as scratch:
                counts, said = check(path, Path(scratch))
            total += counts
            for line in said:
                tqdm.write(f"# {path.relative_to(folder)}: {line}")
        print(folder.name, *(total[column] for column in COLUMNS), sep="\t", flush=True)


if __name__ == "__main__":
    run(main)
