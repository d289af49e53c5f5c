"""The built-in sorter gives the answers of AGAT, loses nothing and is stable."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.genome.compare_annotations import canonical, difference

from genescribe.genome.repair.gff3_writer import repairs_path
from genescribe.genome.repair.sort import SortReport, sort_annotation

FIXTURES = Path(__file__).parent / "fixtures" / "sort"
CASES = sorted(path.with_suffix("").name for path in FIXTURES.glob("*.agat"))
DEFAULTS = {"8_test", "34_test", "36_test"}
BY_NAME = {"28_test", "46_test"}
JOINED_BY_AGAT = {"testC", "testD"}
"""AGAT joins flat CDS rows with IDs of their own: of two strands in D, overlapping ones in C."""


def options(text: str) -> dict[str, object]:
    """Read the options that a fixture states in its comments."""
    tag = re.search(r"^# locus_tag=(\w+)", text, re.MULTILINE)
    return {"merge_loci": "# merge_loci" in text, "locus_tag": tag and tag.group(1)}


def mirrored(text: str, length: int = 100_000) -> str:
    """Return the annotation as it lies on the other strand."""
    lines = []
    for line in text.splitlines():
        columns = line.split("\t")
        if len(columns) >= 8:
            columns[3], columns[4] = str(length - int(columns[4])), str(length - int(columns[3]))
            columns[6] = {"+": "-", "-": "+"}.get(columns[6], columns[6])
        lines.append("\t".join(columns))
    return "\n".join(lines) + "\n"


def sort_text(text: str, folder: Path, **keywords: object) -> tuple[Path, SortReport]:
    source, target = folder / "in.gff", folder / "out.gff3"
    source.write_text(text)
    return target, sort_annotation(source, target, **keywords)  # type: ignore[arg-type]


def features(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """Return (line, (seqid, type, start, end, strand)) of the rows of a file."""
    rows = enumerate(text.splitlines(), start=1)
    split = [(number, line.split("\t")) for number, line in rows if line and not line.startswith("#")]
    return [(number, (c[0], c[2].lower(), c[3], c[4], c[6])) for number, c in split if len(c) >= 8]


def unaccounted(text: str, target: Path, report: SortReport) -> list[int]:
    """Return the input lines that are neither in the output nor among the repairs."""
    written = {key for _, key in features(target.read_text())}
    repaired = {repair.line for repair in report.repairs}
    return [number for number, key in features(text) if key not in written and number not in repaired]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("strand", ["as written", "mirrored"])
def test_equals_agat(case: str, strand: str, tmp_path: Path) -> None:
    text, expected = (FIXTURES / case).read_text(), (FIXTURES / f"{case}.agat").read_text()
    keywords = options(text)
    if strand == "mirrored":
        text, expected = mirrored(text), mirrored(expected)
    target, report = sort_text(text, tmp_path, **keywords)
    agat = tmp_path / "agat.gff3"
    agat.write_text(expected)
    assert canonical(target) == canonical(agat), difference(canonical(target), canonical(agat))
    assert unaccounted(text, target, report) == []


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("case", CASES)
def test_sorting_again_changes_nothing(case: str, tmp_path: Path) -> None:
    text = (FIXTURES / case).read_text()
    target, _ = sort_text(text, tmp_path, **options(text))
    again = tmp_path / "again.gff3"
    sort_annotation(target, again)
    assert canonical(again, phases=True) == canonical(target, phases=True)
    assert again.read_text() == target.read_text()


def test_published_cases(data_dir: Path, tmp_path: Path) -> None:
    """First answers of AGAT to ill-formed files; two of the inputs have no right answer and must only be readable."""
    equal, differing = [], {}
    for folder, suffix in (("agat_gff_syntax", "_correct_output.gff"), ("agat_level_missing", "_output.gff")):
        for source in sorted((data_dir / "gff_cases" / folder / "in").iterdir()):
            name = source.name.rsplit(".", 1)[0]
            target = tmp_path / f"{name}.gff3"
            merge = folder == "agat_gff_syntax" and name not in DEFAULTS | BY_NAME
            tag = "Name" if name in BY_NAME else None
            report = sort_annotation(source, target, merge_loci=merge, locus_tag=tag)
            assert unaccounted(source.read_text(), target, report) == [], name
            expected = data_dir / "gff_cases" / folder / "out" / (name.removesuffix("_test") + suffix)
            if expected.exists():
                ours, theirs = canonical(target), canonical(expected)
                if name in JOINED_BY_AGAT:
                    assert len(ours) == 3 and len(theirs) == 1
                    continue
                if ours == theirs:
                    equal.append(name)
                else:
                    differing[name] = difference(ours, theirs)
    assert differing == {}
    assert len(equal) == 28


def row(kind: str, start: int, end: int, strand: str, attributes: str, phase: str = ".", seqid: str = "c1") -> str:
    return "\t".join([seqid, "s", kind, str(start), str(end), ".", strand, phase, attributes])


@st.composite
def annotations(draw: st.DrawFn) -> tuple[str, int]:
    """Well-linked annotations with wrong, missing and repeated parts."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    lines = []
    position = 1
    for gene in range(draw(st.integers(1, 4))):
        strand, seqid = rng.choice("+-"), rng.choice(["c1", "c2", "c10"])
        exons = []
        for _ in range(rng.randint(1, 4)):
            length = rng.randint(6, 60)
            exons.append((position, position + length))
            position += length + rng.randint(0, 40)
        if rng.random() < 0.7:
            lines.append(row("gene", exons[0][0], exons[-1][1], strand, f"ID=g{gene}", seqid=seqid))
        for isoform in range(rng.randint(1, 3)):
            name = f"g{gene}.t{isoform}"
            if rng.random() < 0.7:
                text = f"ID={name};Parent=g{gene}"
                lines.append(row("mRNA", exons[0][0], exons[-1][1], strand, text, seqid=seqid))
            for start, end in exons:
                if rng.random() < 0.8:
                    lines.append(row("exon", start, end + rng.randint(-3, 3), strand, f"Parent={name}", seqid=seqid))
                if rng.random() < 0.7:
                    text = f"ID={name}.cds;Parent={name}"
                    lines.append(row("CDS", start + rng.randint(0, 2), end, strand, text, "0", seqid))
                if lines and rng.random() < 0.1:
                    lines.append(lines[-1])
    # Of genes alone nothing would be left, and the sorter says so.
    if not any(line.split("\t")[2] in ("exon", "CDS") for line in lines):
        lines.append(row("CDS", 1, 9, "+", "ID=alone", "0"))
    return "\n".join(lines) + "\n", rng.randint(0, 2**32)


