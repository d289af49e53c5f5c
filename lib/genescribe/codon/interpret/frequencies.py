"""Step 1: codon frequencies, relative synonymous usage, and the codon adaptation index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from genescribe.codon.interpret.biology import cai, codon_order, is_ribosomal, letters, rscu, usage
from genescribe.codon.interpret.pictures import heat
from genescribe.codon.interpret.step import Measure, Step, permutation_p
from genescribe.codon.sequences.prepare import Gene
from genescribe.codon.sequences.vocabulary import CODONS

PERMUTATIONS = 200


def auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Return the area under the ROC curve: the chance that a positive one scores higher (Mann and Whitney)."""
    ranks = rankdata(scores)
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m)) if n and m else float("nan")


def frequencies(label: str, genes: Sequence[Gene], *, seed: int) -> Step:
    """Return codon usage of every genome, and whether CAI tells ribosomal proteins from others; see `Step`.

    The reference of CAI are the genome's ribosomal proteins; a ribosomal protein is judged by the others. The null
    permutes which genes are called ribosomal, reference and all.
    """
    names = list(dict.fromkeys(gene.genome for gene in genes))
    members = {name: [gene for gene in genes if gene.genome == name] for name in names}
    counts = {name: usage(members[name]) for name in names}
    tables = {name: members[name][0].table for name in names}
    relative = {name: rscu(counts[name], tables[name]) for name in names}
    order = codon_order()
    rows = [
        [name, CODONS[i], chr(letters(tables[name])[i]), int(counts[name][i]), float(relative[name][i])]
        for name in names
        for i in range(64)
    ]
    generator = np.random.default_rng(seed)
    measures: list[Measure] = []
    indices: list[list[str | float]] = []
    for name in [name for name in names if any(gene.split == "test" for gene in members[name])]:
        measure, values = _adaptation(name, members[name], generator)
        measures += measure
        indices += values
    figure = heat(
        f"{label}-rscu",
        np.stack([relative[name] for name in names])[:, order],
        names,
        [f"{CODONS[i]} {chr(letters()[i])}" for i in order.tolist()],
        "Relative synonymous codon usage of each genome: 1 (white) where synonyms are used alike.",
        label="RSCU",
        height=2.6,
        centre=1.0,
        small=5.5,
        limit=1.0,
    )
    return Step(
        "1_frequencies",
        "1 Codon frequencies, RSCU, CAI",
        "Codon usage of each genome, and whether the codon adaptation index finds ribosomal proteins in test genomes.",
        measures,
        {
            "codon_usage": (["genome", "codon", "amino_acid", "count", "rscu"], rows),
            "cai": (["genome", "id", "ribosomal", "cai"], indices),
        },
        [figure],
    )


def _adaptation(
    name: str, genes: Sequence[Gene], generator: np.random.Generator
) -> tuple[list[Measure], list[list[str | float]]]:
    """Return whether CAI finds a genome's ribosomal proteins, and the CAI of every gene; nothing where it has few."""
    truth = np.array([is_ribosomal(gene) for gene in genes])
    if not 10 <= truth.sum() <= len(genes) // 2:
        return [], []
    own = np.stack([np.bincount(gene.codons, minlength=64).astype(float) for gene in genes])
    table = genes[0].table
    scores = _cai_scores(own, truth, table)
    value, permuted = auroc(scores, truth), []
    for _ in range(PERMUTATIONS):
        mixed = generator.permutation(truth)
        permuted.append(auroc(_cai_scores(own, mixed, table), mixed))
    p = permutation_p(value, permuted)
    measure = Measure(
        f"AUROC of CAI for ribosomal proteins, {name}", value, {"permuted labels": float(np.mean(permuted))}, p
    )
    rows: list[list[str | float]] = [
        [name, gene.id, "yes" if ribosomal else "no", float(score)]
        for gene, ribosomal, score in zip(genes, truth, scores, strict=True)
    ]
    return [measure], rows


def _cai_scores(own: np.ndarray, reference: np.ndarray, table: int) -> np.ndarray:
    """Return the index of genes by their usage, (G, 64); a gene of the reference, (G,), is judged by the others."""
    return cai(own, own[reference].sum(axis=0) - own * reference[:, None], table)
