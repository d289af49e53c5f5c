"""Figures of an annotation: probabilities, lengths, support, and genes drawn one below the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from genescribe.figures.blocks import Figure
from genescribe.figures.style import INK, MUTED, PALETTE, PAPER, add_legend, canvas, styled, to_svg
from genescribe.genome.annotation.formats import genes_in_words
from genescribe.genome.gene_lengths import LENGTHS
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.report.annotation.cautions import share
from genescribe.report.annotation.evidence import CLASSES, Support
from genescribe.report.annotation.numbers import GeneNumbers
from genescribe.report.loci import Look, draw_transcript


class Grade(NamedTuple):
    """A range of probabilities and its look, the same in every figure and in the browser."""

    least: float
    name: str
    colour: str
    hatch: str


GRADES = (
    Grade(0.9, "0.9 or more", PALETTE[0], ""),
    Grade(0.5, "0.5 to 0.9", PALETTE[5], "////"),
    Grade(0.0, "below 0.5", PALETTE[1], "xxxx"),
)
UNKNOWN = Grade(np.nan, "not known", MUTED[0], "")
BINS = 20
MANY_EXONS = 15
_SCALE = 100_000
"""Units over which every gene is drawn, short or long."""
_LINE: Look = {"facecolor": INK, "alpha": 0.6, "linewidth": 0}
_ROW = 0.3
"""Inches of a gene."""


def grade_of(score: float | None) -> Grade:
    """Return the grade of a probability.

    Examples
    --------
    >>> [grade_of(score).name for score in (1.0, 0.9, 0.5, 0.49, None)]
    ['0.9 or more', '0.9 or more', '0.5 to 0.9', 'below 0.5', 'not known']
    """
    return UNKNOWN if score is None else next(grade for grade in GRADES if score >= grade.least)


def _look(grade: Grade) -> Look:
    return {"facecolor": grade.colour, "hatch": grade.hatch, "edgecolor": PAPER, "linewidth": 0}


def probabilities(numbers: GeneNumbers, caption: str) -> Figure:
    """Draw how many genes have which probability, and all genes from the most to the least probable."""
    scores = np.sort(numbers.known_scores)[::-1]
    counts, edges = np.histogram(scores, bins=BINS, range=(0, 1))
    with styled():
        figure = canvas(2.7)
        left, right = figure.subplots(1, 2)
        for count, start, end in zip(counts, edges[:-1], edges[1:], strict=True):
            grade = grade_of(float(start + end) / 2)
            left.bar((start + end) / 2, count, (end - start) * 0.92, **_look(grade))
        left.set(title="Genes by probability", xlabel="probability that the gene is exactly right", ylabel="genes")
        left.set_xlim(0, 1)
        _counted(left)
        # Steps of a large genome are finer than any screen.
        places = np.unique(np.linspace(0, len(scores) - 1, min(len(scores), 1000)).astype(int))
        above = 0
        for grade in GRADES:
            number = int((scores >= grade.least).sum())
            inside = places[(places >= above) & (places < number)]
            if len(inside):
                # A gene is as wide as its number: areas of grades touch.
                x = np.concatenate([[above + 0.5], inside + 1, [number + 0.5]])
                y = scores[[inside[0], *inside, inside[-1]]]
                right.fill_between(x, y, step="mid", **_look(grade))
            above = number
        right.set(title="Gene by gene, the most probable first", xlabel="number of the gene", ylabel="probability")
        right.set(xlim=(0.5, len(scores) + 0.5), ylim=(0, 1.02))
        right.grid(axis="y")
        add_legend(figure, [Patch(label=grade.name, **_look(grade)) for grade in GRADES], handlelength=1.6)
        alt = f"Probabilities of {genes_in_words(len(scores))}, mean {scores.mean():.2f}"
        return to_svg(figure, "probabilities", caption, alt)


def lengths(numbers: GeneNumbers, trained: Mapping[str, Any], training: str, caption: str) -> Figure:
    """Draw exons per gene and lengths, with the mean of the training genomes where it is known.

    Parameters
    ----------
    numbers
        Numbers of the annotation's genes.
    trained
        `genescribe.predict.interface.PredictorFactory.statistics`.
    training
        Name of the training genomes in the legend.
    caption
        Caption of the figure.
    """
    known = {part: values["mean"] for part, values in trained.get(LENGTHS, {}).items()}
    candidates = (
        ("coding bases per gene", numbers.coding, trained.get("mean_cds_length")),
        ("genes, start to stop codon", numbers.spans, known.get("gene")),
        ("coding exons", numbers.exon_lengths, known.get("exon")),
        ("introns", numbers.intron_lengths, known.get("intron")),
    )
    panels = [panel for panel in candidates if len(panel[1])]
    with styled():
        figure = canvas(4.2)
        axes = figure.subplots(2, 3).ravel()
        _exons(axes[0], numbers.exons, trained.get("mean_exons"))
        for place, (title, values, mean) in zip(axes[1:], panels, strict=False):
            _histogram(place, title, values, mean)
        for place in axes[1 + len(panels) :]:
            place.set_visible(False)
        patches = [Patch(label="this annotation", facecolor=PALETTE[0])]
        lines: list[Any] = [axes[0].plot([], [], color=INK, linewidth=1.2, label="mean of this annotation")[0]]
        if trained:
            lines += axes[0].plot([], [], color=PALETTE[1], linestyle="--", linewidth=1.4, label=f"mean of {training}")
        add_legend(figure, [*patches, *lines], handlelength=1.8)
        alt = "Histograms: coding exons per gene, " + ", ".join(title for title, _, _ in panels)
        return to_svg(figure, "lengths", caption, alt)


def _exons(axes: Any, exons: NDArray[np.int64], mean: float | None) -> None:
    counts = np.bincount(np.minimum(exons, MANY_EXONS), minlength=2)[1:]
    axes.bar(range(1, len(counts) + 1), counts, 0.85, color=PALETTE[0])
    _means(axes, float(exons.mean()), None if mean is None else min(mean, MANY_EXONS))
    axes.set_title("coding exons per gene")
    ticks = sorted({1, *range(5, len(counts) + 1, 5), *([] if len(counts) > 5 else range(1, len(counts) + 1))})
    axes.set_xticks(ticks, [f"{tick}+" if tick == MANY_EXONS else str(tick) for tick in ticks])
    _counted(axes)


def _histogram(axes: Any, title: str, values: NDArray[np.int64], mean: float | None) -> None:
    low, high = max(int(values.min()), 1), int(values.max()) + 1
    edges = np.geomspace(low, max(high, low * 2), 31)
    axes.hist(values, bins=edges, color=PALETTE[0])
    _means(axes, float(values.mean()), mean)
    axes.set(title=title, xscale="log", xlabel="bases")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    _counted(axes)


def _counted(axes: Any) -> None:
    """Let an axis of counts have whole numbers and a grid."""
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(axis="y")


def _means(axes: Any, here: float, there: float | None) -> None:
    axes.axvline(here, color=INK, linewidth=1.2)
    if there is not None:
        axes.axvline(there, color=PALETTE[1], linestyle="--", linewidth=1.4)


def support(counts: Support, caption: str) -> Figure:
    """Draw how many genes have all, some or none of their introns supported."""
    colours = (PALETTE[2], PALETTE[4], PALETTE[3], MUTED[1])
    with styled():
        figure = canvas(1.5)
        axes = figure.subplots()
        numbers = [counts.genes[name] for name in CLASSES]
        bars = axes.barh(CLASSES[::-1], numbers[::-1], 0.7, color=colours[::-1])
        axes.bar_label(bars, [_said(counts, name) for name in CLASSES[::-1]], padding=3, fontsize=8, color=INK)
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.35)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel("genes")
        axes.grid(axis="x")
        alt = "Genes by the support of their introns: " + ", ".join(
            f"{name} {count}" for name, count in zip(CLASSES, numbers, strict=True)
        )
        return to_svg(figure, "support", caption, alt)


def _said(counts: Support, name: str) -> str:
    """Return the number of genes of a class, their share, and their mean probability."""
    text = f"{counts.genes[name]:,} ({share(counts.genes[name], sum(counts.genes.values()))})"
    summed, known = counts.scores.get(name, (0.0, 0))
    return f"{text}, mean probability {summed / known:.2f}" if known else text


def drawn(name: str, genes: Sequence[Gene], caption: str) -> Figure:
    """Draw genes one below the other, each over the whole width, their coding parts coloured by probability.

    Parameters
    ----------
    name, caption
        Identifier and caption of the figure.
    genes
        Each is drawn by its first transcript.
    """
    with styled():
        figure = canvas(0.55 + _ROW * len(genes))
        axes = figure.subplots()
        right = axes.twinx()
        for row, gene in enumerate(genes):
            transcript = gene.transcripts[0]
            scores = transcript.cds_scores or [None] * len(transcript.cds)
            looks = [_look(grade_of(score)) for score in scores]
            picture = _scaled(transcript)
            draw_transcript(axes, picture, gene.strand, row, _SCALE, _LINE, looks)
        notes = [f"{gene.score or 0:.2f} · {gene.end - gene.start:,} bases" for gene in genes]
        for side, texts in ((axes, [gene.id for gene in genes]), (right, notes)):
            side.set(ylim=(len(genes) - 0.4, -0.6), xlim=(0, _SCALE))
            side.set_yticks(range(len(genes)), texts)
            side.tick_params(axis="y", length=0)
            side.set_xticks([])
            for spine in side.spines.values():
                spine.set_visible(False)
        add_legend(figure, _legend(genes), handlelength=1.6)
        return to_svg(figure, name, caption, f"{genes_in_words(len(genes))}: " + ", ".join(gene.id for gene in genes))


def neighbours(name: str, genes: Sequence[Gene]) -> Figure:
    """Draw neighbouring genes of a sequence at their places, transcripts below each other."""
    start, end = min(gene.start for gene in genes), max(gene.end for gene in genes)
    transcripts = [(gene, transcript) for gene in genes for transcript in gene.transcripts]
    with styled():
        figure = canvas(0.85 + _ROW * len(transcripts))
        axes = figure.subplots()
        for row, (gene, transcript) in enumerate(transcripts):
            scores = transcript.cds_scores or [None] * len(transcript.cds)
            looks = [_look(grade_of(score)) for score in scores]
            draw_transcript(axes, transcript, gene.strand, row, end - start, _LINE, looks)
        axes.set(ylim=(len(transcripts) - 0.4, -0.6), xlim=(start - (end - start) / 50, end + (end - start) / 50))
        axes.set_yticks(range(len(transcripts)), [transcript.id for _, transcript in transcripts])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel(f"position on {genes[0].seqid}, bases")
        add_legend(figure, _legend(genes), handlelength=1.6)
        place = f"{genes[0].seqid}:{start + 1:,}-{end:,}"
        return to_svg(figure, name, f"{place}, {len(genes)} neighbouring genes.", f"Genes at {place}")


def _legend(genes: Sequence[Gene]) -> list[Patch]:
    unknown = any(None in (t.cds_scores or (None,)) for gene in genes for t in gene.transcripts)
    return [Patch(label=f"exon: {grade.name}", **_look(grade)) for grade in (*GRADES, *([UNKNOWN] if unknown else []))]


def _scaled(transcript: Transcript) -> Transcript:
    """Return a transcript stretched over the whole width; parts keep at least a visible width."""
    start, size = transcript.start, transcript.end - transcript.start

    def scale(parts: Sequence[Interval]) -> tuple[Interval, ...]:
        ends = ((round((a - start) * _SCALE / size), round((b - start) * _SCALE / size)) for a, b in parts)
        return tuple((low, max(high, low + _SCALE // 500)) for low, high in ends)

    return replace(transcript, exons=scale(transcript.exons), cds=scale(transcript.cds))
