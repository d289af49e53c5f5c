"""Prompts of several genomes with their references, separate from validation and test loci.

The folder that is written is one of loci, as `bake` writes them: the prompts are its training split, held-out loci
its validation split. `prompts.json` says what became of every locus that was looked at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genescribe import __version__
from genescribe.bake.batch import read_proteins
from genescribe.bake.leakage import similar_pairs
from genescribe.bake.windows import chance
from genescribe.config import to_mapping
from genescribe.data.dataset import ShardDataset
from genescribe.data.sample import Sample
from genescribe.data.shards import MANIFEST, SPLITS, ShardWriter
from genescribe.errors import InputError
from genescribe.files import atomic_directory, sha256, write_json
from genescribe.generate.loci.bake import genetic_codes
from genescribe.generate.reinforce.config import PromptConfig
from genescribe.generate.text.sentence import GeneSentence

PROMPTS = "prompts.json"
_SHARD = 2048


def prepare_prompts(folders: Sequence[str | Path], config: PromptConfig, target: str | Path) -> dict[str, Any]:
    """Choose prompts among baked loci and write them; return the contents of `prompts.json`.

    Parameters
    ----------
    folders
        Folders baked with the target `sentences`, of any number of genomes; prompts are kept apart from their
        validation and test loci.
    config
        How prompts are chosen.
    target
        Folder to write.

    Raises
    ------
    InputError
        Folders without sentences or of several genetic codes; a genome that has no training locus; no prompt is left.
    """
    codes = genetic_codes(folders)
    if len(codes) != 1:
        raise InputError("genomes of several genetic codes", where="--data", remedy="prepare prompts of each apart")
    loci = {split: list(_loci(folders, split)) for split in SPLITS}
    chosen = _genomes(loci["train"], config)
    left_out: Counter[str] = Counter()
    prompts = []
    related = _homologues(folders) if config.homologues == "drop" else set()
    for sample in loci["train"]:
        reason = _unwanted(sample, chosen, config, related)
        if reason is None:
            prompts.append(sample)
        else:
            left_out[reason] += 1
    held_out = _drawn(loci["validation"], config.held_out, config.seed)
    if not prompts:
        raise InputError(f"no prompt is left: {dict(left_out)}", where="prompts", remedy="give more genomes, or limits")
    check_apart(prompts, [*loci["validation"], *loci["test"]])
    with atomic_directory(target) as folder:
        with ShardWriter(folder, _SHARD) as writer:
            for sample in [*prompts, *held_out]:
                writer.add(sample)
            writer.finish()
        counts = {
            "prompts": dict(sorted(Counter(sample.meta.genome for sample in prompts).items())),
            "held_out": dict(sorted(Counter(sample.meta.genome for sample in held_out).items())),
            "left_out": dict(sorted(left_out.items())),
        }
        write_json(folder / PROMPTS, counts)
        job = {"genetic_code": codes.pop(), "bake": {"target": "sentences"}, "prompts": to_mapping(config)}
        inputs = {"folders": [sha256(Path(source) / MANIFEST) for source in folders]}
        outputs = {path.name: sha256(path) for path in sorted(folder.iterdir())}
        write_json(folder / MANIFEST, {"version": __version__, "job": job, "inputs": inputs, "outputs": outputs})
    return counts


def check_apart(prompts: Sequence[Sample], others: Sequence[Sample]) -> None:
    """Raise `InputError` where a prompt's gene overlaps one that validates or tests, on either strand."""
    evaluated: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for sample in others:
        evaluated[sample.meta.genome, sample.meta.seqid].append(gene_span(sample))
    for sample in prompts:
        start, end = gene_span(sample)
        if any(a < end and start < b for a, b in evaluated[sample.meta.genome, sample.meta.seqid]):
            raise InputError(
                f"the prompt {sample.key} overlaps a validation or test locus",
                where=sample.meta.genome,
                remedy="bake the genome with splits by sequence",
            )


def gene_span(sample: Sample) -> tuple[int, int]:
    """Return first base and end of a locus's gene on its sequence."""
    start, end = GeneSentence.parse(sample.meta.sentence).span
    return sample.meta.start + start, sample.meta.start + end


def _loci(folders: Sequence[str | Path], split: str) -> Iterator[Sample]:
    dataset = ShardDataset(folders, split)
    for number in range(len(dataset)):
        # Windows without a gene have no answer to be rewarded.
        if (sample := dataset[number]).meta.sentence:
            yield sample


def _genomes(loci: Sequence[Sample], config: PromptConfig) -> set[str]:
    """Return the genomes that prompts are taken of."""
    have = {sample.meta.genome for sample in loci}
    if missing := set(config.genomes) - have:
        raise InputError(
            f"{min(missing)!r} has no training locus",
            where="prompts.genomes",
            remedy=f"known: {', '.join(sorted(have))}",
        )
    return set(config.genomes) or have


def _homologues(folders: Sequence[str | Path]) -> set[tuple[str, str]]:
    """Return (genome, gene) of the training genes that have a homologue among validation and test genes."""
    proteins = [entry for folder in folders for entry in read_proteins(Path(folder))]
    sides = [int(split != "train") for split, _, _, _ in proteins]
    pairs, _ = similar_pairs([words for _, _, _, words in proteins], sides)
    return {(proteins[i][1], proteins[i][2]) for i in pairs.ravel().tolist() if not sides[i]}


def _unwanted(sample: Sample, genomes: set[str], config: PromptConfig, related: set[tuple[str, str]]) -> str | None:
    start, end = gene_span(sample)
    if sample.meta.genome not in genomes:
        return "its genome is not among those of the prompts"
    if config.longest and end - start > config.longest:
        return "longer than prompts.longest"
    if any((sample.meta.genome, gene) in related for gene in sample.meta.genes):
        return "has a homologue among validation or test loci"
    return None


def _drawn(samples: Sequence[Sample], limit: int, seed: int) -> list[Sample]:
    """Return at most `limit` samples of each genome, drawn by their names; all where it is 0. The order stays."""
    by_genome: dict[str, list[int]] = defaultdict(list)
    for number, sample in enumerate(samples):
        by_genome[sample.meta.genome].append(number)
    drawn: set[int] = set()
    for numbers in by_genome.values():
        draws = np.array([chance(seed, samples[number].key) for number in numbers])
        order = np.argsort(draws, kind="stable")[: limit or None]
        drawn.update(numbers[place] for place in order)
    return [sample for number, sample in enumerate(samples) if number in drawn]
