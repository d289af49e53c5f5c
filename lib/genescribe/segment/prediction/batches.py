"""Strands read by the network: long ones in groups of tiles, whole ones side by side.

On the CPU a few short ones are read side by side, on a GPU as many as a batch has room for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from genescribe.data.batching import to_device
from genescribe.genome.alphabet import N
from genescribe.genome.strand import StrandCodes
from genescribe.predict.interface import Rows
from genescribe.segment.network.model import ChannelScores, SegmentModel

SHORT_AT_ONCE = 1 << 15
"""Bases of short strands in a call on the CPU: enough that calls cost little, few enough for the caches."""


def columns_of(scores: ChannelScores, reads: Tensor | None) -> Tensor:
    """Return the scores of channels and signals side by side, (B, T, anything) float32.

    Parameters
    ----------
    scores
        Of the network.
    reads
        `Expansion.reads`: the signals that are not read become 0, which takes no room on the disk.
    """
    if scores.signals is None:
        return scores.content.float()
    signals = scores.signals if reads is None else scores.signals.masked_fill(~reads, 0)
    return torch.cat([scores.content, signals], dim=-1).float()


@torch.no_grad()
def read_chunk(model: SegmentModel, codes: StrandCodes, start: int, end: int, grain: int) -> Rows:
    """Return the scores of the bases ``[start, end)`` of a strand, group by group; see `SegmentPredictor.read`.

    Parameters
    ----------
    model
        Model on its device, in evaluation mode.
    codes
        Base codes of the whole strand, 5' to 3'.
    start, end
        Bases to read, 0-based and half-open; `start` is a multiple of the grain.
    grain
        Bases of a group.
    """
    device, tile, halo = next(model.parameters()).device, model.config.tile, model.config.halo
    on_gpu, rows = device.type == "cuda", torch.empty(0)
    for first in range(start, end, grain):
        low, last = max(0, first - halo), min(first + grain, len(codes))
        tiles = [(at - low, min(at + tile, last) - low) for at in range(first, last, tile)]
        bases = to_device(np.ascontiguousarray(codes[low : last + halo]), device).long().unsqueeze(0)
        # Up to an edge of the strand, or as many bases as tell what is read.
        known = torch.tensor([bases.shape[1]], device=device)
        reads = model.expansion.reads(bases, known)
        inside = None if reads is None else reads[:, tiles[0][0] : tiles[-1][1]]
        columns = columns_of(model.tiled_scores(bases, tiles), inside)[0]
        if first == start:
            rows = torch.empty(end - start, columns.shape[1], pin_memory=on_gpu)
        # From pinned memory the next group need not wait for the copy of this one.
        rows[first - start : last - start].copy_(columns[: end - first], non_blocking=True)
    if on_gpu:
        torch.cuda.synchronize(device)
    return rows.numpy()


def read_short(
    model: SegmentModel, strands: Sequence[StrandCodes], read: Callable[[StrandCodes, int, int], Rows]
) -> list[Rows]:
    """Return the scores that `read` gives all bases of each strand, to the bit; short ones are read side by side.

    Parameters
    ----------
    model
        Model on the CPU, in evaluation mode.
    strands
        Base codes of whole strands, 5' to 3'.
    read
        `StrandPredictor.read`, for those that are read by themselves.
    """
    scores: list[Rows] = [np.empty((0, 0), dtype=np.float32)] * len(strands)
    side_by_side = model.is_batch_invariant()
    short = [i for i, codes in enumerate(strands) if side_by_side and len(codes) <= model.config.tile]
    for i in set(range(len(strands))).difference(short):
        scores[i] = read(strands[i], 0, len(strands[i]))
    short.sort(key=lambda i: -len(strands[i]))
    while short:
        count = max(1, SHORT_AT_ONCE // max(1, len(strands[short[0]])))
        some, short = short[:count], short[count:]
        for i, rows in zip(some, _read_batch(model, [strands[i] for i in some]), strict=True):
            scores[i] = rows
    return scores


def _read_batch(model: SegmentModel, strands: Sequence[StrandCodes]) -> list[Rows]:
    """Return the scores of whole strands of at most a tile, the longest first, in one call on the CPU."""
    codes = np.full((len(strands), len(strands[0])), N, dtype=np.uint8)
    for row, strand in zip(codes, strands, strict=True):
        row[: len(strand)] = strand[:]
    lengths = torch.tensor([len(strand) for strand in strands])
    bases = torch.from_numpy(codes).long()
    columns = columns_of(model.channel_scores(bases, lengths), model.expansion.reads(bases, lengths))
    return [rows[:length].numpy() for rows, length in zip(columns, lengths.tolist(), strict=True)]


@torch.no_grad()
def read_batches(model: SegmentModel, strands: Sequence[StrandCodes], grain: int) -> list[Rows]:
    """Return the scores of whole strands, in batches of a size for a GPU.

    A batch is as wide as strands of such a length need, and has as many rows as fit into the grain, whether there
    are so many strands or not: the scores of a strand do not depend on the others.

    Parameters
    ----------
    model
        Model on its device, in evaluation mode.
    strands
        Base codes of strands of at most the grain, 5' to 3'.
    grain
        Bases of a batch.
    """
    device, by_width = next(model.parameters()).device, dict[int, list[int]]()
    for number, codes in enumerate(strands):
        by_width.setdefault(width_of(len(codes), model.config.tile), []).append(number)
    scores: dict[int, Tensor] = {}
    for width, numbers in by_width.items():
        most = max(1, grain // width)
        for first in range(0, len(numbers), most):
            members = numbers[first : first + most]
            bases, lengths = np.full((most, width), N, dtype=np.uint8), np.ones(most, dtype=np.int64)
            for row, number in enumerate(members):
                lengths[row] = len(strands[number])
                bases[row, : lengths[row]] = strands[number][0 : len(strands[number])]
            given = to_device(bases, device).long(), to_device(lengths, device)
            columns = columns_of(model.strand_scores(*given), model.expansion.reads(*given))
            # To pinned memory: the next batch need not wait for the copy of this one.
            pinned = torch.empty(columns.shape, pin_memory=device.type == "cuda").copy_(columns, non_blocking=True)
            scores |= {number: pinned[row, : lengths[row]] for row, number in enumerate(members)}
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return [scores[number].numpy() for number in range(len(strands))]


def width_of(length: int, tile: int) -> int:
    """Return the bases of a row for a strand: few widths for all lengths, and little room to spare.

    Parameters
    ----------
    length
        Bases of the strand.
    tile
        Bases of a tile: what is longer than two takes whole tiles.

    Examples
    --------
    >>> [width_of(length, 900) for length in (1, 100, 1_000, 1_030, 3_000)]
    [16, 112, 1024, 1280, 3600]
    """
    step = 1 << max((length - 1).bit_length() - 3, 4)
    width = -(-length // step) * step
    return width if width <= 2 * tile else -(-length // tile) * tile
