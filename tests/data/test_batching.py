"""The order of samples and the batches made of them: equal for any number of processes, exact on resume."""

from __future__ import annotations

import pickle
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.test_shards import make_samples, write

from genescribe.data.balance import GenomeDraw
from genescribe.data.batching import Batch, collate, ordered_batches, pack, training_batches
from genescribe.data.cursor import Cursor, bucketed_order, epoch_order, micro_batches
from genescribe.data.dataset import ShardDataset
from genescribe.data.runs import IGNORE
from genescribe.errors import InputError
from genescribe.genome.alphabet import N


@pytest.fixture
def dataset(tmp_path: Path) -> ShardDataset:
    return ShardDataset([write(tmp_path / "a", make_samples(13))], "train")


class TestOrder:
    def test_an_epoch_is_a_permutation_of_its_own(self) -> None:
        orders = [tuple(epoch_order(50, seed, epoch)) for seed in range(3) for epoch in range(3)]
        assert all(sorted(order) == list(range(50)) for order in orders)
        assert len(set(orders)) == 9

    def test_the_order_never_changes(self) -> None:
        # A changed order would break the resuming of every run begun before.
        assert epoch_order(10, 1, 0).tolist() == [7, 8, 9, 1, 0, 3, 5, 6, 4, 2]

    def test_positions_are_uniform(self) -> None:
        first = np.bincount([epoch_order(10, 7, epoch)[0] for epoch in range(2000)], minlength=10)
        # Chi-square with 9 degrees of freedom: 27.9 is its 99.9th percentile.
        assert ((first - 200) ** 2 / 200).sum() < 27.9

    @settings(deadline=None)
    @given(
        st.integers(1, 30),
        st.integers(1, 12),
        st.integers(1, 5),
        st.integers(1, 4),
        st.integers(0, 40),
    )
    def test_any_world_sees_the_same_steps(self, count: int, batch: int, micro: int, world: int, step: int) -> None:
        stream = [number for epoch in range(600) for number in epoch_order(count, 3, epoch).tolist()][: 42 * batch]
        whole = stream[step * batch : (step + 1) * batch]
        cursors = [Cursor(3, step, batch, micro, rank, world) for rank in range(world)]
        shares = [
            list(islice(micro_batches(cursor, count), len(cursor.slots()))) if cursor.slots() else []
            for cursor in cursors
        ]
        woven = [shares[slot % world][slot // world] for slot in range(sum(len(share) for share in shares))]
        assert [number for part in woven for number in part] == whole

    def test_no_samples_or_no_work_is_an_error(self) -> None:
        with pytest.raises(InputError, match="no training samples"):
            next(micro_batches(Cursor(1, 0, 4, 2), 0))
        with pytest.raises(InputError, match="leaves process 3 of 4 without any"):
            next(micro_batches(Cursor(1, 0, 4, 2, rank=3, world=4), 9))


class TestBuckets:
    @settings(deadline=None)
    @given(st.integers(1, 90), st.integers(1, 9), st.integers(1, 5), st.integers(0, 6))
    def test_an_epoch_is_a_permutation(self, count: int, batch: int, buckets: int, epoch: int) -> None:
        lengths = np.random.default_rng(count).integers(1, 99, size=count)
        order = bucketed_order(lengths, 3, epoch, batch, buckets)
        assert sorted(order.tolist()) == list(range(count))
        assert order.tolist() == bucketed_order(lengths, 3, epoch, batch, buckets).tolist()

    def test_batches_are_of_like_length_and_pools_keep_to_themselves(self) -> None:
        count, batch, buckets = 103, 4, 6
        lengths = np.random.default_rng(0).integers(1, 1000, size=count)
        cursor = Cursor(3, 0, batch, batch, buckets=buckets)
        steps = list(islice(micro_batches(cursor, count, cursor.order(lengths)), 3 * count // batch))
        plain = list(islice(micro_batches(Cursor(3, 0, batch, batch), count), len(steps)))

        def padded(batches: list[list[int]]) -> int:
            return sum(len(one) * int(lengths[one].max()) for one in batches)

        filled = sum(int(lengths[one].sum()) for one in steps)
        assert filled / padded(steps) > 0.85 > filled / padded(plain)
        for begin in range(0, 4 * buckets, buckets):
            pool = [steps[begin:][:buckets], plain[begin:][:buckets]]
            assert {number for one in pool[0] for number in one} == {number for one in pool[1] for number in one}
        # Not from long to short: which batch of a pool comes first is chance.
        longest = [int(lengths[one].max()) for one in steps[:buckets]]
        assert longest != sorted(longest) and longest != sorted(longest, reverse=True)

    def test_any_step_and_world_go_on_alike(self) -> None:
        lengths = np.random.default_rng(0).integers(1, 1000, size=29)
        order = Cursor(3, 0, 4, 2, buckets=3).order(lengths)
        whole = list(islice(micro_batches(Cursor(3, 0, 4, 2, buckets=3), 29, order), 60))
        again = list(islice(micro_batches(Cursor(3, 11, 4, 2, buckets=3), 29, order), 38))
        assert whole[22:] == again
        second = list(islice(micro_batches(Cursor(3, 11, 4, 2, 1, 2, buckets=3), 29, order), 19))
        assert whole[23::2] == second

    def test_lengths_are_needed(self) -> None:
        with pytest.raises(InputError, match="buckets"):
            next(micro_batches(Cursor(1, 0, 4, 2, buckets=3), 9))


class TestTraining:
    @pytest.mark.parametrize("workers", [0, 2])
    def test_resuming_in_mid_epoch_is_exact(self, dataset: ShardDataset, workers: int) -> None:
        whole = list(islice(training_batches(dataset, Cursor(5, 0, 4, 2), collate), 16))
        again = list(islice(training_batches(dataset, Cursor(5, 3, 4, 2, workers=workers), collate), 10))
        for left, right in zip(whole[6:], again, strict=True):
            assert left.keys == right.keys
            assert torch.equal(left.codes, right.codes)
            assert all(map(torch.equal, left.runs, right.runs))

    def test_reading_leaves_the_global_random_state_alone(self, dataset: ShardDataset) -> None:
        before = torch.get_rng_state()
        list(islice(training_batches(dataset, Cursor(5, 0, 4, 2, workers=1), collate), 3))
        assert torch.equal(before, torch.get_rng_state())

    def test_the_dataset_travels_to_other_processes(self, dataset: ShardDataset) -> None:
        assert dataset[3].key == pickle.loads(pickle.dumps(dataset))[3].key


class TestCollate:
    def test_padding(self) -> None:
        samples = make_samples(3)
        batch = collate(samples)
        labels, core = batch.labels(), batch.core()
        for row, sample in enumerate(samples):
            n = len(sample.codes)
            assert batch.lengths[row] == n
            assert np.array_equal(batch.codes[row, :n].numpy(), sample.codes)
            assert (batch.codes[row, n:] == N).all()
            cut = int(sample.runs[0, 0])
            assert labels[row].tolist() == [0] * cut + [7] * (n - cut) + [IGNORE] * (batch.codes.shape[1] - n)
            assert core[row].nonzero().ravel().tolist() == list(range(n))[sample.meta.core_slice]
        assert batch.left_censored.tolist() == [False, True, True]
        assert batch.metas == tuple(sample.meta for sample in samples)

    def test_a_window_is_the_same_in_any_company(self) -> None:
        samples = make_samples(4)
        alone, together = collate(samples[1:2]), collate(samples)
        n = int(alone.lengths[0])
        assert torch.equal(alone.codes[0], together.codes[1, :n])
        assert torch.equal(alone.labels()[0], together.labels()[1, :n])

    def test_to_device_keeps_everything(self) -> None:
        batch = collate(make_samples(2))
        moved = batch.to("cpu")
        assert isinstance(moved, Batch)
        assert torch.equal(moved.codes, batch.codes) and moved.keys == batch.keys


class TestOrdered:
    @pytest.mark.parametrize("world", [1, 2, 5])
    def test_each_window_once_whatever_the_world(self, dataset: ShardDataset, world: int) -> None:
        parts = [list(ordered_batches(dataset, collate, size=3, rank=rank, world=world)) for rank in range(world)]
        whole = [batch.keys for batch in ordered_batches(dataset, collate, size=3)]
        assert sorted(batch.keys for part in parts for batch in part) == sorted(whole)
        assert sorted(key for keys in whole for key in keys) == sorted(sample.key for sample in dataset)

    def test_workers_change_nothing(self, dataset: ShardDataset) -> None:
        alone, helped = (
            [batch.keys for batch in ordered_batches(dataset, collate, size=4, workers=workers)] for workers in (0, 2)
        )
        assert alone == helped

    @settings(deadline=None)
    @given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 8))
    def test_groups_are_of_like_lengths(self, lengths: list[int], size: int) -> None:
        groups = pack(np.array(lengths, dtype=np.int64), size=size)
        assert sorted(number for group in groups for number in group) == list(range(len(lengths)))
        assert all(len(group) <= size for group in groups)
        longest = [lengths[number] for group in groups for number in group]
        assert longest == sorted(longest, reverse=True)


def test_chosen_windows_are_read_once_each(dataset: ShardDataset) -> None:
    among = np.array([1, 4, 9, 12])
    batches = list(ordered_batches(dataset, collate, size=3, among=among))
    assert sorted(key for batch in batches for key in batch.keys) == sorted(dataset[int(i)].key for i in among)


def test_rows_of_a_batch_are_the_batch_of_these_windows(dataset: ShardDataset) -> None:
    batch = collate([dataset[i] for i in range(5)])
    shortest = np.argsort(batch.lengths.numpy())[:2].tolist()
    part, alone = batch.rows(shortest), collate([dataset[i] for i in shortest])
    assert part.keys == alone.keys and part.metas == alone.metas
    for name in ("codes", "lengths", "left_censored", "right_censored"):
        assert torch.equal(getattr(part, name), getattr(alone, name))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(part.runs, alone.runs, strict=True))


def test_species_and_buckets_would_both_order_the_windows(dataset: ShardDataset) -> None:
    draw = GenomeDraw(np.zeros(len(dataset), dtype=np.int64), dataset.lengths, 0.5)
    with pytest.raises(InputError, match=r"train\.buckets"):
        next(training_batches(dataset, Cursor(5, 0, 4, 2, buckets=2), collate, draw=draw))
