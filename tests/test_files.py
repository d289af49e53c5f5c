"""Outputs that appear whole or not at all."""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import lzma
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from genescribe import files
from genescribe.errors import InputError
from genescribe.evidence.proteins import check_proteins
from genescribe.files import (
    LOCK,
    alone_at,
    alone_in,
    atomic_directory,
    atomic_path,
    is_gzip,
    naming,
    open_binary,
    read_json,
    sha256,
    temporary_folder,
    write_json,
    write_records,
    write_text,
)
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome


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


def test_what_is_packed_otherwise_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    text = b">a\nACGT\n"
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("g.fa", text)
    for name, packed in (
        ("bzip2", bz2.compress(text)),
        ("xz", lzma.compress(text)),
        ("zstd", b"\x28\xb5\x2f\xfd\x24"),
        ("UTF-16", text.decode().encode("utf-16")),
    ):
        (tmp_path / name).write_bytes(packed)
    for name in ("zip", "bzip2", "xz", "zstd", "UTF-16"):
        path = (tmp_path / name).rename(tmp_path / f"{name}.fa.gz")
        for reader in (open_binary, Genome.open, read_genes, check_proteins):
            with pytest.raises(InputError, match=f"{name}.fa.gz: is .*{name}.*; "):
                reader(path)
        with pytest.raises(InputError, match="shown: is "):
            open_binary(path, "shown")


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


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o077])
def test_folders_have_the_permissions_of_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with atomic_directory(tmp_path / "out") as folder:
            (folder / "inner").mkdir(mode=0o700)
            (folder / "inner" / "file").touch(mode=0o600)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "out", *tmp_path.rglob("out/**/*"))}
    assert modes == {"out": 0o777 & ~umask, "inner": 0o777 & ~umask, "file": 0o666 & ~umask}


def test_an_output_in_whose_place_something_else_stands_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for atomic, name, error in (
        (atomic_path, "folder", IsADirectoryError),
        (atomic_directory, "file", NotADirectoryError),
    ):
        reached = False
        with pytest.raises(error) as refused, atomic(tmp_path / name):
            reached = True
        assert not reached and refused.value.filename == str(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_errors_name_the_path_that_the_user_knows(tmp_path: Path) -> None:
    target = tmp_path / "out"

    def lost(folder: Path) -> None:
        (folder / "no" / "such").write_text("x")

    def full(folder: Path) -> None:
        with atomic_path(folder / "part.json"):
            raise OSError(errno.ENOSPC, "No space left on device")

    def elsewhere(folder: Path) -> None:
        (tmp_path / "other").read_text()

    for broken in (lost, full, elsewhere):
        with pytest.raises((OSError, InputError)) as caught, atomic_directory(target) as folder:
            broken(folder)
        error = caught.value
        named = error.where if isinstance(error, InputError) else error.filename
        assert str(named) == str(tmp_path / "other" if broken is elsewhere else target)
    assert list(tmp_path.iterdir()) == []


def test_temporary_files_without_space_name_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes there, by whatever means; what is not for want of space there stays as it is."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    free = 0
    monkeypatch.setattr(files, "_free", lambda folder: free)

    def atomically(folder: Path) -> None:
        with atomic_path(folder / "a"):
            raise OSError(errno.ENOSPC, "No space left on device")

    def plainly(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def by_numpy(folder: Path) -> None:
        raise OSError("5600 requested and 3040 written")

    def by_a_library(folder: Path) -> None:
        raise RuntimeError("could not write block")

    for broken in (atomically, plainly, by_numpy, by_a_library):
        with pytest.raises(InputError) as caught, temporary_folder() as folder:
            broken(folder)
        assert folder.parent == tmp_path
        assert str(caught.value) == (
            f"{tmp_path}: no space left on the device; free some space, or set TMPDIR to another folder"
        )
    free = 10**9
    with pytest.raises(RuntimeError, match="block"), temporary_folder() as folder:
        by_a_library(folder)
    with (
        pytest.raises(InputError, match=r"^genes\.gff3: wrong; correct genes\.gff3$"),
        temporary_folder() as folder,
        naming("genes.gff3", folder / "sorted.gff3"),
    ):
        raise InputError("wrong", where=folder / "sorted.gff3", line=7, remedy=f"correct {folder / 'sorted.gff3'}")
    with pytest.raises(FileNotFoundError) as lost, temporary_folder() as folder:
        (folder / "no").read_bytes()
    assert lost.value.filename == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_temporary_folder_is_one_whose_errors_are_told() -> None:
    """`tempfile` is for what lies beside an output, whose path errors name, and for a tool of developers."""
    repository = Path(__file__).parents[1]
    own = {"files.py", "formats.py", "aot.py"}
    found = [
        path
        for folder in ("lib", "scripts")
        for path in (repository / folder).rglob("*.py")
        if "tempfile.TemporaryDirectory" in path.read_text() and path.name not in own
    ]
    assert found == []


def test_no_folder_of_temporary_files_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(InputError, match=r"^TMPDIR: no folder for temporary files"), temporary_folder():
        pass


HOLD = """
import sys
from genescribe.files import alone_in
with alone_in(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_held_by_one_process_and_nothing_of_that_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "work"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None and other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another process works here"), alone_in(folder):
            pass
        (folder / "result").touch()
        other.kill()
    assert (folder / LOCK).exists()
    with alone_in(folder):
        assert (folder / LOCK).exists()
    assert [path.name for path in folder.iterdir()] == ["result"]
    (folder / "result").unlink()
    with pytest.raises(RuntimeError), alone_in(folder):
        raise RuntimeError
    assert not folder.exists() and folder.parent.exists()


ORPHAN = """
import sys, time
from genescribe.files import work_in
held = work_in(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_is_free_when_the_workers_of_a_killed_process_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", ORPHAN, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdin is not None and worker.stdout is not None
        assert worker.stdout.readline() == "held\n"
        monkeypatch.setattr(files, "PATIENCE", 0.0)
        with pytest.raises(InputError, match="another process works here"), alone_in(tmp_path):
            pass
        monkeypatch.setattr(files, "PATIENCE", 600.0)
        naps: list[float] = []

        def nap(seconds: float) -> None:
            naps.append(seconds)
            if len(naps) == 3:
                worker.kill()
                worker.wait()

        monkeypatch.setattr(files.time, "sleep", nap)
        with alone_in(tmp_path):
            assert worker.returncode is not None and len(naps) >= 3
    assert not tmp_path.exists(), "nothing is left in it"


def test_a_file_is_held_beside_others(tmp_path: Path) -> None:
    with alone_at(tmp_path / "a.gff3"), alone_at(tmp_path / "b.gff3"):
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []
