"""Options of the models that write gene sentences. Free of torch, so that reading a configuration is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.config import Idle, option
from genescribe.kernels.block_layout import SparseConfig
from genescribe.nn.config import EncoderConfig
from genescribe.segment.config import FRAMES, TRACKS
from genescribe.segment.gene_rules import GeneRules


@dataclass(frozen=True)
class PretrainedConfig:
    """An encoder from a local `transformers` folder, beside the tracks."""

    folder: str = option(doc="folder that AutoModel and AutoTokenizer read; copied into the trained model")
    tuning: Literal["frozen", "lora", "full"] = option("frozen", doc="which of its weights are trained")
    lora_rank: int = option(8, doc="rank of the LoRA updates", minimum=1)
    window: int = option(6_000, doc="bases that it reads at once; more in overlapping pieces", minimum=12)
    overlap: int = option(600, doc="bases that neighbouring pieces share, cut in the middle", minimum=0)
    trust_remote_code: bool = option(False, doc="run Python code that the folder brings")

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return Idle().unless(self.tuning == "lora", "tuning: lora", "lora_rank")


@dataclass(frozen=True)
class HintConfig:
    """How intron evidence is read, and what training does to it so that a model neither needs nor obeys it."""

    high: float = option(10.0, doc="score from which evidence is of high confidence (reads that span the intron)")
    without: float = option(
        0.3, doc="training: share of the loci that are shown without evidence", minimum=0.0, maximum=1.0
    )
    missing: float = option(0.15, doc="training: share of the introns left out", minimum=0.0, maximum=1.0)
    shifted: float = option(0.05, doc="training: share of them of which an end is moved", minimum=0.0, maximum=1.0)
    shift: int = option(12, doc="training: by how many bases at most", minimum=1)
    mistaken: float = option(
        0.1, doc="training: share of them whose confidence is turned round", minimum=0.0, maximum=1.0
    )
    spurious: float = option(0.5, doc="training: false introns added to a locus, on average", minimum=0.0)

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return Idle().unless(self.shifted > 0, "shifted above 0", "shift")


@dataclass(frozen=True)
class ExpertsConfig:
    """A mixture of experts in the place of each layer's feed-forward network."""

    number: int = option(0, doc="experts of a layer; 0: a plain feed-forward network", minimum=0, maximum=512)
    top_k: int = option(2, doc="experts that a step goes through", minimum=1)
    balance: float = option(0.01, doc="weight of the loss that spreads steps over experts", minimum=0.0)
    router_z: float = option(0.001, doc="weight of the loss that keeps the router's scores small", minimum=0.0)

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return Idle().unless(self.number > 0, "number above 0", "top_k", "balance", "router_z")


@dataclass(frozen=True)
class PrefixConfig:
    """The layers of a prefix-LM: the same ones read the bases, in both directions, and write the sentence."""

    preset: Literal["default", "dnabert2"] = option(
        "default", doc="default: RMSNorm before, rotary positions, SwiGLU; dnabert2: LayerNorm after, ALiBi, GEGLU"
    )
    heads: int = option(0, doc="heads of a layer; 0: by the width", minimum=0)
    inner: int = option(0, doc="gated units of a feed-forward network; 0: 8/3 of the width", minimum=0)
    tokenizer: str | None = option(
        None, doc="tokenizer.json of byte-pair encoding, whose tokens are the steps; none: `encoder.fold` bases a step"
    )
    attention: Literal["dense", "sparse"] = option("dense", doc="among the steps of the bases")
    pack: int = option(
        0, doc="training: loci of a batch share rows of so many bases, unseen by each other; 0: a row each", minimum=0
    )
    sparse: SparseConfig = option(default_factory=SparseConfig, doc="attention: sparse")
    experts: ExpertsConfig = option(default_factory=ExpertsConfig, doc="mixture of experts")

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return Idle().unless(self.attention == "sparse", "attention: sparse", "sparse")


