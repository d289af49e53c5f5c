"""Options of the models that write gene sentences. Imports no torch, so that reading a configuration is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.config import Idle, option
from genescribe.kernels.attention.block_layout import SparseConfig
from genescribe.labels.gene_rules import GeneRules
from genescribe.nn.config import EncoderConfig
from genescribe.segment.config import FRAMES, TRACKS


@dataclass(frozen=True)
class PretrainedConfig:
    """An encoder from a local folder, beside the tracks: HyenaDNA, TransGenic, or one for `transformers`."""

    folder: str = option(
        doc="folder of a HyenaDNA or TransGenic checkpoint, or for AutoModel and AutoTokenizer; copied into the model"
    )
    tuning: Literal["frozen", "lora", "ia3", "full"] = option(
        "frozen", doc="which weights are trained: none, LoRA updates, IA3 factors, all"
    )
    lora_rank: int = option(8, doc="rank of the LoRA updates", minimum=1, needs="tuning: lora")
    window: int = option(
        6_000, doc="bases that the encoder reads at once; longer loci are read in overlapping pieces", minimum=12
    )
    overlap: int = option(600, doc="overlap of adjacent pieces in bases, divided in the middle", minimum=0)
    checkpointing: bool = option(
        False,
        doc="compute the states of its layers again for the gradient: less memory, a third more time",
        needs="tuning: lora or ia3 or full",
    )


@dataclass(frozen=True)
class HintConfig:
    """Intron evidence; noise in training keeps a model from depending on it, see `loci.hint_flags`."""

    high: float = option(10.0, doc="score from which evidence has high confidence (reads that span the intron)")


@dataclass(frozen=True)
class ExpertsConfig:
    """A mixture of experts in the place of each layer's feed-forward network."""

    number: int = option(0, doc="experts per layer; 0: a plain feed-forward network", minimum=0, maximum=512)
    top_k: int = option(2, doc="experts used by each step", minimum=1, needs="number above 0")
    balance: float = option(0.01, doc="weight of the load-balance loss", minimum=0.0, needs="number above 0")
    router_z: float = option(0.001, doc="weight of the router's z-loss", minimum=0.0, needs="number above 0")


@dataclass(frozen=True)
class PrefixConfig:
    """The layers of a prefix-LM: the same ones read the bases, in both directions, and write the sentence."""

    preset: Literal["default", "dnabert2"] = option(
        "default", doc="default: pre-RMSNorm, rotary positions, SwiGLU; dnabert2: post-LayerNorm, ALiBi, GEGLU"
    )
    heads: int = option(0, doc="heads per layer; 0: from the width", minimum=0)
    inner: int = option(0, doc="gated units of a feed-forward network; 0: 8/3 of the width", minimum=0)
    tokenizer: str | None = option(
        None,
        doc="tokenizer.json of a byte-pair encoding whose tokens are the steps; none: `encoder.fold` bases per step",
    )
    attention: Literal["dense", "sparse"] = option("dense", doc="attention among the steps of the bases")
    sparse: SparseConfig = option(
        default_factory=SparseConfig, doc="options of sparse attention", needs="attention: sparse"
    )
    experts: ExpertsConfig = option(default_factory=ExpertsConfig, doc="mixture of experts")


