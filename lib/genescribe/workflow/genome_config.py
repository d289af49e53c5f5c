"""Options of a genome with its annotation: source, splits, scoring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.bake.splits import Splits
from genescribe.config import option
from genescribe.genome.batches import MAX_BATCHES

OWN_BASELINES = ("orf_rule", "augustus", "augustus_retrained", "ceiling")
REFERENCE = "reference"
"""Name in a method's place of the annotation that predictions are compared with."""


@dataclass(frozen=True)
class SourceConfig:
    """A file of the user's: a path, or a URL with its checksum."""

    path: str | None = option(None, doc="local path, or a path below $GENESCRIBE_DATA")
    url: str | None = option(None, doc="https:// or file:// address; needs a checksum")
    sha256: str | None = option(None, doc="hexadecimal SHA-256 of the file as downloaded")
    md5: str | None = option(None, doc="hexadecimal MD5, if the source publishes nothing else")
    md5sums: str | None = option(None, doc="URL of a list of MD5 digests published by the source")


@dataclass(frozen=True)
class SimulateConfig:
    """A genome that the simulator writes."""

    parameters: str = option(doc="name of a fitted parameter set, or a JSON file")
    bases: int = option(1_200_000, doc="total length", minimum=20_000)
    sequences: int = option(8, doc="number of sequences", minimum=1)
    seed: int = option(1, doc="seed of the genome", minimum=0)
    durations: Literal["informative", "uninformative"] = option(
        "informative", doc="as fitted, or geometric as a control"
    )
    sharpness: float = option(1.0, doc="power applied to signals and codon usage; 1 as fitted", minimum=0)
    isoforms: bool = option(True, doc="some genes have several transcripts, which leave no trace in the sequence")


@dataclass(frozen=True)
class ReferenceConfig:
    """Another annotation of the same genome, to be scored beside the first."""

    annotation: str | SourceConfig = option(doc="GFF3 or GTF")
    sorter: Literal["builtin", "agat", "auto"] = option("builtin", doc="agat, builtin or auto")


@dataclass(frozen=True)
class FoldConfig:
    """Cross-validation by sequence: homologous genes lie in one fold."""

    number: int = option(5, doc="number of folds; one model per fold is trained without it", minimum=2, maximum=20)
    validation: float = option(
        0.1, doc="fraction of the sequences outside a fold used for validation", minimum=0, maximum=0.5
    )
    seed: int = option(1, doc="sequences to keep in one group, in addition to homologous ones", minimum=0)


@dataclass(frozen=True)
class GroupConfig:
    """Groups of sequences that are scored apart as well."""

    table: str = option(doc="tab-separated table with a header; its first column is the sequence name")
    column: str = option(doc="the column with the group")


@dataclass(frozen=True)
class BuscoConfig:
    """Options of the completeness of proteins by BUSCO."""

    lineage: str = option(
        doc="folder of a lineage, also below $GENESCRIBE_DATA (offline); or the name of one, which BUSCO downloads"
    )
    genome: bool = option(False, doc="also run BUSCO on the genome itself; needs its genome finders")


@dataclass(frozen=True)
class GivenConfig:
    """Annotations of a genome by other programs, to be compared with the models."""

    files: dict[str, str] = option(
        default_factory=dict, doc="name -> GFF3 or GTF of this genome, also below $GENESCRIBE_DATA; a row of each table"
    )


@dataclass(frozen=True)
class GenomeConfig:
    """A genome with its annotation."""

    fasta: str | SourceConfig | None = option(None, doc="FASTA; plain, gzip or bgzip")
    annotation: str | SourceConfig | None = option(None, doc="GFF3 or GTF; plain or gzip")
    simulate: SimulateConfig | None = option(None, doc="simulate the genome instead of reading it")
    same_as: str | None = option(
        None, doc="instead of fasta and annotation: another genome of this list, whose files and references are used"
    )
    sorter: Literal["builtin", "agat", "auto"] = option(
        "builtin", doc="agat, builtin or auto (avoid auto if results must be reproducible)"
    )
    genetic_code: int = option(1, doc="NCBI translation table", minimum=1, maximum=33)
    splits: Splits = option(default_factory=Splits, doc="sequences or regions for training, validation and test")
    folds: FoldConfig | None = option(
        None, doc="instead of splits: cross-validation in which each sequence is tested once"
    )
    skip: list[str] = option(default_factory=list, doc="sequences left out everywhere")
    mask_ends: int = option(0, doc="bases at both ends of each sequence that are not scored", minimum=0)
    labelled_only: bool = option(False, doc="some genes are not annotated: score only predictions that overlap one")
    groups: GroupConfig | None = option(None, doc="also score groups of sequences separately")
    batches: int = option(4, doc="jobs per stage for this genome", minimum=1, maximum=MAX_BATCHES)
    references: dict[str, ReferenceConfig] = option(default_factory=dict, doc="additional reference annotations")
    hints: str | None = option(
        None, doc="GFF or BED file of introns supported by evidence, also below $GENESCRIBE_DATA; baked with sentences"
    )
    hints_source: str | None = option(None, doc="use only rows with this source (column 2 of GFF)", needs="hints")
    augustus: str | dict[str, str] | None = option(
        None, doc="AUGUSTUS species of the baseline, or pattern of sequence names -> species; none: no AUGUSTUS row"
    )
    baselines: GivenConfig = option(default_factory=GivenConfig, doc="annotations to compare with")
    busco: BuscoConfig | None = option(None, doc="completeness by BUSCO, if it is installed; none: not computed")
