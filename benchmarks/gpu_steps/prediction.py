"""Genes of a stretch on the device and on the CPU, and the time that a genome takes."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from gpu_steps.bundle import ENCODER, SIGNALS, annotate
from gpu_steps.step import Context, Row

ALIKE = 0.999
"""Least share of genes that two devices must find alike."""
HUMAN = 3_000_000_000
GOALS = {400: 10.0, 10_000: 30.0}
"""Minutes that the annotation of a human genome may take, by the context of the signal network."""
NETWORK = "signal network of {} bases, {}, random weights"
"""What the rate of such a network is called."""


def segment(context: Context, tell: Callable[[Row], None]) -> None:
    """Compare the segment family: an encoder, and one with a signal network."""
    for model in (ENCODER, SIGNALS):
        _compared(context, tell, model)


def generate(context: Context, tell: Callable[[Row], None]) -> None:
    """Compare the family that writes genes."""
    _compared(context, tell, str(context.bundle / "generate"))


def whole(context: Context, tell: Callable[[Row], None]) -> None:
    """Time the annotation of a genome, start to files, by a model with a signal network of 400 bases."""
    target = context.folder / "genome.gff3"
    shutil.rmtree(target.with_name(f"{target.name}.work"), ignore_errors=True)
    began = time.perf_counter()
    annotate(context.bundle / "genome.fa.gz", SIGNALS, target, context.device.type, os.cpu_count() or 1)
    seconds, bases = time.perf_counter() - began, _bases(context.bundle / "genome.fa.gz")
    tell(Row(f"annotation of {bases:,} bases, {SIGNALS}", seconds, "s", note=f"{bases / seconds / 1e6:.3g} Mb/s"))
    minutes = seconds * HUMAN / bases / 60
    note = f"in proportion to bases, goal {GOALS[400]:.0f}"
    tell(Row("the same of 3 Gb", minutes, "min", context.reached(minutes, GOALS[400]), note))
    rates = context.figures("speed: networks")
    if all(NETWORK.format(size, "float32") in rates for size in GOALS):
        short, long = (2 * HUMAN / 1e6 / rates[NETWORK.format(size, "float32")] / 60 for size in GOALS)
        longer, note = minutes - short + long, f"the other network's time for this one's, goal {GOALS[10_000]:.0f}"
        tell(
            Row("the same with a network of 10,000 bases", longer, "min", context.reached(longer, GOALS[10_000]), note)
        )


def _compared(context: Context, tell: Callable[[Row], None], model: str) -> None:
    name, bases = Path(model).name, _bases(context.bundle / "stretch.fa")
    target = context.folder / f"{name}.gff3"
    annotate(context.bundle / "stretch.fa", model, target, context.device.type, os.cpu_count() or 1)
    mine, theirs = _genes(target), _genes(context.bundle / "expected" / f"{name}.gff3")
    share = len(mine & theirs) / max(len(mine), len(theirs)) if mine or theirs else 1.0
    note = f"{len(mine)} genes here, {len(theirs)} on the CPU"
    tell(Row(f"{name}: genes of {bases:,} bases as on the CPU", 100 * share, "%", share >= ALIKE, note))


def _bases(fasta: Path) -> int:
    return sum(Genome.open(fasta).lengths.values())


def _genes(path: Path) -> set[tuple[object, ...]]:
    """Return the coding parts of all transcripts of each gene, with its strand."""
    return {(g.seqid, g.strand, *sorted(t.cds for t in g.transcripts)) for g in read_genes(path)}