@dataclass(frozen=True)
class GenerateModelConfig:
    """A model that writes all transcripts of a locus."""

    architecture: Literal["encoder_decoder", "prefix_lm"] = option(
        "encoder_decoder", doc="how the locus is read and the sentence written"
    )
    encoder: EncoderConfig = option(
        default_factory=lambda: EncoderConfig("attention", hidden_dim=256, num_layers=4, conv_width=64, fold=6),
        doc="encoder; the decoder attends to its steps",
    )
    features: list[str] = option(default_factory=lambda: list(TRACKS), doc=f"input tracks: {', '.join(TRACKS)}")
    feature_cap: int = option(1500, doc="bases on each side that the tracks of reading frames use", minimum=3)
    softmask_dropout: float = option(
        0.5, doc="fraction of training samples with hidden softmasking", minimum=0.0, maximum=1.0
    )
    hints: HintConfig | None = option(None, doc="read intron evidence, if there is any, as additional tracks")
    segment: str | None = option(
        None, doc="folder of a segment model: its posteriors are additional tracks, and it proposes loci; copied"
    )
    pretrained: PretrainedConfig | None = option(None, doc="an encoder from a transformers folder")
    decoder_layers: int = option(4, doc="layers of the decoder; of a prefix-LM, all layers", minimum=1)
    prefix: PrefixConfig = option(
        default_factory=PrefixConfig,
        doc="prefix_lm: options of its layers; encoder.kind and encoder.num_layers are not used",
    )
    dropout: float = option(0.1, doc="dropout in the decoder", minimum=0.0, maximum=0.9)
    genetic_code: int = option(0, doc="NCBI translation table; 0: as in the data", minimum=0, maximum=33)
    gene: GeneRules = option(default_factory=GeneRules, doc="start codons, splice sites and shortest intron")
    constraint: Literal["orf", "grammar"] = option(
        "orf",
        doc="orf: write only open reading frames with known splice sites; grammar: anything that the grammar allows",
    )
    may_be_empty: bool = option(
        False, doc="a window may contain no gene, and the answer may be empty; learned from windows of bake.loci.empty"
    )
    most_features: int = option(96, doc="number of features after which a sentence may only be completed", minimum=2)
    label_smoothing: float = option(
        0.0,
        doc="fraction of the training target that is spread evenly over all allowed values",
        minimum=0.0,
        maximum=0.5,
    )
    flank: int = option(100, doc="bases that are read on both sides of a locus", minimum=0)
    shift: int = option(60, doc="training removes up to this many flanking bases, at random", minimum=0)
    window_limit: int = option(49_152, doc="longest window; longer loci are read in overlapping pieces", minimum=600)

    def idle(self) -> Idle:
        """Return the options that have no effect with the others as they are."""
        prefix = self.architecture == "prefix_lm"
        context = [f"encoder.{name}" for name in ("kind", "num_layers", "d_state", "d_conv", "expand")]
        return (
            Idle()
            .unless(prefix, "architecture: prefix_lm", "prefix")
            .unless(not prefix, "architecture: encoder_decoder", *context)
            .unless(not (prefix and self.prefix.tokenizer), "no tokenizer", "encoder.fold")
            .unless(not FRAMES.isdisjoint(self.features), "a track of reading frames", "feature_cap")
            .unless("softmask" in self.features, "the track softmask", "softmask_dropout")
            .unless(self.constraint == "orf", "constraint: orf", "gene.splice_sites", "gene.starts")
        )


@dataclass(frozen=True)
class ScoreConfig:
    """Options of scoring a model on baked loci."""

    split: Literal["train", "validation", "test"] = option("test", doc="which loci")
    method: Literal["greedy", "beam", "sample"] = option(
        "greedy", doc="most probable step, most probable sentence, or random"
    )
    beams: int = option(4, doc="sentences kept per locus", minimum=1, needs="method: beam")
    max_length: int = option(2048, doc="largest number of steps or tokens in a sentence", minimum=1)
    batch_size: int = option(16, doc="loci per batch; does not change the result", minimum=1)
    bootstrap: int = option(1000, doc="bootstrap samples for the intervals", minimum=0)


@dataclass(frozen=True)
class InitConfig:
    """A model that training begins with."""

    checkpoint: str | None = option(
        None,
        doc="DNABERT-2 checkpoint: name on the hub, or folder (config.json, tokenizer.json, weights); none: fresh "
        "weights",
    )
    vocabulary: int = option(0, doc="tokens of a byte-pair encoding to learn from the genomes; 0: none", minimum=0)
    genomes: list[str] = option(
        default_factory=list, doc="genomes that the encoding is learned from", needs="vocabulary"
    )
    seed: int = option(1, doc="seed of untrained weights", minimum=0)
