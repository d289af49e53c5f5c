"""The report's charts: F1 by level, training curves, lengths of segments, run times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from genescribe.figures.blocks import Figure
from genescribe.figures.style import CEILING, HATCHES, INK, LINES, MUTED, PALETTE, add_legend, canvas, styled, to_svg

LEVEL_NAMES = {
    "base": "base",
    "exon": "exon",
    "intron": "intron",
    "intron_chain": "intron chain",
    "transcript": "transcript",
    "locus": "locus",
    "gene": "gene",
}
FEATURE_NAMES = {
    "single_exon": "single coding exon",
    "first_exon": "first coding exon",
    "internal_exon": "internal coding exon",
    "last_exon": "last coding exon",
    "intron": "intron",
    "utr5": "5' UTR part",
    "utr3": "3' UTR part",
    "intergenic": "between genes",
}
FEWEST = 20
"""Lengths that a feature must have, in the reference or in a prediction, for a histogram."""


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the tables: a model, a baseline or the ceiling.

    Attributes
    ----------
    name
        As the results' folders have it.
    title
        As the reader sees it.
    kind
        "model", "baseline" or "ceiling".
    number
        Position among those of its kind: decides colour and hatching.
    """

    name: str
    title: str
    kind: str
    number: int

    @property
    def colour(self) -> str:
        """Colour in every figure."""
        shades = {"model": PALETTE, "baseline": MUTED, "ceiling": (CEILING,)}[self.kind]
        return shades[self.number % len(shades)]

    @property
    def hatch(self) -> str:
        """Hatching of its bars."""
        return HATCHES[self.number % len(HATCHES)] if self.kind != "ceiling" else "xx"

    @property
    def line(self) -> Any:
        """Style of its lines."""
        return LINES[self.number % len(LINES)] if self.kind == "model" else ":"


def f1_bars(name: str, metrics: Mapping[Method, Mapping[str, Any]], caption: str) -> Figure:
    """Draw F1 at every level on coding sequences, a bar per method, with bootstrap intervals where there are any.

    Parameters
    ----------
    name
        File name and id of the figure.
    metrics
        Method -> contents of its `metrics.json`.
    caption
        Text below the figure.
    """
    levels = list(LEVEL_NAMES)
    with styled():
        figure = canvas(2.9)
        axes = figure.subplots()
        width = 0.84 / len(metrics)
        for place, (method, values) in enumerate(metrics.items()):
            heights = [100 * (values["cds"][level]["f1"] or 0) for level in levels]
            where = np.arange(len(levels)) + (place - (len(metrics) - 1) / 2) * width
            bars: dict[str, Any] = {"color": method.colour, "hatch": method.hatch, "label": method.title}
            axes.bar(where, heights, width * 0.92, linewidth=0, **bars)
            low, high = _interval_ends(values, levels, heights)
            axes.errorbar(where, heights, [low, high], fmt="none", ecolor=INK, elinewidth=0.8, capsize=1.5)
        axes.set_xticks(range(len(levels)), [LEVEL_NAMES[level].replace(" ", "\n") for level in levels])
        axes.set(ylim=(0, 100), ylabel="F1, %")
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")
        add_legend(figure, handlelength=1.4)
        alt = "Bars of F1 at each level: " + "; ".join(
            f"{method.title} gene {percent(values['cds']['gene']['f1'])}" for method, values in metrics.items()
        )
        return to_svg(figure, name, caption, alt)


def reliability_diagram(name: str, metrics: Mapping[Method, Mapping[str, Any]], caption: str) -> Figure:
    """Draw the share of right genes and exons by their probability, one line per method, and their number.

    For the arguments see `f1_bars`.
    """
    kinds = {"gene": "genes", "exon": "coding parts of exons"}
    with styled():
        figure = canvas(3.6)
        top, bottom = figure.subplots(2, len(kinds), height_ratios=(3, 1), sharex=True, sharey="row")
        words = []
        for upper, lower, (kind, title) in zip(top, bottom, kinds.items(), strict=True):
            upper.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
            for method, values in metrics.items():
                calibration = values["calibration"].get(kind)
                if calibration is None:
                    continue
                x, y = ([row[key] for row in calibration["bins"]] for key in ("mean_probability", "right"))
                style: dict[str, Any] = {"color": method.colour, "linestyle": method.line}
                label = method.title if kind == "gene" else None
                upper.plot(x, y, marker="o", markersize=3, label=label, **style)
                lower.plot(x, [row["count"] for row in calibration["bins"]], marker="o", markersize=3, **style)
                words.append(f"{method.title} {title} {calibration['expected_calibration_error']:.3f}")
            upper.set(title=title, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
            lower.set(xlabel="posterior probability", yscale="log")
            for axes in (upper, lower):
                axes.grid()
        top[0].set_ylabel("share right")
        bottom[0].set_ylabel("number")
        add_legend(figure)
        return to_svg(figure, name, caption, "Reliability diagram; expected calibration error: " + "; ".join(words))


def training_curves(
    name: str, logs: Mapping[Method, Sequence[Mapping[str, str]]], metric: tuple[str, str] | None, caption: str
) -> Figure:
    """Draw the loss in training and validation, and one validation metric, over optimiser steps.

    Parameters
    ----------
    name, caption
        Identifier and caption of the figure.
    logs
        Rows of each model's `log.csv`.
    metric
        A column of the validation rows and its title; None leaves that panel out.
    """
    with styled():
        figure = canvas(2.6)
        panels = figure.subplots(1, 1 if metric is None else 2, squeeze=False)[0]
        for method, rows in logs.items():
            steps, losses = column(rows, "train", "loss")
            panels[0].plot(steps, losses, color=method.colour, alpha=0.35, linewidth=0.9)
            steps, losses = column(rows, "validation", "loss")
            marked: dict[str, Any] = {
                "color": method.colour,
                "linestyle": method.line,
                "marker": "o",
                "markersize": 2.6,
            }
            panels[0].plot(steps, losses, label=method.title, **marked)
            if metric is not None:
                panels[1].plot(*column(rows, "validation", metric[0]), **marked)
        panels[0].set(title="Loss: training pale, validation marked", xlabel="optimiser step")
        if metric is not None:
            panels[1].set(title=f"Validation: {metric[1]}", xlabel="optimiser step")
        for axes in panels:
            axes.grid()
        add_legend(figure)
        alt = "Training curves of " + ", ".join(method.title for method in logs)
        return to_svg(figure, name, caption, alt)


def column(rows: Sequence[Mapping[str, str]], split: str, name: str) -> tuple[list[float], list[float]]:
    """Return the steps and values of one column of a log, in rows of one split that have it.

    Parameters
    ----------
    rows
        Rows of a log.
    split
        `train` or `validation`.
    name
        Name of the column.
    """
    kept = [row for row in rows if row.get("split") == split and row.get(name)]
    return [float(row["step"]) for row in kept], [float(row[name]) for row in kept]


def length_histograms(name: str, lengths: Mapping[Method, Mapping[str, Any]], caption: str) -> Figure:
    """Draw how long each feature is in the reference (area) and in each prediction (lines), on logarithmic axes.

    `lengths`: method -> its lengths of features, binned; for the others see `f1_bars`.
    """
    features = [key for key in FEATURE_NAMES if any(_numerous(values, key) for values in lengths.values())]
    rows = -(-len(features) // 3)
    with styled():
        figure = canvas(0.4 + 1.55 * rows)
        panels = figure.subplots(rows, 3, squeeze=False).ravel()
        for axes, feature in zip(panels, features, strict=False):
            known = {method: values for method, values in lengths.items() if feature in values}
            any_found = next(iter(known.values()))
            _steps(
                axes, any_found, feature, "reference", color=INK, alpha=0.22, linewidth=0, fill=True, label="reference"
            )
            for method, values in known.items():
                style = {"color": method.colour, "linestyle": method.line, "label": method.title}
                _steps(axes, values, feature, "predicted", **style)
            number = any_found[feature]["reference"]["number"]
            axes.set_title(f"{FEATURE_NAMES[feature]} (n = {number:,})")
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
        for axes in panels[len(features) :]:
            axes.set_visible(False)
        figure.supxlabel("length, bases", fontsize=9)
        add_legend(figure)
        alt = "Histograms of lengths, reference and predictions: " + ", ".join(FEATURE_NAMES[f] for f in features)
        return to_svg(figure, name, caption, alt)


def run_times(name: str, seconds: Mapping[str, float], caption: str) -> Figure:
    """Draw the total time of each rule as a horizontal bar, the longest at the top.

    Parameters
    ----------
    name
        File name and id of the figure.
    seconds
        Rule -> total seconds of its jobs.
    caption
        Text below the figure.
    """
    ordered = sorted(seconds.items(), key=lambda item: item[1])
    with styled():
        figure = canvas(0.5 + 0.2 * len(ordered))
        axes = figure.subplots()
        bars = axes.barh([rule for rule, _ in ordered], [value for _, value in ordered], 0.7, color=PALETTE[0])
        axes.bar_label(bars, [duration(value) for _, value in ordered], padding=3, fontsize=8, color=INK)
        axes.set(xlabel="seconds, all jobs together")
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.12)
        axes.grid(axis="x")
        alt = "Seconds a rule: " + ", ".join(f"{rule} {value:.0f}" for rule, value in reversed(ordered))
        return to_svg(figure, name, caption, alt)


def duration(seconds: float) -> str:
    """Return seconds as people say them.

    Examples
    --------
    >>> [duration(s) for s in (0.42, 75, 3700)]
    ['0.4 s', '1 min 15 s', '1 h 02 min']
    """
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, remainder = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {remainder:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def percent(share: float | None) -> str:
    """Return a share in percent with one decimal."""
    return "–" if share is None else f"{100 * share:.1f}"


def _interval_ends(
    metrics: Mapping[str, Any], levels: Sequence[str], heights: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Return how far each interval reaches below and above its bar."""
    ends = [metrics["cds"][level].get("interval", {}).get("f1") for level in levels]
    spans = [(h, h) if end is None else (100 * end[0], 100 * end[1]) for end, h in zip(ends, heights, strict=True)]
    low = [max(h - span[0], 0) for h, span in zip(heights, spans, strict=True)]
    return low, [max(span[1] - h, 0) for h, span in zip(heights, spans, strict=True)]


def _numerous(values: Mapping[str, Any], feature: str) -> bool:
    return feature in values and max(values[feature][side]["number"] for side in ("reference", "predicted")) >= FEWEST


def _steps(axes: Any, values: Mapping[str, Any], feature: str, side: str, **style: Any) -> None:
    """Draw one histogram of logarithmic bins as the share of each bin."""
    counts = np.array(values[feature][side]["histogram"], dtype=float)
    if not counts.sum():
        return
    edges = 2.0 ** (np.arange(len(counts) + 1) / values["bins_per_doubling"])
    first = int(np.flatnonzero(counts)[0])
    axes.stairs(counts[first:] / counts.sum(), edges[first:], **style)
