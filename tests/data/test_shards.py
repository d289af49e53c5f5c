"""Shards and their index: bytes, other readers, damage."""

from __future__ import annotations

import gc
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import webdataset

from genescribe.data.dataset import ShardDataset
from genescribe.data.sample import Sample, WindowMeta
from genescribe.data.shards import INDEX, ShardWriter
from genescribe.errors import InputError


def make_samples(count: int, split: str = "train", seed: int = 0) -> list[Sample]:
    generator = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        length = int(generator.integers(20, 60))
        codes = generator.integers(0, 5, length).astype(np.uint8)
        cut = int(generator.integers(1, length))
        runs = np.array([[cut, 0], [length, 7]], dtype=np.int32)
        strand = "+-"[number % 2]
        meta = WindowMeta(
            "toy", "chr.1", strand, number, number + length, split, number > 0, True, (f"g{number}", "ä"),
            (number + 2, number + length),
        )  # fmt: skip
        samples.append(Sample(f"{split}-{number:04d}", codes, runs, meta))
    return samples


def write(folder: Path, samples: list[Sample], size: int = 4) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with ShardWriter(folder, size) as writer:
        for sample in samples:
            writer.add(sample)
        writer.finish()
    (folder / "bake.json").write_text(json.dumps({"name": folder.name}))
    return folder


def same(left: Sample, right: Sample) -> bool:
    arrays = np.array_equal(left.codes, right.codes) and np.array_equal(left.runs, right.runs)
    return arrays and left.key == right.key and left.meta == right.meta


def test_samples_come_back_from_any_place(tmp_path: Path) -> None:
    train, test = make_samples(11), make_samples(3, "test", seed=1)
    folder = write(tmp_path / "a", [*train[:6], *test, *train[6:]])
    assert sorted(path.name for path in folder.glob("*.tar")) == [
        "test-00000.tar", "train-00000.tar", "train-00001.tar", "train-00002.tar",
    ]  # fmt: skip
    dataset = ShardDataset([folder], "train")
    assert dataset.lengths.tolist() == [len(sample.codes) for sample in train]
    assert all(same(dataset[number], train[number]) for number in (10, 0, 7, 3, 3, 9))
    assert all(map(same, (ShardDataset([folder], "test")[i] for i in range(3)), test))
    assert len(ShardDataset([folder], "validation")) == 0


def test_several_folders_are_one_sequence(tmp_path: Path) -> None:
    samples = make_samples(9)
    folders = [write(tmp_path / "a", samples[:5]), write(tmp_path / "b", []), write(tmp_path / "c", samples[5:])]
    dataset = ShardDataset(folders, "train")
    assert [sample.key for sample in dataset] == [sample.key for sample in samples]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # webdataset leaves closing to the collector
def test_webdataset_reads_the_shards(tmp_path: Path) -> None:
    samples = make_samples(6)
    folder = write(tmp_path / "a", samples)
    shards = [str(path) for path in sorted(folder.glob("*.tar"))]
    read = list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode())
    assert [item["__key__"] for item in read] == [sample.key for sample in samples]
    for item, sample in zip(read, samples, strict=True):
        assert np.array_equal(item["seq.npy"], sample.codes) and item["seq.npy"].dtype == np.uint8
        assert np.array_equal(item["runs.npy"], sample.runs) and item["runs.npy"].dtype == np.int32
        assert item["json"]["seqid"] == "chr.1"
    gc.collect()


def test_headers_carry_no_time_or_owner(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", make_samples(2))
    with tarfile.open(folder / "train-00000.tar") as archive:
        members = archive.getmembers()
    assert [member.name.split(".", 1)[1] for member in members] == ["seq.npy", "runs.npy", "json"] * 2
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}


def test_the_same_samples_are_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, make_samples(9)) for name in "ab")
    names = sorted(path.name for path in first.iterdir() if path.name != "bake.json")
    assert names == ["train-00000.tar", "train-00001.tar", "train-00002.tar", INDEX]
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_the_core_follows_the_strand() -> None:
    forward, reverse = (
        WindowMeta("g", "s", strand, 100, 200, "train", False, False, (), (110, 195)) for strand in "+-"
    )
    assert forward.core_slice == slice(10, 95)
    assert reverse.core_slice == slice(5, 90)
    assert WindowMeta("g", "s", "-", 100, 200, "train", False, False).core_slice == slice(0, 100)


class TestDamage:
    def test_no_shards(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no shards in this folder"):
            ShardDataset([tmp_path], "train")

    def test_unknown_split(self) -> None:
        with pytest.raises(InputError, match="no split 'dev'"):
            ShardDataset([], "dev")

    @pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"nonsense"])
    def test_damaged_index(self, tmp_path: Path, content: bytes) -> None:
        (write(tmp_path / "a", make_samples(2)) / INDEX).write_bytes(content)
        with pytest.raises(InputError, match="damaged index"):
            ShardDataset([tmp_path / "a"], "train")

    def test_index_of_another_version(self, tmp_path: Path) -> None:
        np.save(write(tmp_path / "a", make_samples(2)) / INDEX, np.zeros(3))
        with pytest.raises(InputError, match="another version"):
            ShardDataset([tmp_path / "a"], "train")

    def test_missing_shard(self, tmp_path: Path) -> None:
        (write(tmp_path / "a", make_samples(2)) / "train-00000.tar").unlink()
        with pytest.raises(InputError, match="shard is missing"):
            ShardDataset([tmp_path / "a"], "train")

    def test_truncated_shard(self, tmp_path: Path) -> None:
        shard = write(tmp_path / "a", make_samples(2)) / "train-00000.tar"
        shard.write_bytes(shard.read_bytes()[:4000])
        with pytest.raises(InputError, match="cut short"):
            ShardDataset([tmp_path / "a"], "train")

    def test_a_shard_of_other_samples(self, tmp_path: Path) -> None:
        write(tmp_path / "a", make_samples(4))
        write(tmp_path / "b", make_samples(4, seed=5))
        (tmp_path / "b" / "train-00000.tar").replace(tmp_path / "a" / "train-00000.tar")
        with pytest.raises(InputError, match="not the one that its index describes"):
            list(ShardDataset([tmp_path / "a"], "train"))
