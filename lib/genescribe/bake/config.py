"""Options of baking: how windows are cut, and the settings of one genome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.bake.splits import Splits
from genescribe.config import Idle, option
from genescribe.labels.gene_rules import GeneRules


@dataclass(frozen=True)
class LociConfig:
    """Options of windows around loci."""

    flank: int = option(
        300, doc="least number of bases on both sides of a gene in its window", minimum=0, needs="tile_step: 0"
    )
    window_step: int = option(6144, doc="the length of a window is a multiple of this many bases", minimum=1)
    window_limit: int = option(
        49_152, doc="longest window; genes that need more are rejected", minimum=1, needs="tile_step: 0"
    )
    tile_step: int = option(
        0,
        doc="bases between the starts of windows of window_step bases, each with all genes on a strand that "
        "lie entirely inside; 0: one window per gene",
        minimum=0,
    )
    empty: float = option(
        0.0,
        doc="training windows without a gene, as a fraction of those with one (with tile_step: the fraction "
        "of those without one that is kept); see model.may_be_empty",
        minimum=0.0,
    )


@dataclass(frozen=True)
class BakeConfig:
    """Options for turning a genome into windows with labels, or loci with gene sentences."""

    target: Literal["labels", "sentences"] = option(
        "labels", doc="per-base labels (family segment), or one sentence per gene (family generate)"
    )
    loci: LociConfig = option(default_factory=LociConfig, doc="sentences: windows around the genes")
    scheme: str = option("gencode", doc="label scheme")
    gene: GeneRules = option(
        default_factory=GeneRules,
        doc="signals that genes must have to be used; genes without them are masked; 'gencode' ignores the signals",
    )
    window: int = option(10_000, doc="length of a window in bases", minimum=1)
    overlap: int = option(500, doc="overlap of adjacent windows, in bases", minimum=0)
    empty_rate: float = option(
        1.0,
        doc="fraction of the training windows without genes that is kept; all other windows are kept",
        minimum=0.0,
        maximum=1.0,
    )
    windows_per_shard: int = option(2048, doc="windows per shard", minimum=1)
    seed: int = option(1, doc="seed for the choice of empty windows", minimum=0)

    def idle(self) -> Idle:
        """Return the options that have no effect with the others as they are."""
        of_labels = ("scheme", "gene", "window", "overlap", "empty_rate")
        return (
            Idle()
            .unless(self.target == "sentences", "target: sentences", "loci")
            .unless(self.target == "labels", "target: labels", *of_labels)
            .unless(self.scheme == "gene", "scheme: gene", "gene.splice_sites", "gene.starts")
        )


@dataclass(frozen=True)
class BakeJob:
    """A genome to be baked."""

    genome: str = option("genome", doc="name of the genome, part of the key of every window")
    bake: BakeConfig = option(default_factory=BakeConfig, doc="windows")
    splits: Splits = option(default_factory=Splits, doc="sequences or regions for training, validation and test")
    skip: list[str] = option(default_factory=list, doc="sequences left out")
    mask_ends: int = option(0, doc="bases at both ends of each sequence that are not scored", minimum=0)
    genetic_code: int = option(1, doc="NCBI translation table", minimum=1, maximum=33)
    hints: str | None = option(None, doc="sentences: GFF or BED file of introns supported by evidence")
    hints_source: str | None = option(None, doc="use only rows with this source (column 2 of GFF)")

    def idle(self) -> Idle:
        """Return the options that have no effect with the others as they are."""
        sentences = self.bake.target == "sentences"
        return (
            Idle()
            .unless(self.hints is not None, "hints", "hints_source")
            .unless(sentences, "bake.target: sentences", "hints", "hints_source")
        )
