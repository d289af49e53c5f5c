"""The genes of an annotation beside those of the genomes that its model was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genescribe.figures.blocks import Block, Cell, Row, Section, Table, Text
from genescribe.files import read_json
from genescribe.genome.gene_lengths import LENGTHS, summary_of
from genescribe.report.annotation import charts
from genescribe.report.annotation.cautions import share
from genescribe.report.annotation.finished import Annotation
from genescribe.report.annotation.numbers import BaseCounts, GeneNumbers
from genescribe.segment.network.model import SPECIES, STATISTICS

_NONE = "–"
_COLUMNS = ("genes per Mb", "coding exons\nper gene", "coding bases\nper gene", "coding share,\neither strand")
_LENGTHS = {"number": "number", "mean": "mean", "p5": "5%", "median": "median", "p95": "95%", "longest": "longest"}
_MEDIANS = {"gene": "gene, start\nto stop", "exon": "coding exon", "intron": "intron"}
"""Part -> heading of its median in the table of all training genomes."""


def comparison(annotation: Annotation, bases: BaseCounts, numbers: GeneNumbers) -> Section:
    """Return the section of numbers and lengths.

    Parameters
    ----------
    annotation
        The finished annotation.
    bases, numbers
        Its numbers of bases and of genes.
    """
    if not len(numbers):
        return Section("The genes in numbers", [Text("No gene was found.", "warning")])
    training = training_name(annotation)
    rows = [Row("this annotation", _here(bases, numbers))]
    if annotation.trained:
        rows.append(Row(training, _there(annotation.trained)))
    caption = "The genes beside those of the training genomes, each gene by one transcript."
    if not annotation.trained:
        caption += " The model does not say what its training genomes were like."
    blocks: list[Block] = [Table(caption, "", _COLUMNS, rows)]
    relatives = [
        Row(name, [*_there(genome), *_medians(genome)]) for name, genome in sorted(_genomes(annotation).items())
    ]
    if relatives:
        title = "All training genomes of the model; lengths are medians, in bases."
        columns = (*_COLUMNS, *_MEDIANS.values())
        blocks.append(Table(title, "genome", columns, relatives, folded=True))
    figure = "How many coding exons genes have and how long their parts are; logarithmic axes but for the exons."
    blocks.append(charts.lengths(numbers, annotation.trained, training, figure))
    caption = "Lengths in bases; 5% and 95% are percentiles."
    caption += f" In training: those of {training}." if annotation.trained.get(LENGTHS) else ""
    blocks.append(Table(caption, "", [*_LENGTHS.values()], _rows(annotation, numbers)))
    return Section("The genes in numbers", blocks)


def training_name(annotation: Annotation) -> str:
    """Return the name of the genomes that the annotation is compared with."""
    species = annotation.provenance.get("species")
    return f"training genome {species}" if species in _genomes(annotation) else "the training genomes"


def _genomes(annotation: Annotation) -> Mapping[str, Mapping[str, Any]]:
    path = annotation.model / STATISTICS
    return dict(read_json(path).get(SPECIES, {})) if path.is_file() else {}


def _here(bases: BaseCounts, numbers: GeneNumbers) -> Sequence[Cell]:
    return [
        Cell(f"{1e6 * len(numbers) / bases.total:,.1f}"),
        Cell(f"{numbers.exons.mean():.2f}"),
        Cell(f"{numbers.coding.mean():,.0f}"),
        Cell(share(numbers.coding_bases, bases.total)),
    ]


def _there(genome: Mapping[str, Any]) -> Sequence[Cell]:
    density, length = genome.get("genes_per_mb"), genome.get("mean_cds_length")
    # Both are of the same genes; windows hold some of them in part, lengths only whole ones.
    length = genome.get(LENGTHS, {}).get("coding", {}).get("mean", length)
    return [
        Cell(_NONE if density is None else f"{density:,.1f}"),
        Cell(f"{genome['mean_exons']:.2f}" if "mean_exons" in genome else _NONE),
        Cell(_NONE if length is None else f"{length:,.0f}"),
        Cell(_NONE if density is None or length is None else share(density * length, 1e6)),
    ]


def _medians(genome: Mapping[str, Any]) -> Sequence[Cell]:
    known = genome.get(LENGTHS, {})
    return [Cell(f"{known[part]['median']:,.0f}" if part in known else _NONE) for part in _MEDIANS]


def _rows(annotation: Annotation, numbers: GeneNumbers) -> Sequence[Row]:
    """Return a row for each part of the genes, and below it one for the same of the training genomes."""
    parts = {
        "gene": ("genes, start to stop codon", numbers.spans),
        "coding": ("coding bases of a gene", numbers.coding),
        "exon": ("coding exons", numbers.exon_lengths),
        "intron": ("introns", numbers.intron_lengths),
    }
    rows: list[Row] = []
    for part, (name, values) in parts.items():
        here = summary_of(values) if len(values) else None
        there = annotation.trained.get(LENGTHS, {}).get(part)
        titles = (name, "in training" if here else f"{name}, in training")
        for title, lengths in zip(titles, (here, there), strict=True):
            if lengths:
                cells = [Cell(f"{lengths[key]:,.0f}") for key in _LENGTHS]
                rows.append(Row(title, cells, title != "in training" and bool(rows)))
    return rows