@settings(max_examples=60, deadline=None)
@given(annotations())
def test_nothing_is_lost_and_the_output_is_well_formed(tmp_path: Path, sample: tuple[str, int]) -> None:
    text, _ = sample
    target, report = sort_text(text, tmp_path)
    assert unaccounted(text, target, report) == []
    assert report.rows_in == len(features(text)) and report.rows_out == len(features(target.read_text()))
    spans: dict[str, tuple[str, int, int]] = {}
    for line in target.read_text().splitlines()[1:]:
        columns = line.split("\t")
        attributes = dict(pair.split("=") for pair in columns[8].split(";") if "=" in pair)
        start, end = int(columns[3]), int(columns[4])
        if columns[2] in ("gene", "mRNA", "RNA"):
            assert attributes["ID"] not in spans
            spans[attributes["ID"]] = columns[0], start, end
        if columns[2] != "gene":
            seqid, left, right = spans[attributes["Parent"]]
            assert seqid == columns[0] and left <= start <= end <= right
        if columns[2] == "CDS":
            assert columns[7] in "012"


@settings(max_examples=30, deadline=None)
@given(annotations())
def test_row_order_does_not_matter_where_parents_are_named(tmp_path: Path, sample: tuple[str, int]) -> None:
    text, seed = sample
    # A row that stands twice on purpose may differ in nothing but its place.
    lines = list(dict.fromkeys(text.splitlines()))
    target, _ = sort_text("\n".join(lines) + "\n", tmp_path)
    first = canonical(target)
    random.Random(seed).shuffle(lines)
    target, _ = sort_text("\n".join(lines) + "\n", tmp_path)
    assert canonical(target) == first, difference(canonical(target), first)


@settings(max_examples=30, deadline=None)
@given(annotations())
def test_strands_are_treated_alike(tmp_path: Path, sample: tuple[str, int]) -> None:
    text, _ = sample
    target, _ = sort_text(text, tmp_path)
    forward = tmp_path / "forward.gff3"
    forward.write_text(mirrored(target.read_text()))
    target, _ = sort_text(mirrored(text), tmp_path)
    assert canonical(target) == canonical(forward)


