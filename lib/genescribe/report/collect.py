"""The sections of the report, built from the contents of a results folder (layout: docs/architecture.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from genescribe.bake.splits import Region
from genescribe.errors import InputError
from genescribe.evaluate.regions import restrict
from genescribe.figures.blocks import Block, Figure, Section, Text
from genescribe.files import read_json, read_table
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.catalogue.database import Catalogue
from genescribe.genome.model import Gene
from genescribe.report import charts, tables
from genescribe.report.charts import Method
from genescribe.report.codon import codon_sections
from genescribe.report.labels import label_runs, label_section
from genescribe.report.loci import choose_loci, draw_locus

TITLES = {
    "orf_rule": "ORF rule",
    "augustus": "AUGUSTUS",
    "augustus_retrained": "AUGUSTUS, retrained",
    "ceiling": "ceiling",
}
CURVES = 12
"""Models whose training one figure shows."""
SHOWN_METRICS = {"cds_segment_f1": "F1 of exact coding segments", "macro_f1": "macro F1 of labels"}
"""Validation columns of a log, of which the first that exists has a panel, and their titles."""

HOW = (
    "Scores compare coding sequences, stop codons inside, on sequences that no model was trained on. A gene is right "
    "when the exact coding sequence of any of its isoforms is predicted; a protein is identical letter by letter. The "
    "levels base to locus are those of gffcompare --strict-match -e 0 --no-merge. Intervals are 95% bootstrap "
    "intervals: genes are drawn again with replacement, overlapping ones together. Bold is the best of a column, the "
    "ceiling aside.",
    "Beside the models stand baselines. The ORF rule takes the longest open reading frames and drops those that "
    "overlap a longer one. AUGUSTUS is an established gene finder with its stock parameters, which may have been "
    "fitted to genes of the test; retrained, it has learned from the training genes of the models. Annotations by "
    "other programs, which the configuration names (baselines.files), are scored as they are. On simulated genomes "
    "the ceiling is a decoder that knows the simulator's true parameters.",
)


def collect(results: str | Path, without_augustus: Mapping[str, str] | None = None) -> list[Section]:
    """Return the sections that a results folder has something for.

    Parameters
    ----------
    results
        The folder; parts that are missing leave their section out.
    without_augustus
        Genome -> why AUGUSTUS has no row.

    Raises
    ------
    InputError
        Nothing was evaluated and nothing trained there.
    """
    results = Path(results)
    metrics, absent = _metrics(results), without_augustus or {}
    logs = {path.parent.name: read_table(path) for path in sorted(results.glob("train/*/log.csv"))}
    codon = [section for section in codon_sections(results) if section.blocks]
    if not metrics and not logs and not codon:
        raise InputError(
            "neither metrics nor training logs", where=results, remedy="run the target evaluate or train first"
        )
    numbers, own = _numbers(metrics), [annotation for annotation in metrics if "." not in annotation]
    jobs: list[Callable[[], Section]] = [
        partial(Section, "How to read the scores", [Text(paragraph) for paragraph in HOW] if metrics else []),
        *(partial(_accuracy, name, values, absent.get(name.partition(".")[0], "")) for name, values in metrics.items()),
        *(partial(_pictures, results, annotation, metrics[annotation]) for annotation in own),
        *(partial(label_section, genome, runs, numbers) for genome, runs in label_runs(results).items()),
        *(partial(_completeness, results, genome) for genome in own),
        partial(_lengths, metrics),
        partial(_training, logs, numbers),
    ]
    sections = [job() for job in tqdm(jobs, desc="report", unit="section", disable=None, delay=2)]
    sections += [*codon, _times(results), _provenance(results)]
    return [section for section in sections if section.blocks]


def _metrics(results: Path) -> dict[str, dict[Method, Any]]:
    """Return annotation -> method -> metrics, models first, then baselines, then the ceiling."""
    by_annotation: dict[str, dict[str, Any]] = defaultdict(dict)
    for path in sorted(results.glob("evaluate/*/*/metrics.json")):
        by_annotation[path.parent.name][path.parent.parent.name] = read_json(path)
    baselines = {path.name for path in results.glob("baseline/*")} | TITLES.keys()
    methods = _methods({name for by_name in by_annotation.values() for name in by_name}, baselines)
    return {
        annotation: {method: by_name[method.name] for method in methods if method.name in by_name}
        for annotation, by_name in sorted(by_annotation.items())
    }


def _methods(names: Collection[str], baselines: Collection[str]) -> list[Method]:
    """Return models, then baselines, then the ceiling, each with one colour on the whole page.

    `baselines`: names of those that are not learned here.
    """
    kinds = {name: "ceiling" if name == "ceiling" else "baseline" if name in baselines else "model" for name in names}
    methods: list[Method] = []
    for kind in ("model", "baseline", "ceiling"):
        ordered = [name for name in sorted(names) if kinds[name] == kind]
        methods += [Method(name, TITLES.get(name, name), kind, number) for number, name in enumerate(ordered)]
    return methods


def _numbers(metrics: Mapping[str, Mapping[Method, Any]]) -> dict[str, int]:
    """Return model -> its number on the page; a run with several seeds has that of its first one."""
    models = sorted({(m.number, m.name) for by_method in metrics.values() for m in by_method if m.kind == "model"})
    numbers: dict[str, int] = {}
    for number, name in models:
        numbers[name] = number
        numbers.setdefault(name.partition("-seed")[0], number)
    return numbers


def _accuracy(annotation: str, metrics: Mapping[Method, Any], without_augustus: str) -> Section:
    gene = next(iter(metrics.values()))["cds"]["gene"]
    place = _place(metrics)
    summary = f"F1 on {place} ({gene['reference']:,} genes), in percent; below, the 95% bootstrap interval."
    blocks: list[Block] = [
        tables.accuracy_summary(metrics, summary),
        charts.f1_bars(f"f1-{_anchor(annotation)}", metrics, f"F1 of coding sequences on {place}, by level."),
        *_pairs_and_groups(metrics, place),
        *_calibration(annotation, metrics, place),
        tables.accuracy_details(metrics, "cds", "All levels on coding sequences: counts, sensitivity, precision"),
        tables.accuracy_details(metrics, "exon", "All levels on whole exons of coding transcripts"),
    ]
    if not any(method.name == "augustus" for method in metrics):
        reason = without_augustus or "these results do not hold its annotation"
        blocks.append(Text(f"AUGUSTUS has no row: {reason}.", "note"))
    crossing = next(iter(metrics.values()))["left_out"]["reference"]
    if crossing:
        note = f"Reference genes that cross an edge of the test regions, and are not scored: {crossing:,}."
        blocks.append(Text(note, "note"))
    return Section(f"Accuracy: {_title(annotation)}", blocks)


def _pairs_and_groups(metrics: Mapping[Method, Any], place: str) -> list[Block]:
    titles = {method.name: method.title for method in metrics}
    pairs = (
        f"Points of F1 that one method is above another on {place}; below, the paired 95% interval, both methods on "
        "the same draws of the same genes. Bold: above zero throughout."
    )
    groups = f"F1 on {place} by group of sequences, in percent; below, the 95% bootstrap interval."
    optional = tables.differences(metrics, titles, pairs), tables.accuracy_groups(metrics, groups)
    return [table for table in optional if table is not None]


def _calibration(annotation: str, metrics: Mapping[Method, Any], place: str) -> list[Block]:
    """Show whether probabilities are calibrated, where a method gives any."""
    calibrated = {method: values for method, values in metrics.items() if values.get("calibration")}
    if not calibrated:
        return []
    diagram = (
        f"Reliability on {place}: predictions in ten bins of posterior probability, the share of them that is exactly "
        "right, and their number. On the dotted line a probability means what it says."
    )
    errors = (
        "Expected calibration error: mean distance between probability and share right, weighted by the predictions "
        "of a bin. Brier score: mean squared distance between probability and outcome."
    )
    return [
        charts.reliability_diagram(f"reliability-{_anchor(annotation)}", calibrated, diagram),
        tables.calibration(calibrated, errors),
    ]


def _pictures(results: Path, annotation: str, metrics: Mapping[Method, Any]) -> Section:
    """Draw gene models of the test regions, where the catalogue and the predictions are still there."""
    title = f"Gene models: {_title(annotation)}"
    catalogue = results / "catalogue" / annotation / "catalogue.duckdb"
    files = {method: _prediction(results, method.name, annotation) for method in metrics}
    if not catalogue.exists() or not all(path.exists() for path in files.values()):
        return Section(title)
    regions = [Region.parse(text) for text in _regions(metrics)]
    truth = [gene for gene in Catalogue(catalogue).genes() if any(t.cds for t in gene.transcripts)]
    predicted: dict[Method, Sequence[Gene]] = {method: read_genes(path) for method, path in files.items()}
    scored = restrict(truth, [], regions).reference if regions else truth
    blocks: list[Block] = []
    for number, locus in enumerate(choose_loci(scored, list(predicted.values())), 1):
        where = f"{locus.seqid}:{locus.start + 1:,}-{locus.end:,}"
        caption = f"{where}, {locus.why}. Plain: the exact coding sequence of the reference; hatched: another one."
        blocks.append(draw_locus(f"locus-{_anchor(annotation)}-{number}", locus, truth, predicted, caption))
    return Section(title, blocks)


def _completeness(results: Path, genome: str) -> Section:
    paths = sorted(results.glob(f"busco/proteins/*/{genome}/busco.json"), key=lambda p: p.parts[-3] != "reference")
    counts = {TITLES.get(path.parts[-3], path.parts[-3]): read_json(path) for path in paths}
    ceiling = results / "busco" / "genome" / genome / "busco.json"
    if ceiling.exists():
        counts["the genome itself"] = read_json(ceiling)
    if not counts:
        return Section(f"Completeness: {genome}")
    busco = next((busco for busco in counts.values() if busco["versions"]), next(iter(counts.values())))
    name, groups = busco["lineage"].get("name", "unknown"), busco["total"]
    version, date = busco["versions"].get("busco", "?"), busco["lineage"].get("creation_date", "unknown date")
    regions = ", ".join(busco["provenance"]["regions"]) or "all sequences"
    caption = (
        f"BUSCO {version} in protein mode, one isoform per gene, on {regions}: "
        f"the {groups:,} groups of {name} ({date}). "
        "The reference is measured on the same sequences: it is the most that can be found there."
    )
    return Section(f"Completeness: {genome}", [tables.completeness(counts, caption)])


def _lengths(metrics: Mapping[str, Mapping[Method, Any]]) -> Section:
    blocks: list[Block] = []
    for annotation, by_method in metrics.items():
        if "." in annotation:
            continue
        lengths = {method: values["lengths"] for method, values in by_method.items()}
        caption = f"Lengths on {_title(annotation)}: share of each bin, the reference as an area, predictions as lines."
        blocks.append(charts.length_histograms(f"lengths-{_anchor(annotation)}", lengths, caption))
        distances = (
            f"Distance from the reference's lengths on {_title(annotation)}: by how many bases lengths would have to "
            "change on average (Wasserstein-1), and below the KL divergence, 0 where both are distributed alike"
        )
        blocks.append(tables.length_distances(by_method, distances))
    return Section("Lengths of exons and introns", blocks)


def _training(logs: Mapping[str, Sequence[Mapping[str, str]]], numbers: Mapping[str, int] | None = None) -> Section:
    if not logs:
        return Section("Training")
    known = {name for rows in logs.values() for row in rows for name, value in row.items() if value}
    metric = next(((name, title) for name, title in SHOWN_METRICS.items() if name in known), None)
    caption = "Loss over optimiser steps, and a score on the validation windows; the best weights on it are kept."
    known_numbers = dict(numbers or {})
    for name in logs:
        known_numbers.setdefault(name, len(known_numbers))
    models = [(Method(name, name, "model", known_numbers[name]), rows) for name, rows in logs.items()]
    blocks: list[Block] = []
    for start in range(0, len(models), CURVES):
        name = f"training-{start // CURVES + 1}" if start else "training"
        blocks.append(charts.training_curves(name, dict(models[start : start + CURVES]), metric, caption))
    return Section("Training", blocks)


def _times(results: Path) -> Section:
    jobs: dict[str, list[dict[str, str]]] = defaultdict(list)
    for path in sorted(results.glob("benchmarks/**/*.tsv")):
        jobs[path.relative_to(results / "benchmarks").parts[0].removesuffix(".tsv")] += read_table(path, "\t")
    jobs.pop("report_page", None)
    if not jobs:
        return Section("Run times and memory")
    seconds = {rule: tables.total_seconds(rows) for rule, rows in jobs.items()}
    blocks: list[Block] = [
        tables.run_times(jobs, "Wall-clock time and peak resident memory of each rule, as Snakemake measured them."),
        charts.run_times("run-times", seconds, "Wall-clock time of each rule, all its jobs together."),
    ]
    return Section("Run times and memory", blocks)


def _provenance(results: Path) -> Section:
    models = {path.parents[1].name: read_json(path) for path in sorted(results.glob("train/*/model/provenance.json"))}
    models |= {
        path.parents[2].name: read_json(path) for path in sorted(results.glob("codon/*/*/model/provenance.json"))
    }
    caption = "Commit of the code (+: with changes), versions, and a digest of data and options together."
    return Section("Provenance", [tables.provenance(models, caption)] if models else [])


def _prediction(results: Path, method: str, genome: str) -> Path:
    stages = ("predict", "baseline")
    paths = [results / stage / method / genome / "whole" / "annotation.gff3" for stage in stages]
    return next((path for path in paths if path.exists()), paths[0])


def _regions(metrics: Mapping[Method, Any]) -> list[str]:
    return list(next(iter(metrics.values())).get("provenance", {}).get("regions", []))


def _place(metrics: Mapping[Method, Any]) -> str:
    regions = _regions(metrics)
    if not regions:
        return "all sequences"
    return ", ".join(regions) if len(regions) <= 8 else f"{len(regions)} test regions"


def _title(annotation: str) -> str:
    genome, dot, reference = annotation.partition(".")
    return f"{genome}, scored on {reference}" if dot else genome


def _anchor(annotation: str) -> str:
    return annotation.replace(".", "-").replace(" ", "_")


def figures(sections: Sequence[Section]) -> list[Figure]:
    """Return all figures of some sections."""
    return [block for section in sections for block in section.blocks if isinstance(block, Figure)]
