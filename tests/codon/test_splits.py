"""Whole genomes, genera or clusters are held out; what resembles them is quarantined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genescribe.bake.leakage import connected, similar_pairs, sketch
from genescribe.codon.config import DataConfig, DatasetConfig
from genescribe.codon.sequences.splits import QUARANTINE, TEST, TRAIN, VALIDATION, assign
from genescribe.errors import InputError


def config(*splits: str, **options: Any) -> DataConfig:
    names = ("Alpha.a", "Alpha.b", "Beta.a", "Gamma.a", "Delta.a", "Epsilon.a")
    datasets = [DatasetConfig(n, gbff="x", split=s) for n, s in zip(names, splits, strict=False)]  # type: ignore[arg-type]
    return DataConfig(datasets, **options)


def divided(
    data: DataConfig, *, pairs: list[tuple[int, int, float]] | None = None, each: int = 10, seed: int = 1
) -> Any:
    count = len(data.datasets)
    genome = np.repeat(np.arange(count), each)
    linked = np.array([(a, b) for a, b, _ in pairs or []], dtype=np.int64).reshape(-1, 2)
    shares = np.array([share for *_, share in pairs or []])
    cluster = connected(len(genome), linked)
    return genome, cluster, assign(data, genome, np.full(len(genome), 100), cluster, linked, shares, seed=seed)


def test_genomes_stay_whole_and_fill_their_fractions() -> None:
    genome, _, found = divided(config(*["auto"] * 6, val_frac=0.15, test_frac=0.3))
    assert all(len(set(found.split[genome == g].tolist())) == 1 for g in range(6))
    assert [(found.split == one).mean() for one in (TEST, VALIDATION)] == pytest.approx([1 / 3, 1 / 6])


def test_genera_stay_whole() -> None:
    for seed in range(8):
        genome, _, found = divided(config(*["auto"] * 6, split_by="genus", val_frac=0.2, test_frac=0.2), seed=seed)
        assert set(found.split[genome == 0].tolist()) == set(found.split[genome == 1].tolist())
    with pytest.raises(InputError, match="Alpha is in train and in test"):
        divided(config("train", "test", "validation", split_by="genus"))


def test_clusters_stay_whole() -> None:
    pairs = [(i, i + 10, 0.3) for i in range(10)]
    data = config("auto", "auto", split_by="cluster", val_frac=0.2, test_frac=0.3)
    _, cluster, found = divided(data, pairs=pairs)
    assert all(len(set(found.split[cluster == c].tolist())) == 1 for c in set(cluster.tolist()))
    assert {TRAIN, VALIDATION, TEST} == set(found.split.tolist())


def test_near_duplicates_leave_the_training_and_homologues_are_marked() -> None:
    data = config("train", "validation", "test", val_frac=0.0, test_frac=0.0)
    pairs = [(0, 20, 0.9), (1, 21, 0.3), (2, 3, 0.95), (10, 22, 0.7), (4, 11, 0.6)]
    _, _, found = divided(data, pairs=pairs)
    assert np.flatnonzero(found.split == QUARANTINE).tolist() == [0, 4, 10]
    assert found.partner[[0, 4, 10]].tolist() == [20, 11, 22]
    assert np.flatnonzero(found.homologue).tolist() == [21]


def test_a_split_with_nothing_in_it_is_refused() -> None:
    with pytest.raises(InputError, match="nothing is left for the split 'validation'"):
        divided(config("train", "test"))


def test_similar_proteins_are_found_and_others_are_not() -> None:
    generator = np.random.default_rng(0)
    letters = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    base = generator.choice(letters, 400)
    near, far = base.copy(), base.copy()
    near[::40] = "W"
    far[generator.random(400) < 0.6] = "A"
    proteins = ["".join(one) for one in (base, near, far, generator.choice(letters, 400), base[:20])]
    pairs, shares = similar_pairs([sketch(protein) for protein in proteins])
    assert (0, 1) in set(map(tuple, pairs.tolist()))
    assert not any(3 in pair for pair in pairs.tolist())
    assert shares.max() <= 1
    cluster = connected(5, pairs).tolist()
    assert cluster[0] == cluster[1] != cluster[3]
