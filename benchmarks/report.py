"""Seconds and peak memory of the report of 60 models, on made results.

    python benchmarks/report.py

The results folder is as examples/gencode_cpu.yaml leaves it: five genomes, and on each an encoder and three heads of
three seeds. Its genes are simulated, as many as the test sequences of the example hold; its predictions are the true
labels with some boundaries moved, and the true genes with some changed. Equal versions of numpy make equal folders, so
that pages of two versions of the program can be compared (`--folder`).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from predict import timed

from genescribe.cli import parser, run
from genescribe.data.runs import IGNORE, Runs, labels_from_runs, runs_from_labels
from genescribe.evaluate.labels.counts import add_up, count_labels
from genescribe.evaluate.labels.scores import summarise
from genescribe.evaluate.metrics import measure
from genescribe.evaluate.perturb import perturb
from genescribe.files import temporary_folder, write_json
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.catalogue.database import build_catalogue
from genescribe.genome.fasta import write_fasta
from genescribe.genome.model import Gene, mirror
from genescribe.labels.schemes import SCHEMES
from genescribe.simulate import load_parameters, simulate

RESULTS = Path(__file__).resolve().parent / "results/report.json"
SCRIPT = Path(__file__).resolve().parents[1] / "scripts/report.py"
SEEDS = (1, 2, 3)
HEADS = {"pytorch_crf": ("pytorch-crf", 0.12), "linear": ("linear", 0.1), "semicrf": ("semicrf", 0.06)}
"""Run -> its head, and the share of boundaries that its predictions move."""


@dataclass(frozen=True)
class Made:
    """A made genome: the parameters that it is simulated with, the bases of its test, and on how many sequences."""

    parameters: str
    bases: int
    sequences: int


GENOMES = {
    "informative": Made("arabidopsis_thaliana", 1_200_000, 6),
    "uninformative": Made("arabidopsis_thaliana", 1_200_000, 6),
    "yeast": Made("saccharomyces_cerevisiae", 3_600_000, 4),
    "populus": Made("populus_trichocarpa", 2_000_000, 1),
    "human": Made("drosophila_melanogaster", 5_000_000, 2),
}


def make(folder: Path) -> None:
    """Fill a results folder.

    Parameters
    ----------
    folder
        A new one.
    """
    for number, (name, genome) in enumerate(GENOMES.items()):
        parameters = load_parameters(genome.parameters)
        sequences, genes = simulate(parameters, number, total_bases=genome.bases, n_sequences=genome.sequences)
        lengths = {seqid: len(codes) for seqid, codes in sequences.items()}
        place = folder / "catalogue" / name
        place.mkdir(parents=True)
        write_fasta(place / "genome.fa", list(sequences.items()))
        write_gff3(place / "genes.gff3", genes, lengths)
        build_catalogue(place / "genome.fa", place / "genes.gff3", place / "catalogue.duckdb")
        truth = [runs for seqid, length in lengths.items() for runs in strands(genes, seqid, length)]
        answers: dict[str, list[Gene]] = {}
        for place_of_head, (run_name, (head, share)) in enumerate(HEADS.items()):
            for seed in SEEDS:
                model, draw = f"{name}_{run_name}-seed{seed}", 100 * place_of_head + seed
                write_labels(folder / "labels" / model / name, truth, list(lengths), head, share, draw)
                answers[model] = perturb(genes, draw, share)
                predicted = folder / "predict" / model / name / "whole"
                predicted.mkdir(parents=True)
                write_gff3(predicted / "annotation.gff3", answers[model], lengths)
        for model, predicted_genes in answers.items():
            before = list(answers)[: list(answers).index(model)]
            rivals = {other: answers[other] for other in before if other[-1] == model[-1]}
            found = measure(genes, predicted_genes, others=rivals)
            write_json(folder / "evaluate" / model / name / "metrics.json", found)
        for model in [*answers, *(f"{name}_encoder-seed{seed}" for seed in SEEDS)]:
            write_log(folder / "train" / model / "log.csv")
            provenance = {"commit": "0" * 40, "versions": {"torch": "2"}, "fingerprint_sha256": "f" * 64}
            write_json(folder / "train" / model / "model/provenance.json", provenance)


def strands(genes: Sequence[Gene], seqid: str, length: int) -> list[Runs]:
    """Return the true labels of both strands of a sequence."""
    here = [gene for gene in genes if gene.seqid == seqid]
    forward = [gene for gene in here if gene.strand == "+"]
    backward = [mirror(gene, length) for gene in here if gene.strand == "-"]
    return [SCHEMES["gencode"].encode(side, length).runs for side in (forward, backward)]


def write_labels(
    folder: Path, truth: Sequence[Runs], seqids: Sequence[str], head: str, share: float, seed: int
) -> None:
    """Write what scripts/score_labels.py writes of a model."""
    scheme, generator = SCHEMES["gencode"], np.random.default_rng(seed)
    predicted = [moved(runs, share, generator) for runs in truth]
    size = len(scheme.names)
    counts = add_up(count_labels(true, guess, size) for true, guess in zip(truth, predicted, strict=True))
    curve = np.full(30, 1 / 30).tolist()
    law: dict[str, Any] = {
        "transitions": np.full((size, size), 1 / size).tolist(),
        "durations": dict.fromkeys(scheme.names, curve),
    }
    result = summarise(counts, scheme.names, replicates=0) | {
        "model": {"head": head, "encoder": "conv", "max_duration": 300 if head == "semicrf" else 1},
        "learned": law,
        "data": law,
        "stretches": [{"genome": "g", "seqid": seqid, "strand": strand} for seqid in seqids for strand in "+-"],
    }
    folder.mkdir(parents=True)
    write_json(folder / "labels.json", result)
    counts.save(folder / "counts.npz")
    stored = {f"{n}.truth": runs for n, runs in enumerate(truth)}
    np.savez_compressed(folder / "runs.npz", **stored, **{f"{n}.predicted": runs for n, runs in enumerate(predicted)})


def moved(truth: Runs, share: float, generator: np.random.Generator) -> Runs:
    """Return a prediction: the truth with a share of its boundaries moved by up to 30 bases."""
    runs = truth.copy()
    runs[runs[:, 1] == IGNORE, 1] = 0
    inner = len(runs) - 1
    runs[:-1, 0] += generator.integers(1, 30, size=inner) * (generator.random(inner) < share)
    runs[:, 0] = np.minimum(np.maximum.accumulate(runs[:, 0]), truth[-1, 0])
    return runs_from_labels(labels_from_runs(runs))


def write_log(path: Path) -> None:
    """Write the log of a training of 1,000 steps, validated every 50."""
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["step", "epoch", "split", "loss", "macro_f1"])
        for step in range(10, 1001, 10):
            writer.writerow([step, step // 50, "train", f"{10 / step:.4f}", ""])
            if step % 50 == 0:
                writer.writerow([step, step // 50, "validation", f"{11 / step:.4f}", f"{1 - 1 / step:.4f}"])


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--folder", type=Path, help="make the results and the page here, and keep them")
    arguments.add_argument("--write", type=Path, default=RESULTS, help="JSON file for the figures")
    args = arguments.parse_args()
    with temporary_folder() as scratch:
        folder: Path = args.folder or scratch / "results"
        if not folder.exists():
            make(folder)
        command = [sys.executable, str(SCRIPT), "--results", str(folder), "--output", str(folder / "report.html")]
        found = timed(command)
    print(", ".join(f"{name} {value:.1f}" for name, value in found.items()))
    models = len(GENOMES) * len(SEEDS) * (len(HEADS) + 1)
    write_json(args.write, {"models": models, **found})


if __name__ == "__main__":
    run(main)
