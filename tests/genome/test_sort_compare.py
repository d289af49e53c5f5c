"""Canonical forms see structure and coordinates, and nothing else."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.genome.compare_annotations import canonical, difference

TEXT = """##gff-version 3
c1\ts\tgene\t1\t90\t.\t+\t.\tID=g
c1\ts\tmRNA\t1\t90\t.\t+\t.\tID=t;Parent=g
c1\ts\tCDS\t1\t60\t.\t+\t0\tParent=t
c1\ts\texon\t1\t90\t5\t+\t.\tID=e;Parent=t
"""


def form(text: str, tmp_path: Path, **keywords: bool) -> object:
    path = tmp_path / "a.gff3"
    path.write_text(text)
    return canonical(path, **keywords)


def test_ids_order_scores_and_attributes_do_not_count(tmp_path: Path) -> None:
    lines = TEXT.replace("=g", "=gene%201").replace("\t5\t", "\t.\t").replace("ID=e", "ID=f;note=x").splitlines()
    assert form("\n".join(reversed(lines)) + "\n", tmp_path) == form(TEXT, tmp_path)


def test_coordinates_types_strands_and_parents_count(tmp_path: Path) -> None:
    reference = form(TEXT, tmp_path)
    for old, new in [("\t60\t", "\t63\t"), ("exon", "intron"), ("90\t.\t+", "90\t.\t-"), ("Parent=t", "Parent=g")]:
        assert form(TEXT.replace(old, new), tmp_path) != reference


def test_phases_count_where_asked(tmp_path: Path) -> None:
    other = TEXT.replace("\t0\t", "\t1\t")
    assert form(other, tmp_path) == form(TEXT, tmp_path)
    assert form(other, tmp_path, phases=True) != form(TEXT, tmp_path, phases=True)


def test_several_parents_and_twins(tmp_path: Path) -> None:
    twice = TEXT + "c1\ts\tmRNA\t1\t90\t.\t+\t.\tID=u;Parent=g\nc1\ts\texon\t1\t90\t.\t+\t.\tParent=u\n"
    shared = TEXT.replace("ID=e;Parent=t", "ID=e;Parent=t,u") + "c1\ts\tmRNA\t1\t90\t.\t+\t.\tID=u;Parent=g\n"
    assert form(twice, tmp_path) == form(shared, tmp_path) != form(TEXT, tmp_path)


def test_difference_shows_whole_genes(tmp_path: Path) -> None:
    ours, path = form(TEXT, tmp_path), tmp_path / "b.gff3.gz"
    path.write_bytes(gzip.compress(TEXT.replace("\t60\t", "\t63\t").encode()))
    text = difference(ours, canonical(path))  # type: ignore[arg-type]
    assert text.splitlines()[0] == "- c1 gene 1-90 + ." and "+     c1 CDS 1-60 + ." in text.splitlines()
    assert difference(canonical(path), canonical(path)) == ""
