"""Pieces of baked windows as training samples: those that hold a site, and some that do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from genescribe.data.cursor import epoch_order
from genescribe.data.dataset import ShardDataset
from genescribe.data.runs import IGNORE
from genescribe.data.sample import Sample
from genescribe.genome.alphabet import Codes, N
from genescribe.sites.config import SiteModelConfig
from genescribe.sites.targets import site_targets


@dataclass(frozen=True)
class SiteBatch:
    """B pieces of one length.

    Attributes
    ----------
    codes : (B, context + W) int64
        Their bases, and half the context on both sides.
    targets : (B, W) int64
        Class of each base; `IGNORE` where none is known.
    """

    codes: Tensor
    targets: Tensor


class SitePieces(Dataset[tuple[Codes, NDArray[np.int64]]]):
    """The pieces of the windows of a split.

    Windows overlap; what one counts, its core, is cut into pieces. A piece that holds a site is a sample, and so are
    some without one, chosen by a hash. Pieces of which no base is scored are left out.

    Parameters
    ----------
    windows
        Of one split, labelled by the scheme `gene`.
    config
        Classes of sites, and sizes of the pieces.

    Attributes
    ----------
    genomes : (n,) int64
        The number of each piece's genome, in order of appearance.
    counts : (1 + classes,) int64
        Bases of each class in the pieces.
    """

    def __init__(self, windows: ShardDataset, config: SiteModelConfig) -> None:
        self._windows, self._config = windows, config
        places: dict[bool, list[tuple[int, int, int]]] = {True: [], False: []}
        names: dict[str, int] = {}
        self.counts = np.zeros(1 + len(config.network.classes), dtype=np.int64)
        for number in range(len(windows)):
            sample = windows[number]
            genome = names.setdefault(sample.meta.genome, len(names))
            core, targets = sample.meta.core_slice, self._targets(sample)
            for start in range(core.start, core.stop, config.window):
                part = targets[start : min(start + config.window, core.stop)]
                if (part != IGNORE).any():
                    places[bool((part > 0).any())].append((number, start, genome))
                    self.counts += np.bincount(part[part != IGNORE], minlength=len(self.counts))
        empty = places[False]
        chosen = epoch_order(len(empty), 0, 0)[: round(config.empty * len(places[True]))]
        pieces = np.array([*places[True], *(empty[i] for i in chosen.tolist())], dtype=np.int64).reshape(-1, 3)
        self._places, self.genomes = pieces[:, :2], pieces[:, 2]

    def __len__(self) -> int:
        """Return the number of pieces."""
        return len(self._places)

    def __getitem__(self, number: int) -> tuple[Codes, NDArray[np.int64]]:
        """Return codes, (context + window,), and targets, (window,), of a piece."""
        window, start = self._places[number].tolist()
        sample = self._windows[window]
        size, margin = self._config.window, self._config.network.context // 2
        stop = min(start + size, sample.meta.core_slice.stop)
        targets = np.full(size, IGNORE, dtype=np.int64)
        targets[: stop - start] = self._targets(sample)[start:stop]
        codes = np.full(size + 2 * margin, N, dtype=np.uint8)
        low, high = max(0, start - margin), min(len(sample.codes), start + size + margin)
        codes[low - start + margin : high - start + margin] = sample.codes[low:high]
        return codes, targets

    def _targets(self, sample: Sample) -> NDArray[np.int64]:
        """Return the classes of a window; those of bases whose context was cut off are unknown."""
        config = self._config
        partial = sample.meta.genome in config.partial
        targets = site_targets(sample.runs, config.network.classes, partial=partial)
        margin = config.network.context // 2
        if sample.meta.left_censored:
            targets[:margin] = IGNORE
        if sample.meta.right_censored:
            targets[max(0, len(targets) - margin) :] = IGNORE
        return targets


def collate_sites(pieces: Sequence[tuple[Codes, NDArray[np.int64]]]) -> SiteBatch:
    """Return the batch of some pieces."""
    codes = torch.from_numpy(np.stack([codes for codes, _ in pieces]).astype(np.int64))
    return SiteBatch(codes, torch.from_numpy(np.stack([targets for _, targets in pieces])))
