"""Counts of the training annotation that a model starts from: genomes, genes, durations, weights of labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genescribe.bake.stats import sum_stats
from genescribe.config import from_mapping
from genescribe.crf.statistics import RunStatistics
from genescribe.data.shards import MANIFEST
from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.genome.gene_lengths import LENGTHS, LengthCounts
from genescribe.labels.gene_rules import GeneRules
from genescribe.labels.grammar import CODON, Kind
from genescribe.labels.schemes import LabelScheme

CODING = (Kind.START, Kind.CODING, Kind.STOP)
"""Kinds of labels whose bases code."""


class Genomes:
    """The genomes of some folders of shards, in order of their first folder.

    Parameters
    ----------
    folders
        Folders of baked shards.
    parts
        The statistics of each.

    Attributes
    ----------
    of_folder : (folders,) int64
        The genome's place in `names`.
    statistics
        Of each genome, as `stats.json` has them.
    """

    def __init__(self, folders: Sequence[str | Path], parts: Sequence[dict[str, Any]]) -> None:
        genomes = [str(read_json(Path(folder) / MANIFEST)["job"]["genome"]) for folder in folders]
        self.names = tuple(dict.fromkeys(genomes))
        self.of_folder = np.array([self.names.index(genome) for genome in genomes], dtype=np.int64)
        self.statistics = {
            name: sum_stats(part for part, genome in zip(parts, genomes, strict=True) if genome == name)
            for name in self.names
        }


def channel_counts(scheme: LabelScheme, bases: Mapping[str, int]) -> list[float]:
    """Return the bases of each channel, given those of each label: a frame's bases fall on every codon position."""
    thirds = np.tile([bases[name] / 3 for name in scheme.names], (3, 1))
    counts = np.bincount(scheme.routes.ravel(), weights=thirds.ravel(), minlength=len(scheme.channels))
    return [float(count) for count in counts]


def gene_statistics(split: Mapping[str, Any], scheme: LabelScheme) -> dict[str, Any]:
    """Return genes per Mb, mean coding bases and exons per gene, and lengths, from one split of `stats.json`.

    Windows hold both strands of a genome, and a gene has one stop codon.
    """

    def bases(*kinds: Kind) -> int:
        return sum(split["bases"][name] for name, kind in zip(scheme.names, scheme.kinds, strict=True) if kind in kinds)

    coding = [name for name, kind in zip(scheme.names, scheme.kinds, strict=True) if kind is Kind.CODING]
    exons = sum(count for name in coding for _, count in split["durations"][name])
    genes = bases(Kind.STOP) / CODON
    mb = (sum(split["bases"].values()) + split["ignored"]) / 2e6
    row = {"genes_per_mb": genes / mb if mb else 0.0}
    if genes:
        row |= {"mean_cds_length": bases(*CODING) / genes, "mean_exons": exons / genes}
    counts = LengthCounts()
    counts.add_json(split.get("lengths", {}))
    lengths = counts.summary()
    return {name: round(value, 3) for name, value in row.items()} | ({LENGTHS: lengths} if lengths else {})


def class_weights(bases: Iterable[float], balance: float) -> Tensor:
    """Return one weight per label: its frequency to the power of -`balance`, scaled to a mean of 1 over bases.

    Examples
    --------
    >>> [round(weight, 3) for weight in class_weights([900, 100], 0.5).tolist()]
    [0.833, 2.5]
    """
    counts = torch.tensor(list(bases), dtype=torch.float64)
    shares = counts.clamp(min=1) / counts.clamp(min=1).sum()
    weights = shares**-balance
    return (weights / (weights * shares).sum()).float()


def run_statistics(split: Mapping[str, Any], names: Sequence[str]) -> RunStatistics:
    """Return the statistics that the CRF starts from, out of one split of `stats.json`."""
    durations = tuple(dict(map(tuple, split["durations"][name])) for name in names)
    first = torch.tensor([split["bases"][name] for name in names], dtype=torch.float64)
    return RunStatistics(durations, torch.tensor([split["transitions"]], dtype=torch.float64), first, bases=first)


def genetic_code_of(folders: Sequence[str | Path]) -> int:
    """Return the genetic code of the genomes that were baked."""
    codes = {int(read_json(Path(folder) / MANIFEST)["job"]["genetic_code"]) for folder in folders}
    if len(codes) != 1:
        shown = ", ".join(map(str, sorted(codes)))
        raise InputError(f"genomes of genetic codes {shown}", where="data", remedy="set model.genetic_code to one")
    return codes.pop()


def gene_rules_of(folders: Sequence[str | Path], rules: GeneRules | None) -> GeneRules:
    """Return the signals of the genes that were baked, or raise `InputError` where others are given."""
    for folder in folders:
        path = Path(folder) / MANIFEST
        baked = from_mapping(GeneRules, read_json(path)["job"]["bake"]["gene"], where=str(path), key="job.bake.gene")
        rules = rules or baked
        if rules != baked:
            raise InputError("shards with other signals of genes", where=folder, remedy="bake them with model.gene")
    assert rules is not None
    return rules
