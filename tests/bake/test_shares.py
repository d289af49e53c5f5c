"""Genomes without splits: every part gets its share of the bases, whatever the sequences, or there is an error."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genescribe.bake.shares import SHARES, by_shares
from genescribe.bake.splits import SplitRegion
from genescribe.data.shards import SPLITS
from genescribe.errors import InputError

ARABIDOPSIS = dict(zip("12345", (30_427_671, 19_698_289, 23_459_830, 18_585_056, 26_975_502), strict=True))


def parts(found: dict[str, list[SplitRegion]]) -> dict[str, float]:
    bases = {split: sum(r.end - r.start for rs in found.values() for r in rs if r.split == split) for split in SPLITS}
    return {split: count / sum(bases.values()) for split, count in bases.items()}


def test_many_sequences_stay_whole() -> None:
    names = {f"s{i}": 10 for i in range(200)}
    regions = by_shares(names)
    counts = {split: sum(r[0].split == split for r in regions.values()) for split in SPLITS}
    assert counts == {"train": 150, "validation": 20, "test": 30}
    assert regions == by_shares(dict(reversed(names.items())))
    assert regions != by_shares(names, seed=2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "lengths",
    [ARABIDOPSIS, {"one": 4_600_000}, {"I": 2_000_000, "II": 1_900_000}, {**ARABIDOPSIS, "Mt": 366_924, "Pt": 154_478}],
    ids=["five chromosomes", "one sequence", "two", "with organelles"],
)
def test_few_sequences_are_divided_in_windows(lengths: dict[str, int], seed: int) -> None:
    found = by_shares(lengths, seed=seed)
    for (split, share), wanted in zip(parts(found).items(), SHARES, strict=True):
        assert share == pytest.approx(wanted / 100, abs=0.025), split
    for seqid, regions in found.items():
        assert [r.start for r in regions] == [0, *(r.end for r in regions[:-1])] and regions[-1].end == lengths[seqid]


@given(st.lists(st.integers(1_000, 5_000_000), min_size=1, max_size=60), st.integers(0, 9))
def test_no_part_is_far_from_its_share_and_none_is_empty(sizes: list[int], seed: int) -> None:
    lengths = {f"s{i}": size for i, size in enumerate(sizes)}
    if sum(sizes) < 500_000:
        with suppress(InputError):
            assert all(parts(by_shares(lengths, seed=seed)).values())
        return
    found = by_shares(lengths, seed=seed)
    shares = parts(found)
    assert all(shares.values())
    if sum(sizes) > 1_000_000:
        for (split, share), wanted in zip(shares.items(), SHARES, strict=True):
            assert share == pytest.approx(wanted / 100, abs=0.06), split


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_of_the_loci_where_these_are_known(seed: int) -> None:
    """Genes that crowd on a fifth of a chromosome are divided as evenly as if they did not."""
    rng = np.random.default_rng(seed)
    lengths = {"I": 20_000_000, "II": 10_000_000}
    loci = {"I": sorted(rng.integers(0, 4_000_000, 3000).tolist()), "II": sorted(rng.integers(0, 10**7, 500).tolist())}
    found = by_shares(lengths, seed=seed, loci=loci)
    counts = dict.fromkeys(SPLITS, 0)
    for seqid, regions in found.items():
        for region in regions:
            counts[region.split] += sum(region.start <= place < region.end for place in loci[seqid])
    for split, wanted in zip(SPLITS, SHARES, strict=True):
        assert counts[split] / 3500 == pytest.approx(wanted / 100, abs=0.06), split
    assert by_shares(lengths, seed=seed, loci={}) == by_shares(lengths, seed=seed)


def test_a_genome_too_small_for_all_parts_is_refused() -> None:
    with pytest.raises(InputError, match=r"15000 bases in 1 sequences are too few to divide: nothing is left for"):
        by_shares({"s": 15_000})
