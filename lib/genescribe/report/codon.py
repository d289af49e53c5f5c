"""The report sections on codon language models, built from the output of their runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genescribe.codon.evaluation.methods import MODEL, TRIGRAM
from genescribe.codon.interpret.pictures import bars, lines
from genescribe.codon.interpret.step import plain, read_blocks
from genescribe.errors import InputError
from genescribe.figures.blocks import Block, Cell, Row, Section, Table, Text
from genescribe.files import read_json, read_table

PAGE = "report.html"
"""A run's own page, in its folder."""

_NONE = "–"

HOW = (
    "Perplexity is the exponent of the mean negative log likelihood of a codon, the stop codon inside, without "
    "smoothing: 1 is certain, 64 is a guess. Every method predicts from the codons before alone; n-grams are modified "
    "Kneser-Ney on the same training genes. The choice among synonyms is judged given the amino acid, over amino acids "
    "that have several codons, starts and stops left out. Intervals are 95% bootstrap intervals over genes. The test "
    "genomes are whole species that no model was trained on; training genes that resemble one of theirs were left out."
)


def codon_sections(results: Path) -> list[Section]:
    """Return the sections of every codon run of a results folder; none where there is none."""
    runs = {path.name: path for path in sorted(results.glob("codon/*")) if path.is_dir()}
    pages = [name for name, path in runs.items() if (path / PAGE).exists()]
    scores = {name: _scores(path) for name, path in runs.items()}
    scored = {name: metrics for name, metrics in scores.items() if metrics}
    across = _insights(runs)
    if scored:
        across = [Text(HOW), _comparison(scored), *across]
    sections = [Section("Codon models", across)] if across else []
    if pages:
        where = ", ".join(f"codon/{name}/{PAGE}" for name in pages)
        sections.append(Section("Pages of the runs", [Text(f"Each run has a page and a log of its own: {where}.")]))
    for name, path in runs.items():
        sections += _run_sections(name, path, scores[name])
    return sections


def run_sections(path: str | Path) -> list[Section]:
    """Return the sections of one codon run, for its own page.

    Raises
    ------
    InputError
        The folder holds nothing of a run.
    """
    path = Path(path)
    metrics = _scores(path)
    intro = [Section("How to read the scores", [Text(HOW), _comparison({path.name: metrics})])] if metrics else []
    sections = [section for section in [*intro, *_run_sections(path.name, path, metrics)] if section.blocks]
    if not sections:
        raise InputError("no results of a codon run", where=path, remedy="give the folder of a run")
    return sections


def _run_sections(name: str, path: Path, metrics: Mapping[str, Any] | None) -> list[Section]:
    sections = [Section(f"{name}: data", _data(path))]
    if metrics:
        sections.append(Section(f"{name}: held-out genomes", _held_out(_anchor(name), metrics)))
    sections.append(Section(f"{name}: training", _curves(name, path)))
    sections.append(Section(f"{name}: generation", _generation(path)))
    for step in sorted(path.glob("interpret/*/summary.json")):
        title, blocks = read_blocks(step.parent)
        sections.append(Section(f"{name}: {title}", blocks))
    sections.append(Section(f"{name}: classifiers", _classifiers(path)))
    return sections


def _scores(path: Path) -> dict[str, Any] | None:
    files = sorted(path.glob("*/metrics.json"))
    return dict(read_json(files[0])) if files else None


def _comparison(scored: Mapping[str, Mapping[str, Any]]) -> Table:
    columns = ["parameters", "perplexity", "trigram", "model - trigram", "synonyms right", "codon usage", "first loss"]
    rows = []
    for name, metrics in scored.items():
        against = metrics["model_against"][TRIGRAM]["perplexity"]
        usage = metrics["methods"]["codon usage"]["synonym_accuracy"]
        cells = [
            Cell(f"{metrics['parameters']:,}"),
            _cell(metrics["methods"][MODEL]["perplexity"]),
            _cell(metrics["methods"][TRIGRAM]["perplexity"]),
            Cell(f"{against['difference']:+.2f}", _ends(against["interval"])),
            _cell(metrics["methods"][MODEL]["synonym_accuracy"], 100),
            _cell(usage, 100),
            Cell(f"{metrics['first_loss']['untrained']:.3f}", f"ln V {metrics['first_loss']['ln_v']:.3f}"),
        ]
        rows.append(Row(name, cells))
    caption = "Every run on its test genomes. Synonyms right: in percent, of the model and of training codon usage."
    return Table(caption, "run", columns, rows)


