"""Best fit: everything once, nothing over the size of a bin, and not far from the fewest bins."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from genescribe.data.packing import best_fit


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), max_size=60), st.integers(10, 60))
def test_every_item_once_and_no_bin_too_full(lengths: list[int], capacity: int) -> None:
    bins = best_fit(lengths, capacity)
    assert sorted(item for one in bins for item in one) == list(range(len(lengths)))
    for one in bins:
        filled = sum(lengths[item] for item in one)
        assert len(one) == 1 or filled <= capacity
    assert bins == best_fit(list(lengths), capacity)


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_hardly_more_bins_than_there_must_be(lengths: list[int]) -> None:
    # Johnson's bound, against the least that the sum alone allows; two bins less than half full would have been one.
    bins = best_fit(lengths, 40)
    assert len(bins) <= 2 * -(-sum(lengths) // 40)
    assert sum(sum(lengths[item] for item in one) <= 20 for one in bins) <= 1


def test_the_fullest_bin_that_still_holds_an_item_gets_it() -> None:
    # First fit would put the 2 beside the 7.
    assert best_fit([7, 8, 2], 10) == [[1, 2], [0]]
