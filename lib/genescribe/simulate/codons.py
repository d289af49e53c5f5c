"""The coding sequence: independent codons, also if split by an intron, and the exon side of a donor.

A whole codon abc has probability P(abc), a sense codon always. As scores of single bases this is log P(a), log P(b|a),
log P(c|ab). A codon that an intron splits is drawn in two parts: the part before it (its *prefix*, one or two bases)
from P(a) or P(ab); the part after it (its *suffix*) from P(suffix | memory), the memory being all that the intron
remembers of the prefix, just enough to exclude the three stop codons:

=========  =============================
split      memories
=========  =============================
0 bases    nothing
1 base     T; another base
2 bases    TA; TG; another pair
=========  =============================

The last three bases of an exon before a donor, x, are drawn with weights w: P(x | before) w(x) / Z(before).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genescribe.config import option
from genescribe.errors import InputError
from genescribe.genome.alphabet import Codes, encode

Floats = NDArray[np.float64]
STOPS = ("TAA", "TAG", "TGA")
START = "ATG"
EXON_SIDE = 3
"""Bases of the exon that belong to the donor's signal."""
MEMORIES: tuple[tuple[int, str], ...] = ((0, ""), (1, ""), (1, "T"), (2, ""), (2, "TA"), (2, "TG"))
"""Bases of the split codon before the intron, and the prefix that is remembered ("" for any other)."""

_PLACES = 4 ** np.arange(8)[::-1]


def number(codes: Codes) -> int:
    """Return the number of a word of bases, the first one the highest digit of base 4.

    Examples
    --------
    >>> number(encode("CA"))
    4
    """
    return int(codes.astype(np.int64) @ _PLACES[len(_PLACES) - len(codes) :])


