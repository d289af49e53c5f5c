"""A model of several genomes: parameters per genome beside the shared ones, and the choice for a sequence.

One set of splice sites, codons, intron lengths and gene densities for a fly and a tree fits neither. So a model may
keep, for every genome it is trained on, the tables of counted evidence, and offsets to some weights: the CRF's
transitions and durations, the gains of the evidence, and biases of the network, which tell it where it is. All else is
shared. The entry of a genome begins with its own counts, to which those of some genes of all genomes are added; the
pooled entry, for genomes that the model does not know, has the counts of all and no offsets.

What the entries are to a training step, `SegmentModel.specialised` is to prediction: an ordinary model of one genome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genescribe.crf.statistics import RunStatistics
from genescribe.errors import InputError
from genescribe.genome.alphabet import Codes, N, reverse_complement, unmasked

AUTO, EACH = "auto", "each"
"""Instead of a name: the genome that suits the sequences, all together or each by itself."""
SAMPLE, STRETCH = 1 << 20, 1 << 14
"""Bases of a genome, or of a strand, whose words are counted, and of the stretches in which they are read."""
FEWEST = 1000
"""Bases from which a genome is told; where there are fewer, the pooled entry stands."""
POOLED = "pooled"
"""Name of the entry of genomes that are not among the model's own."""
SHARED = ("crf.", "content_gain", "signal_gain", "head.bias", "encoder.fold.bias")
"""Beginnings of the names of weights to which a genome has an offset."""
STEP = {"content_gain": 8.0, "signal_gain": 8.0}
"""Factors of offsets, where they are not 1: gains differ by tenths, and a genome is met in few steps."""
TABLES = "evidence."
"""Beginning of the names of buffers of which a genome has its own."""
WORD = 6
"""Bases of the words by which sequences are told apart."""
_SHORT_WORD = 3
"""Bases of the words by which they are told to be far: some thousand bases show how frequent each is."""
_STEPS = 200
"""Bases after which a sequence has forgotten how it began."""


