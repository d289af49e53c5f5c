"""The report's section on labels."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genescribe.data.runs import Runs, labels_from_runs, runs_from_labels
from genescribe.evaluate.labels.counts import count_labels
from genescribe.evaluate.labels.scores import summarise
from genescribe.figures.blocks import Figure, Row, Section, Table
from genescribe.files import write_json
from genescribe.report import labels
from genescribe.report.label_loci import choose
from genescribe.report.labels import COLUMNS, label_runs, label_section, read_heads

NAMES = ("intergenic", "exon", "intron", "5UTR", "start_codon")


def strand(seed: int, error: float, genes: int = 40) -> tuple[Runs, Runs]:
    """Return a strand of genes, and a prediction of it with some boundaries moved."""
    generator = np.random.default_rng(7)
    bases = []
    for _ in range(genes):
        for label, mean in ((0, 300), (3, 50), (4, 3), (1, 120), (2, 90), (1, 120)):
            bases += [label] * (3 if label == 4 else int(generator.geometric(1 / mean)))
    truth = runs_from_labels(np.array([*bases, 0]))
    generator = np.random.default_rng(seed)
    moved = truth.copy()
    moved[:-1, 0] += generator.integers(0, 3, size=len(moved) - 1) * (generator.random(len(moved) - 1) < error)
    moved[:, 0] = np.minimum(np.maximum.accumulate(moved[:, 0]), truth[-1, 0])
    return truth, runs_from_labels(labels_from_runs(moved))


def write_scores(folder: Path, head: str, seed: int, error: float) -> None:
    truth, predicted = strand(seed, error)
    counts = count_labels(truth, predicted, len(NAMES))
    shares = {name: [0.2] * 5 for name in NAMES}
    result: dict[str, Any] = summarise(counts, NAMES, replicates=5) | {
        "model": {"head": head, "encoder": "bilstm", "max_duration": 300 if head == "semicrf" else 1},
        "learned": {"transitions": np.full((5, 5), 0.2).tolist(), "durations": shares},
        "data": {"transitions": np.eye(5)[::-1].tolist(), "durations": shares},
        "stretches": [{"genome": "g", "seqid": "chr1", "strand": "+", "start": 0, "end": int(truth[-1, 0])}],
    }
    folder.mkdir(parents=True)
    write_json(folder / "labels.json", result)
    counts.save(folder / "counts.npz")
    np.savez(folder / "runs.npz", **{"0.truth": truth, "0.predicted": predicted})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def section(tmp_path_factory: pytest.TempPathFactory) -> Section:
    results = tmp_path_factory.mktemp("results")
    for seed in (1, 2):
        write_scores(results / "labels" / f"semi-seed{seed}" / "g", "semicrf", seed, 0.02)
        write_scores(results / "labels" / f"line-seed{seed}" / "g", "linear", seed, 0.2)
    write_scores(results / "labels" / "other" / "g", "pytorch-crf", 3, 0.2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(labels, "REPLICATES", 40)
        ((genome, runs),) = label_runs(results).items()
        return label_section(genome, runs)


def tables(section: Section) -> list[Table]:
    return [block for block in section.blocks if isinstance(block, Table)]


def row(table: Table, beginning: str) -> Row:
    return next(row for row in table.rows if row.name.startswith(beginning))


def test_every_head_has_a_row_and_the_best_is_bold(section: Section) -> None:
    table = tables(section)[0]
    assert [row.name.partition(",")[0] for row in table.rows] == [
        "other (pytorch-crf",
        "line (linear",
        "semi (semicrf",
        "floor: two samples of the truth",
    ]
    assert "2 seeds" in table.rows[2].name
    semi = row(table, "semi")
    place = list(COLUMNS).index("segment_f1")
    assert semi.cells[place].best and not row(table, "line").cells[place].best
    assert float(semi.cells[place].text) > float(row(table, "line").cells[place].text)
    floor = row(table, "floor")
    assert float(floor.cells[list(COLUMNS).index("duration_kl")].text) > 0
    assert floor.cells[0].text == ""


def test_gains_over_the_linear_head_have_intervals(section: Section) -> None:
    table = tables(section)[1]
    gain = row(table, "semi minus line").cells[list(COLUMNS).index("segment_f1")]
    assert float(gain.text) > 0
    low, high = map(float, gain.detail.split(" to "))
    assert 0 < low <= float(gain.text) <= high
    assert row(table, "other minus line")


def test_tolerances_stand_in_their_order(section: Section) -> None:
    table = next(table for table in tables(section) if "tolerance" in table.caption)
    first, *others = table.columns
    numbers = [int(column.removeprefix("within ")) for column in others]
    assert first == "exact"
    assert numbers == sorted(numbers)
    assert len(numbers) > 1
    # A boundary that is found within few bases is found within more.
    for found in table.rows:
        shares = [float(cell.text) for cell in found.cells]
        assert shares == sorted(shares)


def test_figures_show_durations_transitions_confusion_and_loci(section: Section) -> None:
    figures = {block.name for block in section.blocks if isinstance(block, Figure)}
    assert {"durations-g", "transitions-g", "confusion-g", "labels-g-1", "labels-g-2", "labels-g-3"} == figures
    locus = next(block for block in section.blocks if isinstance(block, Figure) and block.name == "labels-g-2")
    assert "disagree" in locus.caption
    assert "truth, other, line, semi" in locus.alt


def test_seeds_are_pooled(section: Section, tmp_path: Path) -> None:
    for seed in (1, 2):
        write_scores(tmp_path / str(seed), "linear", seed, 0.2)
    (head,) = read_heads({"line": [tmp_path / "1", tmp_path / "2"]})
    assert len(head.results) == 2
    assert head.counts.bases.sum() == 2 * int(strand(1, 0.2)[0][-1, 0])


def test_loci_do_not_overlap_and_follow_their_rules() -> None:
    truth, predicted = strand(1, 0.3)
    loci = choose({0: truth}, [{0: predicted}, {0: truth}], NAMES)
    assert len(loci) == 3
    ordered = sorted(loci, key=lambda locus: locus.start)
    assert all(left.end <= right.start for left, right in pairwise(ordered))


def test_without_scores_there_is_no_section(tmp_path: Path) -> None:
    assert label_runs(tmp_path) == {}
