"""Lengths of segments: a mixture of log-normals up to a head, a geometric tail beyond.

The shape is what a semi-Markov chain with explicit durations 1..K and a geometric tail represents exactly, so a
decoder can use the same distribution that wrote the genome.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genescribe.config import option
from genescribe.errors import InputError

Floats = NDArray[np.float64]
_EM_STEPS = 200
_SMALLEST_SPREAD = 0.03


@dataclass(frozen=True)
class LengthModel:
    """Law of a segment's length k in bases.

        P(k) = (1 - m) q(k) / (q(a) + ... + q(h))     for a <= k <= h
        P(k) = m / mu * (1 - 1 / mu)^(k - h - 1)      for k > h

    where q is a mixture of log-normal densities, a the minimum, h the head, m the tail's mass and mu its mean excess.
    """

    minimum: int = option(doc="shortest length, in bases", minimum=1)
    head: int = option(doc="longest length with an individual probability", minimum=0)
    components: tuple[tuple[float, float, float], ...] = option(
        doc="log-normals of the head: weight, mean and standard deviation of the natural log"
    )
    tail_mass: float = option(doc="probability of a length beyond the head", minimum=0, maximum=1)
    tail_mean: float = option(doc="mean number of bases beyond the head, for those lengths", minimum=1)

    def __post_init__(self) -> None:
        if self.tail_mass < 1 and (self.head < self.minimum or not self.components):
            raise InputError(
                "a head without lengths", where="length model", remedy="give components and head >= minimum"
            )

    @cached_property
    def head_probabilities(self) -> Floats:
        """Probability of the lengths 1..head, (head,)."""
        if not self.components:
            return np.zeros(self.head)
        logs = np.log(np.arange(1, self.head + 1))
        # In logs, so that a head far from every component keeps its mass.
        density = np.full(self.head, -np.inf)
        for weight, mean, spread in self.components:
            density = np.logaddexp(density, np.log(weight / spread) - logs - 0.5 * ((logs - mean) / spread) ** 2)
        density[: self.minimum - 1] = -np.inf
        share = np.exp(density - np.logaddexp.reduce(density))
        return np.asarray((1.0 - self.tail_mass) * share)

    @property
    def log_tail(self) -> float:
        """Log-probability of one more base beyond the head; -inf where the tail is one base long."""
        return float(np.log1p(-1.0 / self.tail_mean)) if self.tail_mean > 1 else -np.inf

    def log_probabilities(self, longest: int) -> Floats:
        """Return the log-probability of the lengths 1..`longest`, (longest,); `longest` must reach past the head."""
        if longest <= self.head:
            raise InputError(f"{longest} durations", where="length model", remedy=f"give more than {self.head}")
        excess = np.arange(longest - self.head)
        with np.errstate(divide="ignore", invalid="ignore"):
            # 0 * -inf is nan for a tail of exactly one base; its first term is 0.
            steps = np.where(excess > 0, excess * self.log_tail, 0.0)
            head = np.log(self.head_probabilities)
            tail = np.log(self.tail_mass) - np.log(self.tail_mean) + steps
        return np.concatenate([head, tail])

    def sample(self, rng: np.random.Generator, size: int) -> NDArray[np.int64]:
        """Draw `size` lengths."""
        lengths = self.head + rng.geometric(1.0 / self.tail_mean, size)
        head = self.head_probabilities
        if self.tail_mass < 1:
            drawn = 1 + np.searchsorted(np.cumsum(head) / head.sum(), rng.random(size), side="right")
            lengths = np.where(rng.random(size) < self.tail_mass, lengths, np.minimum(drawn, self.head))
        return lengths.astype(np.int64)

    def residues(self) -> Floats:
        """Return the probability that the length is 0, 1, 2 modulo 3, (3,)."""
        mass = np.zeros(3)
        np.add.at(mass, np.arange(1, self.head + 1) % 3, self.head_probabilities)
        stay = 1.0 - 1.0 / self.tail_mean
        for first in range(3):
            mass[(self.head + 1 + first) % 3] += self.tail_mass * (1 - stay) * stay**first / (1 - stay**3)
        return mass

    def sample_residue(self, rng: np.random.Generator, residue: int) -> int:
        """Draw one length that is `residue` modulo 3."""
        if self.residues()[residue] <= 0:
            raise InputError(f"no length is {residue} modulo 3", where="length model", remedy="widen the model")
        while True:
            drawn = self.sample(rng, 16)
            fitting = drawn[drawn % 3 == residue]
            if len(fitting):
                return int(fitting[0])

    def mean(self) -> float:
        """Return the expected length."""
        head = float(np.arange(1, self.head + 1) @ self.head_probabilities)
        return head + self.tail_mass * (self.head + self.tail_mean)

    def geometric(self, minimum: int | None = None) -> LengthModel:
        """Return the geometric distribution of the same mean from `minimum` on, its own where none is given."""
        return geometric(self.mean(), self.minimum if minimum is None else minimum)


def geometric(mean: float, minimum: int) -> LengthModel:
    """Return the geometric distribution of a mean from `minimum` on."""
    excess = max(1.0, mean - minimum + 1)
    return LengthModel(minimum=minimum, head=minimum - 1, components=(), tail_mass=1.0, tail_mean=excess)


def fit_lengths(samples: NDArray[np.int64], minimum: int, longest_head: int) -> LengthModel:
    """Fit a length model by expectation-maximisation on log lengths; the number of log-normals (1-3) by BIC.

    Parameters
    ----------
    samples : (n,)
        Observed lengths; those below `minimum` are left out.
    minimum
        Shortest length of the model.
    longest_head
        Upper bound of the head; the head is the 97th percentile where that is shorter.

    Raises
    ------
    InputError
        Fewer than 20 lengths of at least `minimum`.
    """
    samples = samples[samples >= minimum]
    if len(samples) < 20:
        raise InputError(
            f"{len(samples)} lengths of at least {minimum}", where="length model", remedy="give a larger annotation"
        )
    head = int(min(longest_head, max(minimum, np.quantile(samples, 0.97))))
    inside, beyond = samples[samples <= head], samples[samples > head]
    if len(inside) < 10:
        return geometric(float(samples.mean()), minimum)
    values = np.log(inside.astype(float))
    fits = [_mixture(values, n) for n in (1, 2, 3)]
    best = min(fits, key=lambda fit: (3 * len(fit[0]) - 1) * np.log(len(values)) - 2 * fit[1])[0]
    return LengthModel(
        minimum=minimum,
        head=head,
        components=tuple(tuple(round(float(x), 4) for x in row) for row in best),  # type: ignore[misc]
        tail_mass=round(len(beyond) / len(samples), 4),
        tail_mean=round(float((beyond - head).mean()), 1) if len(beyond) else 1.0,
    )


def _mixture(values: Floats, n: int) -> tuple[Floats, float]:
    """Return the rows (weight, mean, spread) of n normals fitted to `values`, and the log-likelihood."""
    mean = np.quantile(values, (np.arange(n) + 0.5) / n)
    spread = np.full(n, max(values.std() / n, _SMALLEST_SPREAD))
    weight = np.full(n, 1.0 / n)
    likelihood = -np.inf
    for _ in range(_EM_STEPS):
        joint = np.log(weight) - np.log(spread) - 0.5 * (((values[:, None] - mean) / spread) ** 2 + np.log(2 * np.pi))
        total = np.logaddexp.reduce(joint, axis=1)
        likelihood = float(total.sum())
        share = np.exp(joint - total[:, None])
        size = share.sum(axis=0) + 1e-9
        weight, mean = size / size.sum(), (share * values[:, None]).sum(axis=0) / size
        variance = (share * (values[:, None] - mean) ** 2).sum(axis=0) / size
        spread = np.maximum(np.sqrt(variance), _SMALLEST_SPREAD)
    return np.stack([weight, mean, spread], axis=1), likelihood
