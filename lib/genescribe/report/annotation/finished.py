"""A finished annotation, as its report shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from genescribe.evidence.table import EvidenceTable
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene
from genescribe.paths import stem_of
from genescribe.predict.config import PredictConfig
from genescribe.predict.file_names import ANNOTATION
from genescribe.predict.genome import GenomePrediction
from genescribe.predict.interface import PredictorFactory
from genescribe.predict.stretches import Piece


@dataclass(frozen=True)
class Annotation:
    """A finished annotation, its input and its model.

    Attributes
    ----------
    genome, pieces
        Genome, and the stretches of it that were annotated.
    genes
        As they were written.
    rejects
        Rows of `rejects.jsonl`: genes that were predicted but not written.
    model
        Folder of the model.
    provenance, trained
        `provenance()` and `statistics()` of the model's `genescribe.predict.interface.PredictorFactory`.
    config
        Options of prediction.
    warnings
        As in the summary.
    evidence
        Folder of the evidence; None where there was none.
    name, prefix, suffix
        Name of the file of the genes, what the names of the other files begin with (empty where they have a folder of
        their own), and what the first ends with.
    completeness
        Result of `genescribe.report.annotation.completeness.measure_completeness`; None: not measured.
    """

    genome: Genome
    pieces: Sequence[Piece]
    genes: Sequence[Gene]
    rejects: Sequence[Mapping[str, Any]]
    model: Path
    provenance: Mapping[str, Any]
    trained: Mapping[str, Any]
    config: PredictConfig
    warnings: Sequence[str] = field(default_factory=tuple)
    evidence: Path | None = None
    name: str = ANNOTATION
    prefix: str = ""
    suffix: str = ".gff3"
    completeness: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls,
        prediction: GenomePrediction,
        genome: Genome,
        pieces: Sequence[Piece],
        factory: PredictorFactory,
        config: PredictConfig,
        warnings: Sequence[str],
        evidence: Path | None,
        completeness: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return an annotation from its input, model and result.

        Parameters
        ----------
        prediction, genome, pieces, factory, config
            As `genescribe.predict.output_files.write_annotation` was given them.
        warnings
            Warnings that `genescribe.predict.output_files.write_annotation` returned.
        evidence
            Folder of the evidence; None where there was none.
        completeness
            BUSCO's counts; None where it was not asked for.
        """
        provenance, trained = factory.provenance(), factory.statistics()
        genes, rejects = prediction.genes, prediction.rejects
        known = cls(genome, pieces, genes, rejects, factory.folder, provenance, trained, config, warnings, evidence)
        return replace(known, completeness=completeness)

    def named(self, path: Path) -> Self:
        """Return this as a file of any name, and files beside it."""
        stem = stem_of(path)
        return replace(self, name=path.name, prefix=f"{stem}.", suffix=path.name.removeprefix(stem))

    def evidence_table(self) -> EvidenceTable | None:
        """Return the evidence; its rows stay on disk until they are read."""
        return None if self.evidence is None else EvidenceTable.load(self.evidence)
