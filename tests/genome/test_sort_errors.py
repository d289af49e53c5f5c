"""Bad input: one line with file, line and remedy, and nothing half-written."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from genescribe.errors import InputError
from genescribe.genome.repair.sort import sort_annotation

GENE = "c1\ts\tgene\t1\t90\t.\t+\t.\tID=g\n"
MRNA = "c1\ts\tmRNA\t1\t90\t.\t+\t.\tID=t;Parent=g\n"
CDS = "c1\ts\tCDS\t1\t90\t.\t+\t0\tID=p;Parent=g\n"

BAD_ROWS = {
    "too few columns": ("c1\ts\tgene\t1\t90\n", "5 tab-separated columns"),
    "too many columns": (GENE.rstrip("\n") + "\tmore\n", "10 tab-separated columns"),
    "spaces for tabs": ("c1 s gene 1 90 . + . ID=g\n", "separated by spaces"),
    "not GFF at all": ("Once upon a time\n", "1 tab-separated columns"),
    "start behind end": ("c1\ts\tgene\t91\t90\t.\t+\t.\tID=g\n", "start 91 lies behind end 90"),
    "start 0": ("c1\ts\tgene\t0\t90\t.\t+\t.\tID=g\n", "counts from 1"),
    "negative start": ("c1\ts\tgene\t-5\t90\t.\t+\t.\tID=g\n", "whole numbers"),
    "start is a word": ("c1\ts\tgene\tone\t90\t.\t+\t.\tID=g\n", "whole numbers"),
    "end is a fraction": ("c1\ts\tgene\t1\t90.5\t.\t+\t.\tID=g\n", "whole numbers"),
    "strand": ("c1\ts\tgene\t1\t90\t.\t1\t.\tID=g\n", "strand '1'"),
    "phase": ("c1\ts\tCDS\t1\t90\t.\t+\t3\tID=g\n", "phase '3'"),
    "no seqid": ("\ts\tgene\t1\t90\t.\t+\t.\tID=g\n", "seqid or the type is empty"),
    "no type": ("c1\ts\t\t1\t90\t.\t+\t.\tID=g\n", "seqid or the type is empty"),
    "digits of another script": ("c1\ts\tgene\t\u0661\t90\t.\t+\t.\tID=g\n", "whole numbers"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_row(name: str, tmp_path: Path) -> None:
    text, what = BAD_ROWS[name]
    source, target = tmp_path / "in.gff", tmp_path / "out.gff3"
    source.write_text(GENE + CDS + text, encoding="utf-8")
    with pytest.raises(InputError, match=what) as caught:
        sort_annotation(source, target)
    assert str(caught.value).startswith(f"{source}:3: ") and caught.value.remedy
    assert sorted(tmp_path.iterdir()) == [source]


CYCLES = {
    "gene and transcript": ("gene ID=a;Parent=b", "mRNA ID=b;Parent=a"),
    "two transcripts": ("mRNA ID=a;Parent=b", "mRNA ID=b;Parent=a"),
    "three": ("mRNA ID=a;Parent=b", "mRNA ID=b;Parent=c", "mRNA ID=c;Parent=a"),
}


@pytest.mark.parametrize("name", CYCLES)
def test_cyclic_parents(name: str, tmp_path: Path) -> None:
    source = tmp_path / "in.gff"
    rows = [line.split() for line in CYCLES[name]]
    source.write_text("".join(f"c1\ts\t{kind}\t1\t90\t.\t+\t.\t{text}\n" for kind, text in rows))
    with pytest.raises(InputError, match="its own ancestor"):
        sort_annotation(source, tmp_path / "out.gff3")


def test_a_row_that_is_its_own_parent_is_repaired(tmp_path: Path) -> None:
    source, target = tmp_path / "in.gff", tmp_path / "out.gff3"
    source.write_text("c1\ts\tmRNA\t1\t90\t.\t+\t.\tID=a;Parent=a\nc1\ts\texon\t1\t90\t.\t+\t.\tParent=a\n")
    sort_annotation(source, target)
    kinds = [line.split("\t")[2] for line in target.read_text().splitlines()[1:]]
    assert kinds == ["gene", "mRNA", "exon"]


def test_missing_empty_and_folder(tmp_path: Path) -> None:
    empty = tmp_path / "empty.gff"
    empty.touch()
    comments = tmp_path / "comments.gff"
    comments.write_text("##gff-version 3\n\n# nothing\n")
    sequences = tmp_path / "genome.fa"
    sequences.write_text(">c1\nACGT\n")
    for path, what in [
        (tmp_path / "absent.gff", "does not exist"),
        (empty, "empty"),
        (comments, "no annotation row"),
        (sequences, "no annotation"),
        (tmp_path, "a folder"),
    ]:
        with pytest.raises(InputError, match=what) as caught:
            sort_annotation(path, tmp_path / "out.gff3")
        assert caught.value.where == str(path)
    assert not (tmp_path / "out.gff3").exists()


def test_truncated_and_damaged_gzip(tmp_path: Path) -> None:
    whole = gzip.compress((GENE + CDS).encode() * 2000)
    for name, content in [("cut.gff.gz", whole[: len(whole) // 2]), ("head.gff.gz", b"\x1f\x8bnonsense")]:
        source = tmp_path / name
        source.write_bytes(content)
        with pytest.raises(InputError, match="damaged or ends early"):
            sort_annotation(source, tmp_path / "out.gff3")


def test_an_older_result_survives_a_failure(tmp_path: Path) -> None:
    source, target = tmp_path / "in.gff", tmp_path / "out.gff3"
    target.write_text("older\n")
    source.write_text("nonsense\n")
    with pytest.raises(InputError):
        sort_annotation(source, target)
    assert target.read_text() == "older\n"


def test_bad_options(tmp_path: Path) -> None:
    source = tmp_path / "in.gff"
    source.write_text(GENE + CDS)
    with pytest.raises(InputError, match="unknown sorter"):
        sort_annotation(source, tmp_path / "out.gff3", sorter="magic")
    with pytest.raises(InputError, match="empty attribute name"):
        sort_annotation(source, tmp_path / "out.gff3", locus_tag="")


ACCEPTED = {
    "CRLF": (GENE + CDS).replace("\n", "\r\n"),
    "comments and blank lines": f"# a\n\n{GENE}   \n{CDS}###\n",
    "track line": f"track name=x\n{GENE}{CDS}",
    "non-ASCII comment": f"# d\u00e9j\u00e0 vu\n{GENE}{CDS}",
    "trailing tabs": (GENE + CDS).replace("\n", "\t\n"),
    "no attribute column": GENE.replace("\tID=g", "") + CDS.replace("\tID=p;Parent=g", ""),
    "rows behind sequences": f">c9\nACGT\n{GENE}{CDS}",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str, tmp_path: Path) -> None:
    source, target = tmp_path / "in.gff", tmp_path / "out.gff3"
    source.write_bytes(ACCEPTED[name].encode())
    report = sort_annotation(source, target)
    assert report.rows_in == 2
    kinds = [line.split("\t")[2] for line in target.read_text().splitlines()[1:]]
    assert kinds == ["gene", "mRNA", "exon", "CDS"] and "\r" not in target.read_text()


def test_an_annotation_without_a_usable_gene_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    """The gene is left out since its transcript was rejected: that is the reason."""
    source = tmp_path / "in.gff"
    source.write_text(
        GENE + "".join(CDS.replace("Parent=g", "Parent=t").replace("+", strand) for strand in "+-") + MRNA
    )
    with pytest.raises(InputError, match=r"in.gff:\d: none of the \d rows .* rejected: its parts lie on both strands"):
        sort_annotation(source, tmp_path / "out.gff3")


def test_gzip_equals_plain(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.gff", tmp_path / "a.gff.gz"
    plain.write_text(GENE + CDS)
    packed.write_bytes(gzip.compress((GENE + CDS).encode()))
    for source in (plain, packed):
        sort_annotation(source, tmp_path / f"{source.name}.out")
    assert (tmp_path / "a.gff.out").read_text() == (tmp_path / "a.gff.gz.out").read_text()


def test_script(repository: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.gff", tmp_path / "out.gff3"
    source.write_text(GENE + CDS)
    script = [sys.executable, str(repository / "scripts" / "sort_annotation.py")]
    subprocess.run([*script, source, target, "--merge-loci", "--group-by", "a,b"], check=True, capture_output=True)
    assert target.exists() and (tmp_path / "out.gff3.repairs.tsv").exists()
    source.write_text("nonsense\n")
    run = subprocess.run([*script, source, tmp_path / "new.gff3"], capture_output=True, text=True, check=False)
    assert run.returncode == 2 and not (tmp_path / "new.gff3").exists()
    assert run.stderr.strip().startswith(f"genescribe: error: {source}:1: ") and len(run.stderr.splitlines()) == 1
