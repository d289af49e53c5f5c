"""Strands put together again from their windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genescribe.bake.windows import tiles, turn
from genescribe.data.dataset import ShardDataset
from genescribe.data.runs import IGNORE, Runs, cut, labels_from_runs, runs_from_labels
from genescribe.data.sample import Sample, WindowMeta
from genescribe.data.shards import MANIFEST, ShardWriter
from genescribe.data.strands import Stretch, stretches


def write(
    folder: Path, strand: str, codes: np.ndarray, runs: Runs, region: tuple[int, int], window: int, overlap: int
) -> ShardDataset:
    """Bake one region of a strand, given 5' to 3', as `Baker` does."""
    length = len(codes)
    folder.mkdir()
    with ShardWriter(folder, 3) as writer:
        for tile in tiles(*region, window, overlap):
            start, end = turn(tile.start, tile.end, length, strand)
            labels = cut(runs, start, end)
            if (labels[:, 1] == IGNORE).all():
                continue
            core = (tile.core_start, tile.core_end)
            censored = (start > 0, end < length)
            meta = WindowMeta("g", "s", strand, tile.start, tile.end, "test", *censored, core=core)
            writer.add(Sample(f"w{tile.start}", codes[start:end], labels, meta))
        writer.finish()
    (folder / MANIFEST).write_text("{}")
    return ShardDataset([folder], "test")


def oriented(stretch: Stretch, length: int) -> tuple[int, int]:
    return turn(stretch.start, stretch.end, length, stretch.strand)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_base_comes_once_with_its_label(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    length = data.draw(st.integers(1, 120))
    labels = np.array(data.draw(st.lists(st.sampled_from([IGNORE, 0, 0, 1, 2]), min_size=length, max_size=length)))
    strand = data.draw(st.sampled_from("+-"))
    start = data.draw(st.integers(0, length - 1))
    region = (start, data.draw(st.integers(start + 1, length)))
    window = data.draw(st.integers(2, 40))
    overlap = data.draw(st.integers(0, window - 1))
    codes = np.arange(length).astype(np.uint8)
    runs = runs_from_labels(labels)
    dataset = write(tmp_path_factory.mktemp("strand") / "shards", strand, codes, runs, region, window, overlap)

    seen = np.zeros(length, dtype=np.int64)
    for stretch in stretches(dataset):
        first, end = oriented(stretch, length)
        seen[first:end] += 1
        assert np.array_equal(stretch.codes, codes[first:end])
        assert np.array_equal(labels_from_runs(stretch.runs), labels[first:end])
        assert (stretch.runs[1:, 1] != stretch.runs[:-1, 1]).all()
        assert stretch.left_censored == (first > 0)
        assert stretch.right_censored == (end < length)
    inside = np.zeros(length, dtype=bool)
    inside[slice(*turn(*region, length, strand))] = True
    # Only bases of windows that hold nothing but masked bases are missing.
    assert (seen[inside & (labels != IGNORE)] == 1).all()
    assert (seen[~inside] == 0).all()
    assert (seen <= 1).all()
