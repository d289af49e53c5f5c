"""Accuracy of a model on baked loci: each is written on the strand of its gene and compared with its annotation.

The counterpart, for loci that are given, of `genescribe.evaluate` on whole genomes, with the same counts and intervals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from tqdm import tqdm

from genescribe import __version__
from genescribe.config import to_mapping
from genescribe.data.batching import pack
from genescribe.data.dataset import ShardDataset
from genescribe.data.sample import Sample
from genescribe.errors import InputError
from genescribe.evaluate.accuracy import LEVELS, score, summarize, tally
from genescribe.evaluate.bootstrap import intervals, paired_intervals
from genescribe.evidence.junctions import Hint
from genescribe.generate.annotation.annotate import Annotator, LocusResult, LocusWindow
from genescribe.generate.annotation.search import SearchConfig
from genescribe.generate.config import ScoreConfig
from genescribe.generate.loci.tiles import distinct, genes_apart
from genescribe.generate.text.sentence import GeneSentence, gene_of
from genescribe.genome.model import Gene


@dataclass
class Scored:
    """Predictions of a model for some loci.

    Attributes
    ----------
    truth, written
        Genes of the annotation and of the model, in the coordinates of their sequences.
    results
        Result of each locus.
    """

    truth: list[Gene] = field(default_factory=list)
    written: list[Gene] = field(default_factory=list)
    results: list[LocusResult] = field(default_factory=list)


def annotated(sample: Sample) -> Gene:
    """Return the annotated gene of a locus, in the coordinates of its sequence."""
    seqid = f"{sample.meta.genome}:{sample.meta.seqid}"
    return gene_of(GeneSentence.parse(sample.meta.sentence), sample.key, seqid, sample.meta.start)


def locus_of(sample: Sample) -> LocusWindow:
    """Return a baked locus as it is given to an annotator: its gene, or all of a window that has a core."""
    gene, offset = annotated(sample), sample.meta.start
    start, end = sample.meta.core or (gene.start, gene.end)
    hints = tuple(Hint(a + offset, b + offset, strand, score) for a, b, strand, score in sample.meta.hints)
    place = (gene.seqid, start, end, gene.strand, offset)
    return LocusWindow(sample.key, *place, sample.codes, hints=hints)


def write_loci(model: nn.Module, folders: Sequence[str | Path], config: ScoreConfig) -> Scored:
    """Let a model write the loci of a split.

    Parameters
    ----------
    model
        A model that writes sentences.
    folders
        Folders of baked shards.
    config
        Split, search and batch size.

    Raises
    ------
    InputError
        The split is not known, or holds no locus.
    """
    dataset = ShardDataset(folders, config.split)
    if not len(dataset):
        raise InputError(f"no {config.split} locus", where=folders[0], remedy="bake with such a split")
    search = SearchConfig(config.method, config.beams, max_length=config.max_length)
    annotator, scored = Annotator(model, search), Scored()
    by_number: dict[int, tuple[Gene, LocusResult]] = {}
    with tqdm(total=len(dataset), desc="loci", unit="locus", disable=None) as bar:
        for numbers in pack(dataset.lengths, size=config.batch_size):
            # Training windows may hold no gene to be found.
            samples = {number: sample for number in numbers if (sample := dataset[number]).meta.sentence}
            results = annotator([locus_of(sample) for sample in samples.values()]) if samples else []
            for (number, sample), result in zip(samples.items(), results, strict=True):
                by_number[number] = annotated(sample), result
            bar.update(len(numbers))
    for _, (gene, result) in sorted(by_number.items()):
        scored.truth.extend(genes_apart(gene))
        scored.results.append(result)
        if result.gene is not None:
            scored.written.extend(genes_apart(result.gene))
    # Windows may overlap: what stands in several of them, or is written in several, is one gene.
    scored.truth, scored.written = distinct(scored.truth), distinct(scored.written)
    return scored


def accuracy(scored: Scored, config: ScoreConfig) -> dict[str, Any]:
    """Return the accuracy of the written genes.

    Returns
    -------
    dict
        ``levels``: for each level of `genescribe.evaluate.accuracy` its counts, sensitivity, precision, F1 and their
        bootstrap intervals, on coding sequences; ``loci``: how many were accepted, repaired and rejected; and those of
        `annotation_accuracy`.
    """
    return {
        "version": __version__,
        "options": to_mapping(config),
        "loci": {"total": len(scored.results), **dict(Counter(result.status for result in scored.results))},
        **annotation_accuracy(scored.truth, scored.written, config.bootstrap),
    }


def annotation_accuracy(reference: Sequence[Gene], predicted: Sequence[Gene], bootstrap: int) -> dict[str, Any]:
    """Return the accuracy of an annotation.

    Parameters
    ----------
    reference, predicted
        Genes of the annotation and of the prediction.
    bootstrap
        Bootstrap draws for the intervals; 0: none.

    Returns
    -------
    dict
        ``levels``: on coding sequences, a transcript each; ``coding_sequences``: of distinct coding sequences, however
        many transcripts have them; ``transcripts``: of transcripts with all their exons, untranslated ones included.
    """
    (counts,) = tally(reference, predicted)
    levels, spread = summarize(counts.sum(axis=0)), intervals(counts, bootstrap)
    (exon_counts,) = tally(reference, predicted, level="exon")
    coding = [
        {(g.seqid, g.strand, t.cds) for g in genes for t in g.transcripts if t.cds} for genes in (reference, predicted)
    ]
    both = len(coding[0] & coding[1])
    return {
        "levels": {level: {**levels[level], "intervals": spread[level]} for level in LEVELS},
        "coding_sequences": score(np.array([len(coding[0]), len(coding[1]), both, both])),
        "transcripts": summarize(exon_counts.sum(axis=0))["transcript"],
    }


def gain(before: Scored, after: Scored, config: ScoreConfig) -> dict[str, Any]:
    """Return the gain of the genes written after, level by level, paired by locus; see `paired_intervals`.

    Parameters
    ----------
    before, after
        Results of two models on the same loci.
    config
        Number of bootstrap draws.
    """
    first, second = tally(before.truth, before.written, after.written)
    return paired_intervals(first, second, config.bootstrap)
