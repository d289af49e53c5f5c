"""Bases as small integers: A, C, G, T, N = 0..4, plus 8 for lower-case letters (softmasked)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from genescribe.genome.strand import StrandCodes

Codes = NDArray[np.uint8]

BASES = "ACGTN"
N = 4
SOFTMASK = 8
"""Bit set on a code whose letter was lower-case."""
GAP = 13
"""Least bases of a run of N that is taken for a gap of the assembly; up to four codons may be N within an exon."""
LONG_GAP = 1_001
"""Least bases of a gap that no gene runs over: shorter ones are ordinary between the contigs of a scaffold."""

_BLOCK = 1 << 22

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


def encode(sequence: str | bytes | bytearray, without: bytes = b"") -> Codes:
    r"""Return the codes of a sequence; letters that are no base (IUPAC ambiguity) become N.

    `without`: bytes that are left out, such as those that end lines.

    Examples
    --------
    >>> encode("ACgRn").tolist(), encode("AC\nG", b"\n").tolist()
    ([0, 1, 10, 4, 12], [0, 1, 2])
    """
    raw = sequence.encode("ascii") if isinstance(sequence, str) else sequence
    # One pass of C code; of a bytearray the result is one too, and the array can be written to.
    return np.frombuffer(bytearray(raw).translate(_ENCODE.tobytes(), without), dtype=np.uint8)


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


def gaps(codes: StrandCodes, shortest: int = GAP) -> list[tuple[int, int]]:
    """Return the gaps, runs of `shortest` or more N, ascending.

    Examples
    --------
    >>> gaps(encode("AC" + "N" * 20 + "nNG" + "N" * 12))
    [(2, 24)]
    """
    edges: list[int] = []
    inside = np.False_
    # Block by block, since temporary arrays of a whole chromosome take much memory.
    for start in range(0, len(codes), _BLOCK):
        unknown = unmasked(codes[start : start + _BLOCK]) == N
        if not inside and not unknown.any():
            continue
        edges += (np.flatnonzero(np.diff(unknown, prepend=inside)) + start).tolist()
        inside = unknown[-1]
    edges += [len(codes)] if inside else []
    return [(low, high) for low, high in zip(edges[::2], edges[1::2], strict=True) if high - low >= shortest]
