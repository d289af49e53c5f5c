"""Bases as small integers: A, C, G, T, N = 0..4, plus 8 where the letter is lower-case (softmasked)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]

BASES = "ACGTN"
N = 4
SOFTMASK = 8
"""Bit set on a code whose letter was lower-case."""
GAP = 13
"""Least bases of a run of N that is taken for a gap of the assembly; up to four codons may be N within an exon."""

_ENCODE = np.full(256, N, dtype=np.uint8)
_ENCODE[ord("a") : ord("z") + 1] = N | SOFTMASK
for _code, _base in enumerate(BASES):
    _ENCODE[ord(_base)] = _code
    _ENCODE[ord(_base.lower())] = _code | SOFTMASK
_ENCODE[ord("U")], _ENCODE[ord("u")] = 3, 3 | SOFTMASK

_DECODE = np.full(16, ord("N"), dtype=np.uint8)
_COMPLEMENT = np.full(16, N, dtype=np.uint8)
for _code, _base in enumerate(BASES):
    _DECODE[_code], _DECODE[_code | SOFTMASK] = ord(_base), ord(_base.lower())
    _complement = _code if _code == N else 3 - _code
    _COMPLEMENT[_code], _COMPLEMENT[_code | SOFTMASK] = _complement, _complement | SOFTMASK


def encode(sequence: str | bytes) -> Codes:
    """Return the codes of a sequence; letters that are no base (IUPAC ambiguity) become N.

    Examples
    --------
    >>> encode("ACgRn").tolist()
    [0, 1, 10, 4, 12]
    """
    raw = sequence.encode("ascii") if isinstance(sequence, str) else sequence
    return _ENCODE[np.frombuffer(raw, dtype=np.uint8)]


def decode(codes: Codes) -> str:
    """Return the letters of `codes`, lower-case where softmasked."""
    return _DECODE[codes].tobytes().decode("ascii")


def reverse_complement(codes: Codes) -> Codes:
    """Return the other strand, 5' to 3'; softmasking stays with its base.

    Examples
    --------
    >>> decode(reverse_complement(encode("AACgN")))
    'NcGTT'
    """
    return _COMPLEMENT[codes[::-1]]


def unmasked(codes: Codes) -> Codes:
    """Return the codes 0..4 without the softmask bit."""
    return codes & np.uint8(SOFTMASK - 1)


def gaps(codes: Codes) -> list[tuple[int, int]]:
    """Return the gaps, runs of `GAP` or more N, ascending.

    Examples
    --------
    >>> gaps(encode("AC" + "N" * 20 + "nNG" + "N" * 12))
    [(2, 24)]
    """
    unknown = unmasked(codes) == N
    if not unknown.any():
        return []
    bounds = np.flatnonzero(np.diff(np.concatenate([[False], unknown, [False]]).astype(np.int8)))
    return [(low, high) for low, high in bounds.reshape(-1, 2).tolist() if high - low >= GAP]
