"""The report section on labels: heads of one encoder compared on bases, boundaries, segments and lengths."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genescribe.evaluate.labels.counts import LabelCounts, pool
from genescribe.evaluate.labels.draws import FEWEST
from genescribe.evaluate.labels.scores import compare, summarise
from genescribe.figures.blocks import Block, Cell, Row, Section, Table, Text
from genescribe.files import read_json
from genescribe.report import label_charts
from genescribe.report.charts import Method, percent
from genescribe.report.label_loci import draw_label_loci

COLUMNS = {
    "position_f1": "bases,\nmacro F1, %",
    "boundary_f1": "boundaries,\nF1, %",
    "segment_f1": "segments,\nF1, %",
    "exon_f1": "exons,\nF1, %",
    "intron_f1": "introns,\nF1, %",
    "duration_kl": "lengths,\nKL divergence",
    "duration_distance": "lengths,\nrelative shift",
}
LOWER_IS_BETTER = frozenset({"duration_kl", "duration_distance"})
REPLICATES = 1000
HOW = (
    "Labels of whole test strands, each decoded at once: every base counts once, and no window's edge cuts a segment. "
    "Neighbouring bases of one label are one segment for every head alike. A segment is right when start, end and "
    "label are exact; a boundary has one partner at most, by the largest matching (typed: between the same labels). "
    "Lengths of predicted segments are compared with the true ones, 0 where they are alike: by the KL divergence over "
    "half-doublings with half a count added to each, and by the shift, the Wasserstein-1 distance (how many bases "
    "lengths would have to change on average) divided by the mean true length; both averaged over labels. The floor is "
    "what two samples of the true lengths differ by. Several seeds are pooled; brackets are 95% bootstrap intervals "
    "over genes, differences from the same draws."
)


@dataclass(frozen=True)
class Head:
    """Results of the models of one run, one per seed, on a genome.

    Attributes
    ----------
    method
        How it is named and drawn.
    results
        `labels.json` of each seed.
    counts
        Counts of all seeds, summed.
    folder
        Of the first seed.
    """

    method: Method
    results: Sequence[Mapping[str, Any]]
    counts: LabelCounts
    folder: Path


def label_runs(results: Path) -> dict[str, dict[str, list[Path]]]:
    """Return the folders of scores of labels: genome -> run -> one for each seed."""
    folders: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(results.glob("labels/*/*/labels.json")):
        run = re.sub(r"-seed\d+$", "", path.parents[1].name)
        folders[path.parent.name][run].append(path.parent)
    return {genome: dict(runs) for genome, runs in sorted(folders.items())}


def read_heads(runs: Mapping[str, Sequence[Path]], numbers: Mapping[str, int] | None = None) -> list[Head]:
    """Return the heads of a genome: pytorch-crf, then linear, then semi-Markov, runs of one head by name."""
    order = {"pytorch-crf": 0, "linear": 1, "semicrf": 2}
    scores = {run: [read_json(folder / "labels.json") for folder in folders] for run, folders in runs.items()}
    names = sorted(runs, key=lambda run: (order[scores[run][0]["model"]["head"]], run))
    return [
        Head(
            Method(run, run, "model", (numbers or {}).get(run, number)),
            scores[run],
            pool(LabelCounts.load(folder / "counts.npz") for folder in runs[run]),
            runs[run][0],
        )
        for number, run in enumerate(names)
    ]


def label_section(genome: str, runs: Mapping[str, Sequence[Path]], numbers: Mapping[str, int] | None = None) -> Section:
    """Return the section of a genome.

    Parameters
    ----------
    genome, runs
        As `label_runs` has them.
    numbers
        Of runs that have one on the page.
    """
    heads = read_heads(runs, numbers)
    names = heads[0].results[0]["labels"]
    summaries = {
        head.method: head.results[0] if len(head.results) == 1 else summarise(head.counts, names, replicates=REPLICATES)
        for head in heads
    }
    blocks: list[Block] = [Text(HOW), _headlines(heads, summaries, genome)]
    gains = _gains(heads, names, genome)
    if gains is not None:
        blocks.append(gains)
    blocks += [
        _by_label(heads, summaries, names),
        _by_tolerance(heads, summaries),
        label_charts.duration_curves(genome, heads[0].results[0]["data"], {h.method: h.results[0] for h in heads}),
        label_charts.transition_maps(genome, heads[0].results[0]["data"], {h.method: h.results[0] for h in heads}),
        label_charts.confusion_maps(genome, names, {h.method: summaries[h.method]["confusion"] for h in heads}),
        *draw_label_loci(genome, names, {h.method: h.folder for h in heads}),
    ]
    return Section(f"Labels: {genome}", blocks)


def _headlines(heads: Sequence[Head], summaries: Mapping[Method, Mapping[str, Any]], genome: str) -> Table:
    best = {
        name: (min if name in LOWER_IS_BETTER else max)(
            (v for s in summaries.values() if (v := s["headlines"][name]) is not None), default=None
        )
        for name in COLUMNS
    }
    rows = []
    for head in heads:
        summary = summaries[head.method]
        cells = []
        for name in COLUMNS:
            value, ends = summary["headlines"][name], summary.get("intervals", {}).get(name)
            detail = "" if ends is None else "–".join(shown(name, end) for end in ends)
            cells.append(Cell(shown(name, value), detail, value is not None and value == best[name]))
        rows.append(Row(_title(head), cells))
    rows.append(_floor(next(iter(summaries.values()))))
    caption = (
        f"Heads on the test strands of {genome}: {summaries[heads[0].method]['units']:,} units of about one gene. The "
        "last two columns are distances: smaller is better."
    )
    return Table(caption, "head", list(COLUMNS.values()), rows)


def _floor(summary: Mapping[str, Any]) -> Row:
    """Return the row of distances between two samples of the truth, over the labels of the mean distances."""
    enough = [label for label in summary["durations"].values() if label["true"]["number"] >= FEWEST]
    kl = [label["floor_kl"] for label in enough]
    shift = [label["floor_wasserstein"] / label["true"]["mean"] for label in enough]
    values = {"duration_kl": kl, "duration_distance": shift}
    means = {name: sum(distances) / len(distances) for name, distances in values.items() if distances}
    cells = [Cell(shown(name, means.get(name)) if name in LOWER_IS_BETTER else "") for name in COLUMNS]
    return Row("floor: two samples of the truth", cells, first_of_group=True)


def _gains(heads: Sequence[Head], names: Sequence[str], genome: str) -> Table | None:
    """Return the differences from the linear head, where there is one; heads of fewer seeds are compared on these."""
    linear = next((head for head in heads if head.results[0]["model"]["head"] == "linear"), None)
    if linear is None or len(heads) < 2:
        return None
    gains = _all_gains(linear, [head for head in heads if head is not linear], names)
    rows = []
    for head, differences in gains:
        cells = []
        for name in COLUMNS:
            difference = differences[name]
            ends = difference["interval"]
            detail = "" if ends is None else " to ".join(signed(name, end) for end in ends)
            cells.append(Cell(signed(name, difference["difference"]), detail))
        rows.append(Row(f"{head.method.title} minus {linear.method.title}", cells))
    caption = f"Differences on {genome}, with intervals from the same draws of genes: one that holds 0 shows no effect."
    return Table(caption, "difference", list(COLUMNS.values()), rows)


def _all_gains(linear: Head, others: Sequence[Head], names: Sequence[str]) -> Iterator[tuple[Head, dict[str, Any]]]:
    """Yield each head with its differences from the linear one; those of as many seeds are drawn in one go."""
    alike = [head for head in others if len(head.results) == len(linear.results)]
    counts = {str(number): head.counts for number, head in enumerate(alike)} | {"linear": linear.counts}
    differences = compare(counts, names, baseline="linear", replicates=REPLICATES)
    first = LabelCounts.load(linear.folder / "counts.npz")
    for head in others:
        if head in alike:
            yield head, differences[str(alike.index(head))]
            continue
        both = {"other": LabelCounts.load(head.folder / "counts.npz"), "linear": first}
        yield head, compare(both, names, baseline="linear", replicates=REPLICATES)["other"]


def _by_label(heads: Sequence[Head], summaries: Mapping[Method, Mapping[str, Any]], names: Sequence[str]) -> Table:
    columns = ["true\nsegments", "bases,\nF1, %", "segments,\nF1, %", "mean length,\npredicted (true)"]
    columns += ["KL divergence\n(floor)", "shift, bases\n(floor)"]
    rows: list[Row] = []
    for name in names:
        for place, head in enumerate(heads):
            summary = summaries[head.method]
            durations = summary["durations"].get(name)
            position, segment = (summary[key]["classes"][name]["f1"] for key in ("position", "segment"))
            cells = [
                Cell(f"{summary['segment']['classes'][name]['segments']:,}"),
                Cell(shown("", position)),
                Cell(shown("", segment)),
                *(_length_cells(durations) if durations else [Cell("–")] * 3),
            ]
            rows.append(Row(f"{name}: {head.method.title}", cells, place == 0 and bool(rows)))
    return Table("Every label by itself", "label and head", columns, rows, folded=True)


def _length_cells(durations: Mapping[str, Any]) -> list[Cell]:
    guessed, true = durations["predicted"]["mean"], durations["true"]["mean"]
    return [
        Cell("–" if guessed is None else f"{guessed:,.0f}", f"{true:,.0f}"),
        Cell("–" if durations["kl"] is None else f"{durations['kl']:.3f}", f"{durations['floor_kl']:.3f}"),
        Cell(
            "–" if durations["wasserstein"] is None else f"{durations['wasserstein']:,.1f}",
            f"{durations['floor_wasserstein']:,.1f}",
        ),
    ]


def _by_tolerance(heads: Sequence[Head], summaries: Mapping[Method, Mapping[str, Any]]) -> Table:
    tolerances = sorted(summaries[heads[0].method]["boundary"], key=int)  # JSON has them as text
    rows = [
        Row(
            f"{head.method.title}, {title}",
            [Cell(shown("", summaries[head.method][kind][tolerance]["f1"])) for tolerance in tolerances],
            place == 0,
        )
        for head in heads
        for place, (kind, title) in enumerate((("boundary", "any"), ("typed_boundary", "typed")))
    ]
    columns = [f"within {tolerance}" if tolerance != "0" else "exact" for tolerance in tolerances]
    return Table("F1 of boundaries by tolerance in bases, in percent", "head", columns, rows, folded=True)


def _title(head: Head) -> str:
    model = head.results[0]["model"]
    variant = {"pytorch-crf": "package", "linear": "K = 1", "semicrf": f"K = {model['max_duration']}"}[model["head"]]
    seeds = f", {len(head.results)} seeds" if len(head.results) > 1 else ""
    return f"{head.method.title} ({model['head']}, {variant}{seeds})"


def shown(name: str, value: float | None) -> str:
    """Return a score as it stands in a table: distances as they are, shares in percent."""
    return f"{value:.3f}" if value is not None and name in LOWER_IS_BETTER else percent(value)


def signed(name: str, value: float | None) -> str:
    """Return a difference with its sign."""
    if value is None:
        return "–"
    return f"{value:+.3f}" if name in LOWER_IS_BETTER else f"{100 * value:+.1f}"
