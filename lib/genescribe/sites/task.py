"""Training a site network: pieces of baked windows, cross-entropy of a base, and a validation by ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from genescribe.config import to_mapping
from genescribe.data.balance import GenomeDraw
from genescribe.data.cursor import Cursor, micro_batches
from genescribe.data.dataset import ShardDataset
from genescribe.data.runs import IGNORE
from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.genome.alphabet import SOFTMASK, N
from genescribe.labels.gene import GeneScheme
from genescribe.labels.schemes import SCHEMES
from genescribe.nn.site_config import NONE
from genescribe.nn.site_network import SiteNetwork
from genescribe.sites.config import SiteModelConfig
from genescribe.sites.model_folder import FAMILY, save_sites
from genescribe.sites.samples import SiteBatch, SitePieces, collate_sites
from genescribe.train.task import Counts, Loss, Task

VALIDATION_SAMPLES = 1000
"""Most samples that validation reads, spread over all."""
KEPT = 3
"""Bases on both sides of a site that are never replaced: those that all such sites share."""
BINS, LOWEST, STEP = 600, -20.0, 0.05
"""Validation sorts bases by their log odds into so many bins, from the lowest on, in nats."""


class SiteTask(Task):
    """A site network at work on shards.

    Parameters
    ----------
    config
        The network, and what it learns from.
    folders
        Folders baked with the scheme `gene`, one per batch of sequences.

    Raises
    ------
    InputError
        Shards of another label scheme, or a partial genome that is not among them.
    """

    name = FAMILY
    best = "top_k"
    no_decay = ()
    remedy = "lower train.lr, or set train.clip"

    def __init__(self, config: SiteModelConfig, folders: Sequence[str | Path]) -> None:
        self.config = config
        scheme = str(read_json(Path(folders[0]) / "stats.json")["scheme"])
        if not isinstance(SCHEMES.get(scheme), GeneScheme):
            raise InputError(f"shards of the label scheme {scheme!r}", where=folders[0], remedy="bake them with 'gene'")
        genomes = {str(read_json(Path(folder) / "bake.json")["job"]["genome"]) for folder in folders}
        for name in config.partial:
            if name not in genomes:
                raise InputError(
                    f"no genome {name!r} in the data", where="model.partial", remedy=f"there are {', '.join(genomes)}"
                )
        self._windows = ShardDataset(folders, "train")
        self.training = SitePieces(self._windows, config)
        self.validation = SitePieces(ShardDataset(folders, "validation"), config)
        ones = np.ones(len(self.training), dtype=np.int64)
        self._draw = GenomeDraw(self.training.genomes, ones, config.balance)
        self.metrics = ("nll", "top_k", *(f"top_k_{name}" for name in config.network.classes))

    def fingerprint(self) -> Mapping[str, Any]:
        """Return the model's options and digests of the shards."""
        data = {"train": self._windows.digest(), "samples": len(self.training)}
        options = to_mapping(self.config)
        if not self.config.mutated:
            del options["mutated"]  # Older runs did not know it, and resume.
        return {"model": options, "data": data}

    def build(self) -> nn.Module:
        """Return a network with fresh weights whose first scores are the classes' shares of the bases."""
        network = SiteNetwork(self.config.network)
        shares = (self.training.counts + 1) / (self.training.counts + 1).sum()
        assert network.head.bias is not None
        network.head.bias.data.copy_(torch.from_numpy(shares).log())
        return network

    def samples(self) -> int:
        """Return the number of training samples of an epoch."""
        return len(self._draw)

    def batches(self, cursor: Cursor) -> Iterator[SiteBatch]:
        """Yield training batches."""
        numbers = micro_batches(cursor, len(self._draw), self._draw.order)
        yield from _loaded(self.training, numbers, cursor.workers)

    def validation_batches(self, rank: int, world: int, size: int, workers: int) -> Iterator[SiteBatch]:
        """Yield validation batches; see `Task.validation_batches`."""
        count = min(len(self.validation), VALIDATION_SAMPLES)
        chosen = np.unique(np.linspace(0, max(0, len(self.validation) - 1), count).astype(np.int64)).tolist()
        groups = [chosen[i : i + size] for i in range(0, len(chosen), size)]
        yield from _loaded(self.validation, groups[rank::world], workers)

    def to_device(self, batch: SiteBatch, device: torch.device) -> SiteBatch:
        """Return the batch on a device."""
        return SiteBatch(batch.codes.to(device, non_blocking=True), batch.targets.to(device, non_blocking=True))

    def loss(self, model: nn.Module, batch: SiteBatch) -> Loss:
        """Return the cross-entropy, summed over the bases whose class is known."""
        codes = mutated(batch, self.config.mutated) if self.config.mutated else batch.codes
        return Loss(_cross_entropy(model(codes), batch.targets), (batch.targets != IGNORE).sum())

    def validate(self, model: nn.Module, batch: SiteBatch) -> Counts:
        """Return the sums of one batch: cross-entropy, and bases of each class and of none by their log odds."""
        logits = model(batch.codes)
        known = batch.targets != IGNORE
        odds = (logits[..., 1:] - logits[..., :1])[known]
        place = ((odds - LOWEST) / STEP).long().clamp(0, BINS - 1)
        sums: Counts = {"nll": torch.stack([_cross_entropy(logits, batch.targets), known.sum()]).double()}
        for number, name in enumerate(self.config.network.classes):
            site = batch.targets[known] == number + 1
            counts = [torch.bincount(place[part, number], minlength=BINS) for part in (site, ~site)]
            sums[name] = torch.stack(counts).double()
        return sums

    def summarise(self, counts: Counts) -> dict[str, float]:
        """Return nats per base, and the share of sites among as many best bases, by class and in the mean.

        This is the top-k accuracy of Jaganathan et al. 2019.
        """
        nll, bases = counts["nll"].tolist()
        shares = {f"top_k_{name}": top_share(counts[name]) for name in self.config.network.classes}
        return {"nll": nll / max(bases, 1.0), "top_k": float(np.mean(list(shares.values()))), **shares}

    def diagnose(self, model: nn.Module, batch: SiteBatch) -> list[str]:
        """Return lines about the data and the network."""
        size = sum(parameter.numel() for parameter in model.parameters())
        pairs = zip((NONE, *self.config.network.classes), self.training.counts.tolist(), strict=True)
        return [
            f"{size:,} parameters; {len(self.training):,} training and {len(self.validation):,} validation samples",
            "bases of training: " + ", ".join(f"{name} {count:,}" for name, count in pairs),
        ]

    def compile(self, model: nn.Module) -> None:
        """Compile the network."""
        model.compile()

    def save(self, model: nn.Module, directory: Path) -> None:
        """Write the network."""
        assert isinstance(model, SiteNetwork)
        save_sites(model, self.config, directory)


