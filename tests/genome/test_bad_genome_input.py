"""Genomes, annotations and catalogues that cannot be used: one clear line each, and nothing half-written."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from genescribe.errors import InputError
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.catalogue.database import Catalogue, build_catalogue
from genescribe.genome.fasta import Genome
from genescribe.genome.inputs import fetch_annotation, fetch_fasta

GENOME = b">I first\nACGTACGTACGTACGTACGT\nACGTACGTAC\n>II\nGGGGCCCC\n"
GOOD = "I\tx\tgene\t1\t9\t.\t+\t.\tID=g\nI\tx\tmRNA\t1\t9\t.\t+\t.\tID=t;Parent=g\n"
FASTA_KIND, ANNOTATION_KIND = "give a FASTA file", "give a GFF3 or GTF file"


def damaged(raw: bytes) -> bytes:
    """Return gzip bytes with one of the compressed ones changed."""
    packed = bytearray(gzip.compress(raw * 50))
    packed[len(packed) // 2] ^= 0xFF
    return bytes(packed)


# Name: (bytes; None: no file, "folder": a folder), line (None: the whole file), words of the message.
FASTA: dict[str, tuple[bytes | str | None, int | None, str]] = {
    "missing": (None, None, "no such file; give the path"),
    "a folder": ("folder", None, "is a folder"),
    "empty": (b"", None, f"the file is empty; {FASTA_KIND}"),
    "blank lines": (b"\n\n", 1, "does not begin with a `>` line"),
    "an annotation": (GOOD.encode(), 1, "does not begin with a `>` line"),
    "an empty gzip file": (gzip.compress(b""), None, "the file is empty"),
    "a truncated gzip file": (gzip.compress(GENOME * 50)[:-20], None, "ends early .*; download or copy it again"),
    "a gzip file cut in its header": (gzip.compress(GENOME)[:5], None, "ends early"),
    "a damaged gzip file": (damaged(GENOME), None, "the compressed file is damaged"),
    "a name given twice": (b">a\nA\n>b\nC\n>a x\nG\n", 5, "'a' occurs twice; rename"),
    "no name": (b">a\nA\n> b\nC\n", 3, "a sequence without a name"),
    "a name that is not ASCII": (b">a\nA\n>\xc3\xa9\nC\n", 3, "non-ASCII"),
    "a byte that is not ASCII": (b">a\nAC\nG\xc3\xa9\n", 3, "byte 0xc3 is not ASCII, in sequence 'a'"),
    "a protein": (b">a\r\nACDEF\r\n", 2, "'E' is no nucleotide \\(is this a protein file\\?\\)"),
    "a digit": (b">a\nAC1\n", 2, "'1' is no nucleotide"),
    "a gap": (b">a\nAC-\n", 2, "'-' is no nucleotide"),
    "a blank": (b">a\nAC GT\n", 2, "' ' is no nucleotide"),
    "a NUL byte": (b">a\nAC\0\n", 2, "no nucleotide"),
    "no bases": (b">a\n>b\nAC\n", 1, "'a' has no bases; remove it"),
    "no bases at the end": (b">a\nAC\n>b", 3, "'b' has no bases"),
    "a bad letter in uneven lines": (b">a\nAC\nACGT\nA!\n", 4, "'!' is no nucleotide"),
}

ANNOTATION: dict[str, tuple[bytes | str | None, int | None, str]] = {
    "missing": (None, None, f"no such file; {ANNOTATION_KIND}"),
    "a folder": ("folder", None, "is a folder"),
    "empty": (b"", None, f"the file is empty; {ANNOTATION_KIND}"),
    "blank lines": (b"\n \n", None, "the file is empty"),
    "comments only": (b"#none\n#at all\n", None, "no annotation row"),
    "a genome": (GENOME, None, "a FASTA file, no annotation"),
    "a truncated gzip file": (gzip.compress(GOOD.encode() * 50)[:-20], None, "ends early"),
    "Latin-1": (GOOD.encode() + b"I\tx\tgene\t1\t9\t.\t+\t.\tID=\xe9\n", 3, "byte 0xe9 is not UTF-8; save"),
    "half a character": (GOOD.encode() + b"#\xc3", 3, "ends within a UTF-8 character"),
    "a binary file": (GOOD.encode() + b"\0\1\2", 3, "NUL byte"),
    "eight columns": (GOOD.encode() + b"I\tx\tgene\t1\t9\t.\t+\t.\n", 3, "8 columns, not nine; write nine"),
    "blanks for tabs": (GOOD.replace("\t", " ").encode(), 1, "1 columns, not nine \\(and 1 more such rows\\)"),
    "no type": (GOOD.encode() + b"I\tx\t\t1\t9\t.\t+\t.\tID=a\n", 3, "no sequence or no type"),
    "a start that is no number": (GOOD.replace("mRNA\t1", "mRNA\tone").encode(), 2, "start 'one' or end '9'"),
    "a start of zero": (GOOD.replace("mRNA\t1", "mRNA\t0").encode(), 2, "start '0'.*; write whole numbers"),
    "end before start": (GOOD.replace("gene\t1\t9", "gene\t9\t1").encode(), 1, "end 1 lies before start 9"),
    "a bad strand": (GOOD.replace(".\t+", ".\tplus").encode(), 1, "strand 'plus'"),
    "a bad phase": (GOOD.encode() + b"I\tx\tCDS\t1\t9\t.\t+\t3\tParent=t\n", 3, "phase '3'; write 0, 1 or 2"),
    "a score that is not finite": (GOOD.replace("9\t.", "9\t1e400").encode(), 1, "score '1e400'.*; write a number"),
    "a score that is no number": (GOOD.replace("9\t.", "9\tnan").encode(), 1, "score 'nan'"),
    "a bad score": (GOOD.replace("9\t.", "9\thigh").encode(), 1, "score 'high'"),
    "a CRLF file with an error": (GOOD.replace("\t+", "\t*").replace("\n", "\r\n").encode(), 1, "strand '\\*'"),
    "an unknown sequence": (GOOD.encode() + b"chrI\tx\tgene\t1\t9\t.\t+\t.\tID=a\n", 3, "'chrI' is not in the genome"),
    "past the end": (GOOD.encode() + b"II\tx\tgene\t1\t9\t.\t+\t.\tID=a\n", 3, "9 lies past the end of II, .* 8 bases"),
    "a gene ID twice": (GOOD.encode() + b"I\tx\tgene\t2\t9\t.\t+\t.\tID=g\n", 3, "g is also the ID of line 1; give"),
    "a transcript ID twice": (GOOD.encode() * 1 + GOOD.encode().split(b"\n")[1] + b"\n", 3, "t is also the ID"),
    "a gene's ID for its transcript": (GOOD.replace("ID=t", "ID=g").encode(), 2, "g is its own ancestor|also the ID"),
    "cyclic parents": (
        b"I\tx\tmRNA\t1\t9\t.\t+\t.\tID=a;Parent=b\nI\tx\tmRNA\t1\t9\t.\t+\t.\tID=b;Parent=a\n",
        1,
        "a is its own ancestor \\(and 1 more such rows\\); correct the Parent",
    ),
    "no gene": (b"I\tx\tregion\t1\t9\t.\t+\t.\tID=r\n", None, "no usable gene: no gene, .*; give an"),
    "no usable gene": (b"I\tx\tgene\t1\t9\t.\t+\t.\tID=g\n", None, "no usable gene \\(no_transcript 1\\)"),
    "CDS rows alone": (b"I\tx\tCDS\t1\t9\t.\t+\t0\tName=c\n", None, "no usable gene \\(no_parent 1\\); sort"),
    "half a GTF": (b'I\tx\tCDS\t1\t9\t.\t+\t0\tgene_id "g";\nI\tx\texon\t1\t9\t.\t+\t0\t\n', None, "no usable gene"),
}
NEEDS_GENOME = {"an unknown sequence", "past the end", "no gene", "no usable gene", "CDS rows alone", "half a GTF"}


def put(folder: Path, name: str, content: bytes | str | None) -> Path:
    path = folder / name
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    return path


def assert_refused(action: Callable[[], object], path: Path, line: int | None, words: str) -> None:
    with pytest.raises(InputError) as caught:
        action()
    place = str(path) if line is None else f"{path}:{line}"
    message = str(caught.value)
    assert message.startswith(f"{place}: ")
    assert re.search(words, message)
    assert "\n" not in message
    assert caught.value.remedy


def test_the_genome_and_annotation_of_this_table_are_good(tmp_path: Path) -> None:
    build_catalogue(put(tmp_path, "i.fa", GENOME), put(tmp_path, "i.gff3", GOOD.encode()), tmp_path / "c.duckdb")
    crlf = put(tmp_path, "crlf.gff3", GOOD.replace("\n", "\r\n").encode())
    assert read_genes(crlf) == read_genes(tmp_path / "i.gff3")


@pytest.mark.parametrize("name", FASTA)
def test_bad_genomes(tmp_path: Path, name: str) -> None:
    content, line, words = FASTA[name]
    path = put(tmp_path, "genome.fa", content)
    before = sorted(tmp_path.iterdir())
    assert_refused(lambda: Genome.open(path), path, line, words)
    assert_refused(lambda: fetch_fasta(str(path), tmp_path / "out.fa"), path, line, words.split(";")[0])
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ANNOTATION)
def test_bad_annotations(tmp_path: Path, name: str) -> None:
    content, line, words = ANNOTATION[name]
    genome, path = put(tmp_path, "genome.fa", GENOME), put(tmp_path, "annotation", content)
    Genome.open(genome)
    before = sorted(tmp_path.iterdir())
    assert_refused(lambda: build_catalogue(genome, path, tmp_path / "c.duckdb"), path, line, words)
    if name not in NEEDS_GENOME:
        assert_refused(lambda: read_genes(path), path, line, words)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["empty", "a genome", "Latin-1", "half a character", "a truncated gzip file"])
def test_bad_annotations_are_not_fetched(tmp_path: Path, name: str) -> None:
    content, line, words = ANNOTATION[name]
    path = put(tmp_path, "annotation", content)
    assert_refused(lambda: fetch_annotation(str(path), tmp_path / "out.gxf"), path, line, words)
    assert [found.name for found in tmp_path.iterdir()] == ["annotation"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file; build the catalogue first"),
        (b"", "no catalogue"),
        (b"text", "no catalogue"),
        ("CREATE TABLE other (x INTEGER)", "no catalogue"),
        ("CREATE TABLE meta AS SELECT 'format' AS key, '0' AS value", "written in format 0, not 1; build it again"),
    ],
)
def test_bad_catalogues(tmp_path: Path, content: bytes | str | None, words: str) -> None:
    path = tmp_path / "c.duckdb"
    if isinstance(content, str):
        with duckdb.connect(str(path)) as connection:
            connection.execute(content)
    else:
        put(tmp_path, path.name, content)
    assert_refused(lambda: Catalogue(path), path, None, words)


def test_a_place_outside_a_genome(tmp_path: Path) -> None:
    path = put(tmp_path, "genome.fa", GENOME)
    genome = Genome.open(path)
    assert_refused(lambda: genome.codes("III"), path, None, "no sequence 'III'; it has 2: I, II")
    assert_refused(lambda: genome.codes("II", 3, 9), path, None, r"\[3, 9\) lies outside 'II', which has 8 bases")


@pytest.mark.parametrize(
    ("script", "options", "words"),
    [
        ("catalogue.py", "--fasta {genome} --annotation {bad} --output {out}", "{bad}:3: phase '3'; write 0"),
        ("catalogue.py", "--fasta {bad} --annotation {good} --output {out}", "{bad}:1: no FASTA file"),
        ("catalogue.py", "--fasta {genome} --annotation {good} --output {out} --genetic-code 7", "no NCBI table 7"),
        (
            "catalogue.py",
            "--fasta {genome} --annotation {good} --output {good}/c",
            "{good}/c: {good} is a file, not a folder; give another path",
        ),
        ("catalogue.py", "", "give --fasta, --annotation and --output"),
        ("fetch_input.py", "fasta --source {bad} --output {out}", "{bad}:1: no FASTA file"),
        ("fetch_input.py", "annotation --source nowhere.gff3 --output {out}", "nowhere.gff3: no such file"),
    ],
)
def test_scripts_end_with_one_line_and_status_two(
    tmp_path: Path, repository: Path, script: str, options: str, words: str
) -> None:
    names = {
        "genome": put(tmp_path, "genome.fa", GENOME),
        "good": put(tmp_path, "good.gff3", GOOD.encode()),
        "bad": put(tmp_path, "bad.gff3", GOOD.encode() + b"I\tx\tCDS\t1\t9\t.\t+\t3\tParent=t\n"),
        "out": tmp_path / "out",
    }
    Genome.open(names["genome"])
    before = sorted(tmp_path.iterdir())
    command = [sys.executable, repository / "scripts" / script, *options.format(**names).split()]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("genescribe: error: ") and result.stderr.count("\n") == 1
    assert words.format(**names) in result.stderr
    assert sorted(tmp_path.iterdir()) == before
