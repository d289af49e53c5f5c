"""Regions and splits as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genescribe.bake.splits import Region, SplitRegion, Splits, read_regions, show_region
from genescribe.errors import InputError

LENGTHS = {"I": 1000, "II": 500, "2L:1-300": 300}


class TestRegion:
    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("I", ("I", 0, 1000)),
            ("I:1-1000", ("I", 0, 1000)),
            ("I:11-20", ("I", 10, 20)),
            ("II:1-5,00", ("II", 0, 500)),
            ("2L:1-300", ("2L:1-300", 0, 300)),
            ("2L:1-300:200-300", ("2L:1-300", 199, 300)),
        ],
    )
    def test_forms(self, text: str, region: tuple[str, int, int]) -> None:
        assert Region.parse(text, LENGTHS) == region

    def test_without_lengths_the_end_stays_open(self) -> None:
        assert Region.parse("chr:un") == ("chr:un", 0, None)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("III", "no sequence 'III'"),
            ("III:1-9", "no sequence 'III'"),
            ("I:0-9", "starts before 1"),
            ("I:9-8", "ends before it starts"),
            ("I:1-1001", "past the end of I"),
        ],
    )
    def test_errors(self, text: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            Region.parse(text, LENGTHS)

    @given(st.text("abc:-1", min_size=1), st.integers(1, 50), st.integers(0, 50))
    def test_any_name_with_a_range(self, name: str, start: int, more: int) -> None:
        lengths = {name: 200}
        assert Region.parse(f"{name}:{start}-{start + more}", lengths) == (name, start - 1, start + more)


class TestReadRegions:
    def test_names_patterns_and_files(self, tmp_path: Path) -> None:
        (tmp_path / "list.txt").write_text("# chosen\nII\n\nI:1-10\n")
        found = read_regions(["I*", f"@{tmp_path / 'list.txt'}", "2L:1-300:1-9"], LENGTHS)
        assert [show_region(region, LENGTHS) for region in found] == ["I", "II", "II", "I:1-10", "2L:1-300:1-9"]

    def test_a_sequence_with_an_odd_name_is_itself(self) -> None:
        assert read_regions(["a*", "@b"], {"a*": 4, "ab": 5, "@b": 6}) == [("a*", 0, 4), ("@b", 0, 6)]

    @pytest.mark.parametrize(
        ("text", "message"), [("X*", "no sequence matches 'X\\*'"), ("@no.txt", "no list of regions")]
    )
    def test_errors(self, text: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            read_regions([text], LENGTHS)

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            ("", "no region in .*list.txt; write seqid"),
            ("# none\n\n", "no region in .*list.txt; write seqid"),
            ("I\n@list.txt\n", "'@list.txt' is no region in .*a region per line"),
            ("I\t0\t10\n", r"'I\\t0\\t10' is no region in .*seqid:start-end"),
        ],
    )
    def test_what_is_no_list(self, lines: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("list.txt").write_text(lines)
        with pytest.raises(InputError, match=message):
            read_regions(["@list.txt"], LENGTHS)

    def test_a_split_may_be_empty(self, tmp_path: Path) -> None:
        """Folds of large groups have nothing left to validate on."""
        (tmp_path / "none.txt").write_text("")
        assert Splits(train=["*"], validation=[f"@{tmp_path / 'none.txt'}"], test=["II"]).regions(LENGTHS)

    def test_a_list_may_come_from_windows(self, tmp_path: Path) -> None:
        (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfII\r\nI:1-10\r\n")
        found = read_regions([f"@{tmp_path / 'list.txt'}"], LENGTHS)
        assert [show_region(region, LENGTHS) for region in found] == ["II", "I:1-10"]

    def test_splits_take_them(self, tmp_path: Path) -> None:
        (tmp_path / "test.txt").write_text("II\n")
        regions = Splits(train=["*"], validation=["2*"], test=[f"@{tmp_path / 'test.txt'}"]).regions(LENGTHS)
        assert {seqid: found[0].split for seqid, found in regions.items()} == {
            "I": "train",
            "II": "test",
            "2L:1-300": "validation",
        }


class TestSplits:
    def test_whole_species(self) -> None:
        regions = Splits(test=["*"]).regions(LENGTHS)
        assert regions == {name: [SplitRegion(0, length, "test")] for name, length in LENGTHS.items()}

    def test_the_rest_goes_to_the_star_and_regions_come_in_order(self) -> None:
        splits = Splits(train=["*"], validation=["I:801-1000"], test=["I:1-100", "I:101-200"])
        assert splits.regions(LENGTHS) == {
            "I": [SplitRegion(0, 200, "test"), SplitRegion(800, 1000, "validation")],
            "II": [SplitRegion(0, 500, "train")],
            "2L:1-300": [SplitRegion(0, 300, "train")],
        }

    def test_what_is_named_nowhere_is_not_used(self) -> None:
        assert list(Splits(train=["II"]).regions(LENGTHS)) == ["II"]

    @pytest.mark.parametrize(
        ("splits", "message"),
        [
            (Splits(train=["I"], test=["I:1-9"]), "share bases of I"),
            (Splits(train=["I:1-10"], test=["I:10-19"]), "share bases of I"),
            (Splits(train=["I", "I"]), "share bases of I"),
            (Splits(train=["*"], test=["*"]), "both take all"),
            (Splits(validation=["X"]), r"splits.validation: no sequence 'X'"),
        ],
    )
    def test_errors(self, splits: Splits, message: str) -> None:
        with pytest.raises(InputError, match=message):
            splits.regions(LENGTHS)
