"""Options of baking: how windows are cut, and what is asked of one genome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.bake.splits import Splits
from genescribe.config import Idle, option
from genescribe.segment.gene_rules import GeneRules


@dataclass(frozen=True)
class LociConfig:
    """How windows lie around loci."""

    flank: int = option(300, doc="bases on both sides of a gene that its window holds at least", minimum=0)
    window_step: int = option(6144, doc="a window is a multiple of so many bases", minimum=1)
    window_limit: int = option(49_152, doc="longest window; genes that need more are rejected", minimum=1)
    tile_step: int = option(
        0,
        doc="bases between the beginnings of windows of window_step bases, each with all genes of a strand that it "
        "holds whole; 0: a window a gene",
        minimum=0,
    )
    empty: float = option(
        0.0,
        doc="training windows without a gene, as a share of those with one (with tile_step: the share of those without "
        "one that is kept); see model.may_be_empty",
        minimum=0.0,
    )

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return Idle().unless(not self.tile_step, "tile_step: 0", "flank", "window_limit")


@dataclass(frozen=True)
class BakeConfig:
    """How a genome becomes windows with labels, or loci with gene sentences."""

    target: Literal["labels", "sentences"] = option(
        "labels", doc="labels of every base (family segment), or a sentence a gene (family generate)"
    )
    loci: LociConfig = option(default_factory=LociConfig, doc="sentences: windows around the genes")
    scheme: str = option("gencode", doc="label scheme")
    gene: GeneRules = option(
        default_factory=GeneRules, doc="what genes must have, else they are masked; of the signals 'gencode' sees none"
    )
    window: int = option(10_000, doc="bases of a window", minimum=1)
    overlap: int = option(500, doc="bases that neighbouring windows share", minimum=0)
    other_strand: Literal["intergenic", "ignore"] = option(
        "intergenic", doc="label of bases that only the other strand's genes hold"
    )
    noncoding: Literal["ignore", "intergenic"] = option("ignore", doc="label of genes without a coding transcript")
    check_genes: bool = option(True, doc="mask genes whose sequence has no start, no stop or a stop in frame")
    assembly_gap: int = option(50, doc="intergenic stretches of at least so many N are masked; 0: none", minimum=0)
    empty_rate: float = option(
        1.0, doc="share of the training windows without genes that is kept; others are always", minimum=0.0, maximum=1.0
    )
    windows_per_shard: int = option(2048, doc="windows of a shard", minimum=1)
    seed: int = option(1, doc="seed of the choice among empty windows", minimum=0)

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        of_labels = ("scheme", "gene", "window", "overlap", "other_strand", "noncoding", "assembly_gap", "empty_rate")
        return (
            Idle()
            .unless(self.target == "sentences", "target: sentences", "loci")
            .unless(self.target == "labels", "target: labels", *of_labels)
            .unless(self.scheme == "gene", "scheme: gene", "gene.splice_sites", "gene.starts")
        )


@dataclass(frozen=True)
class BakeJob:
    """A genome to be baked."""

    genome: str = option("genome", doc="name of the genome, part of every window's key")
    bake: BakeConfig = option(default_factory=BakeConfig, doc="windows")
    splits: Splits = option(default_factory=Splits, doc="which sequences or regions train, validate and test")
    skip: list[str] = option(default_factory=list, doc="sequences left out")
    mask_ends: int = option(0, doc="bases at both ends of each sequence that are not scored", minimum=0)
    genetic_code: int = option(1, doc="NCBI translation table", minimum=1, maximum=33)
    hints: str | None = option(None, doc="sentences: GFF or BED of introns that evidence speaks for")
    hints_source: str | None = option(None, doc="only rows of this source, column 2 of GFF")

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        sentences = self.bake.target == "sentences"
        return (
            Idle()
            .unless(self.hints is not None, "hints", "hints_source")
            .unless(sentences, "bake.target: sentences", "hints", "hints_source")
        )
