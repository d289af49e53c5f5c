"""Markov chains of order three over bases: the content of non-coding sequence.

The context of a base is the three bases before it on the strand of its gene, in any segment. A
segment may *start its chain anew*: its first bases have no context, then one base, then two. Masked bases and N are no
context either, so that the generator and the decoder see the same contexts round a repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genescribe.config import option
from genescribe.errors import InputError
from genescribe.genome.alphabet import Codes, N

Floats = NDArray[np.float64]
ORDER = 3
FREE = np.uint8(255)
"""Mark of a base that `fill` draws."""
_SYMBOLS = N + 1
_CONTEXTS = _SYMBOLS**ORDER
_NO_CONTEXT = _CONTEXTS - 1


@dataclass(frozen=True)
class MarkovChain:
    """A chain of order three, given by its 4-mers.

    Attributes
    ----------
    kmers
        Frequencies of AAAA, AAAC, ..., TTTT (256 numbers; only their proportions count). Lower orders, for bases with
        less context, are their margins.
    """

    kmers: tuple[float, ...] = option(doc="frequencies of the 256 words of four bases, in alphabetical order")

    def __post_init__(self) -> None:
        if len(self.kmers) != 4 ** (ORDER + 1) or min(self.kmers) <= 0:
            raise InputError("not 256 positive frequencies", where="Markov chain", remedy="fit the chain again")

    @cached_property
    def table(self) -> Floats:
        """Probability of each base after each context, (125, 4); a context is 25 a + 5 b + c, 4 being no base."""
        joint = np.array(self.kmers).reshape((4,) * (ORDER + 1))
        result = np.empty((_SYMBOLS,) * ORDER + (4,))
        for known in range(ORDER + 1):
            counts = joint.sum(axis=tuple(range(ORDER - known)))
            conditional = counts / counts.sum(axis=-1, keepdims=True)
            # The nearest `known` symbols are bases, the one before them (if any) is none.
            where = (slice(None),) * max(0, ORDER - known - 1) + (N,) * (known < ORDER) + (slice(0, 4),) * known
            result[where] = conditional
        return result.reshape(_CONTEXTS, 4)

    @cached_property
    def composition(self) -> Floats:
        """Frequency of each base, (4,)."""
        return np.asarray(self.table[_NO_CONTEXT])

    def scores(self, codes: Codes) -> Floats:
        """Return the log-probability of every base given the three before it, (T,); masked bases and N score 0."""
        symbols = _symbols(codes)
        return self._look_up(_contexts(symbols), symbols)

    def restart(self, codes: Codes) -> Floats:
        """Return, for every base, the gain over `scores` of a segment that starts its chain anew there, (T,)."""
        symbols = _symbols(codes)
        n = len(symbols)
        usual = self._look_up(_contexts(symbols), symbols)
        gain = np.zeros(n)
        context = np.full(n, _NO_CONTEXT)
        for step in range(min(ORDER, n)):
            here = symbols[step:]
            gain[: n - step] += self._look_up(context[: n - step], here) - usual[step:]
            context[: n - step] = context[: n - step] * _SYMBOLS % _CONTEXTS + here
        return gain

    def _look_up(self, contexts: NDArray[np.int64], symbols: NDArray[np.int64]) -> Floats:
        padded = np.concatenate([np.log(self.table), np.zeros((_CONTEXTS, 1))], axis=1)
        return np.asarray(padded[contexts, symbols])


def fit_chain(pieces: Sequence[Codes]) -> MarkovChain:
    """Count the 4-mers of `pieces` (transcript orientation); words with a masked base or N are left out."""
    counts = np.ones(4 ** (ORDER + 1))  # A pseudocount of 1.
    for piece in pieces:
        if len(piece) <= ORDER:
            continue
        symbols = _symbols(piece)
        words = np.lib.stride_tricks.sliding_window_view(symbols, ORDER + 1)
        complete = words[(words < N).all(axis=1)]
        counts += np.bincount(complete @ (4 ** np.arange(ORDER, -1, -1)), minlength=len(counts))
    return MarkovChain(tuple(float(f"{x:.4g}") for x in 1e4 * counts / counts.sum()))


def fill(
    codes: Codes,
    tracts: NDArray[np.int64],
    chain: NDArray[np.uint8],
    restart: NDArray[np.bool_],
    chains: Sequence[MarkovChain],
    rng: np.random.Generator,
) -> None:
    """Draw the `FREE` bases of many tracts at once, in place, each given the three bases before it.

    Parameters
    ----------
    codes : (T,)
        The tracts one after another; all but the `FREE` bases stay as they are and are context.
    tracts : (n + 1,)
        Where each tract begins, and the end of the last. A tract's first base has no context.
    chain : (T,)
        Index in `chains` of the chain that draws each base.
    restart : (T,)
        The base starts its chain anew.
    chains
        Markov chains of order 3.
    rng
        Source of randomness; T uniforms are drawn.
    """
    cumulative = np.stack([c.table.cumsum(axis=1)[:, :3] for c in chains])
    uniform = rng.random(len(codes))
    length = np.diff(tracts)
    order = np.argsort(-length, kind="stable")
    first = tracts[:-1][order]
    # Tracts in order of falling length: those still running at a step are the first so many.
    running = np.searchsorted(-length[order], -np.arange(length.max(initial=0)), side="left")
    context = np.full(len(first), _NO_CONTEXT)
    for step, n in enumerate(running):
        here = first[:n] + step
        before = np.where(restart[here], _NO_CONTEXT, context[:n])
        base = codes[here].astype(np.int64)
        thresholds = cumulative[chain[here], before]
        drawn = (uniform[here, None] >= thresholds).sum(axis=1)
        base = np.where(base == FREE, drawn, base)
        codes[here] = base
        context[:n] = before * _SYMBOLS % _CONTEXTS + np.minimum(base, N)


def _symbols(codes: Codes) -> NDArray[np.int64]:
    return np.minimum(codes, N).astype(np.int64)


def _contexts(symbols: NDArray[np.int64]) -> NDArray[np.int64]:
    padded = np.concatenate([np.full(ORDER, N), symbols])
    n = len(symbols)
    return np.asarray(sum(padded[i : i + n] * _SYMBOLS ** (ORDER - 1 - i) for i in range(ORDER)))
