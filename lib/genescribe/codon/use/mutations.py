"""Score every single-codon change of a coding sequence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.vocabulary import CODONS, FIRST_CODON, to_tokens
from genescribe.files import write_table
from genescribe.genome.genetic_code import GeneticCode

COLUMNS = ("position", "codon", "amino_acid", "mutant", "mutant_amino_acid", "effect", "log_ratio")


def mutation_map(network: Network, codons: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the log ratio of each codon against the one that stands there, given the codons before, (n, 64).

    One pass over the sequence. Below zero: the model prefers what stands there.
    """
    predicted = np.log(network.predict(to_tokens(codons))[: len(codons), FIRST_CODON:])
    return np.asarray(predicted - predicted[np.arange(len(codons)), codons][:, None])


def whole_map(network: Network, codons: NDArray[np.uint8], places: Sequence[int]) -> NDArray[np.float64]:
    """Return the log ratio of the whole coding sequence with each codon at some places, (len(places), 64).

    Unlike `mutation_map` it counts how the change alters all that follows, and takes 64 passes a place.

    Parameters
    ----------
    network
        The codon model.
    codons : (n,) uint8
        A coding sequence.
    places
        Codons to change, counted from 0.
    """
    rows = []
    for place in places:
        variants = np.repeat(codons[None], 64, axis=0)
        variants[:, place] = np.arange(64)
        tokens = [to_tokens(variant) for variant in variants]
        likelihood = np.array(
            [
                np.log(predicted[np.arange(len(variant) - 1), variant[1:]]).sum()
                for variant, predicted in zip(tokens, network.predict_many(tokens), strict=True)
            ]
        )
        rows.append(likelihood - likelihood[codons[place]])
    return np.stack(rows)


@cache
def effect(before: int, after: int, table: int) -> str:
    """Return the effect of a codon change on the protein: none, synonymous, missense, nonsense or stop lost.

    Parameters
    ----------
    before, after
        Numbers of the codons, 0..63.
    table
        Number of the NCBI translation table.
    """
    letters = GeneticCode.from_table(table).amino_acids
    if before == after:
        return "none"
    if letters[before] == letters[after]:
        return "synonymous"
    if letters[after] == ord("*"):
        return "nonsense"
    return "stop lost" if letters[before] == ord("*") else "missense"


def write_map(
    path: str | Path,
    codons: NDArray[np.uint8],
    ratios: NDArray[np.float64],
    table: int,
    places: Sequence[int] | None = None,
) -> None:
    """Write a map as a table, a row per change; positions are counted from 1.

    Parameters
    ----------
    path
        File to write, tab-separated.
    codons : (n,) uint8
        The coding sequence.
    ratios : (n, 64) or (places, 64)
        Log ratio of each change.
    table
        Number of the NCBI translation table.
    places
        Codons that the rows of `ratios` stand for, counted from 0; None: all.
    """
    letters = GeneticCode.from_table(table).amino_acids
    rows = []
    for row, place in zip(ratios, range(len(codons)) if places is None else places, strict=True):
        old = int(codons[place])
        for new in range(64):
            if new != old:
                kind = effect(old, new, table)
                cells = [place + 1, CODONS[old], chr(letters[old]), CODONS[new], chr(letters[new]), kind]
                rows.append([*cells, f"{row[new]:.4f}"])
    write_table(path, COLUMNS, rows, delimiter="\t")


def mean_by_effect(codons: NDArray[np.uint8], ratios: NDArray[np.float64], table: int) -> dict[str, float]:
    """Return the mean log ratio of the changes of each kind, the first and the last codon left out.

    Parameters
    ----------
    codons : (n,) uint8
        The coding sequence.
    ratios : (n, 64)
        Log ratio of each change.
    table
        Number of the NCBI translation table.
    """
    sums: dict[str, list[float]] = {}
    for place in range(1, len(codons) - 1):
        for new in range(64):
            kind = effect(int(codons[place]), new, table)
            if kind != "none":
                sums.setdefault(kind, []).append(float(ratios[place, new]))
    return {kind: float(np.mean(values)) for kind, values in sorted(sums.items())}
