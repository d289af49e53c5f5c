"""Step 2: amino acids in the codon embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from genescribe.codon.interpret.biology import letters
from genescribe.codon.interpret.pictures import scatter
from genescribe.codon.interpret.step import Measure, Step, permutation_p
from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.vocabulary import CODONS, FIRST_CODON

PERMUTATIONS = 1000
NEIGHBOURS = 3


def embeddings(label: str, network: Network, untrained: Network, *, seed: int) -> Step:
    """Return principal components, neighbours and clusters of the 64 codon vectors; see `Step`.

    Nulls: the same of fresh weights, and of amino acids permuted over the codons.
    """
    vectors, fresh = (
        net.model.embedding.weight.detach().cpu().double().numpy()[FIRST_CODON:] for net in (network, untrained)
    )
    amino_acids = letters()
    generator = np.random.default_rng(seed)
    permuted = [generator.permutation(amino_acids) for _ in range(PERMUTATIONS)]
    nearest, groups = neighbours(vectors), _clusters(vectors, seed)
    fresh_nearest, fresh_groups = neighbours(fresh), _clusters(fresh, seed)
    shares = [synonym_share(nearest, labels) for labels in permuted]
    rand = [float(adjusted_rand_score(labels, groups)) for labels in permuted[:200]]
    value, agreement = synonym_share(nearest, amino_acids), float(adjusted_rand_score(amino_acids, groups))
    measures = [
        Measure(
            f"share of the {NEIGHBOURS} nearest codons that are synonyms",
            value,
            {"untrained": synonym_share(fresh_nearest, amino_acids), "permuted labels": float(np.mean(shares))},
            permutation_p(value, shares),
        ),
        Measure(
            "agreement of 21 clusters with amino acids (adjusted Rand index)",
            agreement,
            {
                "untrained": float(adjusted_rand_score(amino_acids, fresh_groups)),
                "permuted labels": float(np.mean(rand)),
            },
            permutation_p(agreement, rand),
        ),
    ]
    components = PCA(n_components=2, random_state=seed).fit(vectors)
    points = components.transform(vectors)
    shown = [f"component {i + 1} ({100 * share:.0f}%)" for i, share in enumerate(components.explained_variance_ratio_)]
    rows = [
        [CODONS[i], chr(amino_acids[i]), int(groups[i]), float(points[i, 0]), float(points[i, 1])]
        + [CODONS[j] for j in nearest[i].tolist()]
        for i in range(64)
    ]
    head = ["codon", "amino_acid", "cluster", "pc1", "pc2", *(f"neighbour{i + 1}" for i in range(NEIGHBOURS))]
    figure = scatter(f"{label}-pca", points, shown, "Principal components of the codon embedding, by amino acid.")
    return Step(
        "2_embeddings",
        "2 Embeddings",
        "Codon vectors: neighbours by cosine, k-means clusters, principal components, against amino acids (code 11).",
        measures,
        {"codons": (head, rows)},
        [figure],
    )


def neighbours(vectors: NDArray[np.float64], count: int = NEIGHBOURS) -> NDArray[np.int64]:
    """Return the nearest codons of each by cosine, (64, count)."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = unit @ unit.T
    np.fill_diagonal(alike, -np.inf)
    return np.argsort(-alike, axis=1, kind="stable")[:, :count]


def synonym_share(nearest: NDArray[np.int64], amino_acids: NDArray[np.uint8]) -> float:
    """Return the share of neighbours with the same amino acid."""
    return float((amino_acids[nearest] == amino_acids[:, None]).mean())


def _clusters(vectors: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    centred = vectors - vectors.mean(axis=0)
    return np.asarray(KMeans(21, n_init=10, random_state=seed).fit_predict(centred), dtype=np.int64)
