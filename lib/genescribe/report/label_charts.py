"""Charts of labels: learned durations compared with the data, transitions and confusions as maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from genescribe.figures.blocks import Figure
from genescribe.figures.style import INK, PALETTE, PAPER, add_legend, canvas, styled, to_svg
from genescribe.report.charts import Method

SEEN = 0.001
"""A label's curves are drawn over the bins in which one of them has at least this share."""


def duration_curves(genome: str, data: Mapping[str, Any], heads: Mapping[Method, Mapping[str, Any]]) -> Figure:
    """Draw each label's lengths in the training annotation (area) and as each head has learned them (lines).

    Parameters
    ----------
    genome
        Name of the genome.
    data
        Counts of the training annotation.
    heads
        Method -> what its head has learned.
    """
    names = [name for name in next(iter(heads.values()))["labels"] if data["durations"][name]]
    columns = 4
    rows = -(-len(names) // columns)
    with styled():
        figure = canvas(0.4 + 1.45 * rows)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, name in zip(panels, names, strict=False):
            real = np.array(data["durations"][name])
            curves = {method: np.array(head["learned"]["durations"][name]) for method, head in heads.items()}
            _stairs(axes, real, color=INK, alpha=0.22, linewidth=0, fill=True, label="training data")
            for method, curve in curves.items():
                _stairs(axes, curve, color=method.colour, linestyle=method.line, label=method.title)
            supports = [np.flatnonzero(curve >= SEEN) for curve in (real, *curves.values())]
            low, high = min(part[0] for part in supports), max(part[-1] for part in supports)
            axes.set_xscale("log")
            ends = (2.0 ** (low / 2) * 0.8, 2.0 ** ((high + 1) / 2) * 1.2)
            axes.set(xlim=ends, title=name)
            # Within a decade there may be no power of ten, as in codons.
            short = ends[1] < 10 * ends[0]
            axes.xaxis.set_major_locator(FixedLocator(_integers(*ends)) if short else LogLocator(numticks=5))
            axes.xaxis.set_major_formatter(FuncFormatter(_short))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        figure.supxlabel("length, bases", fontsize=9)
        add_legend(figure)
        caption = (
            f"Durations on {genome}: share of each half-doubling in the training annotation, and the exponentials of "
            "the scores that each head has learned, made to add up to 1. A score is not a frequency: what bases and "
            "boundaries already say of a length need not be said again."
        )
        alt = "Learned and observed lengths of " + ", ".join(names)
        return to_svg(figure, f"durations-{anchor(genome)}", caption, alt)


def transition_maps(genome: str, data: Mapping[str, Any], heads: Mapping[Method, Mapping[str, Any]]) -> Figure:
    """Draw which label follows which: in the training annotation, and as each head has learned it.

    For the arguments see `duration_curves`.
    """
    maps = {"training data": data["transitions"]}
    maps |= {method.title: head["learned"]["transitions"] for method, head in heads.items()}
    names = next(iter(heads.values()))["labels"]
    caption = (
        f"Transitions on {genome}: frequency of each next label, one row per label, in the training annotation and as "
        "learned (exponentials of the scores between different labels, normalised per row). Empty: forbidden or unseen."
    )
    return _maps(
        f"transitions-{anchor(genome)}", {k: np.array(v) for k, v in maps.items()}, names, caption, "next label"
    )


def confusion_maps(genome: str, names: Sequence[str], counts: Mapping[Method, Sequence[Sequence[int]]]) -> Figure:
    """Draw the share of each true label's bases that is predicted as each label.

    Parameters
    ----------
    genome
        Name of the genome.
    names
        Names of the labels, in their order.
    counts
        Method -> bases by true (row) and predicted label.
    """
    maps = {}
    for method, matrix in counts.items():
        bases = np.array(matrix, dtype=float)
        maps[method.title] = bases / np.maximum(bases.sum(axis=1, keepdims=True), 1)
    caption = f"Confusion on the test strands of {genome}: share of each true label's bases (row) by predicted label."
    return _maps(f"confusion-{anchor(genome)}", maps, names, caption, "predicted label")


def _maps(
    name: str, maps: Mapping[str, NDArray[np.float64]], labels: Sequence[str], caption: str, below: str
) -> Figure:
    columns = min(len(maps), 2)
    rows = -(-len(maps) // columns)
    with styled():
        figure = canvas(0.3 + 2.9 * rows)
        colours = LinearSegmentedColormap.from_list("shares", [PAPER, PALETTE[0]])
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for place, (axes, (title, shares)) in enumerate(zip(panels, maps.items(), strict=False)):
            _cells(axes, shares, colours)
            axes.set_title(title)
            axes.set_xticks(np.arange(len(labels)) + 0.5, labels, rotation=60, ha="right", rotation_mode="anchor")
            first = place % columns == 0
            axes.set_yticks(np.arange(len(labels)) + 0.5, labels if first else [""] * len(labels))
            axes.tick_params(length=0, labelsize=7)
        for axes in panels[len(maps) :]:
            axes.set_visible(False)
        figure.supxlabel(below, fontsize=9)
        alt = "Maps of shares: " + ", ".join(maps)
        return to_svg(figure, name, caption, alt)


def _cells(axes: Any, shares: NDArray[np.float64], colours: Any) -> None:
    """Draw a matrix as cells with their percentage, the first row at the top."""
    size = len(shares)
    axes.pcolormesh(shares, cmap=colours, vmin=0, vmax=1, edgecolors="#80808040", linewidth=0.4)
    for row, column in np.argwhere(shares >= 0.005).tolist():
        share = shares[row, column]
        ink = PAPER if share > 0.55 else INK
        place = (column + 0.5, row + 0.5)
        axes.text(*place, f"{100 * share:.0f}", ha="center", va="center", fontsize=5.5, color=ink)
    axes.set(xlim=(0, size), ylim=(size, 0), aspect="equal")


def _stairs(axes: Any, shares: NDArray[np.float64], **style: Any) -> None:
    axes.stairs(shares, 2.0 ** (np.arange(len(shares) + 1) / 2), **style)


def _integers(low: float, high: float) -> list[int]:
    """Return at most five whole numbers between two."""
    first, last = math.ceil(low), math.floor(high)
    return list(range(first, last + 1, max(1, -(-(last - first) // 4))))


def _short(value: float, _: int) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def anchor(genome: str) -> str:
    """Return a genome's name as part of a figure's name."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in genome)
