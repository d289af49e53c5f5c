"""The genes of an annotation beside those of the genomes that its model was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from genescribe.figures.blocks import Block, Cell, Row, Section, Table, Text
from genescribe.files import read_json
from genescribe.report.annotation import charts
from genescribe.report.annotation.cautions import share
from genescribe.report.annotation.finished import Annotation
from genescribe.report.annotation.numbers import BaseCounts, GeneNumbers
from genescribe.segment.network.model import SPECIES, STATISTICS

_NONE = "–"
_COLUMNS = ("genes per Mb", "coding exons\nper gene", "coding bases\nper gene", "coding share,\neither strand")
_LENGTHS = ("number", "mean", "5%", "median", "95%", "longest")


def comparison(annotation: Annotation, bases: BaseCounts, numbers: GeneNumbers) -> Section:
    """Return the section of numbers and lengths.

    Parameters
    ----------
    annotation
        What is shown.
    bases, numbers
        Of the annotation.
    """
    if not len(numbers):
        return Section("The genes in numbers", [Text("No gene was found.", "warning")])
    training = training_name(annotation)
    rows = [Row("this annotation", _here(bases, numbers))]
    if annotation.trained:
        rows.append(Row(training, _there(annotation.trained)))
    caption = "The genes beside those of the training genomes, each gene by its first transcript."
    if not annotation.trained:
        caption += " The model does not say what its training genomes were like."
    blocks: list[Block] = [Table(caption, "", _COLUMNS, rows)]
    relatives = [Row(name, _there(found)) for name, found in sorted(_species(annotation).items())]
    if relatives:
        title = "All training genomes of the model"
        blocks.append(Table(title, "genome", _COLUMNS, relatives, folded=True))
    figure = "How many coding exons genes have and how long their parts are; logarithmic axes but for the exons."
    blocks.append(charts.lengths(numbers, annotation.trained, training, figure))
    parts = {
        "genes, from start to end": numbers.spans,
        "coding bases of a gene": numbers.coding,
        "coding exons": numbers.exon_lengths,
        "introns": numbers.intron_lengths,
    }
    found = [Row(name, _lengths(values)) for name, values in parts.items() if len(values)]
    blocks.append(Table("Lengths in bases; 5% and 95% are percentiles.", "", _LENGTHS, found))
    return Section("The genes in numbers", blocks)


def training_name(annotation: Annotation) -> str:
    """Return what to call the genomes that the annotation is held against."""
    species = annotation.provenance.get("species")
    return f"training genome {species}" if species in _species(annotation) else "the training genomes"


def _species(annotation: Annotation) -> Mapping[str, Mapping[str, float]]:
    path = annotation.model / STATISTICS
    return dict(read_json(path).get(SPECIES, {})) if path.is_file() else {}


def _here(bases: BaseCounts, numbers: GeneNumbers) -> Sequence[Cell]:
    return [
        Cell(f"{1e6 * len(numbers) / bases.total:,.1f}"),
        Cell(f"{numbers.exons.mean():.2f}"),
        Cell(f"{numbers.coding.mean():,.0f}"),
        Cell(share(numbers.coding_bases, bases.total)),
    ]


def _there(found: Mapping[str, float]) -> Sequence[Cell]:
    density, length = found.get("genes_per_mb"), found.get("mean_cds_length")
    return [
        Cell(_NONE if density is None else f"{density:,.1f}"),
        Cell(f"{found['mean_exons']:.2f}" if "mean_exons" in found else _NONE),
        Cell(_NONE if length is None else f"{length:,.0f}"),
        Cell(_NONE if density is None or length is None else share(density * length, 1e6)),
    ]


def _lengths(values: NDArray[np.int64]) -> Sequence[Cell]:
    low, middle, high = np.percentile(values, (5, 50, 95), method="lower")
    shown = (len(values), values.mean(), low, middle, high, values.max())
    return [Cell(f"{value:,.0f}") for value in shown]
