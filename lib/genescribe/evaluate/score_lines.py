"""The scores of one prediction as a table to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from genescribe.evaluate.accuracy import LEVELS


def score_lines(metrics: Mapping[str, Any]) -> str:
    """Return the results of `genescribe.evaluate.metrics.measure` on coding sequences, a row for each level.

    Rows below name the other predictions: how many points of F1 this one is above each, with the paired 95% interval.
    """
    heads = "".join(f"{name:>13}" for name in ("reference", "predicted", "right", "sensitivity", "precision", "F1"))
    lines = [f"{'coding sequences':<17}{heads}"]
    for level in LEVELS:
        row = metrics["cds"][level]
        shares = (row["sensitivity"], row["precision"], row["f1"])
        shown = [f"{100 * share:.1f}" if share is not None else "-" for share in shares]
        counts = [f"{row[key]:,}" for key in ("reference", "predicted", "tp")]
        lines.append(f"{level.replace('_', ' '):<17}" + "".join(f"{text:>13}" for text in [*counts, *shown]))
    if "proteins" in metrics:
        proteins = metrics["proteins"]
        lines.append(f"identical proteins: {proteins['identical']:,} of {proteins['reference']:,}")
    left = metrics["left_out"]
    if any(left.values()):
        lines.append(f"not scored, across an edge: {left['reference']} of the reference, {left['predicted']} predicted")
    return "\n".join([*lines, *_differences(metrics["paired"])])


def _differences(paired: Mapping[str, Any]) -> Iterator[str]:
    for name, levels in paired.items():
        parts = []
        for level in ("base", "exon", "gene"):
            row = levels[level]["f1"]
            if row["interval"] is not None:
                low, high = row["interval"]
                parts.append(f"{level} {100 * row['difference']:+.1f} [{100 * low:+.1f} to {100 * high:+.1f}]")
        yield f"F1 above {name}: {', '.join(parts) or 'not defined'}"
