"""How sure a model may be of a genome that it does not know: genomes read with each other's parameters.

    python benchmarks/temperatures.py --model all_genomes --data fly=results/all_genomes/bake/gene/drosophila/batch_0 \
        --data yeast=results/all_genomes/bake/gene/yeast/batch_0 --output results/temperatures.json

For each genome and each set of parameters of the model: genes of validation windows, the share that is right, how far
the words are apart, and by temperature the mean probability and the Brier score (Brier 1950). The last rows are means
over genomes: of those read with their own parameters, and with those of others.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genescribe.cli import parser, run
from genescribe.data.batching import collate
from genescribe.data.dataset import ShardDataset
from genescribe.errors import InputError
from genescribe.files import write_json
from genescribe.models import ModelPath
from genescribe.paths import OutputFile
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.network.species import POOLED, word_counts
from genescribe.segment.training.temperature import WindowGenes, brier_score

TEMPERATURES = (1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0)
WINDOWS, FEWEST = 24, 15
"""Validation windows of a genome, and genes below which nothing can be said."""


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=ModelPath(), required=True, help="model of several genomes")
    arguments.add_argument(
        "--data", type=_named, action="append", required=True, metavar="GENOME=SHARDS", help="a genome; repeatable"
    )
    arguments.add_argument("--output", type=OutputFile(), required=True, help="JSON to write")
    args = arguments.parse_args()
    model = SegmentModel.load(args.model).eval()
    if model.species is None:
        raise InputError("has parameters of one genome", where=args.model, remedy="give a model of several")
    rows = [row for name, folder in args.data for row in _rows(model, name, folder)]
    own = [row for row in rows if row["genome"] == row["parameters"]]
    others = [row for row in rows if row["parameters"] not in (row["genome"], POOLED)]
    means = {name: _mean(group) for name, group in (("own", own), ("others", others)) if group}
    write_json(args.output, {"temperatures": TEMPERATURES, "rows": rows, "brier": means})
    for name, losses in means.items():
        print(name, *(f"T {t}: {loss:.3f}" for t, loss in zip(TEMPERATURES, losses, strict=True)), sep="  ")


def _named(text: str) -> tuple[str, Path]:
    name, sign, folder = text.partition("=")
    if not sign or not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"{text}: give GENOME=FOLDER, with a folder of shards")
    return name, Path(folder)


@torch.no_grad()
def _rows(model: SegmentModel, genome: str, folder: Path) -> list[dict[str, Any]]:
    data = ShardDataset([folder], "validation")
    places = np.unique(np.linspace(0, len(data) - 1, min(len(data), WINDOWS)).astype(int))
    batches = [collate([data[int(place)]]) for place in places]
    assert model.species is not None
    distances = model.species.distance(
        np.sum([word_counts(batch.codes[0].numpy().astype(np.uint8)) for batch in batches], axis=0)
    )
    rows = []
    for name in (*model.species.names, POOLED):
        reader = model.specialised(name)
        genes = [WindowGenes(reader, batch) for batch in batches]
        right = np.concatenate([one.right for one in genes])
        row = {"genome": genome, "parameters": name, "distance": distances[name], "genes": len(right)}
        if len(right) >= FEWEST:
            found = [np.concatenate([one.probabilities(t) for one in genes]) for t in TEMPERATURES]
            row |= {"right": right.mean(), "mean": [float(np.nanmean(p)) for p in found]}
            row |= {"brier": [brier_score(p, right) for p in found]}
        print({key: value for key, value in row.items() if key != "brier"}, flush=True)
        rows.append(row)
    return rows


def _mean(rows: list[dict[str, Any]]) -> list[float]:
    """Return the mean Brier score by temperature, each genome with the same weight."""
    by_genome: dict[str, list[list[float]]] = {}
    for row in rows:
        if "brier" in row:
            by_genome.setdefault(row["genome"], []).append(row["brier"])
    return [float(x) for x in np.mean([np.mean(losses, axis=0) for losses in by_genome.values()], axis=0)]


if __name__ == "__main__":
    run(main)
