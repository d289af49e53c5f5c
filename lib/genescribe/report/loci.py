"""Figures of gene models: the reference above, the genes of each method below, and which are right."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from matplotlib.patches import Patch, Polygon, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from genescribe.evaluate.metrics import is_spliced
from genescribe.figures.blocks import Figure
from genescribe.figures.style import INK, PAPER, RIGHT, WRONG, add_legend, canvas, styled, to_svg
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.report.charts import Method

CDS_HEIGHT, UTR_HEIGHT = 0.56, 0.24
LANE = 0.2
"""Inches of a lane: one transcript high."""
GENES_A_PICTURE = 4
MOST_LANES = 6
"""A track with more isoforms than these lanes hold says how many it leaves out."""
_MARGIN = 0.03
_CHEVRONS = 45
"""An intron carries a chevron for each 1/45 of the picture's width."""
_LETTER = 0.0105
"""Width of a letter of a gene's name, as a share of the picture's."""

Structure = tuple[str, str, tuple[Interval, ...]]
Lane = list[tuple[Gene, Transcript]]
Look = Mapping[str, Any]
"""How a part is filled."""


class Locus(NamedTuple):
    """A stretch to be drawn, and why it was chosen."""

    seqid: str
    start: int
    end: int
    why: str


def choose_loci(reference: Sequence[Gene], predictions: Sequence[Sequence[Gene]]) -> list[Locus]:
    """Choose loci to show by three rules that do not look for success: introns, disagreement, chance.

    Every stretch holds `GENES_A_PICTURE` neighbouring reference genes. The first has the most genes with introns in
    their coding sequences, the second the most genes that some methods predict exactly and others do not, the third
    is drawn at random. Stretches that share a gene with one chosen before are passed over.

    Parameters
    ----------
    reference
        The genes that are scored.
    predictions
        One list of genes per method.
    """
    ordered = sorted(reference, key=lambda g: (g.seqid, g.start, g.end))
    size = min(GENES_A_PICTURE, len(ordered))
    runs = [ordered[i : i + size] for i in range(len(ordered) - size + 1)]
    runs = [run for run in runs if size and run[0].seqid == run[-1].seqid]
    right = [{key for gene in genes for key in _keys(gene)} for genes in predictions]

    def disagreement(run: Sequence[Gene]) -> int:
        hits = [[any(key in keys for key in _keys(gene)) for keys in right] for gene in run]
        return sum(any(hit) and not all(hit) for hit in hits)

    rules = (
        ("the stretch with most genes that have introns", [sum(map(is_spliced, run)) for run in runs]),
        ("the stretch on which the methods disagree most", [disagreement(run) for run in runs]),
        ("a stretch drawn at random", random.Random(0).sample(range(len(runs)), len(runs))),
    )
    names = [{gene.id for gene in run} for run in runs]
    chosen = pick(rules, lambda i, other: not names[i].isdisjoint(names[other]))
    return [_framed(runs[i], why) for i, why in chosen]


def pick(rules: Sequence[tuple[str, Sequence[int]]], overlap: Callable[[int, int], bool]) -> list[tuple[int, str]]:
    """Return the number of the best candidate by each rule, among those that overlap none chosen before, and the rule.

    The name of a rule comes with the score of each candidate; ties go to the first.
    """
    chosen: list[tuple[int, str]] = []
    for why, scores in rules:
        free = [i for i in range(len(scores)) if not any(overlap(i, other) for other, _ in chosen)]
        if free:
            chosen.append((max(free, key=lambda i: (scores[i], -i)), why))
    return chosen


def draw_locus(
    name: str, locus: Locus, reference: Sequence[Gene], predictions: Mapping[Method, Sequence[Gene]], caption: str
) -> Figure:
    """Draw the transcripts of a region, with one track for the reference and one per method.

    Coding parts are high boxes, untranslated ones low, introns lines with chevrons in reading direction; the last
    coding part is pointed. Predicted transcripts whose coding sequence is one of the reference's are filled
    plainly, others hatched.

    Parameters
    ----------
    name
        File name and id of the figure.
    locus
        The region to draw.
    reference
        Genes of the annotation.
    predictions
        Genes of each method.
    caption
        Text below the figure.
    """
    truth = {key for gene in reference for key in _keys(gene)}
    tracks = [_track("reference", reference, locus)]
    tracks += [_track(method.title, genes, locus) for method, genes in predictions.items()]
    count = sum(max(len(lanes), 1) for _, lanes in tracks) + 0.5 * len(tracks) + 0.5
    right, total = 0, 0
    with styled():
        figure = canvas(0.75 + LANE * count)
        axes = figure.subplots()
        _names(axes, tracks[0][1], locus)
        y, ticks = 0.0, []
        for number, (title, lanes) in enumerate(tracks):
            ticks.append((y + max(len(lanes), 1) / 2 - 0.5, title))
            for lane in lanes or [[]]:
                for gene, transcript in lane:
                    exact = (gene.seqid, gene.strand, transcript.cds) in truth
                    right, total = right + (number > 0 and exact), total + (number > 0)
                    draw_transcript(
                        axes, transcript, gene.strand, y, locus.end - locus.start, look_of(number == 0, exact)
                    )
                y += 1
            y += 0.5
            if number + 1 < len(tracks):
                axes.axhline(y - 0.75, color="#808080", alpha=0.35, linewidth=0.6)
        axes.set(xlim=(locus.start, locus.end), ylim=(y - 0.5, -1.1))
        axes.set_yticks([place for place, _ in ticks], [title for _, title in ticks])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel(f"position on {locus.seqid}, bases")
        add_legend(figure, legend(), handlelength=1.6)
        where = f"{locus.seqid}:{locus.start + 1}-{locus.end}"
        alt = f"Gene models at {where}; {right} of {total} predicted transcripts have an exact coding sequence"
        return to_svg(figure, name, caption, alt)


