"""The files of a prediction: one batch's part, and the whole that the parts make."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genescribe import __version__
from genescribe.files import atomic_directory
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.gff import read_genes, write_gff3
from genescribe.genome.products import write_products
from genescribe.predict.genome import GenomePrediction

ANNOTATION = "annotation.gff3"
REJECTS = "rejects.jsonl"


def write_prediction(
    target: str | Path,
    prediction: GenomePrediction,
    genome: Genome,
    provenance: Mapping[str, Any],
    code: GeneticCode | None = None,
) -> None:
    """Write `annotation.gff3` and `rejects.jsonl` into the folder `target`, whole or not at all.

    With a genetic code, `proteins.fa` and `cds.fa` as well.
    """
    header = [f"genescribe {__version__}", *(f"{key}: {value}" for key, value in provenance.items())]
    with atomic_directory(target) as folder:
        write_gff3(folder / ANNOTATION, prediction.genes, genome.lengths, header=header)
        lines = "".join(json.dumps(row, sort_keys=True) + "\n" for row in prediction.rejects)
        (folder / REJECTS).write_text(lines, encoding="utf-8")
        if code is not None:
            write_products(prediction.genes, genome, code, folder)


def join_parts(parts: Sequence[str | Path], genome: Genome) -> GenomePrediction:
    """Read what `write_prediction` wrote for each batch and put it into the order of the genome's sequences."""
    order = {seqid: position for position, seqid in enumerate(genome.lengths)}
    genes = [gene for part in parts for gene in read_genes(Path(part) / ANNOTATION)]
    genes.sort(key=lambda gene: (order[gene.seqid], gene.start, gene.end, gene.id))
    rejects = [row for part in parts for row in read_rejects(Path(part) / REJECTS)]
    rejects.sort(key=lambda row: order[row["seqid"]])
    return GenomePrediction(genes, rejects)


def read_rejects(path: str | Path) -> list[dict[str, Any]]:
    """Read a `rejects.jsonl`."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
