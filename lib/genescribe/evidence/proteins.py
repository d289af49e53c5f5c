"""Proteins of relatives, aligned to a genome by miniprot, piece by piece."""

from __future__ import annotations

import math
import shutil
import subprocess
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

from genescribe.errors import InputError
from genescribe.evidence.alignments import read_alignments
from genescribe.evidence.table import Collector
from genescribe.evidence.text import read_text
from genescribe.files import naming, open_binary, temporary_folder
from genescribe.genome.alphabet import decode
from genescribe.genome.annotation.text import table_rows
from genescribe.genome.fasta import Genome, write_fasta

PIECE = 300_000_000
"""Bases of a piece: miniprot's index of one takes some gigabytes."""
LONGEST_INTRON = (10_000, 300_000)
_AMINO_ACIDS = frozenset(b"ACDEFGHIKLMNPQRSTVWYXBZUOJ")
_ENOUGH = 200


def read_proteins(path: str | Path, genome: Genome, into: Collector, workers: int = 1) -> None:
    """Read a file of proteins: FASTA, which miniprot aligns here, or the GFF of miniprot or GeMoMa.

    Parameters
    ----------
    path
        FASTA of proteins, or GFF of miniprot or GeMoMa.
    genome
        Genome that the proteins are aligned to.
    into
        Collector that the evidence is added to.
    workers
        Number of threads of miniprot.

    Raises
    ------
    InputError
        No proteins; nucleotides; miniprot is not installed, or fails.
    """
    if not _is_fasta(path):
        read_text(path, into)
        return
    check_proteins(path)
    program = shutil.which("miniprot")
    if program is None:
        raise InputError(
            "miniprot is not installed, which aligns proteins",
            where=path,
            remedy="conda install -c bioconda miniprot, or make it from github.com/lh3/miniprot; or give its GFF",
        )
    with temporary_folder() as folder:
        for number, names in enumerate(_pieces(genome.lengths)):
            piece, output = folder / f"{number}.fa", folder / f"{number}.gff"
            write_fasta(piece, ((name, decode(genome.codes(name))) for name in names))
            align(program, piece, path, output, _longest_intron(genome), workers)
            piece.unlink()
            # A piece without an alignment, or with those of pseudogenes alone, is none of a fault.
            with output.open("rb") as lines:
                aligned = any(not line.startswith(b"#") for line in lines)
            if aligned:
                with naming(path, output):
                    read_alignments(output, table_rows(output), into)


def align(program: str, fasta: Path, proteins: str | Path, target: Path, longest_intron: int, workers: int) -> None:
    """Write the GFF of miniprot for the proteins on a genome.

    Parameters
    ----------
    program
        Path of the miniprot program.
    fasta
        FASTA file of the genome.
    proteins
        FASTA file of proteins.
    target
        GFF file to write.
    longest_intron
        Longest intron to align across, in bases.
    workers
        Number of threads of miniprot.

    Raises
    ------
    InputError
        It fails.
    """
    words = [program, "-t", str(workers), "-G", str(longest_intron), "--gff-only", str(fasta), str(proteins)]
    with target.open("wb") as out:
        done = subprocess.run(words, stdout=out, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        output = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["nothing"]
        raise InputError(
            f"miniprot ended with {done.returncode}; its last line: {output[-1]}",
            where=proteins,
            remedy="see that memory suffices, and that the file is FASTA of proteins",
        )


def check_proteins(path: str | Path) -> int:
    """Return the number of proteins of a FASTA file.

    Raises
    ------
    InputError
        A letter that is no amino acid, a stop inside a protein, nucleotides, a name twice, no protein.
    """
    count, letters, nucleotides, seen = 0, 0, 0, set[str]()
    name, stopped = "", False
    with open_binary(path) as handle:
        for number, raw in enumerate(handle, 1):
            line = raw.strip().removeprefix(BOM_UTF8)
            if line.startswith(b">"):
                name, stopped = (
                    line[1:].split(maxsplit=1)[0].decode("utf-8", "replace") if line[1:].split() else "",
                    False,
                )
                if not name or name in seen:
                    raise InputError(
                        f"the protein {name!r} occurs twice" if name else "a protein without a name",
                        where=path,
                        line=number,
                        remedy="give each a name of its own",
                    )
                seen.add(name)
                count += 1
                continue
            text = line.upper()
            if text and (stopped or b"*" in text.rstrip(b"*") or b"." in text.rstrip(b".")):
                raise InputError(
                    f"a stop inside the protein {name!r}", where=path, line=number, remedy="leave it out, or mend it"
                )
            stopped = text.endswith((b"*", b"."))
            text = text.rstrip(b"*.")
            if not set(text) <= _AMINO_ACIDS:
                raise InputError(
                    f"a letter that is no amino acid in {name!r}", where=path, line=number, remedy="give proteins"
                )
            letters += len(text)
            nucleotides += sum(map(text.count, (b"A", b"C", b"G", b"T", b"U", b"N")))
    if not count or not letters:
        raise InputError("no protein", where=path, remedy="give FASTA of proteins")
    if letters >= _ENOUGH and nucleotides > 0.9 * letters:
        raise InputError("nucleotides, not proteins", where=path, remedy="give FASTA of proteins")
    return count


def _is_fasta(path: str | Path) -> bool:
    with open_binary(path) as handle:
        first = next((line for line in handle if line.strip()), b"")
    if not first:
        raise InputError("no protein", where=path, remedy="give FASTA of proteins, or the GFF of miniprot or GeMoMa")
    return first.removeprefix(BOM_UTF8).startswith(b">")


def _pieces(lengths: dict[str, int]) -> Iterator[list[str]]:
    """Yield sequences in pieces of about `PIECE` bases."""
    piece, bases = list[str](), 0
    for name, length in lengths.items():
        if piece and bases + length > PIECE:
            yield piece
            piece, bases = [], 0
        piece.append(name)
        bases += length
    if piece:
        yield piece


def _longest_intron(genome: Genome) -> int:
    """Return the longest intron that is looked for: as miniprot chooses it by the size of the genome."""
    low, high = LONGEST_INTRON
    return round(min(max(3.6 * math.sqrt(sum(genome.lengths.values())), low), high))
