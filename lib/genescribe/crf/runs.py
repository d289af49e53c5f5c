"""Runs of labels, as stored in shards, and the segments of a chain.

The two differ in labels that last one base only (the linear CRF): a run of five bases is five segments there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from genescribe.crf.score import Segments
from genescribe.data.runs import IGNORE, Runs
from genescribe.errors import InputError
from genescribe.kernels.semicrf.potentials import Segmentation

Labelling = Runs | Segmentation
"""Runs (end, label) of one chain as an (n, 2) array, or as a `Segmentation`; label `IGNORE` where nothing is known."""


def as_segmentation(runs: Labelling, length: int, labels: int, *, chain: int = 0) -> Segmentation:
    """Return the runs as a `Segmentation`, checked.

    Parameters
    ----------
    runs
        Runs in any of the accepted forms.
    length
        Bases of the chain.
    labels
        Number of labels, C.
    chain
        Number of the chain, for messages.

    Raises
    ------
    InputError
        Runs that are empty, do not cover the chain, or have an unknown label.
    """
    if isinstance(runs, Segmentation):
        ends, names = runs.ends.cpu().long(), runs.labels.cpu().long()
    else:
        array = np.asarray(runs)
        if array.shape == (0,):
            array = array.reshape(0, 2).astype(np.int64)
        if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
            raise InputError(
                f"{array.dtype} of shape {array.shape}",
                where=f"runs of chain {chain}",
                remedy="give (end, label) pairs of integers; labels per base go to crf(emissions, labels, lengths)",
            )
        ends, names = torch.from_numpy(array.astype(np.int64)).unbind(1)
    covered = int(ends[-1]) if len(ends) else 0
    problem = None
    if covered != length:
        problem = f"the runs end at {covered}, the chain at {length}"
    elif bool((ends.diff(prepend=ends.new_zeros(1)) <= 0).any()):
        problem = "a run is empty or the runs are out of order"
    elif int(names.min()) < IGNORE or int(names.max()) >= labels:
        problem = f"a label outside 0..{labels - 1} (and {IGNORE} for ignored)"
    if problem is not None:
        raise InputError(problem, where=f"runs of chain {chain}", remedy="give the runs that cover the chain")
    return Segmentation(ends, names)


def batch_runs(runs: Sequence[Labelling], lengths: Tensor, labels: int) -> Segments:
    """Return the checked runs of a batch as padded tensors on the device of `lengths`.

    Parameters
    ----------
    runs
        Labels of each chain as runs, (k, 2): last base + 1, label.
    lengths : (B,) int64
        Bases of each chain.
    labels
        Number of labels, C.
    """
    if len(runs) != len(lengths):
        raise InputError(f"{len(runs)} chains of runs", where="runs", remedy=f"give {len(lengths)}, one per chain")
    pairs = enumerate(zip(runs, lengths.tolist(), strict=True))
    return Segments.of([as_segmentation(r, n, labels, chain=i) for i, (r, n) in pairs], lengths.device)


def lengths_of(emissions: Tensor, lengths: Tensor | None, mask: Tensor | None) -> Tensor:
    """Return the lengths of chains, (B,) int64, that are given as such, by a mask (B, T), or not at all: T.

    Parameters
    ----------
    emissions : (B, T, C)
        Scores, for their shape and device.
    lengths : (B,) or None
        Bases of each chain.
    mask : (B, T) bool or None
        True for the bases of each chain, from its first on.

    Raises
    ------
    InputError
        Both are given, or a mask that is not of the first bases of each chain.
    """
    B, T = emissions.shape[:2]
    if mask is None:
        return torch.full((B,), T, device=emissions.device) if lengths is None else lengths
    if lengths is not None:
        raise InputError("given together with lengths", where="mask", remedy="give one of the two")
    if mask.shape != (B, T):
        raise InputError(f"shape {tuple(mask.shape)}", where="mask", remedy=f"give {(B, T)}")
    lengths = mask.bool().sum(1)
    if not torch.equal(mask.bool(), torch.arange(T, device=mask.device) < lengths.unsqueeze(1)):
        raise InputError(
            "bases are missing before others", where="mask", remedy="pad chains at their end; label -1 is not known"
        )
    return lengths


def runs_of_labels(labels: Tensor, lengths: Tensor, shape: tuple[int, ...]) -> list[Segmentation]:
    """Return the runs of per-base labels, (B, T); adjacent bases with one label are one run.

    Parameters
    ----------
    labels : (B, T)
        Label of each base; `IGNORE` where it is not known.
    lengths : (B,) int64
        Bases of each chain.
    shape
        Expected shape of `labels`, (B, T).

    Raises
    ------
    InputError
        Labels of another shape than (B, T), no whole numbers, or a chain of which no label is known.
    """
    if labels.shape != shape or labels.is_floating_point():
        raise InputError(
            f"{labels.dtype} of shape {tuple(labels.shape)}".removeprefix("torch."),
            where="labels",
            remedy=f"give one whole number per base, {tuple(shape)}; runs of (end, label) go to crf.loss",
        )
    paths = []
    for chain, (row, n) in enumerate(zip(labels.cpu().long(), lengths.tolist(), strict=True)):
        bases = row[:n]
        if bool((bases == IGNORE).all()):
            raise InputError("no label is known", where=f"labels of chain {chain}", remedy="leave the chain out")
        names, counts = torch.unique_consecutive(bases, return_counts=True)
        paths.append(Segmentation(counts.cumsum(0), names))
    return paths


def split_single_bases(runs: Segments, single: Tensor | None) -> Segments:
    """Return the segments of known runs: those of labels in `single`, (C,) bool, become single bases."""
    if single is None or not bool(single.any()):
        return runs
    durations = runs.ends - runs.starts
    alone = single[runs.labels.clamp(min=0)] & runs.real
    pieces = torch.where(alone, durations, 1) * runs.real
    split = []
    for i in range(len(runs.counts)):
        steps = torch.where(alone[i], 1, durations[i]).repeat_interleave(pieces[i])
        split.append(Segmentation(steps.cumsum(0), runs.labels[i].repeat_interleave(pieces[i])))
    return Segments.of(split, runs.ends.device)


def merge_single_bases(path: Segmentation, single: Tensor) -> Segmentation:
    """Return the runs of a path: neighbours of one label are joined where the label is in `single`, (C,) bool."""
    labels = path.labels
    if len(labels) < 2:
        return path
    joined = (labels[1:] == labels[:-1]) & single.to(labels.device)[labels[1:]]
    kept = torch.cat([~joined, joined.new_ones(1)])
    return replace(path, ends=path.ends[kept], labels=labels[kept])
