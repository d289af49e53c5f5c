"""The report's tables: accuracy, lengths, run times, provenance."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genescribe.evaluate.summary import merged_seeds
from genescribe.figures.blocks import Cell, Row, Table
from genescribe.report.charts import FEATURE_NAMES, LEVEL_NAMES, Method, duration, percent

Metrics = Mapping[Method, Mapping[str, Any]]

_SUMMARY: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "gene": lambda metrics: metrics["cds"]["gene"],
    "gene, with introns": lambda metrics: metrics["spliced"]["gene"],
    "intron chain": lambda metrics: metrics["cds"]["intron_chain"],
    "exon": lambda metrics: metrics["cds"]["exon"],
    "base": lambda metrics: metrics["cds"]["base"],
}
_NONE = "–"
_BUSCO = ("complete", "single", "duplicated", "fragmented", "missing")


def accuracy_summary(metrics: Metrics, caption: str) -> Table:
    """Return F1 of the main levels, one row per method; seeds of one run are followed by their mean and range."""
    columns = [f"{name}\nF1, %" for name in _SUMMARY] + ["identical\nproteins, %"]
    values = {
        method: [*(pick(levels)["f1"] for pick in _SUMMARY.values()), _proteins(levels)]
        for method, levels in metrics.items()
    }
    contenders = [method for method in metrics if method.kind != "ceiling"]
    best = [max((v for m in contenders if (v := values[m][i]) is not None), default=None) for i in range(len(columns))]
    rows, previous = [], None
    for method, levels in metrics.items():
        details = [_interval(pick(levels)) for pick in _SUMMARY.values()] + [""]
        cells = [
            Cell(percent(value), detail, method in contenders and value is not None and value == top)
            for value, detail, top in zip(values[method], details, best, strict=True)
        ]
        rows.append(Row(method.title, cells, previous not in (None, method.kind)))
        previous = method.kind
    for place, row in sorted(_means(values).items(), reverse=True):
        rows.insert(place, row)
    return Table(caption, "method", columns, rows)


def differences(metrics: Metrics, titles: Mapping[str, str], caption: str) -> Table | None:
    """Return by how much each method's F1 is above another's, with the paired interval; None where none was paired.

    Parameters
    ----------
    metrics
        Metrics of each method.
    titles
        Title of each method by its name.
    caption
        Caption of the table.
    """
    rows: list[Row] = []
    for method, values in metrics.items():
        for number, (rival, levels) in enumerate(values.get("paired", {}).items()):
            parts = [levels["gene"], values["paired_spliced"][rival]["gene"], levels["exon"], levels["base"]]
            cells = [_difference(part["f1"]) for part in parts]
            rows.append(Row(f"{method.title} above {titles.get(rival, rival)}", cells, number == 0 and bool(rows)))
    columns = [f"{name}\nF1, points" for name in ("gene", "gene, with introns", "exon", "base")]
    return Table(caption, "pair", columns, rows) if rows else None


def calibration(metrics: Metrics, caption: str) -> Table:
    """Return how well probabilities are calibrated, one row per method that has any."""
    rows = []
    for method, values in metrics.items():
        cells = []
        for kind in ("gene", "exon"):
            scores = values["calibration"].get(kind)
            if scores is None:
                cells += [Cell(_NONE)] * 3
                continue
            error, brier = scores["expected_calibration_error"], scores["brier"]
            cells += [Cell(f"{scores['count']:,}"), Cell(f"{error:.3f}"), Cell(f"{brier:.3f}")]
        if values["calibration"]:
            rows.append(Row(method.title, cells, False))
    columns = [f"{kind}s:\n{title}" for kind in ("gene", "exon") for title in ("number", "calibration error", "Brier")]
    return Table(caption, "method", columns, rows)


def accuracy_groups(metrics: Metrics, caption: str) -> Table | None:
    """Return F1 of each group of sequences, one row per method and group; None where there are no groups."""
    rows: list[Row] = []
    for method, values in metrics.items():
        for number, (group, levels) in enumerate(values.get("groups", {}).items()):
            parts = [levels[name] for name in ("gene", "exon", "base")]
            cells = [Cell(f"{levels['gene']['reference']:,}"), *(Cell(percent(p["f1"]), _interval(p)) for p in parts)]
            rows.append(Row(f"{method.title}: {group}", cells, number == 0 and bool(rows)))
    columns = ["genes", *(f"{name}\nF1, %" for name in ("gene", "exon", "base"))]
    return Table(caption, "method and group", columns, rows) if rows else None


def accuracy_details(metrics: Metrics, level: str, caption: str) -> Table:
    """Return counts and shares of every level, one row per method and level.

    Parameters
    ----------
    metrics
        Metrics of each method.
    level
        "cds" or "exon".
    caption
        Of the table, which is folded.
    """
    columns = ["in reference", "found", "predicted", "right", "sensitivity, %", "precision, %", "F1, %"]
    rows: list[Row] = []
    for method, values in metrics.items():
        for number, name in enumerate(LEVEL_NAMES):
            scores = values[level][name]
            counts = [scores["reference"], scores["tp"], scores["predicted"], scores["predicted"] - scores["fp"]]
            shares = [Cell(percent(scores[m]), _interval(scores, m)) for m in ("sensitivity", "precision", "f1")]
            cells = [*(Cell(f"{count:,}") for count in counts), *shares]
            rows.append(Row(f"{method.title}: {LEVEL_NAMES[name]}", cells, number == 0 and bool(rows)))
    return Table(caption, "method and level", columns, rows, folded=True)


def length_distances(metrics: Metrics, caption: str) -> Table:
    """Return how far the lengths of each feature are from the reference's, one row per method."""
    features = [name for name in FEATURE_NAMES if any(name in values["lengths"] for values in metrics.values())]
    rows = []
    for method, values in metrics.items():
        cells = []
        for name in features:
            distances = values["lengths"].get(name, {})
            kl = distances.get("kl")
            cells.append(Cell(_number(distances.get("wasserstein")), "" if kl is None else f"KL {kl:.3f}"))
        rows.append(Row(method.title, cells))
    return Table(caption, "method", [FEATURE_NAMES[name] for name in features], rows, folded=True)


