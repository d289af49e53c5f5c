"""Figures of labels along a strand: the truth above, the labels of each head below."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from genescribe.data.runs import Runs
from genescribe.evaluate.labels.agreement import segments
from genescribe.figures.blocks import Figure
from genescribe.figures.style import add_legend, canvas, styled, to_svg
from genescribe.files import read_json
from genescribe.report.charts import Method
from genescribe.report.label_charts import anchor
from genescribe.report.loci import legend, look_of, pick

GENES = 2
"""Neighbouring genes of a picture."""
LONGEST = 30_000
"""Bases of the longest stretch that is drawn: more would hide what is short."""
HEIGHTS = {"exon": 0.62, "codon": 0.62, "UTR": 0.28, "intron": 0.06}

Segments = NDArray[np.int64]


class LabelLocus(NamedTuple):
    """A stretch of a strand to be drawn, and why it was chosen."""

    stretch: int
    start: int
    end: int
    why: str


def draw_label_loci(genome: str, names: Sequence[str], heads: Mapping[Method, Path]) -> list[Figure]:
    """Draw three stretches, chosen by rules that do not look for success: introns, disagreement, chance.

    Parameters
    ----------
    genome, names
        Of the genome and the labels; the first label lies between genes.
    heads
        Folder of each head's scores (`segment.label_report`).
    """
    first = next(iter(heads.values()))
    places = read_json(first / "labels.json")["stretches"]
    runs = {method: _runs(folder) for method, folder in heads.items()}
    truth = {int(key.partition(".")[0]): part for key, part in _runs(first).items() if key.endswith(".truth")}
    loci = choose(truth, [{n: labels[f"{n}.predicted"] for n in truth} for labels in runs.values()], names)
    figures = []
    for number, locus in enumerate(loci, 1):
        place = places[locus.stretch]
        tracks = {"truth": truth[locus.stretch]}
        tracks |= {method.title: labels[f"{locus.stretch}.predicted"] for method, labels in runs.items()}
        figures.append(_draw(f"labels-{anchor(genome)}-{number}", locus, place, tracks, names))
    return figures


def choose(
    truth: Mapping[int, Runs], predictions: Sequence[Mapping[int, Runs]], names: Sequence[str]
) -> list[LabelLocus]:
    """Choose the stretch with most introns, the one on which the heads disagree most, and one at random.

    Parameters
    ----------
    truth
        True runs of each stretch, by its number.
    predictions
        The same of each head.
    names
        Names of the labels, in their order.
    """
    candidates: list[tuple[LabelLocus, int, int]] = []
    for number, runs in sorted(truth.items()):
        true = segments(runs)
        exact = [{tuple(row) for row in segments(part[number]).tolist()} for part in predictions]
        spans = _genes(true)
        for left, right in zip(spans, spans[GENES - 1 :], strict=False):
            start, end = left[0], right[1]
            if end - start > LONGEST:
                continue
            inside = [tuple(row) for row in true[(true[:, 0] >= start) & (true[:, 1] <= end)].tolist()]
            introns = sum("intron" in names[label] for *_, label in inside if label > 0)
            hits = [[row in part for part in exact] for row in inside]
            margin = (end - start) // 30 + 1
            locus = LabelLocus(number, max(0, start - margin), min(int(runs[-1, 0]), end + margin), "")
            candidates.append((locus, introns, sum(any(hit) and not all(hit) for hit in hits)))
    rules = (
        ("the stretch with most introns", [introns for _, introns, _ in candidates]),
        ("the stretch on which the heads disagree most", [odds for *_, odds in candidates]),
        ("a stretch drawn at random", random.Random(0).sample(range(len(candidates)), len(candidates))),
    )
    loci = [locus for locus, *_ in candidates]
    return [loci[i]._replace(why=why) for i, why in pick(rules, lambda i, other: _overlap(loci[i], loci[other]))]


def _genes(true: Segments) -> list[tuple[int, int]]:
    """Return the stretches between background segments, as (start, end)."""
    genic = true[true[:, 2] > 0]
    if not len(genic):
        return []
    breaks = np.flatnonzero(genic[1:, 0] != genic[:-1, 1]) + 1
    return [(int(part[0, 0]), int(part[-1, 1])) for part in np.split(genic, breaks)]


def _overlap(a: LabelLocus, b: LabelLocus) -> bool:
    return a.stretch == b.stretch and a.start < b.end and b.start < a.end


def _runs(folder: Path) -> dict[str, Runs]:
    with np.load(folder / "runs.npz", allow_pickle=False) as stored:
        return {key: stored[key] for key in stored}


def _draw(
    name: str, locus: LabelLocus, place: Mapping[str, Any], tracks: Mapping[str, Runs], names: Sequence[str]
) -> Figure:
    parts = {title: segments(runs) for title, runs in tracks.items()}
    true = {tuple(row) for row in parts["truth"].tolist()}
    right = total = 0
    with styled():
        figure = canvas(0.8 + 0.3 * len(parts))
        axes = figure.subplots()
        for y, (title, rows) in enumerate(parts.items()):
            for start, end, label in rows[(rows[:, 1] > locus.start) & (rows[:, 0] < locus.end)].tolist():
                if label <= 0:
                    continue
                exact = (start, end, label) in true
                right, total = right + (y > 0 and exact), total + (y > 0)
                height = next(size for word, size in HEIGHTS.items() if word in names[label])
                look = look_of(title == "truth", exact)
                axes.add_patch(Rectangle((start, y - height / 2), end - start, height, **look))
        axes.set(xlim=(locus.start, locus.end), ylim=(len(parts) - 0.5, -0.5))
        axes.set_yticks(range(len(parts)), list(parts))
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel(f"position along the {place['strand']} strand of {place['seqid']}, bases from its 5' end")
        add_legend(figure, legend("exact segment"), handlelength=1.6)
        caption = (
            f"{place['seqid']}, strand {place['strand']}, bases {locus.start + 1:,} to {locus.end:,} from the 5' end: "
            f"{locus.why}. High: exons, with start and stop codon; low: UTRs; lines: introns. Plain: a true segment, "
            "exact in start, end and label; hatched: another one."
        )
        alt = f"Labels of {', '.join(parts)}; {right} of {total} predicted segments are exact"
        return to_svg(figure, name, caption, alt)
