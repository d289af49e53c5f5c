"""The style of figures: one palette, text in the page's colour, and SVG that several figures on a page can share.

Colours are those of Okabe and Ito (2008), told apart also without colour vision; what colour says is said by
hatching, line style or position as well.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from html import escape
from typing import Any

from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas

from genescribe.figures.blocks import Figure

INK = "#010203"
"""Drawn with this, lines and letters take the colour of the page's text."""

PAPER = "#fdfefd"
"""Drawn with this, areas take the colour of the page."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MUTED = ("#7f7f7f", "#a6a6a6", "#5f5f5f")
"""For baselines."""

CEILING = "#B8A21B"
RIGHT, WRONG = "#117733", "#882255"
"""Of Tol (2021); not in `PALETTE`, so that no colour of a model means right or wrong elsewhere on a page."""
LINES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.2, 1.5)))
HATCHES = ("", "////", "\\\\\\\\", "xxxx", "----", "||||")

WIDTH = 7.2
"""Inches of a figure; one inch is 72 units of its SVG."""
LEGEND_COLUMNS = 3
"""Of a legend, at most: fewer where names are long."""
LEGEND_ROW = 0.18
"""Inches a row of names."""

_SETTINGS: Any = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "grid.color": "#808080",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "hatch.color": PAPER,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.4,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}


def styled() -> Any:
    """Return the context that figures are drawn in."""
    return rc_context(_SETTINGS)


def canvas(height: float) -> Canvas:
    """Return an empty figure of so many inches; to be called inside `styled()`."""
    figure = Canvas(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure


def add_legend(figure: Canvas, handles: Sequence[Artist] | None = None, *, handlelength: float = 2.2) -> None:
    """Put one legend above the panels, and make the figure higher by its rows: names never cover or leave it.

    Parameters
    ----------
    figure
        Drawn but for its legend.
    handles
        Artists to name; None: every labelled artist of any panel, each label once.
    handlelength
        Of the lines or patches, in font sizes.
    """
    if handles is None:
        entries = (axes.get_legend_handles_labels() for axes in figure.axes)
        known = {label: handle for pair in entries for handle, label in zip(*pair, strict=True)}
    else:
        known = {str(handle.get_label()): handle for handle in handles}
    if not known:
        return
    height = figure.get_figheight()
    for columns in range(LEGEND_COLUMNS, 0, -1):
        figure.set_figheight(height + LEGEND_ROW * (-(-len(known) // columns) - 1))
        legend = figure.legend(
            list(known.values()),
            list(known),
            loc="outside upper left",
            ncols=columns,
            handlelength=handlelength,
            columnspacing=1.2,
        )
        if legend.get_window_extent().x1 <= figure.bbox.x1 or columns == 1:
            return
        legend.remove()


def to_svg(figure: Canvas, name: str, caption: str, alt: str) -> Figure:
    """Return a drawn figure as a block; equal drawings give equal text.

    Parameters
    ----------
    figure
        From `canvas`, drawn and converted inside one `styled()`.
    name, caption, alt
        Identifier, caption and description of the block.
    """
    text = io.StringIO()
    # Laid out here once: `savefig` would draw everything for that a second time.
    engine = figure.get_layout_engine()
    assert engine is not None
    with warnings.catch_warnings():
        # Of a figure without axes, there is nothing to lay out.
        warnings.filterwarnings("ignore", "There are no gridspecs")
        engine.execute(figure)
    figure.set_layout_engine("none")
    with rc_context({"svg.hashsalt": name}):
        # `savefig` would draw twice, once for nothing.
        svg: Any = FigureCanvasSVG(figure)
        svg.print_svg(text, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return Figure(name, clean_svg(text.getvalue(), name, alt), caption, alt)


def clean_svg(text: str, name: str, alt: str) -> str:
    """Return matplotlib's SVG fit to stand in a page among others.

    Its ids get the figure's name in front, ink and paper become the page's colours, letters its font, the fixed size
    gives way to the column's width, and the alternative text is set.

    Parameters
    ----------
    text
        SVG as matplotlib writes it.
    name
        Name of the figure, unique on the page.
    alt
        Alternative text.
    """
    head, end, body = text[text.index("<svg") :].partition(">")
    body = re.sub(r"<metadata>.*?</metadata>\s*|<defs>\s*<style.*?</style>\s*</defs>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", body)
    body = re.sub(INK, "currentColor", body, flags=re.IGNORECASE)
    body = re.sub(PAPER, "var(--paper, white)", body, flags=re.IGNORECASE)
    body = body.replace("'DejaVu Sans'", "sans-serif").replace("DejaVu Sans", "sans-serif")
    # Hundredths of a unit are finer than any screen; matplotlib writes millionths.
    body = re.sub(r'(?<=\bd=")[^"]+', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]).replace("\n", ""), body)
    head = re.sub(r'\s(?:width|height)="[^"]*"', "", head)
    opening = f'<svg role="img" aria-label="{escape(alt)}" style="stroke-linejoin: round" class="figure"'
    return head.replace("<svg", opening, 1) + end + body
