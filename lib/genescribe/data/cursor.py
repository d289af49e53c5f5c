"""The order of training samples and a position in it, which makes resuming exact.

The order is a function of numbers alone, so there is no state to save but the step: no random generator, no
half-read shard. It does not depend on the number of processes, on workers, or on the library's version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from genescribe.errors import InputError

Order = Callable[[int, int], NDArray[np.int64]]
"""(seed, epoch) -> the numbers of the samples of that epoch, in their order."""


@dataclass(frozen=True)
class Cursor:
    """One process's share of an endless stream of training samples.

    Sample j of the stream is sample ``j % n`` of epoch ``j // n``, n being the number of samples; each epoch has its
    own order. Step s takes samples ``[s * batch, (s + 1) * batch)``, cut into micro-batches of `micro`; process r of
    w takes the micro-batches r, r + w, ... of each step.

    Attributes
    ----------
    seed
        Seed of the order of samples.
    step
        First step to be read.
    batch, micro
        Samples of a step, over all processes; samples of a micro-batch.
    rank, world
        This process, and how many there are.
    workers
        Number of processes that read.
    buckets
        Batches whose samples are sorted by length together; 0: none are. See `bucketed_order`.
    """

    seed: int
    step: int
    batch: int
    micro: int
    rank: int = 0
    world: int = 1
    workers: int = 0
    buckets: int = 0

    def order(self, lengths: NDArray[np.int64]) -> Order | None:
        """Return in which order its buckets take samples of these lengths, (n,); None: it has none."""
        return partial(bucketed_order, lengths, batch=self.batch, buckets=self.buckets) if self.buckets else None

    def slots(self) -> range:
        """Return where this process's micro-batches begin within the batch of a step."""
        return range(self.rank * self.micro, self.batch, self.world * self.micro)


def epoch_order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order of `count` samples in an epoch: a permutation of 0..count-1.

    Samples are sorted by a hash of (seed, epoch, sample): SplitMix64 (Steele, Lea and Flood, 2014, "Fast splittable
    pseudorandom number generators").

    Parameters
    ----------
    count
        Number of samples in the epoch.
    seed
        Seed of training; another gives another order.
    epoch
        Number of the epoch, from 0.
    """
    base = hash64(np.array([seed % 2**64], dtype=np.uint64)) + np.uint64(epoch)
    return np.argsort(hash64(hash64(base) ^ hash64(np.arange(count, dtype=np.uint64))), kind="stable")


def bucketed_order(lengths: NDArray[np.int64], seed: int, epoch: int, batch: int, buckets: int) -> NDArray[np.int64]:
    """Return the order of an epoch in which the samples of a batch are of like length.

    The order of `epoch_order` is cut into pools of `buckets` batches; each is sorted by length and cut into batches,
    and these follow each other by chance. Which samples share a pool, and so how lengths mix, differs by epoch.

    Parameters
    ----------
    lengths : (n,)
        Bases of each sample.
    seed, epoch
        As of `epoch_order`.
    batch
        Samples of a step. Pools begin where steps do, which is not where epochs do unless n is a multiple of it.
    buckets
        Batches whose samples are sorted by length before they are dealt out.
    """
    order = epoch_order(len(lengths), seed, epoch)
    first = -epoch * len(lengths) % batch
    parts = [order[:first]]
    for begin in range(first, len(order), batch * buckets):
        pool = order[begin : begin + batch * buckets]
        pool = pool[np.argsort(-lengths[pool], kind="stable")]
        batches = len(pool) // batch
        # What fills no batch goes last: the next epoch's first samples complete it.
        turns = epoch_order(batches, seed ^ begin, epoch)
        parts += [pool[turn * batch : (turn + 1) * batch] for turn in turns.tolist()] + [pool[batches * batch :]]
    return np.concatenate(parts)


def micro_batches(cursor: Cursor, count: int, order: Order | None = None) -> Iterator[list[int]]:
    """Yield the sample numbers of each of this process's micro-batches, from `cursor` on, without end.

    Parameters
    ----------
    cursor
        Where to begin, and which share is this process's.
    count
        Number of samples of an epoch.
    order
        Of the `count` samples of an epoch; None: `epoch_order`.

    Raises
    ------
    InputError
        There are no samples, fewer micro-batches in a step than processes, or buckets where no order knows of them.
    """
    if count < 1:
        raise InputError("no training samples", where="shards", remedy="give a train split that holds windows")
    if not cursor.slots():
        raise InputError(
            f"a step of {cursor.batch} samples leaves process {cursor.rank} of {cursor.world} without any",
            where="batch_size",
            remedy="use a larger batch, smaller micro-batches or fewer processes",
        )
    if cursor.buckets and order is None:
        raise InputError("samples that are all of one length", where="train.buckets", remedy="leave it at 0")
    orders: dict[int, NDArray[np.int64]] = {}
    step = cursor.step
    while True:
        for slot in cursor.slots():
            first = step * cursor.batch + slot
            last = min(first + cursor.micro, (step + 1) * cursor.batch)
            chosen: list[int] = []
            while first < last:
                epoch, place = divmod(first, count)
                if epoch not in orders:
                    orders = {epoch: order(cursor.seed, epoch) if order else epoch_order(count, cursor.seed, epoch)}
                part = orders[epoch][place : place + last - first]
                chosen.extend(part.tolist())
                first += len(part)
            yield chosen
        step += 1


def hash64(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the SplitMix64 hash of each value; arithmetic modulo 2^64."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
