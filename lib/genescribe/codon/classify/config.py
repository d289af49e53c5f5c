"""What a classifier is asked to be, as its YAML file says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.config import Idle, option

Kind = Literal["probe_logreg", "probe_svm", "mlp", "kmer_logreg", "kmer_svm", "kmer_xgb"]


@dataclass(frozen=True)
class ClassifierConfig:
    """One classifier, its data and where its results go."""

    train: str = option(doc="FASTA (label= in the header) or CSV (columns seq, label) to learn from")
    test: str = option(doc="the same, to test on; must share neither ids nor sequences with train")
    kind: Kind = option("probe_logreg", doc="probe_* and mlp read embeddings, kmer_* read words of the sequence")
    model: str | None = option(None, doc="folder of a codon model, for embeddings")
    layers: list[int] = option(default_factory=lambda: [-1], doc="layers of the model, side by side; -1 is the last")
    pooling: Literal["mean", "last", "max", "begin"] = option("mean", doc="how codons become one vector")
    control: bool = option(True, doc="embeddings: the same classifier on fresh weights as a row beside it")
    k: int = option(3, doc="letters of a word", minimum=1, maximum=8)
    alphabet: Literal["base", "codon"] = option("base", doc="words of bases, or of codons in frame (k at most 2)")
    protocol: Literal["real", "tstr", "trts"] = option(
        "real",
        doc="tstr: train is synthetic and test real, as their column `origin` must say; trts: the reverse. Under every "
        "protocol both must be disjoint; under these two no test may resemble a training sequence either",
    )
    label: str = option("label", doc="name of the label")
    C: float = option(1.0, doc="logreg, svm: inverse strength of regularisation", minimum=1e-6)
    hidden: int = option(64, doc="mlp: width", minimum=1)
    bootstrap: int = option(1000, doc="draws of test sequences for the intervals", minimum=0)
    seed: int = option(0, doc="of everything drawn", minimum=0)
    out_dir: str = option("classifier", doc="folder to write")

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        words = self.kind.startswith("kmer")
        return (
            Idle()
            .unless(not words, "a probe, or mlp", "model", "layers", "pooling", "control")
            .unless(words, "kind: kmer_logreg, kmer_svm or kmer_xgb", "k", "alphabet")
            .unless(self.kind == "mlp", "kind: mlp", "hidden")
            .unless(self.kind.endswith(("logreg", "svm")), "logreg or svm", "C")
        )
