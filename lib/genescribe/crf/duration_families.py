"""Duration distributions with one or two parameters per label, instead of one learned score per duration.

Each is a module that takes durations 1, 2, ..., (K, 1) float64, and returns the log probability of each for every
label, (K, C). Any other function of this form may be given to `genescribe.crf.SemiCRF` as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from genescribe.errors import InputError

LEAST = 1e-3
"""Least mean and variance that a fit takes: no parameter is -inf."""


class DurationFamily(nn.Module):
    """A family whose parameters, all positive, are learned as logarithms.

    Parameters
    ----------
    labels
        Number of labels, C.
    **parameters
        Their first values, for all labels or one for each.
    """

    def __init__(self, labels: int, **parameters: float | Sequence[float]) -> None:
        super().__init__()
        for name, value in parameters.items():
            values = torch.as_tensor(value, dtype=torch.float64).expand(labels).float()
            if not bool((values > 0).all()):
                raise InputError(f"{value}", where=f"durations.{name}", remedy="give numbers above 0")
            self.register_parameter(f"log_{name}", nn.Parameter(values.log()))

    def fit(self, mean: Tensor, variance: Tensor) -> None:
        """Set the parameters to those with the means and variances of counted durations, (C,); NaN: none counted."""
        del mean, variance

    def _value(self, name: str) -> Tensor:
        parameter: Tensor = getattr(self, f"log_{name}")
        return parameter.double().exp()

    @torch.no_grad()
    def _set(self, name: str, value: Tensor) -> None:
        parameter: Tensor = getattr(self, f"log_{name}")
        parameter.copy_(torch.where(value.isnan(), parameter.double(), value.clamp(min=LEAST).log()))


class Poisson(DurationFamily):
    """One base and a number of further ones that is Poisson distributed.

    Parameters
    ----------
    labels
        Number of labels, C.
    mean
        Mean of the further bases.

    Examples
    --------
    >>> k = torch.arange(1, 200, dtype=torch.float64).unsqueeze(1)
    >>> bool((Poisson(2, mean=[5.0, 40.0])(k).exp().sum(0) - 1).abs().max() < 1e-9)
    True
    """

    def __init__(self, labels: int, mean: float | Sequence[float] = 100.0) -> None:
        super().__init__(labels, mean=mean)

    def forward(self, k: Tensor) -> Tensor:
        """Return the log probability of each duration, (K, C)."""
        mean, further = self._value("mean"), k - 1
        return further * mean.log() - mean - torch.lgamma(further + 1)

    def fit(self, mean: Tensor, variance: Tensor) -> None:
        """Set the mean."""
        del variance
        self._set("mean", mean - 1)


class NegativeBinomial(DurationFamily):
    """One base and a negative binomial number of further ones: a sum of `shape` geometric waits; 1 is geometric.

    Parameters
    ----------
    labels
        Number of labels, C.
    mean
        Mean of the further bases.
    shape
        The variance is ``mean + mean^2 / shape``.

    Examples
    --------
    >>> k = torch.arange(1, 2000, dtype=torch.float64).unsqueeze(1)
    >>> bool((NegativeBinomial(1, mean=30.0, shape=2.0)(k).exp().sum() - 1).abs() < 1e-9)
    True
    """

    def __init__(
        self, labels: int, mean: float | Sequence[float] = 100.0, shape: float | Sequence[float] = 1.0
    ) -> None:
        super().__init__(labels, mean=mean, shape=shape)

    def forward(self, k: Tensor) -> Tensor:
        """Return the log probability of each duration, (K, C)."""
        mean, shape, further = self._value("mean"), self._value("shape"), k - 1
        ways = torch.lgamma(further + shape) - torch.lgamma(shape) - torch.lgamma(further + 1)
        total = (mean + shape).log()
        return ways + shape * (shape.log() - total) + further * (mean.log() - total)

    def fit(self, mean: Tensor, variance: Tensor) -> None:
        """Set mean and shape by moments."""
        further = (mean - 1).clamp(min=LEAST)
        self._set("mean", further)
        self._set("shape", further.square() / (variance - further).clamp(min=LEAST))


class Gamma(DurationFamily):
    """The density of a gamma distribution at the durations: normalised over real numbers, nearly so over whole ones.

    Parameters
    ----------
    labels
        Number of labels, C.
    mean
        Mean duration in bases, for all labels or one for each.
    shape
        The variance is ``mean^2 / shape``.
    """

    def __init__(
        self, labels: int, mean: float | Sequence[float] = 100.0, shape: float | Sequence[float] = 2.0
    ) -> None:
        super().__init__(labels, mean=mean, shape=shape)

    def forward(self, k: Tensor) -> Tensor:
        """Return the log density at each duration, (K, C)."""
        mean, shape = self._value("mean"), self._value("shape")
        rate = shape / mean
        return shape * rate.log() - torch.lgamma(shape) + (shape - 1) * k.log() - rate * k

    def fit(self, mean: Tensor, variance: Tensor) -> None:
        """Set mean and shape by moments."""
        self._set("mean", mean)
        self._set("shape", mean.square() / variance.clamp(min=LEAST))


class Uniform(DurationFamily):
    """All durations of the table alike; nothing is learned.

    Examples
    --------
    >>> Uniform(3)(torch.ones(4, 1)).exp()[:, 0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    def __init__(self, labels: int) -> None:
        super().__init__(labels)
        self.labels = labels

    def forward(self, k: Tensor) -> Tensor:
        """Return minus the logarithm of their number, (K, C)."""
        return torch.full((len(k), self.labels), 1 / len(k), dtype=torch.float64, device=k.device).log()


def moments(durations: Sequence[Mapping[int, float]]) -> tuple[Tensor, Tensor]:
    """Return mean and variance of counted durations, (C,) each; NaN where there is none."""
    rows = []
    for counts in durations:
        k = torch.tensor(list(counts), dtype=torch.float64)
        share = torch.tensor(list(counts.values()), dtype=torch.float64)
        share = share / share.sum()
        mean = (share * k).sum() if len(k) else torch.tensor(torch.nan, dtype=torch.float64)
        rows.append(torch.stack([mean, (share * (k - mean).square()).sum() if len(k) else mean]))
    mean, variance = torch.stack(rows).unbind(1)
    return mean, variance
