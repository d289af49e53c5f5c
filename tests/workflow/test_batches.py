"""Sequences into batches: all of them, once, evenly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genescribe.genome.batches import balance, batch_of

LENGTHS = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(1, 10_000), max_size=40)


@given(LENGTHS, st.integers(1, 32))
def test_each_sequence_is_in_one_batch(lengths: dict[str, int], batches: int) -> None:
    packed = balance(lengths, batches)
    assert len(packed) == batches
    assert sorted(name for batch in packed for name in batch) == sorted(lengths)


@given(LENGTHS.filter(bool), st.integers(1, 32))
def test_no_batch_exceeds_the_bound_of_longest_first_packing(lengths: dict[str, int], batches: int) -> None:
    heaviest = max(sum(lengths[name] for name in batch) for batch in balance(lengths, batches))
    # Graham (1969): longest-processing-time-first is within 4/3 of the best possible.
    best = max(max(lengths.values()), -(-sum(lengths.values()) // batches))
    assert heaviest <= best * 4 / 3 + max(lengths.values())


def test_batch_of_is_one_of_the_batches() -> None:
    assert batch_of({"a": 3, "b": 2}, 1, 2) == ["b"]


def test_too_many_batches() -> None:
    with pytest.raises(ValueError, match=r"1\.\.32"):
        balance({"a": 1}, 33)
