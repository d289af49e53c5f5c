"""Pack coding sequences into windows of at most `block_size` tokens; every transition is in exactly one window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.sequences.vocabulary import SEP, to_tokens
from genescribe.data.cursor import hash64
from genescribe.data.packing import best_fit


@dataclass(frozen=True)
class Piece:
    """Part of a coding sequence's tokens: [start, end); its first token is context where `start` > 0."""

    cds: int
    start: int
    end: int

    @property
    def length(self) -> int:
        """Number of tokens."""
        return self.end - self.start


@dataclass(frozen=True)
class Windows:
    """Packed windows, without padding.

    Attributes
    ----------
    tokens : (N,) uint8
        All windows, one after the other.
    windows : (W + 1,) int64
        Where each begins; the last entry is N.
    segments : (S + 1,) int64
        Where each coding sequence, or piece of one, begins, a following `<SEP>` being its own last token.
    cds : (S,) int64
        The coding sequence of each segment.
    offsets : (S,) int64
        The place of a segment's first token among the tokens of its coding sequence.
    pad_only
        Windows asked for that would hold no transition; they are not stored.
    lost
        Transitions that no window holds.
    """

    tokens: NDArray[np.uint8]
    windows: NDArray[np.int64]
    segments: NDArray[np.int64]
    cds: NDArray[np.int64]
    offsets: NDArray[np.int64]
    pad_only: int = 0
    lost: int = 0

    def __len__(self) -> int:
        return len(self.windows) - 1


def pieces(cds: int, length: int, block: int) -> Iterator[Piece]:
    """Yield pieces of a coding sequence of so many tokens, each of at most `block`; neighbours share one token.

    The shared token is the last target of the one and the first context of the other, so that every transition from
    a token to the next lies in exactly one piece.

    Parameters
    ----------
    cds
        Number of the coding sequence.
    length
        Its tokens, start and end token included.
    block
        Most tokens of a piece, at least 2.

    Examples
    --------
    >>> [(p.start, p.end) for p in pieces(0, 10, 4)]
    [(0, 4), (3, 7), (6, 10)]
    """
    start = 0
    while True:
        end = min(start + block, length)
        yield Piece(cds, start, end)
        if end == length:
            return
        start = end - 1


def pack(
    codons: Sequence[NDArray[np.uint8]],
    *,
    block_size: int,
    mode: str = "multi",
    windows_per_seq: int = 0,
    partial: Sequence[str] = (),
    seed: int = 0,
) -> Windows:
    """Pack coding sequences.

    Parameters
    ----------
    codons
        Codon numbers of each.
    block_size
        Most tokens of a window.
    mode
        `multi`: several per window, separated by `<SEP>`, best fit; `single`: one per window.
    windows_per_seq
        `single`: windows of each coding sequence. Fewer than it needs lose transitions, more are pad-only.
    partial
        Of each coding sequence "", "5'", "3'" or both: what is cut has no begin (end) token there. Empty: none is.
    seed
        Of the order of windows.
    """
    token_lists = [
        to_tokens(sequence, begin="5'" not in cut, end="3'" not in cut)
        for sequence, cut in zip(codons, partial or [""] * len(codons), strict=True)
    ]
    cut = [list(pieces(number, len(sequence), block_size)) for number, sequence in enumerate(token_lists)]
    pad_only = lost = 0
    if mode == "single":
        if windows_per_seq:
            pad_only = sum(max(0, windows_per_seq - len(parts)) for parts in cut)
            lost = sum(part.length - 1 for parts in cut for part in parts[windows_per_seq:])
            cut = [parts[:windows_per_seq] for parts in cut]
        bins = [[part] for parts in cut for part in parts]
    else:
        every = [part for parts in cut for part in parts]
        # Between two pieces of a window stands a <SEP>: each piece brings one, and the last has room beyond the window.
        packed = best_fit([part.length + 1 for part in every], block_size + 1)
        bins = [[every[i] for i in members] for members in packed]
    # A lone token holds no transition; that is what is left of a CDS without codons.
    empty = [members for members in bins if all(part.length < 2 for part in members)]
    bins = [members for members in bins if any(part.length > 1 for part in members)]
    order = np.argsort(
        hash64(np.arange(len(bins), dtype=np.uint64) + hash64(np.array([seed], np.uint64))), kind="stable"
    )
    return _store(token_lists, [bins[i] for i in order.tolist()], pad_only + len(empty), lost)


def _store(sequences: list[NDArray[np.uint8]], bins: list[list[Piece]], pad_only: int, lost: int) -> Windows:
    tokens: list[NDArray[np.uint8]] = []
    windows, segments, cds, offsets, place = [0], [0], [], [], 0
    separator = np.array([SEP], dtype=np.uint8)
    for parts in bins:
        for number, part in enumerate(parts):
            tokens.append(sequences[part.cds][part.start : part.end])
            place += part.length
            if number < len(parts) - 1:
                tokens.append(separator)
                place += 1
            segments.append(place)
            cds.append(part.cds)
            offsets.append(part.start)
        windows.append(place)
    flat = np.concatenate(tokens) if tokens else np.zeros(0, dtype=np.uint8)
    places = [np.array(values, dtype=np.int64) for values in (windows, segments, cds, offsets)]
    return Windows(flat, places[0], places[1], places[2], places[3], pad_only, lost)
