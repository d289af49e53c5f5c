"""Evidence in text: every format gives the same table, and bad rows one clear line."""

from __future__ import annotations

import gzip
from argparse import Namespace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genescribe.errors import InputError
from genescribe.evidence.collect import EVIDENCE_FILES, EvidenceFiles
from genescribe.evidence.table import KINDS, PROTEIN, RNA, SOURCES, STRANDS, Collector, EvidenceTable
from genescribe.evidence.text import read_text

LENGTHS = {"c": 1_000, "d": 300}


def table_of(path: Path, origin: str | None = None) -> EvidenceTable:
    collector = Collector(LENGTHS)
    read_text(path, collector, origin)
    return collector.table()


def shown(table: EvidenceTable) -> list[tuple[str, str, int, int, str, str, float]]:
    """Return rows as people read them."""
    return [
        (
            table.seqids[row["seqid"]],
            KINDS[row["kind"]],
            int(row["start"]),
            int(row["end"]),
            STRANDS[row["strand"] + 1],
            SOURCES[row["source"]],
            round(float(row["weight"]), 4),
        )
        for row in table.rows
    ]


INTRONS = [("c", "intron", 100, 200, "+", "rna", 7.0), ("c", "intron", 300, 380, "-", "rna", 3.0)]
FORMATS = {
    "hints.gff": (
        "# comment\n"
        "c\tb2h\tintron\t101\t200\t0\t+\t.\tmult=4;pri=4;src=E\n"
        "c\tb2h\tintron\t101\t200\t0\t+\t.\tmult=3;pri=4;src=E\n"
        "c\tb2h\tintron\t301\t380\t3\t-\t.\tpri=4;src=E\n"
    ),
    "SJ.out.tab": (
        "c\t101\t200\t1\t1\t0\t7\t2\t30\nc\t301\t380\t2\t2\t1\t3\t0\t8\n"
        "c\t501\t560\t1\t1\t0\t0\t9\t30\nc\t601\t660\t1\t1\t0\t5\t9\t7\n"
    ),
    "regtools.bed": (
        "track name=junctions\nc\t80\t230\tJ1\t7\t+\t80\t230\t255,0,0\t2\t20,30\t0,120\n"
        "c\t290\t400\tJ2\t3\t-\t290\t400\t255,0,0\t2\t10,20\t0,90\n"
        "c\t500\t600\tunspliced\t9\t+\t500\t600\t0\t1\t100,\t0,\n"
    ),
    "introns.bed": "c\t100\t200\tx\t7\t+\nc\t300\t380\ty\t3\t-\n",
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("packed", [False, True])
def test_all_formats_of_introns_give_the_same_table(name: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(FORMATS[name].encode()) if packed else FORMATS[name].encode())
    assert shown(table_of(path)) == INTRONS


def test_kinds_and_sources_of_hints(tmp_path: Path) -> None:
    path = tmp_path / "h.gff"
    path.write_text(
        "c\tx\tCDSpart\t11\t40\t.\t+\t0\tsrc=P;mult=2;pri=4\n"
        "c\tx\texonpart\t11\t90\t.\t.\t.\tsource=W\n"
        "c\tx\tstart\t11\t13\t.\t+\t.\tsrc=M\n"
        "c\tx\tstop_codon\t38\t40\t.\t+\t.\tsrc=XNT;mult=5\n"
        "c\tx\tnonexonpart\t91\t99\t.\t.\t.\t\n"
        "c\tx\ttss\t91\t99\t.\t.\t.\tsrc=E\n"
        "c\tProtHint\tIntron\t41\t70\t1\t+\t.\tprots=A;al_score=0.3\n"
    )
    assert sorted(shown(table_of(path))) == sorted(
        [
            ("c", "CDSpart", 10, 40, "+", "protein", 2.0),
            ("c", "exonpart", 10, 90, ".", "rna", 1.0),
            ("c", "start", 10, 13, "+", "manual", 1.0),
            ("c", "stop", 37, 40, "+", "protein", 5.0),
            ("c", "nonexonpart", 90, 99, ".", "rna", 1.0),
            ("c", "intron", 40, 70, "+", "protein", 1.0),
        ]
    )


MINIPROT = (
    "##gff-version 3\n"
    "c\tminiprot\tmRNA\t101\t300\t90\t+\t.\tID=MP1;Rank=1;Identity=0.8;Positive=0.9;Target=prot%20A 1 40\n"
    "c\tminiprot\tCDS\t101\t160\t60\t+\t0\tParent=MP1;Rank=1;Identity=0.9;Target=protA 1 20\n"
    "c\tminiprot\tCDS\t241\t300\t60\t+\t0\tParent=MP1;Rank=1;Identity=0.7;Target=protA 21 40\n"
    "c\tminiprot\tstop_codon\t298\t300\t0\t+\t0\tParent=MP1\n"
    "c\tminiprot\tmRNA\t101\t300\t90\t+\t.\tID=MP2;Rank=1;Identity=0.6;Target=protB 5 40\n"
    "c\tminiprot\tCDS\t101\t160\t60\t+\t0\tParent=MP2\n"
    "c\tminiprot\tCDS\t241\t300\t60\t+\t0\tParent=MP2\n"
    "c\tminiprot\tmRNA\t401\t500\t90\t-\t.\tID=MP3;Identity=0.9;Frameshift=1;Target=broken 1 30\n"
    "c\tminiprot\tCDS\t401\t500\t60\t-\t0\tParent=MP3\n"
    "c\tminiprot\tmRNA\t601\t700\t90\t-\t.\tID=MP4;Identity=0.2;Target=far 1 30\n"
    "c\tminiprot\tCDS\t601\t700\t60\t-\t0\tParent=MP4\n"
)


def test_alignments_of_proteins(tmp_path: Path) -> None:
    path = tmp_path / "m.gff"
    path.write_text(MINIPROT)
    table = table_of(path)
    assert shown(table) == [
        ("c", "start", 100, 103, "+", "protein", 0.8),
        ("c", "CDSpart", 100, 160, "+", "protein", 1.4),
        ("c", "intron", 160, 240, "+", "protein", 1.4),
        ("c", "CDSpart", 240, 300, "+", "protein", 1.4),
        ("c", "stop", 297, 300, "+", "protein", 0.8),
    ], "of proteins with a frameshift or of another family nothing is read"
    best = table.rows["protein"][table.rows["kind"] == KINDS.index("intron")]
    assert table.proteins[int(best[0])].name == "prot A", "the most alike speaks for the place"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("c\tx\tintron\t101\t2000\t1\t+\t.\tsrc=E\n", r"c:101-2000 lies outside the genome"),
        ("e\tx\tintron\t101\t200\t1\t+\t.\tsrc=E\n", "the genome has no sequence 'e'; .*such as c"),
        ("c\tx\tintron\t200\t101\t1\t+\t.\tsrc=E\n", "c:200-101 ends before it starts"),
        ("c x intron 101 200 1 + . src=E\n", "no tabs in it; separate its columns by tabs"),
        ("c\tx\tintron\t0\t200\t1\t+\t.\tsrc=E\n", "outside the genome"),
        ("c\tx\tmRNA\t101\t200\t1\t+\t.\tsrc=E\n", "type mRNA is no evidence"),
        ("c\tx\tintron\tten\t200\t1\t+\t.\tsrc=E\n", "not a GFF row"),
        ("c\tx\tintron\t11\t200\t1\tplus\t.\tsrc=E\n", "not a GFF row"),
        ("c\tx\tintron\n", "not a GFF row"),
        ("neither this\nnor that\n", "not a GFF row"),
        ("# nothing\n", "no evidence"),
        ("c\tx\tintron\t11\t200\tinf\t+\t.\tsrc=E\n", "not a GFF row"),
        ("c\tx\tintron\t11\t200\t0\t+\t.\tmult=-3;src=E\n", "not a GFF row"),
        ("c\tx\tintron\t11\t200\t0\t+\t.\tmult=many;src=E\n", "not a GFF row"),
        (f"c\tx\tintron\t11\t200\t0\t+\t.\tmult=1{'0' * 400};src=E\n", "not a GFF row"),
        ("c\t1\t20\tx\tmany\t+\n", "not a BED row"),
        ("c\t1\t20\tx\tnan\t+\n", "not a BED row"),
        ("c\t1\t90\tx\t5\t+\t1\t90\t0\t3\t9,9\t0,80\n", "not a BED row"),
        ("c\t1\t90\tx\t5\t+\t1\t90\t0\t1\t89\t0\n", "no evidence"),
        ("c\t101\t200\t1\t1\t0\t7\t2\t30\nc\t101\t200\t7\t1\t0\t7\t2\t30\n", "not a SJ.out.tab row"),
        ("c\tminiprot\tmRNA\t1\t30\t90\t+\t.\tTarget=protB 5 40\n", "not a row of an aligned protein"),
        ("c\tminiprot\tCDS\t1\t30\t90\t+\t.\tParent=unknown\n", "not a row of an aligned protein"),
    ],
)
def test_bad_rows_are_named_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "h.gff"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        table_of(path)
    assert "\n" not in str(error.value) and "h.gff" in str(error.value)
    path.write_bytes(b"BAM\x01\xff\xfe")
    with pytest.raises(InputError, match="no text file"):
        table_of(path)
    with pytest.raises(InputError, match="a BAM file, not text; give it to --bam"):
        table_of(path.rename(tmp_path / "h.BAM"))