def completeness(busco: Mapping[str, Mapping[str, Any]], caption: str) -> Table:
    """Return BUSCO's counts, a row an annotation: shares of all groups, complete ones with their number."""
    rows = []
    for name, counts in busco.items():
        total = counts["total"]
        shares = [counts[key] / total if total else None for key in _BUSCO]
        cells = [Cell(percent(share), f"{counts[key]:,}") for share, key in zip(shares, _BUSCO, strict=True)]
        rows.append(Row(name, [*cells, Cell(f"{counts['proteins']:,}" if "proteins" in counts else _NONE)]))
    return Table(caption, "annotation", [*(f"{key}, %" for key in _BUSCO), "proteins"], rows)


def run_times(jobs: Mapping[str, Sequence[Mapping[str, str]]], caption: str) -> Table:
    """Return time and memory of each rule from the rows of Snakemake's benchmark files."""
    rows = []
    for rule, of_rule in sorted(jobs.items(), key=lambda item: -total_seconds(item[1])):
        longest = max(float(job["s"]) for job in of_rule)
        memory = [float(job["max_rss"]) for job in of_rule if re.fullmatch(r"[\d.]+", job.get("max_rss") or "")]
        cells = [
            Cell(f"{len(of_rule):,}"),
            Cell(duration(total_seconds(of_rule))),
            Cell(duration(longest)),
            Cell(f"{max(memory):,.0f} MB" if memory else _NONE),
        ]
        rows.append(Row(rule, cells))
    return Table(caption, "rule", ["jobs", "time, all jobs", "longest job", "peak memory"], rows)


def total_seconds(jobs: Sequence[Mapping[str, str]]) -> float:
    """Return the wall-clock seconds of all jobs together."""
    return sum(float(job["s"]) for job in jobs)


def provenance(models: Mapping[str, Mapping[str, Any]], caption: str) -> Table:
    """Return where each model comes from, one row per model."""
    keys = {"commit": "code", "device": "device", "finished": "finished"}
    packages = ("torch", "numpy", "python")
    columns = [*keys.values(), *packages, "data and options"]
    rows = []
    for name, origin in models.items():
        versions = origin.get("versions", {})
        cells = [Cell(_short(origin.get(key))) for key in keys]
        cells += [Cell(str(versions.get(package) or _NONE)) for package in packages]
        rows.append(Row(name, [*cells, Cell(_short(origin.get("fingerprint_sha256")))]))
    return Table(caption, "model", columns, rows)


def _means(values: Mapping[Method, Sequence[float | None]]) -> dict[int, Row]:
    """Return, by the place to insert it at, a row of means and ranges for runs with several seeds."""
    places = {method.name: place for place, method in enumerate(values)}
    rows, table = {}, list(values.values())
    for run, names in merged_seeds(places).items():
        cells = []
        for numbers in zip(*(table[places[name]] for name in names), strict=True):
            known = [number for number in numbers if number is not None]
            spread = f"{100 * min(known):.1f} to {100 * max(known):.1f}" if len(known) > 1 else ""
            cells.append(Cell(percent(statistics.fmean(known)) if known else _NONE, spread))
        rows[places[names[-1]] + 1] = Row(f"{run}, mean of {len(names)} seeds", cells)
    return rows


def _proteins(values: Mapping[str, Any]) -> float | None:
    counts = values.get("proteins")
    return counts["identical"] / counts["reference"] if counts and counts["reference"] else None


def _interval(estimate: Mapping[str, Any], metric: str = "f1") -> str:
    ends = estimate.get("interval", {}).get(metric)
    return "" if ends is None else f"{100 * ends[0]:.1f}–{100 * ends[1]:.1f}"


def _difference(estimate: Mapping[str, Any]) -> Cell:
    """Return a difference in points; in bold where its interval lies above zero."""
    value, ends = estimate["difference"], estimate["interval"]
    if value is None or ends is None:
        return Cell(_NONE)
    return Cell(f"{100 * value:+.1f}", f"{100 * ends[0]:+.1f} to {100 * ends[1]:+.1f}", ends[0] > 0)


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _short(value: Any) -> str:
    text = _NONE if value is None else str(value)
    return text[:12] + ("+" if text.endswith("+") else "") if re.fullmatch(r"[0-9a-f]{40,}\+?", text) else text
