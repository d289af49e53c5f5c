"""Options of the segment model. Imports no torch, so that reading a configuration is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.config import Idle, option
from genescribe.labels.gene_rules import GeneRules
from genescribe.labels.schemes import SCHEMES
from genescribe.nn.config import EncoderConfig
from genescribe.nn.site_config import SiteNetworkConfig

TRACKS = {"bases": 4, "softmask": 1, "orf": 6, "stops": 6, "starts": 3}
"""Input tracks and their widths; `genescribe.segment.network.features` computes them."""
FRAMES = frozenset({"orf", "stops", "starts"})
"""Those of reading frames, whose reach is `feature_cap`."""


@dataclass(frozen=True)
class EvidenceConfig:
    """Evidence that is counted from the training genes; see `genescribe.segment.composition.tables`."""

    order: int = option(5, doc="number of preceding bases that the content of a base depends on", minimum=1, maximum=7)
    window: int = option(97, doc="length of the windows over which content is averaged; odd", minimum=1)
    branch_width: int = option(7, doc="length of the branch point motif", minimum=4)
    branch_reach: int = option(60, doc="largest distance of that motif from the acceptor", minimum=1)
    content_gain: float = option(0.3, doc="initial gain of content")
    noncoding_gain: float | None = option(None, doc="the same for non-coding channels; null: as for the others")
    signal_gain: float = option(1.0, doc="initial gain of signals")
    gc_classes: int = option(
        1, doc="classes of GC content with content of their own, between which it is interpolated", minimum=1, maximum=8
    )
    gc_window: int = option(4000, doc="bases around a base over which its GC content is taken", minimum=1)


@dataclass(frozen=True)
class SiteConfig:
    """Window around a site; its own place is the first base of a start, stop or intron, or an intron's last."""

    left: int = option(0, doc="bases before the site that have a table", minimum=0)
    right: int = option(0, doc="bases from the site on that have a table", minimum=0)
    word: list[int] = option(default_factory=list, doc="offsets of the bases of the site's word, ascending")


@dataclass(frozen=True)
class TabulatedConfig:
    """Sizes of tables that an import fills; see `genescribe.segment.composition.tabulated`."""

    order: int = option(4, doc="number of preceding bases that a base depends on", minimum=1, maximum=7)
    gc: list[float] = option(default_factory=lambda: [0.5], doc="GC content of each class, ascending")
    gc_window: int = option(10_000, doc="bases over which the GC content is taken", minimum=1)
    start: SiteConfig = option(default_factory=SiteConfig, doc="around start codons")
    donor: SiteConfig = option(default_factory=SiteConfig, doc="around donors")
    acceptor: SiteConfig = option(default_factory=SiteConfig, doc="around acceptors")
    stop: SiteConfig = option(default_factory=SiteConfig, doc="around stop codons")
    start_motif: int = option(0, doc="bases before a start codon whose chance goes through a step function", minimum=0)
    start_steps: int = option(0, doc="steps of this function; 0: there is none", minimum=0)
    softmask_cost: float = option(0.0, doc="nats that a softmasked base in coding sequence costs")
    content_gain: float = option(1.0, doc="initial gain of content")
    noncoding_gain: float | None = option(None, doc="the same for non-coding channels; null: as for the others")
    signal_gain: float = option(1.0, doc="initial gain of signals")


@dataclass(frozen=True)
class SpeciesConfig:
    """Options of a model with parameters per genome; see `genescribe.segment.network.species`."""

    names: list[str] = option(default_factory=list, doc="the genomes; empty: all genomes of the data")
    pool_genes: float = option(
        20.0, doc="number of genes of all genomes combined that are added to the counts of each", minimum=0.0
    )
    pooled: float = option(
        0.1,
        doc="fraction of training windows read as an unknown genome, with the shared parameters alone",
        minimum=0.0,
        maximum=1.0,
    )
    balance: float = option(
        0.5,
        doc="the share of a genome in training is proportional to its bases to the power of 1 minus this",
        minimum=0.0,
        maximum=1.0,
    )


@dataclass(frozen=True)
class SiteScoresConfig:
    """A signal network whose scores are added to those of boundaries; see `genescribe.segment.sites.scores`."""

    network: SiteNetworkConfig = option(default_factory=SiteNetworkConfig, doc="its shape")
    replicates: int = option(1, doc="networks whose probabilities are averaged", minimum=1)


