"""The report of an annotation: what it says, that it never costs the annotation, that it is the same again."""

from __future__ import annotations

import base64
import gzip
import hashlib
import logging
import re
import threading
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.report.annotated import BUSCO, annotation

from genescribe.figures.blocks import Browser, Figure, Section, Text
from genescribe.predict.config import PredictConfig
from genescribe.report.annotation.completeness import FAILED
from genescribe.report.annotation.page import write_annotation_report
from genescribe.report.annotation.places import places
from genescribe.report.annotation.sections import sections_of

IGV = "87b991ae2a720978172e269dd5127c495e56df5af31144dff19c83124e2f5744"
"""SHA-256 of dist/igv.min.js of the version that figures/igv/README.md names."""


class Words(HTMLParser):
    """Collects what a reader can read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._hidden = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(" ".join(data.split()))


def read(path: Path) -> str:
    """Return the readable text of a page."""
    return " ".join(word for word in Words(path.read_text(encoding="utf-8")).words if word)


def packed(text: str, name: str) -> str:
    """Return a file that a page carries."""
    found = re.search(rf'<script type="text/plain" id="{name}">([^<]*)</script>', text)
    assert found
    return gzip.decompress(base64.b64decode(found[1])).decode()


def test_the_page_says_what_was_done_with_what(tmp_path: Path) -> None:
    config = PredictConfig(min_posterior=0.1, partial=True)
    made = annotation(tmp_path, evidence=True, config=config, warnings=["a warning of the run"])
    assert write_annotation_report(tmp_path / "report.html", made.named(tmp_path / "my.gff3"))
    text = read(tmp_path / "report.html")
    right = sum(gene.score or 0 for gene in made.genes)
    for words in (
        "Annotation of my.fa",
        "all_genomes: segment (gene, semicrf)",
        "drosophila: its words and genes are most like",
        "--partial --min-posterior 0.1",
        "genes 40 ",
        f"expected to be exactly right {right:.0f} ",
        "a warning of the run",
        "below 0.1 were left out",
        "training genome drosophila 107.7 3.67 1,792 19.3%",
        "2 × overlaps a better gene; 2 × short coding sequence",
        "2L:1-3000",
        "in training 500 912 52 71 4,321 9,876",
        "busco -i my.proteins.fa",
        "The most probable genes",
        "The least probable genes",
        "a" * 64,
    ):
        assert words in text, words


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("my.gff3", "--min-posterior 0.8 -o my.sure.gff3"),
        ("my.gtf", "--min-posterior 0.8 -o my.sure.gtf"),
        ("a.b.bed.gz", "--min-posterior 0.8 -o a.b.sure.bed.gz"),
        (None, "--config min_posterior=0.8"),
    ],
)
def test_next_steps_name_files_of_the_form_that_was_written(tmp_path: Path, name: str | None, command: str) -> None:
    made = annotation(tmp_path)
    made = made.named(tmp_path / name) if name else made
    write_annotation_report(tmp_path / "report.html", made)
    text = read(tmp_path / "report.html")
    assert f" {command} " in text and f"All genes are in {name or 'annotation.gff3'}." in text
    assert f"the proteins in {made.prefix}proteins.fa" in text


def test_completeness_is_shown_or_how_to_measure_it(tmp_path: Path) -> None:
    def said(counts: dict[str, Any] | None, named: bool = True) -> str:
        made = annotation(tmp_path, completeness=counts)
        write_annotation_report(tmp_path / "report.html", made.named(tmp_path / "my.gff3") if named else made)
        return read(tmp_path / "report.html")

    assert "this annotation 80.6 200 76.6 190 4.0 10 12.1 30 7.3 18" in said(BUSCO)
    assert "Not measured. Install BUSCO (apt install busco) and annotate again with --busco LINEAGE" in said(None)
    assert "with --config busco=LINEAGE" in said(None, named=False)
    assert "Not measured: BUSCO failed (no such lineage)." in said({FAILED: "no such lineage"})


def test_the_browser_has_the_genome_the_genes_and_the_evidence(tmp_path: Path) -> None:
    made = annotation(tmp_path, evidence=True)
    write_annotation_report(tmp_path / "report.html", made)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    fasta = dict(part.split("\n", 1) for part in packed(page, "browser-genome").split(">")[1:])
    written = dict(part.split("\n", 1) for part in (tmp_path / "my.fa").read_text().split(">")[1:])
    # A colon parts name and place in the browser.
    names = {"chr1": "chr1", "2L_1-3000": "2L:1-3000"}
    assert {names[name]: bases.replace("\n", "") for name, bases in fasta.items()} == {
        name: bases.replace("\n", "").upper() for name, bases in written.items()
    }
    rows = [line.split("\t") for line in packed(page, "browser-track-0").splitlines() if not line.startswith("#")]
    assert sum(row[2] == "gene" for row in rows) == len(made.genes)
    assert {row[0] for row in rows} == set(names)
    introns = [line.split("\t") for line in packed(page, "browser-track-1").splitlines()]
    table = made.evidence_table()
    assert table is not None
    assert len(introns) == table.counts()["intron"]
    assert {row[4] for row in introns} <= {"7", "14", "21"}
    assert "\tP1\t" in packed(page, "browser-track-2")


def test_a_genome_of_nothing_but_gaps_has_a_page(tmp_path: Path) -> None:
    made = annotation(tmp_path)
    assert write_annotation_report(tmp_path / "report.html", replace(made, pieces=[], genes=[]))


def test_a_part_of_a_sequence_keeps_its_place_in_the_browser(tmp_path: Path) -> None:
    from genescribe.predict.stretches import pieces_of

    made = annotation(tmp_path)
    pieces = pieces_of(made.genome, ["chr1:20001-30000"], 1_000, where="my.fa")
    genes = [gene for gene in made.genes if gene.seqid == "chr1" and 20_000 < gene.start < 25_000]
    write_annotation_report(tmp_path / "report.html", replace(made, pieces=pieces, genes=genes))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    head, bases = packed(page, "browser-genome").split("\n", 1)
    assert head == f">chr1:19001-31000 @len={made.genome.lengths['chr1']}"
    assert len(bases.replace("\n", "")) == 12_000


def test_a_page_that_would_be_too_large_has_still_pictures(tmp_path: Path) -> None:
    made = annotation(tmp_path)
    small = places(made, None, largest=4_000_100)
    assert not any(isinstance(block, Browser) for section in small for block in section.blocks)
    assert small[-1].title == "Stretches of the annotation"
    assert sum(isinstance(block, Figure) for block in small[-1].blocks) == 6
    assert not any(cell.place for cell in _cells(small)), "links that lead nowhere"
    assert any(cell.place for cell in _cells(places(made, None)))


def _cells(sections: list[Section]) -> list:  # type: ignore[type-arg]
    rows = [row for section in sections for block in section.blocks for row in getattr(block, "rows", [])]
    return [cell for row in rows for cell in row.cells]


def test_the_same_annotation_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        write_annotation_report(tmp_path / name / "report.html", annotation(tmp_path / name, evidence=True))
    assert (tmp_path / "a/report.html").read_bytes() == (tmp_path / "b/report.html").read_bytes()


@pytest.mark.parametrize("number", [0, 1, 3])
def test_few_genes_are_no_error(tmp_path: Path, number: int) -> None:
    made = annotation(tmp_path, number=max(number, 1), evidence=True)
    made = replace(made, genes=made.genes[:number])
    assert write_annotation_report(tmp_path / "report.html", made)
    text = read(tmp_path / "report.html")
    assert f"genes {number} " in text
    assert ("No gene was found." in text) == (number == 0)


def test_genes_without_probabilities_are_no_error(tmp_path: Path) -> None:
    made = annotation(tmp_path)
    plain = [
        replace(gene, score=None, transcripts=tuple(replace(t, score=None, cds_scores=None) for t in gene.transcripts))
        for gene in made.genes
    ]
    assert write_annotation_report(tmp_path / "report.html", replace(made, genes=plain))
    text = read(tmp_path / "report.html")
    assert "The genes have no probabilities" in text
    assert "probable genes" not in text
    assert "Browse the annotation" in text


@pytest.mark.parametrize("trained", [{}, {"genes_per_mb": 100.0}])
def test_a_model_that_does_not_know_its_training_genomes_is_no_error(tmp_path: Path, trained: dict[str, float]) -> None:
    made = annotation(tmp_path, trained=trained)
    assert write_annotation_report(tmp_path / "report.html", made)
    assert ("does not say what its training genomes were like" in read(tmp_path / "report.html")) == (not trained)


def test_a_report_that_fails_is_one_line_and_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> list[Section]:
        raise MemoryError("too\nmuch")

    monkeypatch.setattr("genescribe.report.annotation.sections.sections_of", fail)
    made = annotation(tmp_path)
    before = sorted(tmp_path.iterdir())
    with caplog.at_level(logging.WARNING):
        assert not write_annotation_report(tmp_path / "report.html", made)
    assert caplog.messages == ["no report was written (MemoryError: too much); the annotation is complete"]
    assert sorted(tmp_path.iterdir()) == before


def test_no_text_of_the_genome_is_markup(tmp_path: Path) -> None:
    made = annotation(tmp_path, warnings=["<img src=x onerror=alert(1)>"])
    named = [replace(gene, id=f"<script>{number}") for number, gene in enumerate(made.genes)]
    write_annotation_report(tmp_path / "report.html", replace(made, genes=named))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<img" not in text.partition("<script>")[0]
    assert "<script>0" not in text


def test_every_section_has_one_heading_and_no_empty_text(tmp_path: Path) -> None:
    sections = sections_of(annotation(tmp_path, evidence=True))
    titles = [section.title for section in sections]
    assert len(set(titles)) == len(titles)
    assert all(block.text for section in sections for block in section.blocks if isinstance(block, Text))


def test_igv_is_the_file_of_the_release() -> None:
    folder = files("genescribe.figures") / "igv"
    assert hashlib.sha256((folder / "igv.min.js").read_bytes()).hexdigest() == IGV
    assert "MIT License" in (folder / "LICENSE").read_text(encoding="utf-8")


def test_genes_are_drawn_from_any_thread(tmp_path: Path) -> None:
    """The page is drawn without pyplot, whose state all threads share."""
    done: list[bool] = []
    made = annotation(tmp_path)
    thread = threading.Thread(target=lambda: done.append(write_annotation_report(tmp_path / "report.html", made)))
    thread.start()
    thread.join()
    assert done == [True]
