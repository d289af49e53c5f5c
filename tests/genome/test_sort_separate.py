"""What the file tells apart stays apart: no transcript of the sorter is a chimera."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.genome.compare_annotations import canonical
from tests.genome.test_sort_builtin import unaccounted
from tests.genome.test_sort_dialects import Genes, sorted_genes, text_of

from genescribe.errors import InputError
from genescribe.genome.repair.sort import sort_annotation

FLAT = [
    "ctg1 Prodigal CDS 101 400 42.0 + 0 ID=1_1;partial=00",
    "ctg1 Prodigal CDS 451 750 42.0 - 0 ID=1_2;partial=00",
    "ctg1 Prodigal CDS 801 1100 42.0 + 0 ID=1_3;partial=00",
]
FLAT_GENES: Genes = {
    ("gene-1_1", "+"): [((101, 400),)], ("gene-1_2", "-"): [((451, 750),)], ("gene-1_3", "+"): [((801, 1100),)],
}  # fmt: skip

APART: dict[str, tuple[list[str], Genes]] = {
    "flat CDS rows": (FLAT, FLAT_GENES),
    "flat CDS rows that overlap": (
        ["c P CDS 101 400 . + 0 ID=a", "c P CDS 397 700 . + 0 ID=b", "c P CDS 690 900 . - 0 ID=c"],
        {("gene-a", "+"): [((101, 400),)], ("gene-b", "+"): [((397, 700),)], ("gene-c", "-"): [((690, 900),)]},
    ),
    "flat CDS rows behind a tRNA": (
        ["ctg1 s tRNA 11 90 . + . ID=trn;Parent=g", *FLAT],
        {("g", "+"): [()], **FLAT_GENES},
    ),
    "flat CDS rows behind a gene of its own": (
        [
            "ctg1 s gene 11 90 . + . ID=g",
            "ctg1 s mRNA 11 90 . + . ID=t;Parent=g",
            "ctg1 s CDS 11 90 . + 0 Parent=t",
            *FLAT,
        ],
        {("g", "+"): [((11, 90),)], **FLAT_GENES},
    ),
    "flat rows of one CDS": (
        ["c s CDS 101 200 . - 1 ID=a", "c s CDS 301 400 . - 0 ID=a", "c s CDS 501 600 . - 0 ID=b"],
        {("gene-a", "-"): [((101, 200), (301, 400))], ("gene-b", "-"): [((501, 600),)]},
    ),
    "flat CDS rows with exons": (
        [
            "c s exon 91 410 . + . ID=e1", "c s CDS 101 400 . + 0 ID=a",
            "c s exon 491 710 . + . ID=e2", "c s CDS 501 700 . + 0 ID=b",
        ],
        {("gene-a", "+"): [((101, 400),)], ("gene-b", "+"): [((501, 700),)]},
    ),
    "one ID at two places": (
        [
            row.replace("PLACE", place)
            for place in ("101 400", "601 900")
            for row in (
                "chr1 s gene PLACE . + . ID=g1",
                "chr1 s mRNA PLACE . + . ID=g1.t1;Parent=g1",
                "chr1 s exon PLACE . + . Parent=g1.t1",
                "chr1 s CDS PLACE . + 0 ID=g1.cds;Parent=g1.t1",
            )
        ],
        {("g1", "+"): [((101, 400),)], ("genescribe-gene-1", "+"): [((601, 900),)]},
    ),
    "one ID on two strands, sorted by place": (
        [
            "chr1 s gene 101 400 . + . ID=g1",
            "chr1 s gene 201 500 . - . ID=g1",
            "chr1 s mRNA 101 400 . + . ID=t;Parent=g1",
            "chr1 s mRNA 201 500 . - . ID=t;Parent=g1",
            "chr1 s CDS 101 400 . + 0 Parent=t",
            "chr1 s CDS 201 500 . - 0 Parent=t",
        ],
        {("g1", "+"): [((101, 400),)], ("genescribe-gene-1", "-"): [((201, 500),)]},
    ),
    "two coding sequences of one transcript, as in the text of GFF3": (
        [
            "c . gene 101 900 . + . ID=g",
            "c . mRNA 101 900 . + . ID=t;Parent=g",
            "c . exon 101 400 . + . Parent=t", "c . exon 601 900 . + . Parent=t",
            "c . CDS 101 400 . + 0 ID=a;Parent=t", "c . CDS 601 800 . + 0 ID=a;Parent=t",
            "c . CDS 191 400 . + 0 ID=b;Parent=t", "c . CDS 601 800 . + 0 ID=b;Parent=t",
        ],
        {("g", "+"): [((101, 400), (601, 800)), ((191, 400), (601, 800))]},
    ),
    "transcripts of one gene on two strands": (
        [
            "c s gene 101 900 . + . ID=g",
            "c s mRNA 101 400 . + . ID=t;Parent=g", "c s CDS 101 400 . + 0 Parent=t",
            "c s mRNA 601 900 . - . ID=u;Parent=g", "c s CDS 601 900 . - 0 Parent=u",
        ],
        {("g", "+"): [((101, 400),)], ("g-antisense", "-"): [((601, 900),)]},
    ),
    # The rows of a CDS that name both are rejected, as of two parents.
    "two parents that differ in case only": (
        [
            "c s CDS 101 400 . + 0 ID=g;Parent=G", "c s mRNA 901 990 . + . ID=g;Parent=t",
            "c s CDS 701 800 . + 1 ID=t;Parent=g", "c s gene 101 400 . - . ID=G",
        ],
        {("genescribe-gene-1", "+"): [()]},
    ),
    "a parent in another case on another sequence": (
        [
            "c1 s gene 101 400 . + . ID=G", "c1 s CDS 101 400 . + 0 Parent=G",
            "c2 s CDS 601 900 . + 0 Parent=g",
        ],
        {("G", "+"): [((101, 400),)], ("genescribe-gene-1", "+"): [((601, 900),)]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", APART)
def test_apart(name: str, tmp_path: Path) -> None:
    lines, expected = APART[name]
    found, _, report = sorted_genes(text_of(lines), tmp_path)
    assert found == expected
    assert unaccounted(text_of(lines), tmp_path / "out.gff3", report) == []


KEPT = ["c s gene 2001 2300 . + . ID=k", "c s CDS 2001 2300 . + 0 Parent=k"]
REJECTED = {
    "CDS on both strands": (
        ["c s mRNA 101 900 . + . ID=t", "c s CDS 101 400 . + 0 Parent=t", "c s CDS 601 900 . - 0 Parent=t"],
        "both strands",
    ),
    "CDS on the other strand": (["c s mRNA 101 900 . + . ID=t", "c s CDS 101 400 . - 0 Parent=t"], "the other strand"),
    "numbered CDS rows that overlap": (
        [
            "c s mRNA 101 900 . + . ID=t", "c s CDS 101 300 . + 0 ID=p1;Parent=t",
            "c s CDS 251 400 . + 0 ID=p2;Parent=t", "c s CDS 501 900 . + 0 ID=p3;Parent=t",
        ],
        "CDS rows overlap",
    ),
    "CDS rows without IDs that overlap": (
        ['c s CDS 101 300 . + 0 transcript_id "t";', 'c s CDS 251 400 . + 0 transcript_id "t";'], "CDS rows overlap",
    ),
    "flat CDS rows without IDs": (["c s CDS 101 300 . + 0 product=x", "c s CDS 501 700 . + 0 product=y"], "no Parent"),
}  # fmt: skip


@pytest.mark.parametrize("name", REJECTED)
def test_rejected_with_a_reason(name: str, tmp_path: Path) -> None:
    lines, why = REJECTED[name]
    found, _, report = sorted_genes(text_of(lines + KEPT), tmp_path)
    assert found == {("k", "+"): [((2001, 2300),)]}
    reasons = {repair.line: repair.what for repair in report.repairs if "rejected" in repair.what}
    coding = [number for number, line in enumerate(lines, 1) if " CDS " in line]
    assert all(why in reasons[number] for number in coding)
    with pytest.raises(InputError, match=why):
        sorted_genes(text_of(lines), tmp_path)


def test_trans_splicing_on_genes_and_transcripts(tmp_path: Path) -> None:
    """The pieces stay apart and marked, so that the catalogue rejects them as what they are."""
    mark = "exception=trans-splicing"
    lines = [
        f"chr1 m gene 101 200 . + . ID=ga;{mark}", f"chr1 m gene 601 900 . + . ID=gb;{mark}",
        f"chr1 m mRNA 101 200 . + . ID=m1;Parent=ga,gb;{mark}", f"chr1 m mRNA 601 900 . + . ID=m1;Parent=ga,gb;{mark}",
        "chr1 m CDS 101 200 . + 0 ID=c1;Parent=m1", "chr1 m CDS 601 900 . + 2 ID=c1;Parent=m1",
    ]  # fmt: skip
    found, text, _ = sorted_genes(text_of(lines + [line.replace("c ", "chr1 ", 1) for line in KEPT]), tmp_path)
    assert found == {("k", "+"): [((2001, 2300),)]}
    spans = sorted((tree[0][2:4], [child[0][2:4] for child in tree[1]]) for tree in canonical(tmp_path / "out.gff3"))
    assert spans == [((101, 200), [(101, 200)]), ((601, 900), [(601, 900)]), ((2001, 2300), [(2001, 2300)])]
    assert text.count("trans-splicing") == 4


def slipped(left: list[str], right: list[str]) -> bool:
    """Whether a ribosome slips between two CDS rows: it reads one or two bases twice, and goes on in frame."""
    first, second = (left, right) if left[6] == "+" else (right, left)
    read = int(first[4]) - int(first[3]) + 1 - int(first[7])
    return int(left[4]) - int(right[3]) < 2 and -read % 3 == int(second[7])


PARTS = ("exon", "CDS")


def chimeras(source: str, target: Path) -> list[str]:
    """Return the transcripts of `target` that hold CDS of two strands, of two parents or IDs, or that overlap."""
    owners: dict[tuple[str, ...], set[str]] = defaultdict(set)
    rows = [line.split("\t") for line in source.splitlines()]
    attributes = [dict(pair.split("=") for pair in row[8].split(";") if pair) for row in rows]
    # Of what may have parts: nothing refers to a part.
    ids = {its["ID"] for row, its in zip(rows, attributes, strict=True) if row[2] not in PARTS and "ID" in its}
    # A row without a parent may join another one that has its locus tag, or the transcript of that.
    parents: dict[str, set[str]] = defaultdict(set)
    for pairs in attributes:
        if "locus_tag" in pairs:
            parents[pairs["locus_tag"]] |= set(filter(None, pairs.get("Parent", "").split(",")))
            parents[pairs["locus_tag"]] |= ids & {pairs.get("ID")}
    anyone = {
        name for pairs in attributes for key in ("ID", "Parent", "locus_tag") for name in pairs.get(key, "").split(",")
    }
    for columns, pairs in zip(rows, attributes, strict=True):
        if columns[2] == "CDS":
            names = set((pairs.get("Parent") or pairs.get("locus_tag") or pairs.get("ID") or "").split(","))
            names |= {name for tag in names if not pairs.get("Parent") for name in parents.get(tag, ())}
            # A parent that is not there means one that differs in upper and lower case only.
            names |= {known for known in ids for name in names - ids if known.lower() == name.lower()}
            # One without a parent belongs to a gene or transcript that lies around it, even one without a name.
            if not pairs.get("Parent"):
                names |= {
                    its.get("ID", f"line {n}") for n, (row, its) in enumerate(zip(rows, attributes, strict=True))
                    if row[2] not in PARTS and (row[0], row[6]) == (columns[0], columns[6])
                    and int(row[3]) <= int(columns[3]) and int(columns[4]) <= int(row[4])
                }  # fmt: skip
            # One without a name belongs to the transcript above it.
            owners[columns[0], columns[3], columns[4], columns[6]] |= names if names != {""} else anyone
    members: dict[str, list[list[str]]] = defaultdict(list)
    for line in target.read_text().splitlines():
        columns = line.split("\t")
        if len(columns) == 9 and columns[2] == "CDS":
            pairs = dict(pair.split("=") for pair in columns[8].split(";"))
            members[unquote(pairs["Parent"])].append(columns)
    wrong = []
    for name, rows in members.items():
        rows.sort(key=lambda columns: int(columns[3]))
        overlap = any(int(a[4]) >= int(b[3]) and not slipped(a, b) for a, b in pairwise(rows))
        inside = [
            [names for place, names in owners.items() if place[0] == columns[0] and place[3] == columns[6]
             and int(columns[3]) <= int(place[1]) and int(place[2]) <= int(columns[4])]
            for columns in rows
        ]  # fmt: skip
        common = set.intersection(*(set.union(set(), *names) for names in inside))
        if overlap or len({columns[6] for columns in rows}) > 1 or not common:
            wrong.append(name)
    return wrong


@st.composite
def ill_formed(draw: st.DrawFn) -> str:
    """Files whose rows contradict one another: shared IDs, lost parents, mixed strands, rows in any order."""
    integer, pick = st.integers, st.sampled_from
    lines = []
    for _ in range(draw(integer(1, 9))):
        kind = draw(pick(["gene", "mRNA", "tRNA", "prediction", "exon", "CDS", "CDS", "CDS"]))
        start = draw(integer(1, 40)) * 10
        end = start + draw(integer(0, 12)) * 10 + draw(integer(0, 2))
        pairs = []
        if draw(integer(0, 3)):
            pairs.append(f"ID={draw(pick(['g', 'G', 't', 'u', 'c1', 'c2']))}")
        if draw(integer(0, 2)) == 0:
            pairs.append(f"Parent={draw(pick(['g', 'G', 't', 'u', 't,u', '']))}")
        if draw(integer(0, 9)) == 0:
            pairs.append(f"locus_tag={draw(pick(['L', 'M']))}")
        phase = draw(pick("012")) if kind == "CDS" else "."
        strand, seqid = draw(pick("++-")), draw(pick(["s1", "s1", "s2"]))
        lines.append(f"{seqid} x {kind} {start} {end} . {strand} {phase} {';'.join(pairs)}")
    return text_of(lines)


@settings(max_examples=100, deadline=None)
@given(ill_formed())
def test_no_file_makes_a_chimera(tmp_path: Path, text: str) -> None:
    source, target = tmp_path / "in.gff", tmp_path / "out.gff3"
    source.write_text(text)
    try:
        report = sort_annotation(source, target)
    except InputError:
        return
    assert chimeras(text, target) == []
    assert unaccounted(text, target, report) == []
    again = tmp_path / "again.gff3"
    sort_annotation(target, again)
    assert again.read_text() == target.read_text()