def _insights(runs: Mapping[str, Path]) -> list[Block]:
    """Return the measures of the interpretations of several runs side by side; nothing where there is but one."""
    cells_of: dict[str, dict[str, Cell]] = {}
    shown = []
    for name, path in runs.items():
        steps = sorted(path.glob("interpret/*/summary.json"))
        shown += [name] if steps else []
        for step in steps:
            for measure in read_json(step)["measures"]:
                null = ", ".join(f"{key} {plain(value)}" for key, value in measure["nulls"].items())
                cells_of.setdefault(measure["name"], {})[name] = Cell(plain(measure["value"]), null)
    if len(shown) < 2:
        return []
    rows = [Row(title, [cells.get(name, Cell(_NONE)) for name in shown]) for title, cells in cells_of.items()]
    return [
        Table("What the interpretation measured in every run, its nulls below.", "measure", shown, rows, folded=True)
    ]


def _held_out(anchor: str, metrics: Mapping[str, Any]) -> list[Block]:
    methods = {name: metrics["methods"][name] for name in _ordered(metrics["methods"])}
    best = min(scores["perplexity"]["value"] for scores in methods.values() if "perplexity" in scores)
    right = max(scores["synonym_accuracy"]["value"] for scores in methods.values() if "synonym_accuracy" in scores)
    rows = []
    for name, scores in methods.items():
        cells = [
            _cell(scores.get("perplexity"), best=best),
            _cell(scores.get("synonym_accuracy"), 100, best=right),
            _cell(scores.get("synonym_perplexity")),
        ]
        rows.append(Row(name, cells))
    columns = ["perplexity", "synonyms right, %", "perplexity given the protein"]
    caption = f"{metrics['genes']:,} of {metrics['test_genes']:,} test genes, {metrics['codons']:,} codons."
    blocks: list[Block] = [Table(caption, "method", columns, rows)]
    others = [name for name in methods if "perplexity" in methods[name] and name not in ("uniform", MODEL)]
    shown = [MODEL, *reversed(others)]
    genomes = list(metrics["genomes"])
    series = {name: [metrics["genomes"][g][name]["perplexity"] for g in genomes] for name in shown}
    caption = "Perplexity on each test genome."
    blocks.append(bars(f"{anchor}-genomes", genomes, series, caption, y="perplexity"))
    caption = "Perplexity and synonyms right (%) by test genome."
    blocks.append(_group_table(metrics["genomes"], list(methods), caption, "genome"))
    caption = "The same by whether a training gene resembles the test gene (a fifth of its protein's words in common)."
    blocks.append(_group_table(metrics["homology"], list(methods), caption, "genes"))
    controls = {name: scores for name, scores in metrics["controls"].items() if name != "genes"}
    orders = {name: [Cell(f"{scores[MODEL]:.2f}"), Cell(f"{scores[TRIGRAM]:.2f}")] for name, scores in controls.items()}
    caption = (
        f"Perplexity on {metrics['controls']['genes']} test genes whose codons were put in another order: among all "
        "(composition kept), or among synonyms (protein kept). Untrained, as they are: "
        f"{metrics['untrained_perplexity']:.2f}."
    )
    blocks.append(Table(caption, "codons", ["model", "trigram"], [Row(name, row) for name, row in orders.items()]))
    return [*blocks, _sanity(metrics["sanity"])]


def _sanity(losses: Mapping[str, Mapping[str, float]]) -> Table:
    titles = {
        "frame_shift_delta": "log-probability of a codon lost out of frame",
        "stop_rate": "probability of a stop where none stands",
        "stop_rate_at_end": "probability of a stop where one stands",
    }
    names = (MODEL, TRIGRAM)
    rows = [
        Row(title, [Cell(f"{losses[name][key]:.4f}" if key in losses[name] else _NONE) for name in names])
        for key, title in titles.items()
    ]
    return Table("Sanity: the reading frame, and where genes end.", "measure", list(names), rows)