@dataclass(frozen=True)
class SegmentModelConfig:
    """A model that labels every base of a strand, in whole segments."""

    scheme: str = option("gencode", doc=f"label scheme: {', '.join(sorted(SCHEMES))}")
    gene: GeneRules | None = option(None, doc="signals that genes must have; null: as in the data")
    head: Literal["linear", "semicrf", "pytorch-crf"] = option(
        "semicrf",
        doc="linear: one duration parameter per label (a linear CRF); semicrf: duration tables except "
        "between genes; pytorch-crf: the linear CRF of that package, without grammar and boundary "
        "scores, for the scheme gencode",
    )
    max_duration: int = option(300, doc="longest duration in the tables; beyond it, one parameter per label", minimum=1)
    shortest: dict[str, int] = option(
        default_factory=dict, doc="label: length of its shortest segment, if the grammar allows shorter ones"
    )
    longest: dict[str, int] = option(
        default_factory=dict, doc="label: longest duration in its table, where that is not max_duration"
    )
    closed: list[str] = option(default_factory=list, doc="labels that no base may have, such as UTRs")
    duration_knots: int = option(24, doc="parameters of the table of a label; 0: one per duration", minimum=0)
    genetic_code: int = option(0, doc="NCBI translation table; 0: as in the data", minimum=0, maximum=33)
    features: list[str] = option(default_factory=lambda: list(TRACKS), doc=f"input tracks: {', '.join(TRACKS)}")
    feature_cap: int = option(1500, doc="bases on each side that the tracks of reading frames use", minimum=3)
    softmask_dropout: float = option(
        0.5, doc="fraction of training samples with hidden softmasking", minimum=0.0, maximum=1.0
    )
    evidence: EvidenceConfig | None = option(None, doc="counted evidence (scheme `gene`); null: none")
    tables: TabulatedConfig | None = option(
        None, doc="tables of an imported parameter set in the place of counted evidence; null: none"
    )
    species: SpeciesConfig | None = option(
        None, doc="parameters for each genome beside the shared ones, with `evidence`; null: one set for all"
    )
    sites: list[SiteScoresConfig] = option(
        default_factory=list, doc="signal networks; scripts/combine_model.py adds them to a trained model"
    )
    encoder: EncoderConfig | None = option(
        default_factory=EncoderConfig, doc="tracks to features of every base; null: evidence alone, no network"
    )
    content: Literal["log_softmax", "logits"] = option(
        "log_softmax", doc="score of a base in a segment: log posterior of the label, at most 0, or any number"
    )
    content_scale: float = option(
        0.03,
        doc="factor of the score of a base: neighbouring bases carry the same information, so their plain "
        "sum is too confident",
        minimum=0.0,
    )
    content_floor: float = option(
        0.0,
        doc="share of doubt in the posterior of a base: limits what a confidently wrong base can cost a segment",
        minimum=0.0,
        maximum=1.0,
    )
    content_noncoding: float = option(
        1.0,
        doc="share of content_scale in the scores that distinguish non-coding labels: limits the cost of a "
        "long intron that looks intergenic",
        minimum=0.0,
        maximum=1.0,
    )
    boundary_scores: bool = option(True, doc="also score the starts and ends of segments of each label")
    emission_clamp: float = option(0.0, doc="largest score of a base or boundary; 0: no limit", minimum=0.0)
    crf_weight: float = option(1.0, doc="weight of the CRF's negative log likelihood per base", minimum=0.0)
    base_weight: float = option(1.0, doc="weight of the per-base cross-entropy", minimum=0.0)
    class_balance: float = option(
        0.5,
        doc="weight of a label in the cross-entropy: its frequency to the power of minus this",
        minimum=0.0,
        maximum=1.0,
    )
    validation_windows: int = option(0, doc="number of validation windows to read, evenly spread; 0: all", minimum=0)
    crf_reg: float = option(0.0, doc="weight of the mean square of transition and duration scores", minimum=0.0)
    both_strands: bool = option(
        False, doc="prediction decodes both strands as one path (scheme `gene`): their genes exclude each other"
    )
    backend: Literal["auto", "reference", "blocked", "native", "triton", "exact", "streaming"] = option(
        "auto", doc="CRF kernel; exact means reference, streaming means auto"
    )
    tile: int = option(36_000, doc="bases of a tile, for which prediction uses the scores", minimum=1)
    halo: int = option(2_250, doc="bases on both sides of a tile that the network also reads", minimum=0)

    def idle(self) -> Idle:
        """Return the options that have no effect with the others as they are."""
        package = self.head == "pytorch-crf"
        framed = self.evidence is not None or not FRAMES.isdisjoint(self.features)
        return (
            Idle()
            .unless(self.head == "semicrf", "head: semicrf", "max_duration")
            .unless(not package, "another head than pytorch-crf", "duration_knots", "shortest", "boundary_scores")
            .unless(self.scheme == "gene", "scheme: gene", "gene.splice_sites", "gene.starts")
            .unless(framed, "a track of reading frames, or evidence", "feature_cap")
            .unless("softmask" in self.features, "the track softmask", "softmask_dropout")
            .unless(self.content == "log_softmax", "content: log_softmax", "content_floor", "content_noncoding")
            .unless(self.base_weight > 0, "base_weight above 0", "class_balance")
        )

    @property
    def scores_boundaries(self) -> bool:
        """Whether the network scores where segments begin and end: asked for, and the head can use it."""
        return self.boundary_scores and self.head != "pytorch-crf"