def _keys(gene: Gene) -> list[Structure]:
    return [(gene.seqid, gene.strand, transcript.cds) for transcript in gene.transcripts if transcript.cds]


def _framed(run: Sequence[Gene], why: str) -> Locus:
    start, end = run[0].start, max(gene.end for gene in run)
    margin = int(_MARGIN * (end - start)) + 1
    return Locus(run[0].seqid, max(start - margin, 0), end + margin, why)


def _track(title: str, genes: Sequence[Gene], locus: Locus) -> tuple[str, list[Lane]]:
    lanes = _lanes(genes, locus)
    hidden = sum(len(lane) for lane in lanes[MOST_LANES:])
    return (f"{title}\n(and {hidden} more)" if hidden else title), lanes[:MOST_LANES]


def _lanes(genes: Sequence[Gene], locus: Locus) -> list[Lane]:
    """Put the transcripts that touch the stretch into as few lanes as hold them without overlap."""
    inside = [
        (gene, transcript)
        for gene in genes
        if gene.seqid == locus.seqid
        for transcript in gene.transcripts
        if transcript.start < locus.end and transcript.end > locus.start
    ]
    gap = (locus.end - locus.start) // 150
    lanes: list[Lane] = []
    for gene, transcript in sorted(inside, key=lambda pair: (pair[1].start, pair[1].end, pair[1].id)):
        for lane in lanes:
            if lane[-1][1].end + gap <= transcript.start:
                lane.append((gene, transcript))
                break
        else:
            lanes.append([(gene, transcript)])
    return lanes


def look_of(is_reference: bool, exact: bool) -> dict[str, Any]:
    """Return how a part is filled: the reference in ink, exact parts plainly, the rest hatched."""
    if is_reference:
        return {"facecolor": INK, "alpha": 0.62, "linewidth": 0}
    if exact:
        return {"facecolor": RIGHT, "linewidth": 0}
    return {"facecolor": WRONG, "linewidth": 0, "hatch": "/////", "edgecolor": PAPER}


def legend(exact: str = "exact coding sequence") -> list[Patch]:
    """Return the legend's patches for the fillings; `exact` names the parts filled plainly."""
    names = ((True, True, "reference"), (False, True, exact), (False, False, "another one"))
    return [Patch(label=label, **look_of(reference, right)) for reference, right, label in names]


def _names(axes: Any, lanes: Sequence[Lane], locus: Locus) -> None:
    """Write the names of the genes in the first lane above it, where there is room before the next."""
    width, free = locus.end - locus.start, locus.start
    for gene, transcript in lanes[0] if lanes else []:
        place = max(transcript.start, locus.start)
        if place >= free and place + len(gene.id) * _LETTER * width <= locus.end:
            axes.text(place, -0.45, gene.id, fontsize=7, va="bottom", alpha=0.8)
            free = place + int((len(gene.id) + 1) * _LETTER * width)


def draw_transcript(
    axes: Any,
    transcript: Transcript,
    strand: str,
    y: float,
    width: float,
    look: Look,
    coding: Sequence[Look] | None = None,
) -> None:
    """Draw one transcript: coding parts high and the last one pointed, the rest of exons low, introns as lines.

    Parameters
    ----------
    axes
        Of matplotlib; x are bases.
    transcript, strand
        Transcript to draw, and its strand.
    y
        Height of its middle, in data coordinates.
    width
        Of the whole picture, in bases: chevrons and points keep their size on paper.
    look
        Filling, for `matplotlib.patches.Patch`.
    coding
        Fillings of the coding parts, where each has its own.
    """
    line = {"color": look["facecolor"], "alpha": look.get("alpha", 1.0)}
    for left, right in pairwise(transcript.exons):
        _intron(axes, (left[1], right[0]), y, strand, width, line)
    before, after = transcript.utrs if transcript.cds else (transcript.exons, ())
    for start, end in (*before, *after):
        axes.add_patch(Rectangle((start, y - UTR_HEIGHT / 2), end - start, UTR_HEIGHT, **look))
    last = len(transcript.cds) - 1 if strand == "+" else 0
    for number, (start, end) in enumerate(transcript.cds):
        tip = min(end - start, width / 90) if number == last else 0
        low, high = y - CDS_HEIGHT / 2, y + CDS_HEIGHT / 2
        if strand == "+":
            corners = [(start, low), (end - tip, low), (end, y), (end - tip, high), (start, high)]
        else:
            corners = [(end, low), (start + tip, low), (start, y), (start + tip, high), (end, high)]
        axes.add_patch(Polygon(corners, closed=True, **(coding[number] if coding else look)))


def _intron(axes: Any, span: Interval, y: float, strand: str, width: float, line: Look) -> None:
    start, end = span
    axes.plot([start, end], [y, y], linewidth=0.9, solid_capstyle="butt", **line)
    step = width / _CHEVRONS
    number = max(int((end - start) / step), 1 if end - start > step / 2 else 0)
    # All chevrons are one line with gaps: a line each takes matplotlib most of the time of a picture.
    across, up = list[float](), list[float]()
    for i in range(number):
        middle = start + (i + 0.5) * (end - start) / number
        back = middle - (1 if strand == "+" else -1) * step / 5
        across += [back, middle, back, math.nan]
        up += [y - 0.14, y, y + 0.14, math.nan]
    if number:
        axes.plot(across, up, linewidth=0.8, **line)