def _ordered(methods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the methods from the worst perplexity to the best, and then those that have none."""

    def key(name: str) -> tuple[bool, float]:
        perplexity = methods[name].get("perplexity")
        return (False, -perplexity["value"]) if perplexity else (True, methods[name]["synonym_accuracy"]["value"])

    return sorted(methods, key=key)


def _group_table(groups: Mapping[str, Mapping[str, Any]], methods: Sequence[str], caption: str, corner: str) -> Table:
    rows = []
    for name, group in groups.items():
        cells = [Cell(f"{group['genes']:,}")]
        for method in methods:
            scores = group[method]
            share = scores.get("synonym_accuracy")
            detail = "" if share is None else f"{100 * share:.1f}%"
            value = scores.get("perplexity")
            cells.append(Cell(_NONE if value is None else f"{value:.2f}", detail))
        rows.append(Row(name, cells))
    return Table(caption, corner, ["genes", *methods], rows, folded=True)


def _data(path: Path) -> list[Block]:
    if not (path / "data" / "statistics.json").exists():
        return []
    statistics, integrity = (read_json(path / "data" / f"{name}.json") for name in ("statistics", "integrity"))
    sources = read_json(path / "data" / "manifest.json")["sources"]
    rows: list[Row] = []
    for split, numbers in statistics.items():
        for number, (genome, part) in enumerate(numbers["genomes"].items()):
            cells = [Cell(split), Cell(f"{part['cds']:,}"), Cell(f"{part['codons']:,}")]
            cells += [Cell(f"{100 * part[key]:.1f}") for key in ("gc", "gc3")]
            rows.append(Row(genome, cells, number == 0 and bool(rows)))
    agree = sum(numbers["translation"]["agree"] for numbers in sources.values())
    differ = sum(numbers["translation"]["differ"] for numbers in sources.values())
    total, used = (sum(numbers[key] for numbers in sources.values()) for key in ("cds", "used"))
    text = (
        f"{used:,} of {total:,} annotated CDS are used; of {agree + differ:,} with an annotated protein, {agree:,} "
        f"({100 * agree / max(1, agree + differ):.3f}%) translate to it. Windows that hold only padding: "
        f"{integrity['pad_only']}; transitions in no window: {integrity['lost']}."
    )
    reasons = sorted({reason for numbers in sources.values() for reason in numbers["rejected"]})
    rejected = [
        Row(name, [Cell(f"{numbers['rejected'].get(reason, 0):,}") for reason in reasons])
        for name, numbers in sources.items()
    ]
    columns = ["split", "CDS", "codons", "GC, %", "GC3, %"]
    blocks: list[Block] = [Text(text), Table("Coding sequences of each genome and split.", "genome", columns, rows)]
    if reasons:
        blocks.append(Table("CDS that are not used, by reason.", "genome", reasons, rejected, folded=True))
    return blocks


def _curves(name: str, path: Path) -> list[Block]:
    files = sorted(path.glob("*/curves.csv"))
    if not files:
        return []
    rows = read_table(files[0])
    training = [(float(r["step"]), float(r["train_loss"])) for r in rows if r["train_loss"]]
    validation = [(float(r["step"]), float(r["val_loss"])) for r in rows if r["val_loss"]]
    curves = {
        label: ([s for s, _ in points], [v for _, v in points])
        for label, points in (("training", training), ("validation", validation))
        if points
    }
    caption = (
        "Loss over optimiser steps: minus the natural logarithm of the probability of the true codon, on average. "
        "Validation is unsmoothed, on genomes of its own."
    )
    return [lines(f"{_anchor(name)}-curves", {"": curves}, caption, x="optimiser step", y="loss of a codon")]


def _generation(path: Path) -> list[Block]:
    files = sorted(path.glob("*/gen_prefix/summary.csv"))
    if not files:
        return []
    rows = read_table(files[0])
    columns = [name for name in rows[0] if name != "method"]
    caption = (
        "Sequences that go on from the first codons of test genes: free; spelling the natural protein; and, as a "
        "control, the protein in codons drawn by training usage. Overlap: words of 8 codons that a training gene holds."
    )
    table = [Row(row["method"], [Cell(row[name]) for name in columns]) for row in rows]
    return [Table(caption, "method", [name.replace("_", " ") for name in columns], table)]


def _classifiers(path: Path) -> list[Block]:
    rows: list[Row] = []
    classes: list[str] = []
    sizes: dict[str, int] = {}
    for file in sorted(path.glob("classify/*/result/metrics.json")):
        scores = read_json(file)
        classes, sizes = scores["classes"], scores["sequences"]
        for number, (name, row) in enumerate(scores["rows"].items()):
            title = name if number == 0 else f"{file.parents[1].name}: {name}"
            cells = [_cell(row.get(key)) for key in ("balanced_accuracy", "macro_f1", "auroc", "auprc")]
            rows.append(Row(title, cells, number == 0 and bool(rows)))
    if not rows:
        return []
    caption = (
        f"What kind of protein a gene makes ({', '.join(classes)}), by the words of its product: trained on "
        f"{sizes['train']:,} genes of the training genomes, tested on {sizes['test']:,} of the held-out ones."
    )
    return [Table(caption, "classifier", ["balanced accuracy", "macro F1", "AUROC", "AUPRC"], rows)]


def _cell(estimate: Mapping[str, Any] | None, scale: float = 1, best: float | None = None) -> Cell:
    if estimate is None:
        return Cell(_NONE)
    digits = 3 if scale == 1 and estimate["value"] <= 1 else 2
    return Cell(
        f"{scale * estimate['value']:.{digits}f}", _ends(estimate["interval"], scale, digits), estimate["value"] == best
    )


def _ends(interval: Sequence[float] | None, scale: float = 1, digits: int = 2) -> str:
    if interval is None:
        return ""
    low, high = (f"{scale * end:.{digits}f}" for end in interval)
    return f"{low} to {high}" if low.startswith("-") else f"{low}–{high}"


def _anchor(name: str) -> str:
    return re.sub(r"[^\w-]", "_", name)
