"""Signals at boundaries: position weight matrices, and a branch point at a variable distance.

A signal replaces the content of the bases it covers, so its score is a log ratio: what the matrix says of the bases
minus what their segments would say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genescribe.config import option
from genescribe.errors import InputError
from genescribe.genome.alphabet import Codes

Floats = NDArray[np.float64]
Matrix = tuple[tuple[float, float, float, float], ...]
"""Rows of the probabilities of A, C, G, T, one a position."""
_PSEUDOCOUNT = 0.5


@dataclass(frozen=True)
class Branch:
    """The branch point, a signal of the intron some bases before its end.

    Attributes
    ----------
    matrix
        Probabilities of A, C, G, T at each position.
    nearest
        Smallest distance from the signal's first base to the intron's end, in bases.
    distances
        Frequency of the distances nearest, nearest + 1, ...
    """

    matrix: Matrix = option(doc="probabilities of A, C, G, T at each position of the branch signal")
    nearest: int = option(doc="smallest distance from the signal's first base to the intron's end", minimum=1)
    distances: tuple[float, ...] = option(doc="frequencies of the distances nearest, nearest + 1, ...")

    def __post_init__(self) -> None:
        check_matrix(self.matrix, "branch")
        if not self.distances or min(self.distances) < 0 or sum(self.distances) <= 0:
            raise InputError("wrong distances", where="branch", remedy="give frequencies, some above 0")

    @property
    def farthest(self) -> int:
        """Largest distance from the signal's first base to the intron's end."""
        return self.nearest + len(self.distances) - 1

    def scores(self, codes: Codes, content: Floats) -> Floats:
        """Return, for an intron whose last base is t, the log ratio of having its branch point somewhere, (T,).

        The sum over the distances is taken, so that a decoder need not know where the branch point is.
        """
        ratio = matrix_scores(codes, self.matrix, 0) - window_sums(content, len(self.matrix), 0)
        total = np.full(len(codes), -np.inf)
        for step, share in enumerate(normalised(self.distances)):
            if share > 0:
                total = np.logaddexp(total, np.log(share) + shifted(ratio, 1 - self.nearest - step))
        return total


def check_matrix(matrix: Matrix, name: str) -> None:
    """Raise `InputError` where a row is no distribution."""
    rows = np.array(matrix)
    if rows.ndim != 2 or rows.size == 0 or rows.min() < 0 or np.abs(rows.sum(axis=1) - 1).max() > 0.01:
        raise InputError("rows are no distributions", where=f"matrix {name}", remedy="let each row sum to 1")


def normalised(values: Matrix | tuple[float, ...]) -> Floats:
    """Return the values as an array whose last axis sums to 1."""
    array = np.array(values)
    return np.asarray(array / array.sum(axis=-1, keepdims=True))


def sharpened(matrix: Matrix, power: float) -> Matrix:
    """Return the matrix whose rows are the given ones to a power: above 1 the signal is stronger."""
    rows = normalised(matrix) ** power
    return tuple(tuple(float(x) for x in row) for row in rows / rows.sum(axis=1, keepdims=True))  # type: ignore[misc]


def matrix_scores(codes: Codes, matrix: Matrix, offset: int) -> Floats:
    """Return the log-probability of the bases t + offset, t + offset + 1, ... under the matrix, for every t, (T,).

    It is -inf where they reach outside the sequence or one of them is N or masked.

    Parameters
    ----------
    codes : (T,) uint8
        Base codes.
    matrix
        Probabilities of the four bases at each position.
    offset
        Place of the matrix's first position relative to t.
    """
    with np.errstate(divide="ignore"):
        table = np.concatenate([np.log(normalised(matrix)), np.full((len(matrix), 1), -np.inf)], axis=1)
    base = np.minimum(codes, 4)
    return sum(shifted(row[base], offset + i) for i, row in enumerate(table))  # type: ignore[return-value]


def window_sums(values: Floats, width: int, offset: int) -> Floats:
    """Return the sum of `values` at t + offset, ..., t + offset + width - 1 for every t, (T,); 0 stands outside.

    Parameters
    ----------
    values : (T,)
        Values to sum.
    width
        Number of values per sum.
    offset
        Place of the first value relative to t.
    """
    return sum(shifted(values, offset + i, 0.0) for i in range(width))  # type: ignore[return-value]


def shifted(values: Floats, offset: int, outside: float = -np.inf) -> Floats:
    """Return `values` read at t + offset for every t, `outside` beyond the ends.

    Parameters
    ----------
    values : (T,)
        Values to read.
    offset
        Place to read, relative to t.
    outside
        Value beyond the ends.

    Examples
    --------
    >>> shifted(np.array([1.0, 2.0, 3.0]), 1, 0.0).tolist()
    [2.0, 3.0, 0.0]
    """
    result = np.full(len(values), outside)
    n = len(values)
    low, high = max(0, -offset), min(n, n - offset)
    if low < high:
        result[low:high] = values[low + offset : high + offset]
    return result


def draw_matrix(matrix: Matrix, size: int, rng: np.random.Generator) -> Codes:
    """Draw `size` words from the matrix, (size, positions).

    Parameters
    ----------
    matrix
        Probabilities of the four bases at each position.
    size
        Number of words to draw.
    rng
        Random generator.
    """
    cumulative = normalised(matrix).cumsum(axis=1)[:, :3]
    uniform = rng.random((size, len(matrix)))
    return np.asarray((uniform[..., None] >= cumulative).sum(axis=2), dtype=np.uint8)


def fit_matrix(words: Codes) -> Matrix:
    """Count the bases of aligned words, (n, positions); rows with N or masked bases are left out."""
    complete = words[(words < 4).all(axis=1)]
    counts = np.stack([np.bincount(column, minlength=4) for column in complete.T]) + _PSEUDOCOUNT
    return tuple(tuple(round(float(x), 4) for x in row) for row in counts / counts.sum(axis=1, keepdims=True))  # type: ignore[misc]
