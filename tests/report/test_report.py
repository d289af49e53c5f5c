"""The page: self-contained, escaped, repeatable, and made from whatever a results folder holds."""

from __future__ import annotations

import csv
import re
import runpy
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from genescribe.errors import InputError
from genescribe.evaluate.metrics import measure
from genescribe.evaluate.perturb import perturb, random_genes
from genescribe.figures.page import render
from genescribe.figures.style import PALETTE, RIGHT, WRONG, add_legend, canvas, styled, to_svg
from genescribe.files import write_json
from genescribe.genome.model import Gene, Transcript
from genescribe.report import Cell, Figure, Row, Section, Table, Text, write_figures, write_report
from genescribe.report.charts import Method, duration, f1_bars, length_histograms, reliability_diagram
from genescribe.report.collect import CURVES, _training, collect
from genescribe.report.loci import choose_loci, draw_locus
from genescribe.report.tables import accuracy_groups, accuracy_summary, calibration, differences, run_times

MODEL, SECOND = Method("semicrf", "semicrf", "model", 0), Method("linear", "linear", "model", 1)
BASELINE, CEILING = Method("orf_rule", "ORF rule", "baseline", 0), Method("ceiling", "ceiling", "ceiling", 0)


class Page(HTMLParser):
    """Collects the tags and ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, name: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(name)) is not None]


def score(seed: int, rate: float) -> dict[str, Any]:
    reference = random_genes(seed, 60)
    predicted = [replace(gene, score=0.9 - rate / 2) for gene in perturb(reference, seed, rate)]
    return measure(reference, predicted, replicates=20)


@pytest.fixture(scope="module")
def metrics() -> dict[Method, Any]:
    return {MODEL: score(1, 0.2), SECOND: score(1, 0.4), BASELINE: score(1, 0.8), CEILING: score(1, 0.01)}


@pytest.fixture
def results(tmp_path: Path, metrics: dict[Method, Any]) -> Path:
    for method, found in metrics.items():
        for annotation in ("yeast", "yeast.other"):
            write_json(tmp_path / "evaluate" / method.name / annotation / "metrics.json", found)
    for method in (MODEL, SECOND):
        write_log(tmp_path / "train" / method.name / "log.csv")
        provenance = {"commit": "0123456789ab" * 4, "versions": {"torch": "2.13.0"}, "fingerprint_sha256": "f" * 64}
        write_json(tmp_path / "train" / method.name / "model" / "provenance.json", provenance)
    for rule, seconds in (("train_model/semicrf", 70.5), ("train_model/linear", 20.0), ("catalogue/yeast", 1.0)):
        path = tmp_path / "benchmarks" / f"{rule}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:01:10\t{seconds * 10}\n", encoding="utf-8")
    return tmp_path


def test_probabilities_are_held_against_outcomes(metrics: dict[Method, Any]) -> None:
    figure = reliability_diagram("reliability", metrics, "caption")
    error = metrics[MODEL]["calibration"]["gene"]["expected_calibration_error"]
    assert f"semicrf genes {error:.3f}" in figure.alt
    table = calibration(metrics, "caption")
    assert [row.name for row in table.rows] == [method.title for method in metrics]
    assert table.rows[0].cells[1].text == f"{error:.3f}"


def write_log(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["step", "epoch", "split", "loss", "macro_f1"])
        for step in range(1, 5):
            writer.writerow([step, 0, "train", 1 / step, ""])
        writer.writerow([4, 0, "validation", 0.3, 0.8])


class TestPage:
    def test_nothing_is_fetched_and_every_id_is_its_own(self, results: Path) -> None:
        text = render(collect(results), title="T")
        page = Page(text)
        names = {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}
        assert set(re.findall(r"https?://[^\s\"'<>]+", text)) <= names
        assert not page.all("src")
        assert all(link.startswith("#") for link in page.all("href") + page.all("xlink:href"))
        assert "@import" not in text
        assert not re.search(r"url\((?!#)", text)
        assert [name for name, count in Counter(page.all("id")).items() if count > 1] == []
        used = {link[1:] for link in page.all("href") + page.all("xlink:href")} | set(
            re.findall(r"url\(#([^)]+)\)", text)
        )
        assert used <= set(page.all("id"))

    def test_tags_are_closed(self, results: Path) -> None:
        text = render(collect(results), title="T")
        for tag in ("section", "figure", "table", "tr", "svg", "details", "div"):
            assert len(re.findall(rf"<{tag}[\s>]", text)) == text.count(f"</{tag}>")

    def test_every_figure_has_a_caption_and_an_alternative(self, results: Path) -> None:
        page = Page(render(collect(results), title="T"))
        pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
        captions = [tag for tag, _ in page.tags if tag == "figcaption"]
        assert len(pictures) == len(captions) >= 5
        assert all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)

    def test_equal_sections_give_equal_bytes(self, results: Path, tmp_path: Path) -> None:
        write_report(tmp_path / "a.html", collect(results))
        write_report(tmp_path / "b.html", collect(results))
        assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()

    def test_text_is_escaped(self) -> None:
        table = Table("<i>caption", "<b>", ["<c>"], [Row("<r>", [Cell("<x>", "<y>")])])
        text = render([Section("<S> & T", [Text("<script>"), table])], title="<title>")
        assert "<script>" not in text
        assert not re.search(r"<(?:r|x|y|c|S)>", text)
        assert 'href="#s-t"' in text

    def test_empty_sections_are_left_out(self) -> None:
        text = render([Section("Nothing"), Section("Something", [Text("here")])], title="T")
        assert "Nothing" not in text
        assert 'href="#something"' in text

    def test_a_row_must_fit_its_table(self) -> None:
        with pytest.raises(ValueError, match="1 cells for 2 columns"):
            Table("c", "x", ["a", "b"], [Row("r", [Cell("1")])])

    def test_a_figure_name_is_an_anchor(self) -> None:
        with pytest.raises(ValueError, match="no name for a figure"):
            Figure("a b", "<svg/>", "c", "a")


class TestCollect:
    def test_sections(self, results: Path) -> None:
        assert [section.title for section in collect(results)] == [
            "How to read the scores",
            "Accuracy: yeast",
            "Accuracy: yeast, scored on other",
            "Lengths of exons and introns",
            "Training",
            "Run times and memory",
            "Provenance",
        ]

    def test_a_missing_baseline_is_told(self, results: Path) -> None:
        assert "AUGUSTUS has no row" in render(collect(results), title="T")
        said = render(collect(results, {"yeast": "it went for a walk"}), title="T")
        assert said.count("AUGUSTUS has no row: it went for a walk.") == 2, "on both references of the genome"
        (results / "evaluate/orf_rule").rename(results / "evaluate/augustus")
        assert "AUGUSTUS has no row" not in render(collect(results), title="T")

    def test_a_model_has_one_colour_on_the_page(self, results: Path) -> None:
        # The first model of one genome is not that of another.
        (results / "evaluate/linear/fly").mkdir()
        (results / "evaluate/linear/yeast/metrics.json").rename(results / "evaluate/linear/fly/metrics.json")
        write_log(results / "train" / "aside" / "log.csv")  # trained, not scored
        figures = {
            block.name: block.svg.lower()
            for section in collect(results)
            for block in section.blocks
            if isinstance(block, Figure)
        }
        linear, semicrf = (PALETTE[number].lower() for number in (0, 1))
        assert linear in figures["f1-fly"] and semicrf not in figures["f1-fly"]
        assert semicrf in figures["f1-yeast"] and linear not in figures["f1-yeast"]
        assert all(PALETTE[number].lower() in figures["training"] for number in range(3))
        assert RIGHT not in PALETTE and WRONG not in PALETTE

    def test_training_alone_is_enough(self, tmp_path: Path) -> None:
        write_log(tmp_path / "train/a/log.csv")
        assert [section.title for section in collect(tmp_path)] == ["Training"]

    def test_nothing_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="neither metrics nor training logs"):
            collect(tmp_path)

    def test_the_script_writes_page_and_figures(
        self, results: Path, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        words = ["--results", results, "--title", "Mine", "--output", tmp_path / "r.html", "--figures", tmp_path / "f"]
        monkeypatch.setattr(sys, "argv", ["report.py", *map(str, words)])
        runpy.run_path(str(repository / "scripts/report.py"), run_name="__main__")
        assert "<h1>Mine</h1>" in (tmp_path / "r.html").read_text(encoding="utf-8")
        names = {path.name for path in (tmp_path / "f").iterdir()}
        assert {"training.svg", "training.rst", "f1-yeast.svg", "run-times.svg"} <= names


class TestTables:
    def test_the_best_is_bold_and_the_ceiling_never(self, metrics: dict[Method, Any]) -> None:
        table = accuracy_summary(metrics, "c")
        bold = {row.name for row in table.rows if any(cell.best for cell in row.cells)}
        assert bold == {"semicrf"}
        assert [row.first_of_group for row in table.rows] == [False, False, True, True]
        assert table.rows[0].cells[0].text == f"{100 * metrics[MODEL]['cds']['gene']['f1']:.1f}"

    def test_seeds_are_followed_by_their_mean(self, metrics: dict[Method, Any]) -> None:
        found = list(metrics.values())
        seeds = {Method(f"m-seed{i}", f"m-seed{i}", "model", i): found[i] for i in (0, 1)} | {BASELINE: found[2]}
        table = accuracy_summary(seeds, "c")
        assert [row.name for row in table.rows] == ["m-seed0", "m-seed1", "m, mean of 2 seeds", "ORF rule"]
        values = [found[i]["cds"]["gene"]["f1"] for i in (0, 1)]
        assert table.rows[2].cells[0].text == f"{50 * sum(values):.1f}"
        assert table.rows[2].cells[0].detail == f"{100 * min(values):.1f} to {100 * max(values):.1f}"

    def test_differences_are_paired_and_bold_above_zero(self) -> None:
        reference = random_genes(1, 60)
        better = measure(reference, reference, others={"orf_rule": perturb(reference, 1, 0.8)}, replicates=20)
        table = differences({MODEL: better, BASELINE: score(1, 0.8)}, {"orf_rule": "ORF rule"}, "c")
        assert table is not None
        assert [row.name for row in table.rows] == ["semicrf above ORF rule"]
        assert table.rows[0].cells[0].best
        assert table.rows[0].cells[0].text.startswith("+")
        assert differences({BASELINE: score(1, 0.8)}, {}, "c") is None

    def test_groups_have_a_row_each(self) -> None:
        reference = random_genes(1, 60)
        seqids = sorted({gene.seqid for gene in reference})
        groups = {seqid: f"group {seqid}" for seqid in seqids[1:]}
        found = measure(reference, perturb(reference, 1, 0.2), groups=groups, replicates=20)
        table = accuracy_groups({MODEL: found}, "c")
        assert table is not None
        assert [row.name for row in table.rows] == [f"semicrf: group {seqid}" for seqid in seqids[1:]]
        counts = [sum(gene.seqid == seqid for gene in reference) for seqid in seqids[1:]]
        assert [int(row.cells[0].text) for row in table.rows] == counts
        assert accuracy_groups({MODEL: score(1, 0.2)}, "c") is None

    def test_run_times_add_up(self) -> None:
        jobs = {"a": [{"s": "50", "max_rss": "100"}, {"s": "30", "max_rss": "-"}], "b": [{"s": "1", "max_rss": "NA"}]}
        rows = run_times(jobs, "c").rows
        assert [[cell.text for cell in row.cells] for row in rows] == [
            ["2", "1 min 20 s", "50.0 s", "100 MB"],
            ["1", "1.0 s", "1.0 s", "–"],
        ]

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0.04, "0.0 s"), (59.9, "59.9 s"), (119.7, "2 min 00 s"), (3599, "59 min 59 s"), (7260, "2 h 01 min")],
    )
    def test_durations(self, seconds: float, text: str) -> None:
        assert duration(seconds) == text


class TestLoci:
    def genes(self, number: int) -> list[Gene]:
        """Return one gene a kilobase; the eleventh and twelfth have an intron."""
        found = []
        for i in range(number):
            cds = ((1000 * i, 1000 * i + 100), (1000 * i + 200, 1000 * i + 300))[: 2 if i in (10, 11) else 1]
            found.append(Gene(f"g{i}", "s", "+-"[i % 2], (Transcript(f"t{i}", cds, cds),)))
        return found

    def test_introns_disagreement_and_chance(self) -> None:
        reference = self.genes(30)
        without = [gene for gene in reference if gene.id not in ("g20", "g21", "g22")]
        loci = choose_loci(reference, [reference, without])
        held = [
            {gene.id for gene in reference if locus.start <= gene.start and gene.end <= locus.end} for locus in loci
        ]
        assert {"g10", "g11"} <= held[0]
        assert {"g20", "g21", "g22"} <= held[1]
        assert held[0].isdisjoint(held[1])
        assert held[2].isdisjoint(held[0] | held[1])
        assert loci == choose_loci(reference, [reference, without])

    def test_few_genes_give_few_pictures(self) -> None:
        assert choose_loci([], []) == []
        assert len(choose_loci(self.genes(2), [])) == 1

    def test_a_picture_tells_right_from_wrong(self) -> None:
        reference = self.genes(12)
        locus = choose_loci(reference, [])[0]
        moved = [Gene(g.id, g.seqid, "+" if g.strand == "-" else "-", g.transcripts) for g in reference]
        figure = draw_locus("x", locus, reference, {MODEL: reference, SECOND: moved, BASELINE: []}, "c")
        assert "4 of 8 predicted transcripts" in figure.alt
        for name in ("reference", "semicrf", "linear", "ORF rule"):
            assert f">{name}</text>" in figure.svg

    def test_a_crowded_track_says_what_it_hides(self) -> None:
        cds = ((0, 300),)
        gene = Gene("g", "s", "+", tuple(Transcript(f"t{i}", ((0, 300 + i),), cds) for i in range(9)))
        locus = choose_loci([gene], [])[0]
        assert ">(and 3 more)</text>" in draw_locus("x", locus, [gene], {}, "c").svg


class TestFigures:
    def test_ink_follows_the_page(self, metrics: dict[Method, Any]) -> None:
        svg = f1_bars("bars", metrics, "c").svg
        assert "currentColor" in svg
        assert "#010203" not in svg.lower()
        assert "DejaVu" not in svg
        assert PALETTE[0].lower() in svg

    def test_lengths_show_what_there_is(self, metrics: dict[Method, Any]) -> None:
        figure = length_histograms("lengths", {m: found["lengths"] for m, found in metrics.items()}, "c")
        assert "intron" in figure.alt
        assert "UTR" not in figure.alt

    def test_equal_drawings_are_equal_text(self) -> None:
        texts = []
        for _ in range(2):
            with styled():
                figure = canvas(1.0)
                figure.subplots().plot([0, 1], [1, 0], clip_on=True)
                texts.append(to_svg(figure, "name", "c", 'say "hi" & <go>'))
        assert texts[0] == texts[1]
        assert 'aria-label="say &quot;hi&quot; &amp; &lt;go&gt;"' in texts[0].svg

    def test_figures_are_written_with_their_captions(self, tmp_path: Path) -> None:
        figure = Figure("one", "<svg/>", "What it shows.", "alt")
        write_figures(tmp_path / "figures", [Section("S", [Text("t"), figure])])
        assert (tmp_path / "figures/one.svg").read_text(encoding="utf-8") == "<svg/>"
        assert (tmp_path / "figures/one.rst").read_text(encoding="utf-8") == "What it shows.\n"


def test_many_models_are_trained_in_several_figures() -> None:
    row = {"split": "validation", "step": "10", "loss": "0.5"}
    names = [f"model-seed{number:02}" for number in range(2 * CURVES + 1)]
    section = _training({name: [row] for name in names})
    figures = [block for block in section.blocks if isinstance(block, Figure)]
    assert [figure.name for figure in figures] == ["training", "training-2", "training-3"]
    assert [name for figure in figures for name in names if name in figure.alt] == names


def test_a_legend_names_every_panel_once_and_takes_no_room_from_the_panels() -> None:
    heights = []
    for many in (2, 30):
        with styled():
            figure = canvas(2.6)
            left, right = figure.subplots(1, 2)
            for number in range(many):
                left.plot([0, 1], [number, 1], label=f"a_model_of_some_name-seed{number}")
                right.plot([0, 1], [number, 1], label=f"a_model_of_some_name-seed{number}")
            right.plot([0, 1], [0, 1], label="only on the right")
            add_legend(figure)
            figure.draw_without_rendering()
            (legend,) = figure.legends
            assert [text.get_text() for text in legend.get_texts()][-1] == "only on the right"
            assert len(legend.get_texts()) == many + 1
            box = legend.get_window_extent()
            assert box.x1 <= figure.bbox.x1 and box.y0 >= left.get_window_extent().y1
            heights.append(left.get_window_extent().height)
    assert heights[1] == pytest.approx(heights[0], rel=0.15)
