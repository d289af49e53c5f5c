"""Cross-validation in the configuration: expand genomes and runs with folds to one per fold.

The genome itself stays, tested everywhere: there the folds' predictions are put together, each made by the model that
has not seen the sequence, and scored as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from genescribe.bake.splits import LIST, Splits
from genescribe.data.shards import SPLITS
from genescribe.errors import InputError
from genescribe.workflow.genome_config import GenomeConfig
from genescribe.workflow.run_config import RunConfig

EVERY = "all.txt"
"""The list of all sequences that the folds test."""


def fold_name(name: str, fold: int) -> str:
    """Return the name of a genome's or run's fold, counted from 1."""
    return f"{name}-fold{fold}"


def fold_list(fold: int, split: str) -> str:
    """Return the name of the file that lists the sequences of a fold's split."""
    return f"{fold}.{split}.txt"


def folds_folder(results: str, genome: str) -> str:
    """Return the folder of the lists of a genome's folds."""
    return f"{results}/folds/{genome}"


def fold_names(name: str, folds: int) -> list[str]:
    """Return the names of all folds of a genome or run."""
    return [fold_name(name, fold) for fold in range(1, folds + 1)]


def expand_folds(
    genomes: Mapping[str, GenomeConfig],
    models: Mapping[str, RunConfig],
    chosen: Sequence[str],
    results: str,
    where: str,
) -> tuple[dict[str, GenomeConfig], dict[str, RunConfig], list[str]]:
    """Return genomes, runs and the selected runs with a genome and a run for every fold.

    Parameters
    ----------
    genomes
        Genomes by name.
    models
        Runs by name.
    chosen
        Names of the selected runs.
    results
        Folder of all results.
    where
        Source of the configuration, for messages.

    Raises
    ------
    InputError
        A run on a genome in folds and on others, or a name that a fold needs and that is taken.
    """
    folds = {name: genome.folds.number for name, genome in genomes.items() if genome.folds}
    expanded: dict[str, GenomeConfig] = {}
    for name, genome in genomes.items():
        if name not in folds:
            expanded[name] = genome
            continue
        folder = folds_folder(results, name)
        expanded[name] = replace(genome, splits=Splits(test=[f"{LIST}{folder}/{EVERY}"]))
        for fold, part in enumerate(fold_names(name, folds[name]), 1):
            if part in genomes:
                raise InputError(f"`genomes.{part}` has the name of a fold", where=where, remedy="rename it")
            lists = {split: [f"{LIST}{folder}/{fold_list(fold, split)}"] for split in SPLITS}
            copy = replace(genome, same_as=genome.same_as or name, fasta=None, annotation=None, simulate=None)
            expanded[part] = replace(copy, splits=Splits(**lists), folds=None, skip=[], references={})
    runs: dict[str, RunConfig] = {}
    parts: dict[str, list[str]] = {}
    for name, run in models.items():
        count = _folds_of(name, run, folds, where)
        parts[name] = fold_names(name, count) if count else [name]
        for fold, part in enumerate(parts[name], 1):
            begin = run.start
            if begin is not None and begin in models and _folds_of(begin, models[begin], folds, where):
                begin = fold_name(begin, fold) if count else begin
            runs[part] = replace(run, genomes=[fold_name(run.genomes[0], fold)], start=begin) if count else run
    select = [part for name in chosen for part in parts.get(name, [name])]
    return expanded, runs, select


def _folds_of(name: str, run: RunConfig, folds: Mapping[str, int], where: str) -> int:
    folded = [genome for genome in run.genomes if genome in folds]
    if folded and len(run.genomes) > 1:
        raise InputError(
            f"`runs.{name}` has the genome {folded[0]} in folds, and others beside it",
            where=where,
            remedy="give the run that genome alone",
        )
    return folds[folded[0]] if folded else 0
