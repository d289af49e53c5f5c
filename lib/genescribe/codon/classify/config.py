"""Options of a classifier, read from its YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.config import option
from genescribe.errors import InputError

Kind = Literal["probe_logreg", "probe_svm", "mlp", "kmer_logreg", "kmer_svm", "kmer_xgb"]


@dataclass(frozen=True)
class ClassifierConfig:
    """One classifier, its data and where its results go."""

    train: str | None = option(None, doc="training data: FASTA (label= in the header) or CSV (columns seq, label)")
    test: str | None = option(None, doc="test data in the same format; must share neither ids nor sequences with train")
    train_embeddings: str | None = option(None, doc="instead of train: .npz file of extract_embeddings.py")
    train_labels: str | None = option(
        None, doc="CSV with the labels of train_embeddings, matched by id or order; none: the labels in the .npz file"
    )
    test_embeddings: str | None = option(None, doc="instead of test: .npz file of the same model and layers")
    test_labels: str | None = option(None, doc="CSV with the labels of test_embeddings")
    kind: Kind = option("probe_logreg", doc="probe_* and mlp use embeddings, kmer_* use k-mers of the sequence")
    model: str | None = option(None, doc="folder of a codon model, for the embeddings of train and test")
    layers: list[int] = option(default_factory=lambda: [-1], doc="layers of the model, concatenated; -1 is the last")
    control: bool = option(True, doc="with a model: also train the same classifier on untrained weights, as a control")
    k: int = option(3, doc="length of a k-mer", minimum=1, maximum=8)
    alphabet: Literal["base", "codon"] = option("base", doc="k-mers of bases, or of codons in frame (k at most 2)")
    protocol: Literal["real", "tstr", "trts"] = option(
        "real",
        doc="tstr: train is synthetic and test real, as their column `origin` must say; trts: the reverse. Under every "
        "protocol both must be disjoint; under these two no test may resemble a training sequence either",
    )
    label: str = option("label", doc="name of the label")
    class_weight: Literal["balanced", "none"] = option(
        "balanced", doc="balanced: all classes have equal weight in training; none: all sequences do"
    )
    rare: int = option(
        3,
        doc="labels with fewer training sequences are not learned; test sequences with such labels count as "
        "errors in a separate row",
        minimum=1,
    )
    C: float = option(1.0, doc="logreg, svm: inverse strength of regularisation", minimum=1e-6)
    hidden: int = option(64, doc="mlp: width", minimum=1)
    bootstrap: int = option(1000, doc="bootstrap samples of test sequences for the intervals", minimum=0)
    seed: int = option(0, doc="random seed", minimum=0)
    out_dir: str = option("classifier", doc="folder to write")

    def __post_init__(self) -> None:
        for side in ("train", "test"):
            plain, stored = getattr(self, side), getattr(self, f"{side}_embeddings")
            if (plain is None) == (stored is None):
                number = "neither" if plain is None else "both"
                raise InputError(f"{number} given", where=f"{side}, {side}_embeddings", remedy="give one of the two")
            if getattr(self, f"{side}_labels") is not None and stored is None:
                raise InputError(
                    f"given without {side}_embeddings", where=f"{side}_labels", remedy=f"label the sequences of {side}"
                )
        if (self.train is None) != (self.test is None):
            raise InputError(
                "one side has sequences, the other embeddings", where="train, test", remedy="give both as one kind"
            )
        stored, embeds = self.train_embeddings is not None, not self.reads_words
        if stored and not embeds:
            raise InputError(
                f"{self.kind} reads sequences", where="kind", remedy="give train and test, or another kind"
            )
        if embeds and not stored and self.model is None:
            raise InputError(
                f"{self.kind} reads embeddings", where="model", remedy="name a codon model, or give train_embeddings"
            )
        if (stored or not embeds) and (self.model is not None or self.layers != [-1]):
            raise InputError(
                "given beside stored embeddings" if stored else f"{self.kind} reads no embeddings",
                where="model, layers",
                remedy="take them out" + (", or give train and test" if stored else ""),
            )

    @property
    def reads_words(self) -> bool:
        """Whether the classifier reads words of the sequence rather than embeddings."""
        return self.kind.startswith("kmer")
