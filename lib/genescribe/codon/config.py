"""Options of a codon language model, in sections: model, data, train, schedule, system, outputs, evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.codon.sequences.vocabulary import SIZE
from genescribe.config import option, option_of
from genescribe.errors import InputError
from genescribe.train.config import Optimizer, Scheduler, TrainConfig

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class CodonModelConfig:
    """The network: all that is needed to build it again."""

    vocab_size: int = option(SIZE, doc="tokens: 4 specials and 64 codons", minimum=SIZE, maximum=SIZE)
    block_size: int = option(512, doc="length of a window, in tokens", minimum=8, maximum=1 << 15)
    n_layer: int = option(4, doc="transformer blocks", minimum=1)
    n_head: int = option(4, doc="attention heads; must divide n_embd", minimum=1)
    n_embd: int = option(128, doc="width of the network", minimum=2)
    dropout: float = option(0.1, doc="dropout of embeddings and residual branches", minimum=0.0, maximum=0.9)
    sep_mask_enabled: bool = option(True, doc="a CDS attends only to itself, not to its neighbours in the window")
    positions: Literal["rotary", "learned"] = option("rotary", doc="encoding of the position of a token in its CDS")

    def __post_init__(self) -> None:
        if self.n_embd % self.n_head or self.n_embd // self.n_head % 2:
            raise InputError(
                f"n_embd {self.n_embd} among {self.n_head} heads", where="model.n_head", remedy="give even, equal parts"
            )


@dataclass(frozen=True)
class CodonOptions(CodonModelConfig):
    """The network and how its loss is computed: the model options of the family `codon`."""

    label_smoothing: float = option(
        0.0, doc="label smoothing of the training loss; validation has none", minimum=0.0, maximum=0.5
    )
    use_checkpoint: bool = option(False, doc="gradient checkpointing: less memory, a third more time")
    compile_mode: str = option("default", doc="mode of torch.compile")
    matmul_precision: Literal["highest", "high", "medium"] = option("highest", doc="float32 products on GPUs")
    pin_memory: bool = option(False, doc="page-locked batches, for copies to a GPU")
    prefetch_factor: int = option(2, doc="batches that each data process prepares in advance", minimum=1)
    persistent_workers: bool = option(False, doc="keep the processes that read validation data")


@dataclass(frozen=True)
class DatasetConfig:
    """One genome: GenBank, or FASTA and GFF3."""

    name: str = option(doc="name of the genome; up to the first dot, space or underscore it is its genus")
    gbff: str | None = option(None, doc="GenBank file, plain or gzip; also below $GENESCRIBE_DATA")
    fasta: str | None = option(None, doc="sequences of a GFF3 file", needs="no gbff")
    gff3: str | None = option(None, doc="coding sequences of a FASTA file", needs="no gbff")
    min_len: int = option(30, doc="least number of codons, without the stop codon", minimum=1)
    table: int = option(11, doc="NCBI genetic code, if the file does not give one", minimum=1, maximum=33)
    partial: bool = option(False, doc="use coding sequences that are incomplete at an end")
    ambiguous: Literal["drop", "split"] = option(
        "drop", doc="drop a CDS with ambiguous codons, or split it there into partial pieces"
    )
    split: Literal["auto", "train", "validation", "test"] = option(
        "auto", doc="split of the whole genome; auto: from split_by and the fractions"
    )

    def __post_init__(self) -> None:
        if (self.gbff is None) == (self.fasta is None or self.gff3 is None):
            raise InputError(
                f"the dataset {self.name!r} needs either gbff, or fasta and gff3",
                where="data.datasets",
                remedy="give one",
            )

    @property
    def family(self) -> str:
        """The genus."""
        return self.name.replace(".", " ").replace("_", " ").split()[0]


@dataclass(frozen=True)
class DataConfig:
    """Training and held-out data."""

    datasets: list[DatasetConfig] = option(doc="genomes")
    windows_per_seq: int = option(
        0, doc="exact number of windows per CDS; 0: as many as needed", minimum=0, needs="pack_mode: single"
    )
    val_frac: float = option(0.05, doc="fraction of the codons for validation", minimum=0.0, maximum=0.9)
    test_frac: float = option(0.1, doc="fraction of the codons for test", minimum=0.0, maximum=0.9)
    pack_mode: Literal["multi", "single"] = option(
        "multi", doc="multi: several CDS per window, separated by <SEP>; single: one"
    )
    split_by: Literal["genome", "genus", "cluster"] = option(
        "genome", doc="groups that are never divided between splits"
    )


@dataclass(frozen=True)
class CodonTrainSection:
    """Training."""

    batch_size: int = option(16, doc="windows per batch on a device", minimum=1)
    grad_accum_steps: int = option(1, doc="batches per optimiser step", minimum=1)
    lr: float = option_of(TrainConfig, "lr")
    weight_decay: float = option(
        0.1, doc="weight decay of matrices; norms, biases and embeddings have none", minimum=0.0
    )
    epochs: float | Literal["auto"] = option(
        5.0, doc="passes over the data, 0: none; auto: from tokens_per_param", minimum=0
    )
    tokens_per_param: float = option(20.0, doc="training tokens per parameter", minimum=0.01, needs="epochs: auto")
    optimizer: Optimizer = option_of(TrainConfig, "optimizer")
    amp: bool = option(True, doc="bfloat16 products if the device supports them; the loss stays in float32")
    use_checkpoint: bool = option_of(CodonOptions, "use_checkpoint")
    label_smoothing: float = option_of(CodonOptions, "label_smoothing")
    clip: float = option_of(TrainConfig, "clip")
    start: str | None = option(
        None,
        doc="another codon run of this configuration, or the folder of a model, whose weights training starts from",
    )
    start_parts: list[str] = option_of(TrainConfig, "start_parts")
    freeze: list[str] = option_of(TrainConfig, "freeze")


@dataclass(frozen=True)
class ScheduleConfig:
    """Learning rate over time, and when to stop."""

    scheduler: Scheduler = option_of(TrainConfig, "scheduler")
    warmup_steps: float = option(100, doc="optimiser steps of the warm-up; below 1: fraction of all steps", minimum=0)
    min_lr: float = option(1e-5, doc="lowest learning rate", minimum=0.0)
    plateau_patience: int = option_of(TrainConfig, "plateau_patience")
    early_stop_patience: int = option_of(TrainConfig, "patience")
    validate_epochs: float = option_of(TrainConfig, "validate_epochs", 0.5)


@dataclass(frozen=True)
class SystemConfig:
    """The machine."""

    compile: bool = option_of(TrainConfig, "compile")
    compile_mode: str = option_of(CodonOptions, "compile_mode", needs="compile")
    matmul_precision: Literal["highest", "high", "medium"] = option_of(CodonOptions, "matmul_precision")
    num_workers: int = option_of(TrainConfig, "num_workers")
    pin_memory: bool = option_of(CodonOptions, "pin_memory")
    prefetch_factor: int = option_of(CodonOptions, "prefetch_factor", needs="num_workers above 0")
    persistent_workers: bool = option_of(CodonOptions, "persistent_workers", needs="num_workers above 0")
    device: str = option_of(TrainConfig, "device")
    threads: int = option(1, doc="CPU threads of the training job", minimum=1)
    gpus: int = option(0, doc="GPUs of the training job", minimum=0)


@dataclass(frozen=True)
class OutputsConfig:
    """Paths of results in the folder of the run, and options of the interpretation."""

    out_dir: str = option("train", doc="folder of the model, its log and its checkpoints")
    scores_dir: str = option("scores", doc="folder of curves and evaluation")
    log_csv: str = option("curves.csv", doc="file of the training curves, in scores_dir")
    seed: int = option(1, doc="seed of splits, weights, order and dropout", minimum=0)
    itos_path: str = option("itos.txt", doc="file with one token per line, in out_dir")
    saliency_window: int = option(9, doc="length of a window of high saliency, in codons", minimum=1, maximum=40)
    saliency_top: int = option(200, doc="windows of high saliency to search for motifs", minimum=1)


@dataclass(frozen=True)
class EvaluationConfig:
    """Options of the evaluation after training."""

    bootstrap: int = option(1000, doc="bootstrap samples of genes for the intervals", minimum=0)
    test_genes: int = option(0, doc="number of test genes to score, chosen at random; 0: all", minimum=0)
    prefix: int | list[int] = option(
        20, doc="generation: number of codons of a real CDS that are given; several: each in turn"
    )
    samples: int = option(64, doc="generation: number of coding sequences to continue", minimum=1)
    temperature: float = option(1.0, doc="generation: sampling temperature", minimum=0.01)
    top_k: int = option(0, doc="generation: sample from this many most probable codons; 0: all", minimum=0)
    genes: int = option(200, doc="interpretation: test genes for saliency and probes", minimum=10)
    mutation_genes: int = option(3, doc="mutation maps to draw", minimum=0)
    classifiers: list[str] = option(
        default_factory=lambda: ["probe_logreg", "kmer_logreg"],
        doc="classifiers of products across species: probe_logreg, probe_svm, mlp, kmer_logreg, kmer_svm, kmer_xgb",
    )

    def __post_init__(self) -> None:
        if not self.prefixes or min(self.prefixes) < 1:
            raise InputError(f"is {self.prefix}", where="evaluate.prefix", remedy="give codons, as 20 or [10, 20, 50]")

    @property
    def prefixes(self) -> list[int]:
        """Numbers of codons that generation is given, one after the other."""
        return [self.prefix] if isinstance(self.prefix, int) else self.prefix
