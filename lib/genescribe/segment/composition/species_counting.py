"""Count the tables of each genome from training windows; see `genescribe.segment.network.species`."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genescribe.crf.head import SemiCRF
from genescribe.crf.statistics import RunStatistics
from genescribe.data.sample import Sample
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_labels import STOP
from genescribe.labels.gene_rules import SignalTables
from genescribe.labels.grammar import CODON
from genescribe.segment.composition.counting import EvidenceCounts, interpolated
from genescribe.segment.composition.tables import CountedEvidence
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.network.species import TABLES, WORD, with_pool, word_counts


def fit_species(
    model: SegmentModel,
    samples: Iterable[Sample],
    scheme: GeneScheme,
    tables: SignalTables,
    statistics: Mapping[str, RunStatistics],
) -> None:
    """Set the shared tables to the counts of all genomes, and each genome's entry to its own.

    To a genome's counts those of `pool_genes` genes of all genomes are added.

    Parameters
    ----------
    model
        With a bank; its CRF already has the statistics of all genomes.
    samples
        Training windows with labels.
    scheme, tables
        Labels, and words that may be signals.
    statistics
        Runs of each genome's training part.
    """
    bank, evidence, config = model.species, model.evidence, model.config.species
    assert bank is not None and config is not None and isinstance(model.crf, SemiCRF)
    assert isinstance(evidence, CountedEvidence)
    counts = {name: EvidenceCounts(evidence, scheme, tables) for name in bank.names}
    words = np.zeros((len(bank.names), 4**WORD), dtype=np.int64)
    for sample in samples:
        genome = sample.meta.genome
        counts[genome].add(sample)
        # A window and that of the other strand are both among the samples, and words are counted on both.
        if sample.meta.strand == "+":
            words[bank.names.index(genome)] += word_counts(sample.codes)
    pool = reduce(EvidenceCounts.plus, (counts[name] for name in bank.names))
    pool.fill(evidence)
    runs = reduce(lambda total, part: with_pool(total, part, 1.0), (statistics[name] for name in bank.names))
    assert runs.bases is not None
    share = min(1.0, config.pool_genes / max(1.0, float(runs.bases[STOP]) / CODON))
    shared = dict(model.named_parameters())
    for number, name in enumerate(bank.names):
        crf, mine = copy.deepcopy(model.crf), copy.deepcopy(evidence)
        crf.initialise_from_statistics(with_pool(statistics[name], runs, share))
        counts[name].with_pool(pool, share).fill(mine)
        own: dict[str, Tensor] = {f"crf.{key}": value for key, value in crf.named_parameters()}
        own |= {TABLES + key: value for key, value in mine.named_buffers()}
        bank.set_entry(number, shared, own)
    bank.composition.copy_(torch.from_numpy(compositions(words)))


def compositions(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return log P(last base | those before it) of each genome, and of all in equal shares, (G + 1, 4^6).

    Parameters
    ----------
    counts : (G, 4^6)
        Words.
    """
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    # The pool counts as many words as a genome: with more it would be the smoother, and the nearer for that alone.
    pool = shares.mean(axis=0) * counts.sum() / len(counts)
    logs: NDArray[np.float64] = np.log(interpolated(np.concatenate([counts.astype(np.float64), pool[None]])))
    return logs.reshape(len(logs), -1)