_ROWS = st.tuples(
    st.sampled_from(["c", "d"]),
    st.integers(0, 200),
    st.integers(1, 90),
    st.sampled_from(range(len(KINDS))),
    st.integers(-1, 1),
    st.sampled_from([RNA, PROTEIN]),
    st.integers(1, 50),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(_ROWS, max_size=20))
def test_a_table_is_sorted_and_comes_back_from_disk(rows: list[tuple[str, int, int, int, int, int, int]]) -> None:
    import tempfile

    collector = Collector(LENGTHS)
    for seqid, start, size, kind, strand, source, weight in rows:
        collector.add(seqid, start, start + size, kind, strand, source, float(weight))
    table = collector.table()
    expected: dict[tuple[str, int, int, int, int, int], int] = {}
    for seqid, start, size, *rest, weight in rows:
        key = (seqid, start, start + size, *rest)
        expected[key] = expected.get(key, 0) + weight
    assert float(table.rows["weight"].sum()) == sum(expected.values())
    assert len(table) == len(expected)
    for seqid in LENGTHS:
        inside = [key for key in expected if key[0] == seqid and key[1] >= 50 and key[2] <= 150]
        assert len(table.on(seqid, 50, 150)) == len(inside)
        assert (table.on(seqid)["start"][1:] >= table.on(seqid)["start"][:-1]).all()
    with tempfile.TemporaryDirectory() as folder:
        table.save(f"{folder}/t")
        again = EvidenceTable.load(f"{folder}/t")
        assert again.rows.tobytes() == table.rows.tobytes() and again.digest() == table.digest()


def test_no_file_counts_twice(tmp_path: Path) -> None:
    """Under two names or two options, either."""
    path, link = tmp_path / "h.gff", tmp_path / "link.gff"
    path.write_text("c\tx\tintron\t101\t200\t1\t+\t.\tsrc=E\n")
    link.symlink_to(path)
    for files in ({"hints": [path, path]}, {"hints": [path], "junctions": [link]}):
        with pytest.raises(InputError, match="is given twice"):
            EvidenceFiles.of(Namespace(**{name: files.get(name, []) for name in EVIDENCE_FILES}))
    for place, message in ((tmp_path, "is a folder"), (tmp_path / "none", "no such file")):
        with pytest.raises(InputError, match=f"{message}.*correct --bam"):
            EvidenceFiles.of(Namespace(bam=[place], junctions=[], hints=[], proteins=[]))