def top_share(counts: Tensor) -> float:
    """Return the share of sites among as many bases of the best scores; of bases of one bin, the same share counts.

    Parameters
    ----------
    counts : (2, bins)
        Sites, and other bases, by rising score.

    Examples
    --------
    >>> top_share(torch.tensor([[1.0, 0.0, 1.0], [5.0, 1.0, 0.0]]))
    0.5
    """
    sites, others = counts.flip(1).double()
    wanted = float(sites.sum())
    if not wanted:
        return 0.0
    before = (sites + others).cumsum(0) - (sites + others)
    share = ((wanted - before) / (sites + others).clamp(min=1)).clamp(0, 1)
    return float((share * sites).sum()) / wanted


def mutated(batch: SiteBatch, share: float) -> Tensor:
    """Return the bases of a batch with some replaced by random ones, none of them within `KEPT` bases of a site.

    Parameters
    ----------
    batch
        Batch of B pieces.
    share
        Of the bases that are drawn anew, a quarter of them as they were.

    Returns
    -------
    (B, context + W) int64
    """
    margin = (batch.codes.shape[1] - batch.targets.shape[1]) // 2
    sites = nn.functional.pad((batch.targets > 0).float(), (margin, margin))
    near = nn.functional.max_pool1d(sites, 2 * KEPT + 1, stride=1, padding=KEPT) > 0
    drawn = (torch.rand(batch.codes.shape, device=batch.codes.device) < share) & ((batch.codes & (SOFTMASK - 1)) < N)
    return torch.where(drawn & ~near, torch.randint_like(batch.codes, N), batch.codes)


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    flat = logits.float().flatten(0, 1)
    return nn.functional.cross_entropy(flat, targets.flatten(), ignore_index=IGNORE, reduction="sum")


def _loaded(pieces: SitePieces, groups: Any, workers: int) -> Iterator[SiteBatch]:
    # A generator of its own: DataLoader draws a seed when it starts, and would move the global random state.
    loader = DataLoader(
        pieces, batch_sampler=groups, collate_fn=collate_sites, num_workers=workers, generator=torch.Generator()
    )
    yield from cast(Iterator[SiteBatch], loader)
