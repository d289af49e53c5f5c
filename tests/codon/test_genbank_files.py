"""Damaged and odd GenBank files are refused; the real ones translate to their proteins."""

from __future__ import annotations

import itertools
from contextlib import suppress
from pathlib import Path

import pytest
from tests.codon.genomes import write_genome

from genescribe.codon.sequences import cds as reasons
from genescribe.codon.sequences.cds import Rejected, judge
from genescribe.codon.sequences.extract import extract
from genescribe.codon.sequences.genbank import read_genbank
from genescribe.errors import InputError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no GenBank record"),
        (">a\nACGT\n", "no GenBank record"),
        (
            "LOCUS       A 10 bp DNA\nFEATURES             Location/Qualifiers\n//\n",
            "holds no sequence|cannot be parsed",
        ),
    ],
)
def test_what_is_no_genbank_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.gb").write_text(text)
    with pytest.raises(InputError, match=message):
        list(read_genbank(tmp_path / "x.gb"))


def test_a_file_cut_short_anywhere_is_refused_or_whole_records(tmp_path: Path) -> None:
    """Cut at any line, and inside lines, a file of two records is refused unless whole records are left."""
    one = write_genome(tmp_path / "a.gbff", 3, seed=1).read_text()
    text = one + one.replace("TEST", "NEXT")
    complete = {len(one): 3, len(text): 6}
    cut = tmp_path / "cut.gbff"
    ends = itertools.accumulate(len(line) for line in text.splitlines(keepends=True))
    for end in sorted({*ends, *range(50, len(text), 397)}):
        cut.write_text(text[:end])
        # Without the last "//" or its newline all is there.
        wanted = {count for size, count in complete.items() if 0 <= size - end <= len("//\n") and count}
        found = None
        with suppress(InputError):
            found = sum(len(features) for _, _, features in read_genbank(cut))
        assert found in wanted | ({None} if end not in complete else set()), (end, text[end - 60 : end])


@pytest.mark.parametrize("change", ["shorter", "longer"])
def test_a_sequence_of_another_length_than_its_locus_is_refused(change: str, tmp_path: Path) -> None:
    path = write_genome(tmp_path / "g.gbff", 2, seed=1)
    lines = path.read_text().splitlines(keepends=True)
    inside = len(lines) - 5
    lines[inside : inside + 1] = [] if change == "shorter" else [lines[inside]] * 2
    path.write_text("".join(lines))
    with pytest.raises(InputError, match=r"the record TEST\.1 is cut short or damaged: its LOCUS says \d+ bases"):
        list(read_genbank(path))


def test_warnings_of_the_parser_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_genome(tmp_path / "g.gbff", 2, seed=1)
    path.write_text(path.read_text().replace("     CDS             21..", "     CDS             21...", 1))
    with caplog.at_level("WARNING", logger="genescribe.codon"):
        ((_, codes, found),) = read_genbank(path)
    assert "location" in caplog.text and str(path) in caplog.text
    result = judge(found[0], codes).result
    assert isinstance(result, Rejected) and result.reason == reasons.UNREADABLE


TRANSLATED = {
    "Brucella.melitensis_16M": 3362,
    "Chlamydia.trachomatis_BTZ1A828OT": 905,
    "Escherichia.coli_K12_MG1655": 4298,
    "Escherichia.coli_O157H7_Sakai": 5202,
    "Escherichia.coli_UMN026": 4819,
    "Haemophilus.influenzae_Rd_KW20": 1810,
    "Methanosarcina.mazei_GCF_000970165.1": 3369,
    "Mycoplasma.gallisepticum_Rlow": 718,
    "Mycoplasma.mycoides_GM12": 857,
    "Streptococcus.pyogenes_M1_GAS": 1853,
    "Yersinia.pestis_KIM": 4785,
}
"""CDS that have a protein and are no pseudogenes: all of them translate to it."""


QUICK = ("Chlamydia.trachomatis_BTZ1A828OT", "Mycoplasma.mycoides_GM12")


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in TRANSLATED])
def test_real_genomes_translate_to_their_proteins(name: str, data_dir: Path, tmp_path: Path) -> None:
    path = data_dir / "prokaryotes" / name / "genome.gbff.gz"
    if not path.exists():
        pytest.skip(f"needs {path}")
    summary = extract(path, tmp_path / "out")
    assert summary["translation"] == {"agree": TRANSLATED[name], "differ": 0}
    assert summary["used"] + sum(summary["rejected"].values()) == summary["cds"]


@pytest.mark.slow
def test_every_genome_of_the_data_folder_is_checked(data_dir: Path) -> None:
    assert {path.parent.name for path in (data_dir / "prokaryotes").glob("*/genome.gbff.gz")} == TRANSLATED.keys()
