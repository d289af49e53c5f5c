"""Classes of sites from the labels of the scheme `gene`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from genescribe.data.runs import IGNORE, Runs
from genescribe.labels.gene_labels import FRAMES, INITIAL, INTERGENIC, KINDS, SINGLE, STOP
from genescribe.labels.grammar import Kind
from genescribe.nn.site_config import SITE_CLASSES

_ACCEPTOR, _DONOR, _START, _STOP = range(1, 1 + len(SITE_CLASSES))
_BEGINNINGS = tuple(exon + frame for exon in (SINGLE, INITIAL) for frame in FRAMES)
_INTRONS = tuple(label for label, kind in enumerate(KINDS) if kind is Kind.INTRON)


def site_targets(runs: Runs, classes: Sequence[str], *, partial: bool) -> NDArray[np.int64]:
    """Return the class of each base of a window, 0 being none; `IGNORE` where it is not known.

    A boundary beside a masked stretch may be one of the mask alone: its base is not scored. Where an exon of one kind
    begins a gene and ends an intron at once, it counts as an acceptor.

    Parameters
    ----------
    runs
        Labels of the scheme `gene`.
    classes
        Members of `SITE_CLASSES` that are scored, in their order.
    partial
        Genes are missing: bases between genes have no known class.

    Examples
    --------
    >>> runs = np.array([[3, 0], [9, 6], [14, 16], [17, 12], [20, 15], [22, 0]], dtype=np.int32)
    >>> targets = site_targets(runs, SITE_CLASSES, partial=False)
    >>> {int(at): SITE_CLASSES[targets[at] - 1] for at in np.flatnonzero(targets)}
    {3: 'start', 8: 'donor', 14: 'acceptor', 17: 'stop'}
    >>> site_targets(runs, ["donor"], partial=True).tolist()
    [-1, -1, -1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1]
    """
    ends, labels = runs[:, 0], runs[:, 1]
    hidden = (labels == IGNORE) | ((labels == INTERGENIC) & partial)
    every = np.repeat(np.where(hidden, IGNORE, 0), np.diff(ends, prepend=0)).astype(np.int64)
    at, before, behind = ends[:-1], labels[:-1], labels[1:]
    begins = np.isin(behind, _BEGINNINGS) & ~np.isin(before, _BEGINNINGS)
    into, out_of = np.isin(behind, _INTRONS), np.isin(before, _INTRONS)
    # Later lines win.
    every[at[begins]] = _START
    every[at[(behind == STOP) & (before != STOP)]] = _STOP
    every[at[into & ~out_of] - 1] = _DONOR
    every[at[out_of & ~into]] = _ACCEPTOR
    doubtful = (before == IGNORE) | (behind == IGNORE)
    every[at[doubtful]] = IGNORE
    every[at[doubtful] - 1] = IGNORE
    number = np.zeros(len(SITE_CLASSES) + 2, dtype=np.int64)  # Its last entry serves IGNORE, -1.
    number[-1] = IGNORE
    for place, name in enumerate(classes, 1):
        number[1 + SITE_CLASSES.index(name)] = place
    return number[every]
