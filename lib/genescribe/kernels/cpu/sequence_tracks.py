"""Tracks of reading frames, counted evidence and scores of labels along sequences, in native code for the CPU.

The plain PyTorch that these are equal to is in `genescribe.segment`, in `features`, `evidence` and `gene_scores`, which
call this where it can be called; what the numbers mean stands there.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genescribe.kernels import native_library

COLUMNS = ("bases", "softmask", "orf", "stops", "starts")
"""Tracks that `reading_frames` knows."""
_INT, _POINTER = ctypes.c_int64, ctypes.c_void_p


class _Tracks(ctypes.Structure):
    _fields_ = [
        *((name, _INT) for name in ("length", "width", "cap")),
        ("codes", _POINTER),
        *((f"{name}_column", _INT) for name in COLUMNS),
        *((name, _POINTER) for name in ("stops", "antisense_stops", "starts", "scaled", "base_values", "output")),
    ]


class _Evidence(ctypes.Structure):
    _fields_ = [
        *(
            (name, _INT)
            for name in ("length", "total", "order", "channels", "codon", "intron", "window", "cap", "sites")
        ),
        *((name, _INT) for name in ("branch_width", "branch_reach", "ranks", "width")),
        ("scale", ctypes.c_float),
        *((name, _POINTER) for name in ("codes", "stops", "starts", "content", "site_left", "site_right", "site")),
        *((name, _POINTER) for name in ("motif", "distance", "rank")),
        *((name, _POINTER) for name in ("found_content", "found_signals", "found_tracks")),
    ]


WORDS = ("start", "stop", "stop_inside", "donor", "acceptor")
LABEL_COLUMNS = ("content_column", "begin_column", "end_column")


class _Expansion(ctypes.Structure):
    _fields_ = [
        *((name, _INT) for name in ("length", "channels", "signals", "labels", "codon", "offset")),
        *((name, _POINTER) for name in ("codes", "content", "scores", *WORDS, *LABEL_COLUMNS)),
        *((name, _POINTER) for name in ("found_content", "found_begin", "found_end")),
    ]


@dataclass(frozen=True)
class EvidenceSizes:
    """Sizes of counted evidence: bases before a base, columns of coding and intron content, and the rest as there."""

    order: int
    codon: int
    intron: int
    window: int
    cap: int
    scale: float
    sites: Mapping[str, tuple[int, int]]


def takes(codes: Tensor) -> bool:
    """Whether the native code is there and the codes lie on the CPU."""
    return codes.device.type == "cpu" and native_library.library() is not None


def reading_frames(
    codes: Tensor,
    lengths: Tensor,
    columns: Mapping[str, int],
    tables: Mapping[str, Tensor],
    cap: int,
    scaled: Tensor,
    width: int,
) -> Tensor:
    """Return tracks, (B, T, width) float32, zero past a length.

    Parameters
    ----------
    codes : (B, T) integer
        Base codes, softmasked or not.
    lengths : (B,)
        Bases of each sequence, at most T.
    columns
        First column of each track of `COLUMNS` that is wanted.
    tables
        `stops`, `antisense_stops`, `starts`, (65,) bool; `base_values`, (5, 4).
    cap
        Codons to each side that are looked at.
    scaled : (2 cap + 1,)
        Track value of each count of codons.
    width
        Number of columns of the result.
    """
    tracks = torch.zeros(*codes.shape, width)
    arrays = {name: _bytes(tables[name]) for name in ("stops", "antisense_stops", "starts")}
    arrays |= {"base_values": tables["base_values"].float().contiguous(), "scaled": scaled.float().contiguous()}
    letters = _bytes(codes)
    for b, length in enumerate(lengths.tolist()):
        call = _Tracks(
            length=length,
            width=width,
            cap=cap,
            codes=letters[b].data_ptr(),
            **{f"{name}_column": columns.get(name, -1) for name in COLUMNS},
            **{name: table.data_ptr() for name, table in arrays.items()},
            output=tracks[b].data_ptr(),
        )
        _call("genescribe_tracks", call)
    return tracks


def counted(
    codes: Tensor, lengths: Tensor, tables: Mapping[str, Tensor], sizes: EvidenceSizes, width: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return counted content, signals and tracks, (B, T, ...) float32, zero past a length.

    Parameters
    ----------
    codes, lengths
        As for `reading_frames`.
    tables
        `content`, `motif`, `distance`, `rank`, `stops`, `starts`, and one of each of the sites.
    sizes
        Sizes that the shapes of the tables do not give.
    width
        Columns of the tracks.
    """
    B, T = codes.shape
    names = list(sizes.sites)
    arrays = {name: tables[name].float().contiguous() for name in ("content", "motif", "distance", "rank", *names)}
    flags = {name: _bytes(tables[name]) for name in ("stops", "starts")}
    results = [torch.zeros(B, T, size) for size in (arrays["content"].shape[1], len(names) + 2, width)]
    letters = _bytes(codes)
    left, right = (_int_array([sizes.sites[name][side] for name in names]) for side in (0, 1))
    sites = (_POINTER * len(names))(*(arrays[name].data_ptr() for name in names))
    for b, length in enumerate(lengths.tolist()):
        call = _Evidence(
            length=length,
            total=T,
            order=sizes.order,
            channels=arrays["content"].shape[1],
            codon=sizes.codon,
            intron=sizes.intron,
            window=sizes.window,
            cap=sizes.cap,
            sites=len(names),
            branch_width=arrays["motif"].shape[-1],
            branch_reach=arrays["distance"].shape[-1],
            ranks=len(arrays["rank"]),
            width=width,
            scale=sizes.scale,
            codes=letters[b].data_ptr(),
            **{name: table.data_ptr() for name, table in flags.items()},
            **{name: arrays[name].data_ptr() for name in ("content", "motif", "distance", "rank")},
            site_left=ctypes.addressof(left),
            site_right=ctypes.addressof(right),
            site=ctypes.addressof(sites),
            found_content=results[0][b].data_ptr(),
            found_signals=results[1][b].data_ptr(),
            found_tracks=results[2][b].data_ptr(),
        )
        _call("genescribe_evidence", call)
    return results[0], results[1], results[2]


