"""Outputs that appear whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from genescribe.files import (
    atomic_directory,
    atomic_path,
    is_gzip,
    open_binary,
    read_json,
    sha256,
    write_json,
    write_records,
    write_text,
)


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep/down/out.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
        assert temporary.parent == target.parent
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def fail_halfway(target: Path) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError


def fail_halfway_in_a_folder(target: Path) -> None:
    with atomic_directory(target) as temporary:
        (temporary / "half").touch()
        raise RuntimeError


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError):
        fail_halfway(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_results_have_the_permissions_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "out.txt", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "out.txt").stat().st_mode & 0o777 == 0o640


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "stale").touch()
    with pytest.raises(RuntimeError):
        fail_halfway_in_a_folder(target)
    assert [path.name for path in target.iterdir()] == ["stale"]
    with atomic_directory(target) as temporary:
        (temporary / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_equal_values_are_equal_json(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, 2.5, None], "a": "é"})
    write_json(tmp_path / "b.json", {"a": "é", "b": [1, 2.5, None]})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": [1, 2.5, None]}


def test_json_has_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"x", b"plain text\n" * 9])
def test_compressed_or_plain_whatever_the_name(tmp_path: Path, content: bytes) -> None:
    plain, packed = tmp_path / "plain.gz", tmp_path / "packed.txt"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    assert not is_gzip(plain) and is_gzip(packed)
    for path in (plain, packed):
        with open_binary(path) as handle:
            assert handle.read() == content
    assert sha256(plain) == hashlib.sha256(content).hexdigest()


def test_files_of_a_directory_are_readable_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with atomic_directory(tmp_path / "model") as folder:
            (folder / "weights").write_bytes(b"1")
            (folder / "weights").chmod(0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "model" / "weights").stat().st_mode & 0o777 == 0o644


def test_records_are_json_with_an_entry_a_line(tmp_path: Path) -> None:
    write_records(tmp_path / "a.json", {"b": {"y": 1, "x": [2.5, None]}, "a": "é"})
    lines = (tmp_path / "a.json").read_text().splitlines()
    assert lines == ["{", '"a": "\\u00e9",', '"b": {"x": [2.5, null], "y": 1}', "}"]
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": {"x": [2.5, None], "y": 1}}
    write_records(tmp_path / "none.json", {})
    assert read_json(tmp_path / "none.json") == {}