def test_the_last_gene_of_a_file_without_final_newline_is_kept(tmp_path: Path) -> None:
    text = "\n".join([row("gene", 1, 90, "+", "ID=a"), row("CDS", 1, 90, "+", "ID=p;Parent=a", "0")])
    target, _ = sort_text(text, tmp_path)
    assert "\tCDS\t1\t90\t" in target.read_text()


def test_one_id_on_two_sequences_is_two_genes(tmp_path: Path) -> None:
    rows = []
    for seqid in ("X", "Y"):
        rows += [
            row("gene", 1, 90, "+", "ID=g", seqid=seqid),
            row("mRNA", 1, 90, "+", "ID=t;Parent=g", seqid=seqid),
            row("exon", 1, 90, "+", "Parent=t", seqid=seqid),
        ]
    target, report = sort_text("\n".join(rows) + "\n", tmp_path)
    trees = canonical(target)
    assert {tree[0][0] for tree in trees} == {"X", "Y"}
    assert all(len(tree[1]) == 1 and len(next(iter(tree[1]))[1]) == 1 for tree in trees)
    assert report.rows_out == 6


def test_ribosomal_slippage_stays_two_rows(tmp_path: Path) -> None:
    """A frameshift of -1 reads one base twice; joining the rows would lose the frame."""
    rows = [row("mRNA", 1, 200, "+", "ID=t"), row("CDS", 1, 100, "+", "ID=p;Parent=t", "0")]
    rows.append(row("CDS", 100, 199, "+", "ID=p;Parent=t", "2"))
    target, _ = sort_text("\n".join(rows) + "\n", tmp_path)
    assert "\tCDS\t1\t100\t" in target.read_text() and "\tCDS\t100\t199\t" in target.read_text()
    assert "\texon\t1\t200\t" in target.read_text()


@pytest.mark.parametrize(("strand", "expected"), [("+", ["0", "2", "0"]), ("-", ["2", "0", "0"])])
def test_missing_phases_follow_from_the_lengths(strand: str, expected: list[str], tmp_path: Path) -> None:
    spans = [(1, 10), (21, 31), (41, 53)] if strand == "+" else [(1, 9), (21, 30), (41, 52)]
    rows = [row("mRNA", 1, 60, strand, "ID=t"), *(row("CDS", a, b, strand, "Parent=t") for a, b in spans)]
    target, report = sort_text("\n".join(rows) + "\n", tmp_path)
    lines = [line.split("\t") for line in target.read_text().splitlines()]
    assert [columns[7] for columns in lines if len(columns) > 2 and columns[2] == "CDS"] == expected
    assert sum(repair.what == "CDS phase filled in" for repair in report.repairs) == 3


def test_split_stop_codon_gets_the_right_phase(tmp_path: Path) -> None:
    text = (FIXTURES / "stop_codon.gtf").read_text()
    target, _ = sort_text(text, tmp_path)
    # t2 lies on the reverse strand: its stop codon is one base at 801 and two at 699-700, which complete a codon.
    assert re.search(r"\tCDS\t699\t700\t\.\t-\t2\t", target.read_text())


def test_attributes_are_kept_and_encoded(tmp_path: Path) -> None:
    text = 'c1\ts\tgene\t1\t9\t.\t+\t.\tgene_id "g"; note "a; b=c, 50%"; tag "x"; tag "y";\n'
    text += 'c1\ts\ttranscript\t1\t9\t.\t+\t.\tgene_id "g"; transcript_id "t";\n'
    target, _ = sort_text(text, tmp_path)
    gene = target.read_text().splitlines()[1]
    assert gene.endswith("ID=g;gene_id=g;note=a%3B b%3Dc%2C 50%25;tag=x,y")


def test_reserved_capitals(tmp_path: Path) -> None:
    text = row("gene", 1, 9, "+", "ID=g;Index=1;Name=n;Note=x") + "\n" + row("mRNA", 1, 9, "+", "ID=t;Parent=g") + "\n"
    target, report = sort_text(text, tmp_path)
    assert "ID=g;index=1;Name=n;Note=x" in target.read_text()
    assert any("Index" in repair.what for repair in report.repairs)


def test_canonical_isoform_survives_its_twin(tmp_path: Path) -> None:
    rows = [row("gene", 1, 90, "+", "ID=g")]
    for name, tag in (("a", "basic"), ("b", "basic,MANE_Select")):
        rows += [row("mRNA", 1, 90, "+", f"ID={name};Parent=g;tag={tag}"), row("exon", 1, 90, "+", f"Parent={name}")]
    target, report = sort_text("\n".join(rows) + "\n", tmp_path)
    assert "ID=b;" in target.read_text() and "ID=a;" not in target.read_text()
    assert {repair.line for repair in report.repairs} == {2, 3}


