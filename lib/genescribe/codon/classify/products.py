"""A classification task from any annotated genomes: the kind of protein that a gene encodes, across species."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from genescribe.codon.classify.config import ClassifierConfig
from genescribe.codon.classify.train import train_classifier
from genescribe.codon.sequences.cds import dna_of
from genescribe.codon.sequences.prepare import Gene, read_genes
from genescribe.errors import InputError
from genescribe.files import write_table

KINDS = {
    "ribosome": r"ribosomal (subunit )?protein",
    "transport": r"transporter|permease|efflux|symporter|antiporter",
    "regulation": r"transcriptional|regulator|repressor",
    "mobile": r"transposase|integrase|phage|insertion",
    "synthesis": r"synthase|synthetase",
}
"""Class -> words of its products. A product of two classes is in none."""


def kind_of(product: str) -> str | None:
    """Return the class of a product's name, or None.

    Examples
    --------
    >>> kind_of("50S ribosomal protein L2"), kind_of("hypothetical protein"), kind_of("phage repressor")
    ('ribosome', None, None)
    """
    kinds = [name for name, words in KINDS.items() if re.search(words, product, re.IGNORECASE)]
    return kinds[0] if len(kinds) == 1 else None


def classify_products(
    data: str | Path, target: str | Path, config: ClassifierConfig, *, per_class: int = 150
) -> dict[str, Any]:
    """Train on the genes of the training genomes and test on those of the test genomes.

    Parameters
    ----------
    data
        Folder that `genescribe.codon.sequences.prepare.prepare` wrote.
    target
        Folder to write: `train.csv`, `test.csv` and below `result/` what `train_classifier` writes.
    config
        The classifier; its files are those that are made here.
    per_class
        At most so many genes of a class on each side, drawn.
    """
    target = Path(target)
    genes = read_genes(data)
    test = _chosen([gene for gene in genes if gene.split == "test"], per_class, config.seed)
    known = {gene.codons.tobytes() for gene, _ in test}
    # Copies of a test gene may stand in training where genomes share them exactly; they are left out.
    training = [gene for gene in genes if gene.split == "train" and gene.codons.tobytes() not in known]
    train = _chosen(training, per_class, config.seed)
    both = {name for _, name in train} & {name for _, name in test}
    if len(both) < 2:
        raise InputError(
            "fewer than two classes of products on both sides", where=data, remedy="give annotated genomes"
        )
    for name, rows in (("train", train), ("test", test)):
        _write(target / f"{name}.csv", [row for row in rows if row[1] in both])
    return train_classifier(
        replace(config, train=str(target / "train.csv"), test=str(target / "test.csv")), target / "result"
    )


def _chosen(genes: list[Gene], per_class: int, seed: int) -> list[tuple[Gene, str]]:
    """Return genes of each class, each sequence once."""
    by_class: dict[str, dict[bytes, Gene]] = {}
    for gene in genes:
        kind = kind_of(gene.product)
        if kind:
            by_class.setdefault(kind, {}).setdefault(gene.codons.tobytes(), gene)
    generator = np.random.default_rng(seed)
    chosen = []
    for kind, members in sorted(by_class.items()):
        every = list(members.values())
        order = generator.permutation(len(every))[:per_class]
        chosen += [(every[i], kind) for i in sorted(order.tolist())]
    return chosen


def _write(path: Path, rows: list[tuple[Gene, str]]) -> None:
    cells = ([f"{gene.genome}:{gene.id}", dna_of(gene.codons), kind] for gene, kind in rows)
    write_table(path, ["id", "seq", "label"], cells)
