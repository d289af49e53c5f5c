"""Figures of the interpretation, in the style of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.interpret.biology import CLASSES, class_of, codon_order, letters
from genescribe.codon.sequences.vocabulary import CODONS
from genescribe.figures.blocks import Figure
from genescribe.figures.style import INK, LINES, MUTED, PALETTE, canvas, styled, to_svg

LONGEST = 150
"""Most codons of a mutation map."""
_COLOURS = dict(zip(CLASSES, (PALETTE[1], PALETTE[2], PALETTE[0], PALETTE[3], MUTED[0]), strict=True))


def scatter(name: str, points: NDArray[np.float64], axes_names: Sequence[str], caption: str) -> Figure:
    """Draw a codon at each of 64 points, coloured by the class of its amino acid.

    Parameters
    ----------
    name
        File name and id of the figure.
    points : (64, 2)
        A point per codon, in the order of the codons.
    axes_names
        Labels of the x and y axes.
    caption
        Text below the figure.
    """
    amino_acids = letters(11)
    with styled():
        figure = canvas(4.6)
        axes = figure.subplots()
        for kind, colour in _COLOURS.items():
            chosen = [i for i in range(64) if class_of(chr(amino_acids[i])) == kind]
            axes.scatter(points[chosen, 0], points[chosen, 1], s=14, color=colour, label=kind)
            for i in chosen:
                text = f"{CODONS[i]} {chr(amino_acids[i])}"
                place: dict[str, Any] = {"xytext": (3, 2), "textcoords": "offset points", "fontsize": 6}
                axes.annotate(text, points[i], color=colour, **place)
        axes.set(xlabel=axes_names[0], ylabel=axes_names[1])
        axes.grid()
        figure.legend(loc="outside upper left", ncols=5, handletextpad=0.2)
        return to_svg(figure, name, caption, "Codons in the plane of the first two principal components")


def heat(
    name: str,
    values: NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    caption: str,
    *,
    label: str,
    height: float = 3.0,
    centre: float | None = None,
    small: float = 6.0,
    limit: float | None = None,
) -> Figure:
    """Draw a matrix with named rows and columns; with `centre`, colours diverge from it.

    Parameters
    ----------
    name
        File name and id of the figure.
    values : (rows, columns)
        The matrix.
    rows, columns
        Names along the axes.
    caption
        Text below the figure.
    label
        Label of the colour bar.
    height
        Height in inches.
    centre
        Value of the middle colour of a diverging scale; None: a sequential scale.
    small
        Font size of the names.
    limit
        Largest absolute value of the scale; None: that of the data.
    """
    with styled():
        figure = canvas(height)
        axes = figure.subplots()
        style: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest", "cmap": "viridis"}
        if centre is not None:
            reach = limit or float(np.nanmax(np.abs(values - centre))) or 1.0
            style |= {"cmap": "RdBu_r", "vmin": centre - reach, "vmax": centre + reach}
        image = axes.imshow(values, **style)
        axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=small)
        axes.set_yticks(range(len(rows)), rows, fontsize=small)
        axes.tick_params(length=0, pad=1.5)
        bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01)
        bar.set_label(label, color=INK)
        bar.outline.set_visible(False)
        return to_svg(figure, name, caption, f"Heat map: {caption}")


def lines(
    name: str,
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    caption: str,
    *,
    x: str,
    y: str,
    logx: bool = False,
    logy: bool = False,
    diagonal: bool = False,
) -> Figure:
    """Draw curves: panel title -> curve name -> (x, y).

    Parameters
    ----------
    name
        File name and id of the figure.
    panels
        Panel title -> curve name -> (x, y) values.
    caption
        Text below the figure.
    x, y
        Labels of the axes.
    logx, logy
        Whether an axis is logarithmic.
    diagonal
        Draw the line x = y.
    """
    with styled():
        figure = canvas(2.7)
        drawn = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        known = list(dict.fromkeys(curve for curves in panels.values() for curve in curves))
        for axes, (title, curves) in zip(drawn, panels.items(), strict=True):
            for curve, (xs, ys) in curves.items():
                number = known.index(curve)
                style: dict[str, Any] = {
                    "color": PALETTE[number % len(PALETTE)],
                    "linestyle": LINES[number % len(LINES)],
                }
                axes.plot(xs, ys, label=curve, marker="o", markersize=2.4, **style)
            if diagonal:
                end = 1.1 * max(max(*xs, *ys) for xs, ys in curves.values())
                axes.plot([0, end], [0, end], color=MUTED[0], linewidth=0.7)
            axes.set(title=title, xlabel=x, ylabel=y if axes is drawn[0] else "")
            if logx:
                axes.set_xscale("log")
            if logy:
                axes.set_yscale("log")
            axes.grid()
        handles: dict[str, Any] = {}
        for axes in drawn:
            handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
        figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=4, handlelength=2.4)
        return to_svg(figure, name, caption, f"Curves of {', '.join(known)}")


def bars(
    name: str,
    groups: Sequence[str],
    series: Mapping[str, Sequence[float]],
    caption: str,
    *,
    y: str,
) -> Figure:
    """Draw grouped bars: series name -> one value per group.

    Parameters
    ----------
    name
        File name and id of the figure.
    groups
        Names along the x axis.
    series
        Series name -> a value per group.
    caption
        Text below the figure.
    y
        Label of the y axis.
    """
    with styled():
        figure = canvas(2.6)
        axes = figure.subplots()
        width = 0.84 / len(series)
        for number, (label, values) in enumerate(series.items()):
            where = np.arange(len(groups)) + (number - (len(series) - 1) / 2) * width
            colour = PALETTE[number] if number < 3 else MUTED[(number - 3) % len(MUTED)]
            axes.bar(where, values, width * 0.92, color=colour, label=label, linewidth=0)
        axes.set_xticks(range(len(groups)), groups, fontsize=7.5)
        axes.set(ylabel=y)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")
        figure.legend(loc="outside upper left", ncols=4, handlelength=1.4)
        return to_svg(figure, name, caption, f"Bars of {', '.join(series)}")


def mutation_picture(
    name: str, codons: NDArray[np.uint8], ratios: NDArray[np.float64], table: int, gene: str
) -> Figure:
    """Draw a mutation map, codons ordered by amino acid, up to `LONGEST` codons.

    Parameters
    ----------
    name
        File name and id of the figure.
    codons : (n,) uint8
        The coding sequence.
    ratios : (n, 64)
        Log ratio of each change at each codon.
    table
        NCBI genetic code that gives the amino acids.
    gene
        Name of the gene, for the caption.
    """
    order = codon_order(table)
    amino_acids = letters(table)
    shown = ratios[:LONGEST, order].T
    rows = [f"{CODONS[i]} {chr(amino_acids[i])}" for i in order.tolist()]
    step = 1 if len(codons) <= 60 else 5
    places = range(min(len(codons), LONGEST))
    columns = [f"{i + 1} {chr(amino_acids[codons[i]])}" if i % step == 0 else "" for i in places]
    caption = (
        f"Mutation map {gene}: log ratio of every codon against the one that stands there, given what comes before. "
        "Blue: the model prefers what stands there."
    )
    return heat(name, shown, rows, columns, caption, label="log ratio", height=5.6, centre=0.0, small=4.5, limit=6.0)