def test_chains_of_overlapping_genes_merge_whatever_their_order(tmp_path: Path) -> None:
    rows = []
    for number, (start, end) in enumerate([(1, 90), (61, 180), (151, 270), (400, 450)]):
        rows += [
            row("gene", start, end, "+", f"ID=g{number}"),
            row("mRNA", start, end, "+", f"ID=t{number};Parent=g{number}"),
            row("CDS", start, end, "+", f"Parent=t{number}", "0"),
        ]
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        target, _ = sort_text("\n".join(rows) + "\n", tmp_path, merge_loci=True)
        spans = {tree[0][2:4] for tree in canonical(target)}
        assert spans == {(1, 270), (400, 450)}


def test_sequences_are_in_natural_order_and_headers_kept(tmp_path: Path) -> None:
    rows = ["##gff-version 3", "##sequence-region c10 1 500", "#!genome-build X"]
    rows += [row("repeat_region", 5, 9, ".", f"ID={seqid}r", seqid=seqid) for seqid in ("c10", "c2", "c1")]
    rows += ["##FASTA", ">c1", "ACGT"]
    target, report = sort_text("\n".join(rows) + "\n", tmp_path)
    lines = target.read_text().splitlines()
    assert lines[:3] == rows[:3] and [line.split("\t")[0] for line in lines[3:]] == ["c1", "c2", "c10"]
    assert any("sequences inside the annotation" in repair.what for repair in report.repairs)


def test_repairs_stand_beside_the_result(tmp_path: Path) -> None:
    target, report = sort_text((FIXTURES / "duplicates.gff").read_text(), tmp_path)
    table = [line.split("\t") for line in repairs_path(target).read_text().splitlines()]
    assert table[0] == ["line", "what"]
    assert [(int(line), what) for line, what in table[1:]] == report.repairs
    assert [repair.line for repair in report.repairs if "duplicate" in repair.what] == [2, 5, 7, 8]


def test_ids_that_differ_in_case_are_two_genes(tmp_path: Path) -> None:
    rows = []
    for name, start in (("dl", 1), ("Dl", 201)):
        rows += [
            row("gene", start, start + 89, "+", f"ID={name}"),
            row("mRNA", start, start + 89, "+", f"ID={name}.t;Parent={name}"),
            row("exon", start, start + 89, "+", f"Parent={name}.t"),
        ]
    target, report = sort_text("\n".join(rows) + "\n", tmp_path)
    assert len(canonical(target)) == 2 and report.repairs == []


def test_a_parent_in_another_case_is_found(tmp_path: Path) -> None:
    rows = [row("gene", 1, 90, "+", "ID=g"), row("mRNA", 1, 90, "+", "ID=g.t;Parent=G")]
    rows.append(row("exon", 1, 90, "+", "Parent=G.T"))
    target, report = sort_text("\n".join(rows) + "\n", tmp_path)
    assert len(canonical(target)) == 1 and report.rows_out == 3
    assert [repair.what for repair in report.repairs] == ["Parent G taken as g", "Parent G.T taken as g.t"]


def test_a_transcript_beyond_the_gene_above_is_a_locus_of_its_own(tmp_path: Path) -> None:
    rows = [
        row("gene", 1, 90, "+", "ID=g"),
        row("mRNA", 1, 90, "+", "ID=t;Parent=g"),
        row("exon", 1, 90, "+", "Parent=t"),
    ]
    rows.append(row("long_terminal_repeat", 901, 990, "-", "ID=l"))
    target, _ = sort_text("\n".join(rows) + "\n", tmp_path)
    assert {tree[0][2:4] for tree in canonical(target)} == {(1, 90), (901, 990)}


def test_utrs_on_both_sides_of_a_frameshift(tmp_path: Path) -> None:
    rows = [row("mRNA", 1, 400, "+", "ID=t"), row("exon", 1, 400, "+", "Parent=t")]
    rows += [row("CDS", 11, 100, "+", "Parent=t", "0"), row("CDS", 102, 200, "+", "Parent=t", "0")]
    target, _ = sort_text("\n".join(rows) + "\n", tmp_path)
    text = target.read_text()
    assert "\tfive_prime_UTR\t1\t10\t" in text and "\tthree_prime_UTR\t201\t400\t" in text