class SpeciesBank(nn.Module):
    """Tables and offsets of G genomes.

    Parameters
    ----------
    names
        Names of the genomes.
    weights, tables
        Shared weights, each with an offset per genome; and buffers that each genome has its own of.
    """

    composition: Tensor
    """(G + 1, 4^6) float32: log P(base | the five before it) on both strands of a genome, the pool's last."""

    def __init__(self, names: Sequence[str], weights: Mapping[str, Tensor], tables: Mapping[str, Tensor]) -> None:
        super().__init__()
        if not {POOLED, AUTO, EACH}.isdisjoint(names) or len(set(names)) != len(names):
            raise InputError(
                f"genomes named {', '.join(names)}",
                where="model.species.names",
                remedy=f"name each once, and none {POOLED}, {AUTO} or {EACH}",
            )
        self.names = tuple(names)
        G = len(names)
        # A dot in the name of a weight stands for a module.
        self.offsets = nn.ParameterDict(
            {
                _flat(name): nn.Parameter(value.new_zeros(G, *value.shape).detach().clone())
                for name, value in weights.items()
            }
        )
        self._weights, self._tables = tuple(weights), tuple(tables)
        for name, value in tables.items():
            self.register_buffer(_flat(name), value.new_zeros(G, *value.shape))
        self.register_buffer("composition", torch.full((G + 1, 4**WORD), -np.log(4.0), dtype=torch.float32))

    def number(self, name: str) -> int | None:
        """Return the place of a genome's entry; None for the pooled one.

        Raises
        ------
        InputError
            There is none of that name.
        """
        if name == POOLED:
            return None
        if name not in self.names:
            known = ", ".join((*self.names, POOLED))
            raise InputError(f"no species {name!r} in this model", where="species", remedy=f"it has {known}")
        return self.names.index(name)

    def entry(self, shared: Mapping[str, Tensor], number: int) -> dict[str, Tensor]:
        """Return the weights and tables of a genome, by their names in the model; differentiable.

        Parameters
        ----------
        shared
            The model's own weights, by name.
        number
            Number of the genome.
        """
        weights = {
            name: shared[name] + STEP.get(name, 1.0) * self.offsets[_flat(name)][number] for name in self._weights
        }
        return weights | {name: getattr(self, _flat(name))[number] for name in self._tables}

    @torch.no_grad()
    def set_entry(self, number: int, shared: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
        """Set the initial entry of a genome: `own` weights, as offsets to the shared, and tables.

        Parameters
        ----------
        number
            Number of the genome.
        shared
            Weights that all genomes share, by name.
        own
            The genome's weights and tables, by name.
        """
        for name, value in own.items():
            if name in self._weights:
                self.offsets[_flat(name)][number].copy_((value - shared[name]) / STEP.get(name, 1.0))
            elif name in self._tables:
                getattr(self, _flat(name))[number].copy_(value)

    def idle(self) -> Tensor:
        """Return a zero that depends on all offsets: distributed training waits for every gradient."""
        return 0.0 * torch.stack([offset.sum() for offset in self.offsets.values()]).sum()

    def likeness(self, counts: NDArray[np.int64]) -> dict[str, float]:
        """Return how well each entry explains the words, in nats per base; the pooled entry is last.

        Parameters
        ----------
        counts : (4^6,)
            How often each word stands in the sequences: `word_counts`.
        """
        nats = self.composition.double().cpu().numpy() @ (counts / max(1, counts.sum()))
        return dict(zip((*self.names, POOLED), nats.tolist(), strict=True))

    def distance(self, counts: NDArray[np.int64]) -> dict[str, float]:
        """Return how far the sequences are from each entry, the pooled one last.

        This is the Kullback-Leibler divergence of the words of three bases from those of a sequence that is drawn from
        the entry's words of six, in nats, less what counts of so few bases add by chance. Unlike `likeness` it says
        whether even the nearest is far.

        Parameters
        ----------
        counts : (4^6,)
            How often each word stands in the sequences: `word_counts`.
        """
        nats = divergence(counts, _beginnings(_stationary(self.composition.double().exp().cpu().numpy())))
        return dict(zip((*self.names, POOLED), nats.tolist(), strict=True))

    def nearest(self, counts: NDArray[np.int64]) -> str:
        """Return the entry that explains words best; the pooled one where there are too few to tell."""
        if counts.sum() < 2 * FEWEST:
            return POOLED
        likeness = self.likeness(counts)
        return max(likeness, key=lambda name: likeness[name])


def stretches(length: int, most: int = SAMPLE, size: int = STRETCH) -> list[tuple[int, int]]:
    """Return where to read at most `most` of some bases: all, or stretches in even steps, alike from both ends.

    Parameters
    ----------
    length
        Bases that there are.
    most
        Largest number of bases to read.
    size
        Bases of a stretch, at most half of `most`.

    Examples
    --------
    >>> stretches(100)
    [(0, 100)]
    >>> len(stretches(10_000_000)), stretches(10_000_000)[0], stretches(10_000_000)[-1]
    (64, (0, 16384), (9983616, 10000000))
    """
    if length <= most:
        return [(0, length)]
    half = max(1, most // size // 2)
    left = [i * (length // 2 - size) // max(1, half - 1) for i in range(half)]
    return [(i, i + size) for i in left] + [(length - i - size, length - i) for i in reversed(left)]


def word_counts(codes: Codes) -> NDArray[np.int64]:
    """Return how often each word of six bases stands on the two strands, (4^6,); words with an N are left out."""
    counts = np.zeros(4**WORD, dtype=np.int64)
    for strand in (codes, reverse_complement(codes)):
        bases = unmasked(strand).astype(np.int64)
        if len(bases) < WORD:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(bases, WORD)
        number = windows @ 4 ** np.arange(WORD - 1, -1, -1)
        counts += np.bincount(number[(windows < N).all(axis=1)], minlength=4**WORD)
    return counts


def divergence(counts: NDArray[np.int64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the words of three bases of sequences are from those of genomes, (n,), in nats.

    Parameters
    ----------
    counts : (4^6,)
        How often each word of six bases stands in the sequences: `word_counts`.
    there : (n, 4^3)
        Share of each word of three bases in the genomes.
    """
    shares = _beginnings(counts / max(1, counts.sum()))
    present = shares > 0
    here = shares[present]
    # What n words of one strand differ by from their own law: (kinds - 1) / 2n; counts are of both strands.
    chance = (4**_SHORT_WORD - 1) / max(1, counts.sum())
    nats: NDArray[np.float64] = np.maximum(0.0, np.log(here / there[:, present]) @ here - chance)
    return nats


def with_pool(own: RunStatistics, pool: RunStatistics, share: float) -> RunStatistics:
    """Return a genome's counts with a share of those of all genomes added.

    Parameters
    ----------
    own
        Counts of the genome.
    pool
        Counts of all genomes.
    share
        Weight of the pooled counts.
    """
    durations = tuple(
        {k: mine.get(k, 0) + share * of_all.get(k, 0) for k in sorted({*mine, *of_all})}
        for mine, of_all in zip(own.durations, pool.durations, strict=True)
    )
    assert own.bases is not None and pool.bases is not None
    return replace(
        own,
        durations=durations,
        transitions=own.transitions + share * pool.transitions,
        first=own.first + share * pool.first,
        bases=own.bases + share * pool.bases,
    )


def _stationary(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of each word of six bases in long sequences, (n, 4^6), given P(base | five), (n, 4^6)."""
    chances = chances.reshape(len(chances), -1, 4)
    chances = chances / chances.sum(axis=2, keepdims=True)
    before = np.full(chances.shape[:2], 1.0 / chances.shape[1])
    for _ in range(_STEPS):
        before = (before[..., None] * chances).reshape(len(chances), 4, -1).sum(axis=1)
    shares: NDArray[np.float64] = (before[..., None] * chances).reshape(len(chances), -1)
    return shares


def _beginnings(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shares of the words of three bases with which longer words begin."""
    beginnings: NDArray[np.float64] = shares.reshape(*shares.shape[:-1], 4**_SHORT_WORD, -1).sum(axis=-1)
    return beginnings


def _flat(name: str) -> str:
    return name.replace(".", ":")
