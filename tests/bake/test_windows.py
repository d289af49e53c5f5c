"""Windows and the masks of a sequence's two strands."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genescribe.bake.windows import Tile, chance, label_strands, tiles, window_key
from genescribe.data.runs import IGNORE, labels_from_runs
from genescribe.genome.alphabet import encode, reverse_complement
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript
from genescribe.labels.schemes import SCHEMES

CODE, SCHEME = GeneticCode.from_table(1), SCHEMES["gencode"]
ORF = encode("ATGAAACCCTAA")


def gene(identifier: str, start: int, end: int, strand: str = "+", *, coding: bool = True) -> Gene:
    span = ((start, end),)
    return Gene(identifier, "s", strand, (Transcript(identifier, span, span if coding else ()),))


def labels(codes: np.ndarray, genes: list[Gene], **options: object) -> list[list[int]]:
    strands = label_strands(codes, genes, SCHEME, CODE, **options)  # type: ignore[arg-type]
    return [labels_from_runs(strand.encoded.runs).tolist() for strand in strands]


@given(st.integers(0, 1000), st.integers(1, 700), st.integers(2, 60), st.data())
def test_tiles_cover_and_cores_partition(start: int, size: int, window: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, window - 1))
    grid = tiles(start, start + size, window, overlap)
    assert grid[0].start == start and grid[-1].end == start + size
    assert [tile.core_start for tile in grid] == [start, *(tile.core_end for tile in grid[:-1])]
    assert grid[-1].core_end == start + size
    for tile in grid:
        assert tile.start <= tile.core_start < tile.core_end <= tile.end
        assert tile.end - tile.start <= window
    for left, right in pairwise(grid):
        assert left.end - left.start == window
        assert left.end - right.start == overlap


class TestMasks:
    def test_each_strand_in_its_own_orientation(self) -> None:
        codes = encode("C" * 5 + "ATGAAACCCTAA" + "C" * 3 + "TTAGGGTTTCAT" + "C")
        forward, reverse = labels(codes, [gene("a", 5, 17), gene("b", 20, 32, "-")])
        gene_labels = [9] * 3 + [1] * 6 + [10] * 3
        assert forward == [0] * 5 + gene_labels + [0] * 16
        assert reverse == [0] * 1 + gene_labels + [0] * 20

    @pytest.mark.parametrize("strand", "+-")
    def test_a_gene_that_makes_no_protein_is_masked(self, strand: str) -> None:
        codes = np.concatenate([encode("CC"), encode("ATGTAACCCTAA")])
        oriented = codes if strand == "+" else reverse_complement(codes)
        place = (2, 14) if strand == "+" else (0, 12)
        found = label_strands(oriented, [gene("g", *place, strand)], SCHEME, CODE)["+-".index(strand)]
        assert labels_from_runs(found.encoded.runs).tolist() == [0, 0] + [IGNORE] * 12
        assert found.encoded.problems == [("g", "in-frame stop")]

    def test_ends_are_masked_whatever_stands_there(self) -> None:
        forward, reverse = labels(np.concatenate([ORF, encode("C" * 8)]), [gene("g", 0, 12)], mask_ends=4)
        assert forward == [IGNORE] * 4 + [1] * 5 + [10] * 3 + [0] * 4 + [IGNORE] * 4
        assert reverse == [IGNORE] * 4 + [0] * 12 + [IGNORE] * 4

    def test_long_gaps_are_masked_between_genes_only(self) -> None:
        codes = encode("CC" + "N" * 50 + "CC" + "N" * 49 + "ATGAAA" + "GT" + "N" * 50 + "AG" + "CCCTAA")
        exons = ((103, 109), (163, 169))
        forward, reverse = labels(codes, [Gene("g", "s", "+", (Transcript("g", exons, exons),))])
        assert forward == [0] * 2 + [IGNORE] * 50 + [0] * 51 + [9] * 3 + [1] * 3 + [4] * 54 + [3] * 3 + [10] * 3
        assert reverse[::-1] == [0] * 2 + [IGNORE] * 50 + [0] * 59 + [IGNORE] * 50 + [0] * 8

    def test_what_the_catalogue_could_not_read_is_masked_on_its_strand(self) -> None:
        codes = np.concatenate([encode("C" * 8), ORF])
        forward, reverse = labels(codes, [gene("g", 8, 20)], unknown=[("+", (2, 10)), (".", (0, 1))])
        assert forward == [IGNORE] + [0] + [IGNORE] * 6 + [9] * 3 + [1] * 6 + [10] * 3
        assert reverse[::-1] == [IGNORE] + [0] * 19


class TestKeys:
    TILE = Tile(9500, 19500, 9750, 19250)

    def test_plain_names_stay_readable(self) -> None:
        assert window_key("yeast", "IV", self.TILE, "+") == "yeast-IV-000009500-p"

    @given(st.text(min_size=1), st.text(min_size=1))
    def test_any_name_makes_a_key_of_its_own(self, left: str, right: str) -> None:
        keys = [window_key("g", name, self.TILE, "-") for name in (left, right)]
        assert all(re.fullmatch("[A-Za-z0-9_-]{1,91}", key) for key in keys)
        assert (keys[0] == keys[1]) == (left == right)

    def test_chance_is_uniform_and_fixed(self) -> None:
        values = [chance(1, f"k{number}") for number in range(4000)]
        assert min(values) >= 0 and max(values) < 1
        assert abs(np.mean(values) - 0.5) < 0.02
        assert chance(1, "k") == chance(1, "k") != chance(2, "k")