@dataclass(frozen=True)
class GenerateModelConfig:
    """A model that writes all transcripts of a locus."""

    architecture: Literal["encoder_decoder", "prefix_lm"] = option(
        "encoder_decoder", doc="how the locus is read and written"
    )
    form: Literal["pointer", "digits", "exon_text"] = option(
        "pointer",
        doc="coordinates are places in the encoder's output, or numbers in digits; exon_text: letters of coding exons",
    )
    encoder: EncoderConfig = option(
        default_factory=lambda: EncoderConfig("attention", hidden_dim=256, num_layers=4, conv_width=64, fold=6),
        doc="bases to features; its steps are what the decoder attends to",
    )
    features: list[str] = option(default_factory=lambda: list(TRACKS), doc=f"input tracks: {', '.join(TRACKS)}")
    feature_cap: int = option(1500, doc="bases to each side that the tracks of reading frames look at", minimum=3)
    softmask_dropout: float = option(
        0.5, doc="share of training samples whose softmask is hidden", minimum=0.0, maximum=1.0
    )
    hints: HintConfig | None = option(None, doc="read intron evidence, where there is any, as further tracks")
    segment: str | None = option(
        None, doc="folder of a segment model: its posteriors are further tracks, and it proposes loci; copied"
    )
    segment_tracks: bool = option(True, doc="read the posteriors of that model; if not, it only proposes loci")
    pretrained: PretrainedConfig | None = option(None, doc="an encoder from a transformers folder")
    decoder_layers: int = option(4, doc="layers of the decoder; of a prefix-LM all there are", minimum=1)
    prefix: PrefixConfig = option(
        default_factory=PrefixConfig, doc="prefix_lm: its layers; encoder.kind and encoder.num_layers are not used then"
    )
    pointer_width: int = option(64, doc="width in which boundaries are compared with what is sought", minimum=2)
    dropout: float = option(0.1, doc="dropout in the decoder", minimum=0.0, maximum=0.9)
    genetic_code: int = option(0, doc="NCBI translation table; 0: that of the data", minimum=0, maximum=33)
    gene: GeneRules = option(default_factory=GeneRules, doc="start codons, splice sites and shortest intron")
    constraint: Literal["orf", "grammar"] = option(
        "orf", doc="write only open reading frames with known splice sites, or anything that the grammar allows"
    )
    may_be_empty: bool = option(
        False, doc="a window may hold no gene, and is answered by none; learned from windows of bake.loci.empty"
    )
    most_features: int = option(96, doc="features of a sentence after which only what it needs is added", minimum=2)
    content_weight: float = option(
        1.0, doc="weight, beside the sentence, of telling coding bases, introns, ... apart", minimum=0.0
    )
    content_scale: float = option(
        0.1, doc="first factor of the content of a stretch in the score of its end; learned", minimum=0.0
    )
    label_smoothing: float = option(
        0.0, doc="share of the training target that all allowed values get alike", minimum=0.0, maximum=0.5
    )
    flank: int = option(100, doc="bases on both sides of a locus that are read with it", minimum=0)
    shift: int = option(60, doc="training takes up to so many of the flanking bases away, at random", minimum=0)
    window_limit: int = option(49_152, doc="longest window; longer loci are read in overlapping pieces", minimum=600)

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        prefix = self.architecture == "prefix_lm"
        context = [f"encoder.{name}" for name in ("kind", "num_layers", "d_state", "d_conv", "expand")]
        return (
            Idle()
            .unless(prefix, "architecture: prefix_lm", "prefix")
            .unless(not prefix, "architecture: encoder_decoder", *context)
            .unless(not (prefix and self.prefix.tokenizer), "no tokenizer", "encoder.fold")
            .unless(self.form != "digits", "form: pointer or exon_text", "pointer_width", "content_scale")
            .unless(self.segment is not None, "segment", "segment_tracks")
            .unless(not FRAMES.isdisjoint(self.features), "a track of reading frames", "feature_cap")
            .unless("softmask" in self.features, "the track softmask", "softmask_dropout")
            .unless(self.constraint == "orf", "constraint: orf", "gene.splice_sites", "gene.starts")
        )


@dataclass(frozen=True)
class ScoreConfig:
    """How a model is scored on baked loci."""

    split: Literal["train", "validation", "test"] = option("test", doc="which loci")
    method: Literal["greedy", "beam", "sample"] = option("greedy", doc="likeliest step, likeliest sentence, or chance")
    beams: int = option(4, doc="beam: sentences kept a locus", minimum=1)
    max_length: int = option(2048, doc="steps or tokens of a sentence, at most", minimum=1)
    batch_size: int = option(16, doc="loci at a time; it changes no result", minimum=1)
    bootstrap: int = option(1000, doc="draws for the intervals", minimum=0)

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return Idle().unless(self.method == "beam", "method: beam", "beams")


@dataclass(frozen=True)
class InitConfig:
    """A model that training begins with."""

    checkpoint: str | None = option(
        None, doc="folder of a DNABERT-2 checkpoint (config.json, tokenizer.json, weights); none: fresh weights"
    )
    vocabulary: int = option(
        0, doc="tokens of a byte-pair encoding that is learned from the genomes; 0: none is learned", minimum=0
    )
    vocabulary_bases: int = option(
        2_000_000, doc="bases of each genome that the encoding is learned from, evenly spread", minimum=1000
    )
    genomes: list[str] = option(default_factory=list, doc="genomes that the encoding is learned from")
    seed: int = option(1, doc="of what is fresh", minimum=0)

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return Idle().unless(self.vocabulary > 0, "vocabulary", "vocabulary_bases", "genomes")
