"""What is read is never written: whatever the two paths look like."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from genescribe.errors import InputError
from genescribe.paths import Source, Target, paths_in, refuse_overwriting


def folder(path: Path, *names: str, replaced: bool = False) -> Target:
    return Target(path, folder=True, replaced=replaced, beside=names)


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    """Return a file in a folder of inputs."""
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "g.fa"
    path.write_text(">a\nACGT\n")
    return path


def symbolic(genome: Path, place: Path) -> Path:
    (place / "link").symlink_to(genome)
    return place / "link"


def hard(genome: Path, place: Path) -> Path:
    os.link(genome, place / "hard")
    return place / "hard"


def by_folder(genome: Path, place: Path) -> Path:
    (place / "folder").symlink_to(genome.parent)
    return place / "folder" / "g.fa"


def compressed(genome: Path, place: Path) -> Path:
    (genome.parent / "g.fa.gz").write_bytes(b"")
    return genome.parent / "g.fa.gz"


@pytest.mark.parametrize(
    "other",
    [
        lambda genome, place: genome,
        lambda genome, place: genome.parent / "." / ".." / "in" / "g.fa",
        lambda genome, place: genome.with_name("g.fa.fai"),
        symbolic,
        hard,
        by_folder,
        compressed,
    ],
    ids=["the same", "dots", "its index", "symbolic link", "hard link", "linked folder", "compressed"],
)
def test_a_file_that_is_read_is_not_written(genome: Path, tmp_path: Path, other: Callable[[Path, Path], Path]) -> None:
    place = tmp_path / "out"
    place.mkdir()
    path = other(genome, place)
    with pytest.raises(InputError) as caught:
        refuse_overwriting([Source(genome)], [Target(path)])
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert genome.read_text() == ">a\nACGT\n"


@pytest.mark.parametrize(
    "target",
    [
        lambda top: Target(top / "x", beside=("{name}.fa",)),
        lambda top: Target(top / "x.gff3", beside=("{stem}.fa",)),
        lambda top: folder(top, replaced=True),
        lambda top: folder(top.parent, replaced=True),
        lambda top: folder(top / "x.fa", replaced=True),
        lambda top: folder(top, "log.csv", "x.fa"),
        lambda top: folder(top.parent, "in"),
    ],
    ids=[
        "beside it",
        "beside its stem",
        "its folder",
        "a folder above",
        "a folder in place",
        "in a run",
        "a run above",
    ],
)
def test_nor_is_what_lies_beside_or_in_an_output(tmp_path: Path, target: Callable[[Path], Target]) -> None:
    top = tmp_path / "in"
    top.mkdir()
    (top / "x.fa").write_text("")
    with pytest.raises(InputError):
        refuse_overwriting([Source(top / "x.fa")], [target(top)])


def test_nothing_is_written_into_a_folder_that_is_read(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for target in (Target(model / "new.gff3"), folder(model / "new", replaced=True), folder(model, "log.csv")):
        with pytest.raises(InputError, match="which is read"):
            refuse_overwriting([Source(model)], [target])
    shared = Source(model, within=("*.json", "shards*"))
    refuse_overwriting([shared], [Target(model / "report.html"), folder(model / "figures", replaced=True)])
    for target in (Target(model / "a" / "m.json"), folder(model / "shards", replaced=True), folder(tmp_path, "model")):
        with pytest.raises(InputError):
            refuse_overwriting([shared], [target])


def test_what_is_apart_is_let_through(genome: Path, tmp_path: Path) -> None:
    place = tmp_path / "out"
    refuse_overwriting(
        [Source(genome), Source(tmp_path / "not there.gff3")],
        [
            Target(genome.with_name("g.gff3"), beside=("{name}.work", "{stem}.proteins.fa")),
            folder(place, replaced=True),
        ],
    )
    # The compressed form of what is written: nothing is lost where no plain one stands there yet.
    refuse_overwriting([Source(genome.with_name("a.gff3.gz"))], [Target(genome.with_name("a.gff3"))])
    refuse_overwriting([], [folder(place, "log.csv"), Target(place / "result.json")])


def test_two_outputs_are_two(tmp_path: Path) -> None:
    for targets in (
        [Target(tmp_path / "a"), Target(tmp_path / "." / "a")],
        [folder(tmp_path / "a", replaced=True), Target(tmp_path / "a" / "b")],
        [folder(tmp_path / "a" / "work", replaced=True), folder(tmp_path / "a", replaced=True)],
    ):
        with pytest.raises(InputError, match="two outputs"):
            refuse_overwriting([], targets)


def test_kinds_are_told_before_anything_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    for target, words in (
        (Target(tmp_path / "folder"), "a folder stands where a file is to be written"),
        (folder(tmp_path / "file"), "a file stands where a folder is to be written"),
        (Target(tmp_path / "file" / "x" / "y"), "is a file, not a folder"),
        (folder(tmp_path, replaced=True), "would replace the current folder"),
    ):
        with pytest.raises(InputError, match=words):
            refuse_overwriting([], [target])


def test_pipes_and_devices_are_neither_read_nor_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "linked").symlink_to(os.devnull)
    reader, writer = os.pipe()
    try:
        for path in (tmp_path / "pipe", tmp_path / "linked", Path("/dev/null"), Path("/dev/stdout"), Path("/dev/new")):
            with pytest.raises(InputError, match=r"is a pipe or a device.*; give the path of a file"):
                refuse_overwriting([], [Target(path)])
        # As a shell writes <(command), and standard input that comes from a file.
        for path in (tmp_path / "pipe", Path(f"/dev/fd/{reader}"), Path("/dev/stdin")):
            with pytest.raises(InputError, match=r"is a pipe or a device.*; write it to a file first"):
                refuse_overwriting([Source(path)], [])
    finally:
        os.close(reader)
        os.close(writer)
    with pytest.raises(InputError, match=r"pipe: is a pipe or a device.*; give the path of a file"):
        refuse_overwriting([], [Target(tmp_path / "file", beside=("pipe",))])
    refuse_overwriting([Source(tmp_path / "no such file")], [Target(tmp_path / "file"), folder(tmp_path / "new")])


def test_a_name_too_long_is_told_before_anything_is_computed(tmp_path: Path) -> None:
    """The files beside an output, and those that stand for it while it is written, have longer names than it."""
    refuse_overwriting([], [Target(tmp_path / f"{'x' * 200}.gff3", beside=("{stem}.proteins.fa",))])
    for name, beside in ((f"{'x' * 245}.gff3", ""), (f"{'x' * 229}.gff3", "{stem}.proteins.fa"), ("y", "x" * 300)):
        with pytest.raises(InputError, match="the name is too long; give a shorter one"):
            refuse_overwriting([], [Target(tmp_path / name, beside=(beside,) if beside else ())])


def test_paths_among_options_are_those_with_a_slash_or_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "listed.txt").write_text("")
    (tmp_path / "yeast").mkdir()
    found = paths_in({"start": "runs/a", "splits": {"test": ["@listed.txt", "chr*"]}, "name": "yeast", "n": 3})
    assert [str(source.path) for source in found] == ["runs/a", "listed.txt"]