def gene_scores(
    content: Tensor,
    signals: Tensor | None,
    codes: Tensor,
    offsets: Sequence[int],
    tables: Mapping[str, Tensor],
    codon: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return content, begin and end scores of the labels, (B, T, C) float64 each, as the CRF's kernels read them.

    Parameters
    ----------
    content, signals
        Scores of channels and of the signals start, donor, acceptor, stop, and where there are more, those of donors
        and acceptors by the phase of the intron; no signals: zeros.
    codes
        Bases; all T of each sequence.
    offsets
        Position of each first base in its chain.
    tables
        Flags of words, `WORDS`, and of each label the columns that it takes, `LABEL_COLUMNS`.
    codon
        Channel of a codon's first base.
    """
    B, T, channels = content.shape
    content, letters = content.contiguous(), _bytes(codes)
    scores = None if signals is None else signals.contiguous()
    arrays = {name: _bytes(tables[name]) for name in WORDS}
    arrays |= {name: tables[name].to(torch.int64).contiguous() for name in LABEL_COLUMNS}
    # float64, since the sums over a chromosome are taken of them.
    labels = len(arrays["content_column"])
    results = [torch.empty(B, T, labels, dtype=torch.float64) for _ in range(3)]
    for b in range(B):
        call = _Expansion(
            length=T,
            channels=channels,
            signals=0 if scores is None else scores.shape[2],
            labels=labels,
            codon=codon,
            offset=offsets[b],
            codes=letters[b].data_ptr(),
            content=content[b].data_ptr(),
            scores=None if scores is None else scores[b].data_ptr(),
            **{name: table.data_ptr() for name, table in arrays.items()},
            found_content=results[0][b].data_ptr(),
            found_begin=results[1][b].data_ptr(),
            found_end=results[2][b].data_ptr(),
        )
        _call("genescribe_gene_expansion", call)
    return results[0], results[1], results[2]


def _bytes(x: Tensor) -> Tensor:
    return x.contiguous().view(torch.uint8) if x.dtype == torch.bool else x.to(torch.uint8).contiguous()


def _int_array(values: Sequence[int]) -> ctypes.Array[ctypes.c_int64]:
    return (_INT * len(values))(*values)


def _call(name: str, call: ctypes.Structure) -> None:
    library = native_library.library()
    assert library is not None, "`takes` was not asked"
    native_library.check(getattr(library, name)(ctypes.byref(call)))
