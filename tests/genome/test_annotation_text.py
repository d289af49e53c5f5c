"""Text as files hold it: encodings, line ends and embedded sequences, for all who read annotation."""

from __future__ import annotations

from pathlib import Path

import pytest

from genescribe.errors import InputError
from genescribe.genome import annotation_text, fasta
from genescribe.genome.annotation_text import read_lines
from genescribe.genome.fasta import Genome
from genescribe.genome.gff import read_genes
from genescribe.genome.gff_cds import read_cds_rows
from genescribe.genome.sort import sort_annotation

ROWS = """##gff-version 3
chr1\tsrc\tgene\t101\t400\t.\t+\t.\tID=g1
chr1\tsrc\tmRNA\t101\t400\t.\t+\t.\tID=g1.t1;Parent=g1
chr1\tsrc\texon\t101\t400\t.\t+\t.\tParent=g1.t1
chr1\tsrc\tCDS\t101\t400\t.\t+\t0\tID=g1.cds;Parent=g1.t1
"""

SAME = {
    "byte order mark": b"\xef\xbb\xbf" + ROWS.encode(),
    "Windows": ROWS.replace("\n", "\r\n").encode(),
    "lone carriage returns": ROWS.replace("\n", "\r").encode(),
    "carriage returns without a last one": ROWS.rstrip().replace("\n", "\r").encode(),
    "Latin-1 in a comment": ROWS.encode() + b"# caf\xe9\n",
    "UTF-8 in a FASTA section": ROWS.encode() + ">s \u03b2\nAC\u03b2GT\n".encode(),
    "Latin-1 in a FASTA section": ROWS.encode() + b"##FASTA\n>s \xe9\nAC\xe9GT\n",
    "UTF-8 in a description": ROWS.replace("ID=g1\n", "ID=g1;description=\u03b2-tubulin, 5\u2032 end\n").encode(),
    "rows switched off": ROWS.encode() + "".join(f"#{row}\n" for row in ROWS.split("\n")[1:5]).encode(),
}


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("chunk", [7, 1 << 20])
def test_all_readers_read_the_same(name: str, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "in.gff3", tmp_path / "out.gff3"
    source.write_bytes(SAME[name])
    monkeypatch.setattr(fasta, "CHUNK", chunk)
    report = sort_annotation(source, target)
    assert (report.rows_in, report.rows_out) == (4, 4)
    for path in (source, target):
        [gene] = read_genes(path)
        assert (gene.id, gene.seqid, gene.transcripts[0].id, gene.transcripts[0].cds) == (
            "g1", "chr1", "g1.t1", ((100, 400),),
        )  # fmt: skip
        assert [rows.parts for rows in read_cds_rows(path)[0]] == [[(100, 400, 1, 0)]]


def test_a_description_in_utf8_is_kept(tmp_path: Path) -> None:
    source, target = tmp_path / "in.gff3", tmp_path / "out.gff3"
    source.write_bytes(SAME["UTF-8 in a description"])
    sort_annotation(source, target)
    assert "description=%CE%B2-tubulin%2C 5%E2%80%B2 end" in target.read_text()
    assert read_genes(target)[0].attributes["description"] == "\u03b2-tubulin, 5\u2032 end"


def test_a_row_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    source = tmp_path / "in.gff3"
    source.write_bytes(ROWS.encode("latin-1").replace(b"ID=g1.t1", b"Note=\xe9;ID=g1.t1"))
    for action in (lambda: sort_annotation(source, tmp_path / "out"), lambda: read_genes(source)):
        with pytest.raises(InputError, match=r":3: byte 0xe9 is not UTF-8; save the annotation as UTF-8"):
            action()


def test_lines_keep_their_numbers_behind_sequences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "in.gff3"
    lines = ROWS.splitlines()
    source.write_text("\n".join([lines[0], ">chr1", "ACGT", "ACGT", *lines[1:], ">chr2", "A" * 50]) + "\n")
    kept = ["##gff-version 3", "##FASTA", "", "", *lines[1:]]
    assert list(read_lines(source)) == kept
    monkeypatch.setattr(fasta, "CHUNK", 3)
    assert list(read_lines(source)) == kept


def test_sequences_on_one_long_line_are_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "in.gff3"
    source.write_text(f"{ROWS}##FASTA\n>chr1\n{'ACGT' * 2000}\n")
    monkeypatch.setattr(annotation_text, "CHUNK", 500)
    monkeypatch.setattr(fasta, "CHUNK", 100)
    assert list(read_lines(source)) == [*ROWS.splitlines(), "##FASTA"]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_genome_with_a_byte_order_mark(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "g.fa"
    path.write_bytes(b"\xef\xbb\xbf" + ending.join([">chr1 \u03b2", "ACGT", "AC", ">b", "GG", ""]).encode())
    genome = Genome.open(path)
    assert genome.lengths == {"chr1": 6, "b": 2}
    assert genome.codes("chr1").tolist() == [0, 1, 2, 3, 0, 1]