def spelled(index: int, length: int) -> Codes:
    """Return the word of `length` bases that has the number `index`: the inverse of `number`."""
    return np.array([index // 4**i % 4 for i in range(length)][::-1], dtype=np.uint8)


def memory_of(prefix: Codes) -> int:
    """Return the index in `MEMORIES` for the prefix of a split codon."""
    for index, (length, word) in enumerate(MEMORIES):
        if length == len(prefix) and word and np.array_equal(prefix, encode(word)):
            return index
    return MEMORIES.index((len(prefix), ""))


@dataclass(frozen=True)
class CodonModel:
    """Codon usage and the exon's side of the donor signal.

    Attributes
    ----------
    usage
        Frequencies of AAA, AAC, ..., TTT (64 numbers; only proportions count), 0 for the stop codons.
    stops
        Frequencies of TAA, TAG, TGA.
    donor_weights
        Weights of A, C, G, T at the last three bases of an exon, nearest last.
    """

    usage: tuple[float, ...] = option(doc="frequencies of the 64 codons, in alphabetical order; 0 for stop codons")
    stops: tuple[float, float, float] = option(doc="frequencies of TAA, TAG, TGA")
    donor_weights: tuple[tuple[float, float, float, float], ...] = option(
        doc="weights of A, C, G, T at the last three bases of an exon before a donor"
    )

    def __post_init__(self) -> None:
        bad = len(self.usage) != 64 or min(self.usage) < 0
        if bad or any((self.usage[number(encode(codon))] > 0) != (codon not in STOPS) for codon in _CODONS):
            raise InputError(
                "wrong codon frequencies", where="codon model", remedy="give 64, above 0 but for the stops"
            )
        if len(self.donor_weights) != EXON_SIDE or min(map(min, self.donor_weights)) <= 0:
            raise InputError("wrong donor weights", where="codon model", remedy="give three rows of positive numbers")

    @cached_property
    def joint(self) -> Floats:
        """P(abc), (4, 4, 4)."""
        usage = np.array(self.usage).reshape(4, 4, 4)
        return np.asarray(usage / usage.sum())

    @cached_property
    def conditionals(self) -> tuple[Floats, Floats, Floats]:
        """P(a), (4,); P(b|a), (4, 4); P(c|ab), (4, 4, 4)."""
        joint = self.joint
        pair = joint.sum(axis=2)
        single = pair.sum(axis=1)
        return single, pair / single[:, None], joint / pair[:, :, None]

    def scores(self, codes: Codes) -> Floats:
        """Return the log-probability of every base as first, second, third base of a codon, (3, T).

        The bases before it in the sequence are its codon's. A third base that completes a stop codon, a masked base
        and N score -inf; so does a base whose codon begins before the sequence.
        """
        n = len(codes)
        result = np.full((3, n), -np.inf)
        known = codes < 4
        base = np.where(known, codes, 0).astype(np.int64)
        with np.errstate(divide="ignore"):
            tables = [np.log(table) for table in self.conditionals]
        result[0] = np.where(known, tables[0][base], -np.inf)
        result[1, 1:] = np.where(known[1:] & known[:-1], tables[1][base[:-1], base[1:]], -np.inf)
        last = tables[2][base[:-2], base[1:-1], base[2:]]
        result[2, 2:] = np.where(known[2:] & known[1:-1] & known[:-2], last, -np.inf)
        return result

    @cached_property
    def suffixes(self) -> tuple[Floats, ...]:
        """P(suffix | memory), for each of `MEMORIES`: (1,), (16,), (16,), (4,), (4,), (4,)."""
        result = []
        for length, word in MEMORIES:
            table = self.joint.reshape(4**length, -1)
            chosen = [p for p in range(4**length) if MEMORIES[memory_of(spelled(p, length))][1] == word]
            mass = table[chosen].sum(axis=0) if length else np.ones(1)
            result.append(mass / mass.sum())
        return tuple(result)

    @cached_property
    def donor_weight(self) -> Floats:
        """Weight of each word of three bases before a donor, (64,)."""
        rows = np.array(self.donor_weights)
        return np.asarray(rows[0][:, None, None] * rows[1][:, None] * rows[2]).reshape(-1)

    @cached_property
    def before_donor(self) -> Floats:
        """Probability of the last three bases of an exon, without weights, given the two before them, (3, 16, 64).

        The first axis is the number of bases of the codon that the donor splits.
        """
        single, second, third = self.conditionals
        pair = self.joint.sum(axis=2)
        split0 = np.broadcast_to(self.joint, (4, 4, 4, 4, 4))
        split1 = np.broadcast_to((second[:, :, None] * third)[None, ..., None] * single, (4, 4, 4, 4, 4))
        split2 = third[..., None, None] * pair
        return np.stack([table.reshape(16, 64) for table in (split0, split1, split2)])

    @cached_property
    def donor_tables(self) -> tuple[Floats, Floats]:
        """The same with weights, (3, 16, 64), and log Z, (3, 16)."""
        weighted = self.before_donor * self.donor_weight
        total = weighted.sum(axis=2)
        return weighted / total[..., None], np.log(total)

    def donor_scores(self, codes: Codes) -> Floats:
        """Return log w(x) - log Z for a donor whose first intron base is t, by bases of the split codon, (3, T)."""
        n, reach = len(codes), EXON_SIDE + 2
        result = np.full((3, n), -np.inf)
        if n <= reach:
            return result
        windows = np.lib.stride_tricks.sliding_window_view(codes, reach)[: n - reach].astype(np.int64)
        known = np.asarray((windows < 4).all(axis=1))
        windows = np.where(known[:, None], windows, 0)
        words = windows @ _PLACES[-reach:]
        gain = np.log(self.donor_weight)[words % 64] - self.donor_tables[1][:, words // 64]
        result[:, reach:] = np.where(known, gain, -np.inf)
        return result


def draw_coding(model: CodonModel, splits: NDArray[np.int64], n: int, rng: np.random.Generator) -> Codes:
    """Draw n coding bases (start and stop codon left out) that introns interrupt.

    Parameters
    ----------
    model
        Codon usage.
    splits
        Where the introns stand: number of coding bases before each, ascending, at least `EXON_SIDE` + 4 apart.
    n
        Number of bases, a multiple of three.
    rng
        Random generator.
    """
    codons = rng.choice(64, size=n // 3, p=model.joint.reshape(-1))
    bases = np.stack([codons // 16, codons // 4 % 4, codons % 4], axis=1).astype(np.uint8).reshape(-1)
    tilted = model.donor_tables[0]
    for split in splits:
        length = int(split) % 3
        before = number(bases[split - EXON_SIDE - 2 : split - EXON_SIDE])
        bases[split - EXON_SIDE : split] = spelled(int(rng.choice(64, p=tilted[length, before])), EXON_SIDE)
        if length:
            suffix = model.suffixes[memory_of(bases[split - length : split])]
            bases[split : split + 3 - length] = spelled(int(rng.choice(len(suffix), p=suffix)), 3 - length)
    return bases


_CODONS = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
