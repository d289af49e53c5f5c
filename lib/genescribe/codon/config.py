"""Options of a codon language model, in sections: model, data, train, schedule, system, outputs, evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.codon.vocabulary import SIZE
from genescribe.config import Idle, option
from genescribe.errors import InputError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class CodonModelConfig:
    """The network: all that is needed to build it again."""

    vocab_size: int = option(SIZE, doc="tokens: 4 specials and 64 codons", minimum=SIZE, maximum=SIZE)
    block_size: int = option(512, doc="most tokens of a window", minimum=8, maximum=1 << 15)
    n_layer: int = option(4, doc="transformer blocks", minimum=1)
    n_head: int = option(4, doc="attention heads; must divide n_embd", minimum=1)
    n_embd: int = option(128, doc="width", minimum=2)
    dropout: float = option(0.1, doc="dropout of embeddings and residual branches", minimum=0.0, maximum=0.9)
    sep_mask_enabled: bool = option(True, doc="a CDS attends to itself alone, not to its neighbours in the window")
    positions: Literal["rotary", "learned"] = option("rotary", doc="how a token knows its place in its CDS")

    def __post_init__(self) -> None:
        if self.n_embd % self.n_head or self.n_embd // self.n_head % 2:
            raise InputError(
                f"n_embd {self.n_embd} among {self.n_head} heads", where="model.n_head", remedy="give even, equal parts"
            )


@dataclass(frozen=True)
class CodonOptions(CodonModelConfig):
    """The network and how its loss is computed: the model options of the family `codon`."""

    label_smoothing: float = option(0.0, doc="of the training loss; validation has none", minimum=0.0, maximum=0.5)
    use_checkpoint: bool = option(False, doc="gradient checkpointing: less memory, a third more time")
    compile_mode: str = option("default", doc="mode of torch.compile")
    matmul_precision: Literal["highest", "high", "medium"] = option("highest", doc="float32 products on GPUs")
    pin_memory: bool = option(False, doc="page-locked batches, for copies to a GPU")
    prefetch_factor: int = option(2, doc="batches that a reading process prepares ahead", minimum=1)
    persistent_workers: bool = option(False, doc="keep the processes that read validation data")


@dataclass(frozen=True)
class DatasetConfig:
    """One genome: GenBank, or FASTA and GFF3."""

    name: str = option(doc="name of the genome; up to the first dot, space or underscore it is its genus")
    gbff: str | None = option(None, doc="GenBank file, plain or gzip; also below $GENESCRIBE_DATA")
    fasta: str | None = option(None, doc="sequences of a GFF3 file")
    gff3: str | None = option(None, doc="coding sequences of a FASTA file")
    min_len: int = option(30, doc="fewest codons, the stop not counted", minimum=1)
    table: int = option(11, doc="NCBI genetic code where the file does not say", minimum=1, maximum=33)
    partial: bool = option(False, doc="use coding sequences that are cut at an end")
    ambiguous: Literal["drop", "split"] = option(
        "drop", doc="a CDS with ambiguous codons is not used, or split there into partial pieces"
    )
    genus: str | None = option(None, doc="where it is not the beginning of the name")
    split: Literal["auto", "train", "validation", "test"] = option(
        "auto", doc="where the whole genome goes; auto: as split_by and the fractions say"
    )

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return Idle().unless(self.gbff is None, "no gbff", "fasta", "gff3")

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
        return self.genus or self.name.replace(".", " ").replace("_", " ").split()[0]


@dataclass(frozen=True)
class DataConfig:
    """What is learned from, and what is held out."""

    datasets: list[DatasetConfig] = option(doc="genomes")
    windows_per_seq: int = option(
        0, doc="pack_mode single: windows of each CDS, no more and no less; 0: as many as it needs", minimum=0
    )
    val_frac: float = option(0.05, doc="share of the codons to validate on", minimum=0.0, maximum=0.9)
    test_frac: float = option(0.1, doc="share of the codons to test on", minimum=0.0, maximum=0.9)
    pack_mode: Literal["multi", "single"] = option("multi", doc="several CDS a window with <SEP> between, or one")
    split_by: Literal["genome", "genus", "cluster"] = option("genome", doc="what is never divided by a split")
    near_duplicate: float = option(
        0.5, doc="share of protein words in common from which a training CDS is quarantined", minimum=0.01, maximum=1.0
    )

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return Idle().unless(self.pack_mode == "single", "pack_mode: single", "windows_per_seq")


@dataclass(frozen=True)
class CodonTrainSection:
    """Training."""

    batch_size: int = option(16, doc="windows at a time on a device", minimum=1)
    grad_accum_steps: int = option(1, doc="such batches of an optimiser step", minimum=1)
    lr: float = option(1e-3, doc="highest learning rate", minimum=0.0)
    weight_decay: float = option(0.1, doc="of matrices; norms, biases and embeddings have none", minimum=0.0)
    epochs: float | Literal["auto"] = option(
        5.0, doc="passes over the data, 0: none; auto: from tokens_per_param", minimum=0
    )
    tokens_per_param: float = option(20.0, doc="epochs auto: training tokens a parameter", minimum=0.01)
    optimizer: Literal["adamw", "adafactor", "muon"] = option("adamw", doc="optimiser")
    amp: bool = option(True, doc="bfloat16 products where the device has them; the loss stays float32")
    use_checkpoint: bool = option(False, doc="gradient checkpointing: less memory, a third more time")
    label_smoothing: float = option(0.0, doc="of the training loss; validation has none", minimum=0.0, maximum=0.5)
    clip: float = option(1.0, doc="largest norm of the gradient; 0: unclipped", minimum=0.0)
    ema: float = option(0.0, doc="decay of averaged weights; 0: none", minimum=0.0, maximum=0.9999)
    start: str | None = option(
        None,
        doc="another codon run of this configuration, or the folder of a model, whose weights training begins with",
    )
    start_parts: list[str] = option(
        default_factory=list, doc="beginnings of the names of the weights that `start` gives; empty: all"
    )
    freeze: list[str] = option(
        default_factory=list, doc="beginnings of the names of weights that stay what they are when training begins"
    )

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return Idle().unless(self.epochs == "auto", "epochs: auto", "tokens_per_param")


@dataclass(frozen=True)
class ScheduleConfig:
    """Learning rate over time, and when to stop."""

    scheduler: Literal["cosine", "plateau"] = option("cosine", doc="what the learning rate does after its warm-up")
    warmup_steps: float = option(
        100, doc="optimiser steps in which it rises; below 1: their share of all steps", minimum=0
    )
    min_lr: float = option(1e-5, doc="lowest learning rate", minimum=0.0)
    plateau_patience: int = option(2, doc="plateau: validations without a better result before it is halved", minimum=1)
    early_stop_patience: int = option(0, doc="validations without a better result before the end; 0: never", minimum=0)
    validate_epochs: float = option(0.5, doc="epochs between validations", minimum=0.001)

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return Idle().unless(self.scheduler == "plateau", "scheduler: plateau", "plateau_patience")


@dataclass(frozen=True)
class SystemConfig:
    """The machine."""

    compile: bool = option(False, doc="torch.compile")
    compile_mode: str = option("default", doc="mode of torch.compile")
    matmul_precision: Literal["highest", "high", "medium"] = option("highest", doc="float32 products on GPUs")
    num_workers: int = option(0, doc="processes that read data", minimum=0)
    pin_memory: bool = option(False, doc="page-locked batches, for copies to a GPU")
    prefetch_factor: int = option(2, doc="batches that a reading process prepares ahead", minimum=1)
    persistent_workers: bool = option(False, doc="keep the processes that read validation data")
    device: str = option("auto", doc="auto, cpu, cuda, cuda:N or mps")
    threads: int = option(1, doc="CPU threads of the training job", minimum=1)
    gpus: int = option(0, doc="GPUs of the training job", minimum=0)

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        return (
            Idle()
            .unless(self.compile, "compile", "compile_mode")
            .unless(self.num_workers > 0, "num_workers above 0", "prefetch_factor", "persistent_workers")
        )


@dataclass(frozen=True)
class OutputsConfig:
    """Where results lie, below the folder of the run, and what interpretation shows."""

    out_dir: str = option("train", doc="folder of the model, its log and its checkpoints")
    scores_dir: str = option("scores", doc="folder of curves and evaluation")
    log_csv: str = option("curves.csv", doc="file of the training curves, in scores_dir")
    seed: int = option(1, doc="seed of splits, weights, order and dropout", minimum=0)
    itos_path: str = option("itos.txt", doc="file with one token a line, below out_dir")
    saliency_window: int = option(9, doc="codons of a window of high saliency", minimum=1, maximum=40)
    saliency_top: int = option(200, doc="windows of high saliency that motifs are mined in", minimum=1)


@dataclass(frozen=True)
class EvaluationConfig:
    """How much is looked at after training."""

    bootstrap: int = option(1000, doc="draws of genes for the intervals", minimum=0)
    test_genes: int = option(0, doc="test genes to score, drawn; 0: all", minimum=0)
    prefix: int | list[int] = option(20, doc="generation: codons of a real CDS that are given; several: each in turn")
    samples: int = option(64, doc="generation: coding sequences to go on from", minimum=1)
    temperature: float = option(1.0, doc="generation", minimum=0.01)
    top_k: int = option(0, doc="generation: draw among the best so many; 0: all", minimum=0)
    genes: int = option(200, doc="interpretation: test genes that saliency and probes look at", minimum=10)
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
