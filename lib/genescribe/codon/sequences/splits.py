"""Assign coding sequences to splits by genome, genus or homology cluster, and quarantine near-duplicates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.config import SPLITS, DataConfig
from genescribe.data.cursor import hash64
from genescribe.errors import InputError

TRAIN, VALIDATION, TEST, QUARANTINE = range(4)
NAMES = (*SPLITS, "quarantine")
NEAR_DUPLICATE = 0.5
"""Share of its protein words from which a training CDS is too like a held-out one: it is quarantined."""


@dataclass(frozen=True)
class Assignment:
    """The split of each coding sequence.

    Attributes
    ----------
    split : (n,) int64
        Index into `NAMES`.
    partner : (n,) int64
        Of a quarantined one: the coding sequence of another split that it resembles; else -1.
    share : (n,) float64
        How much of it; see `genescribe.bake.leakage.similar_pairs`.
    homologue : (n,) bool
        Of a validation or test CDS: whether a training CDS that is kept resembles it.
    """

    split: NDArray[np.int64]
    partner: NDArray[np.int64]
    share: NDArray[np.float64]
    homologue: NDArray[np.bool_]


def assign(
    config: DataConfig,
    genome: NDArray[np.int64],
    codons: NDArray[np.int64],
    cluster: NDArray[np.int64],
    pairs: NDArray[np.int64],
    shares: NDArray[np.float64],
    *,
    seed: int,
) -> Assignment:
    """Divide coding sequences.

    Parameters
    ----------
    config
        Datasets in the order of `genome`'s numbers, `split_by`, fractions.
    genome, codons, cluster : (n,)
        Dataset, length and homology cluster of each coding sequence.
    pairs, shares
        From `genescribe.bake.leakage.similar_pairs`.
    seed
        Of what goes where when it is not said.

    Raises
    ------
    InputError
        Genomes of one genus in different splits where `split_by` is genus; no genome left for a split.
    """
    fixed = [dataset.split for dataset in config.datasets]
    if config.split_by == "genus":
        _check_genera(config)
    split = np.full(len(genome), TRAIN, dtype=np.int64)
    automatic = np.array([name == "auto" for name in fixed], dtype=bool)[genome]
    for number, name in enumerate(fixed):
        if name != "auto":
            split[genome == number] = SPLITS.index(name)
    if automatic.any():
        groups = _groups(config, genome, cluster)
        wanted = {
            VALIDATION: 0.0 if "validation" in fixed else config.val_frac,
            TEST: 0.0 if "test" in fixed else config.test_frac,
        }
        split[automatic] = _by_fraction(groups[automatic], codons[automatic], wanted, seed)
    _check_filled(split, config)
    return _quarantined(split, pairs, shares, NEAR_DUPLICATE)


def _groups(config: DataConfig, genome: NDArray[np.int64], cluster: NDArray[np.int64]) -> NDArray[np.int64]:
    if config.split_by == "cluster":
        return cluster
    if config.split_by == "genome":
        return genome
    genera = [dataset.family for dataset in config.datasets]
    return np.array([genera.index(genus) for genus in genera], dtype=np.int64)[genome]


def _by_fraction(
    groups: NDArray[np.int64], codons: NDArray[np.int64], wanted: Mapping[int, float], seed: int
) -> NDArray[np.int64]:
    """Return the split of each: whole groups in a drawn order, to the test until it has its share, then validation."""
    names, members = np.unique(groups, return_inverse=True)
    sizes = np.bincount(members, weights=codons)
    order = np.argsort(hash64(names.astype(np.uint64) + hash64(np.array([seed], dtype=np.uint64))), kind="stable")
    chosen = np.full(len(names), TRAIN, dtype=np.int64)
    left = list(order.tolist())
    for split in (TEST, VALIDATION):
        goal, assigned = wanted[split] * sizes.sum(), 0.0
        while left and assigned < goal:
            group = left.pop(0)
            chosen[group] = split
            assigned += sizes[group]
    return chosen[members]


def _check_genera(config: DataConfig) -> None:
    split_of: dict[str, str] = {}
    for dataset in config.datasets:
        if split_of.setdefault(dataset.family, dataset.split) != dataset.split:
            raise InputError(
                f"{dataset.family} is in {split_of[dataset.family]} and in {dataset.split}",
                where="data.datasets",
                remedy="give genomes of one genus one split, or split by genome",
            )


def _check_filled(split: NDArray[np.int64], config: DataConfig) -> None:
    for number, name in enumerate(SPLITS):
        asked = number == TRAIN or name in [dataset.split for dataset in config.datasets]
        asked |= (config.val_frac, config.test_frac)[number - 1] > 0
        if asked and not (split == number).any():
            raise InputError(
                f"nothing is left for the split {name!r}",
                where="data",
                remedy="give more genomes, smaller fractions, or split_by: cluster",
            )


def _quarantined(
    split: NDArray[np.int64], pairs: NDArray[np.int64], shares: NDArray[np.float64], least: float
) -> Assignment:
    """Take out near-duplicates across splits: the training one, or the validation one of validation and test."""
    before, split = split, split.copy()
    partner, best = np.full(len(split), -1, dtype=np.int64), np.zeros(len(split))
    close = (shares >= least) & (before[pairs[:, 0]] != before[pairs[:, 1]])
    for (left, right), share in zip(pairs[close].tolist(), shares[close].tolist(), strict=True):
        out, stays = (left, right) if before[left] < before[right] else (right, left)
        if share > best[out]:
            partner[out], best[out] = stays, share
    split[partner >= 0] = QUARANTINE
    homologue = np.zeros(len(split), dtype=bool)
    for a, b in ((0, 1), (1, 0)):
        with_training = split[pairs[:, b]] == TRAIN
        evaluated = np.isin(split[pairs[:, a]], (VALIDATION, TEST))
        homologue[pairs[with_training & evaluated, a]] = True
    return Assignment(split, partner, best, homologue)


def counts(split: NDArray[np.int64]) -> dict[str, int]:
    """Return how many coding sequences each split has."""
    return {name: int((split == number).sum()) for number, name in enumerate(NAMES)}
