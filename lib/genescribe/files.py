"""Atomic writing of files, compressed or plain, and their digests."""

from __future__ import annotations

import errno
import fcntl
import gzip
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from genescribe.errors import InputError

_NO_SPACE = 64 * 1024
"""Free bytes below which an error in writing is taken for want of space."""
LOCK = ".lock"
"""The file in a folder that a process works in."""
GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on any error.

    Raises
    ------
    IsADirectoryError
        `path` is a folder: said before anything is written.
    InputError
        Its device is full.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        with _named(path, temporary), _full_disk_explained(path):
            yield temporary
            _share(temporary)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary directory beside `path`; it replaces `path` on success and is removed on any error.

    Raises
    ------
    NotADirectoryError
        `path` is a file: said before anything is written.
    InputError
        Its device is full.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    try:
        with _named(path, temporary), _full_disk_explained(path):
            yield temporary
            _share(temporary)
            for entry in temporary.rglob("*"):
                if not entry.is_symlink() and not entry.stat().st_mode & 0o077:
                    _share(entry)
            if path.exists():
                shutil.rmtree(path)
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _named(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Let an error name the file that the user knows, not the temporary one or what lies in it.

    Errors of other files stay as they are; without `temporary`, every error is of `path`.
    """
    try:
        yield
    except OSError as error:
        if temporary is None or str(error.filename).startswith(str(temporary)):
            error.filename = str(path)
        raise
    except InputError as error:
        if temporary is None or not error.where.startswith(str(temporary)):
            raise
        raise InputError(error.what, where=path, remedy=error.remedy) from error


@contextmanager
def _full_disk_explained(path: Path) -> Iterator[None]:
    """Turn any error for want of space into one that says so: writers each have their own, and few name the file."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or (not isinstance(error, OSError) and shutil.disk_usage(path.parent).free < _NO_SPACE):
            raise InputError(
                "no space left on the device", where=path, remedy="free some space and run again"
            ) from error
        raise


@contextmanager
def alone_in(directory: str | Path) -> Iterator[None]:
    """Hold a folder, made where it does not exist, against other processes of this project.

    The lock is the kernel's and this process's own: it ends with it, however it ends, and children do not inherit it.
    Nothing is left of it but what a kill leaves; nor is the folder, where it stays empty.

    Raises
    ------
    InputError
        Another process holds it.
    """
    directory = Path(directory)
    try:
        with _held(directory / LOCK, "another process works in this folder", directory):
            yield
    finally:
        with suppress(OSError):
            directory.rmdir()


@contextmanager
def alone_at(path: str | Path) -> Iterator[None]:
    """Hold a file that is to be written, by a lock beside it, as `alone_in` holds a folder.

    Raises
    ------
    InputError
        Another process holds it.
    """
    path = Path(path)
    with _held(path.with_name(f".{path.name}{LOCK}"), "another process writes this file", path):
        yield


@contextmanager
def _held(lock: Path, what: str, where: Path) -> Iterator[None]:
    with _locked(lock, what, where):
        try:
            yield
        finally:
            with suppress(OSError):
                lock.unlink()


def _locked(lock: Path, what: str, where: Path) -> IO[str]:
    """Return the open file that holds a lock."""
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = lock.open("a")
        except FileNotFoundError:
            continue  # The process that held it has just removed its folder.
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between opening and locking, the process that held it may have removed it: then it locks nobody out.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                    return file
        except BlockingIOError:
            file.close()
            raise InputError(what, where=where, remedy="wait for it, or end it") from None
        file.close()


def _share(path: Path) -> None:
    """Give a file or folder that was made for its owner alone the permissions that the user's umask gives."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` in one step."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, so that equal values are equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_records(path: str | Path, records: Mapping[str, Any]) -> None:
    """Write a long JSON object, an entry per line by sorted keys: faster than `write_json`, and shorter."""
    encoder = json.JSONEncoder(sort_keys=True, allow_nan=False)
    lines = (f"{encoder.encode(key)}: {encoder.encode(records[key])}" for key in sorted(records))
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def is_gzip(path: str | Path) -> bool:
    """Whether the file starts with the gzip magic (plain gzip and bgzip alike)."""
    with Path(path).open("rb") as handle:
        return handle.read(2) == GZIP_MAGIC


def open_binary(path: str | Path) -> IO[bytes]:
    """Open a plain, gzip or bgzip file for reading bytes, whatever its name."""
    return cast(IO[bytes], gzip.open(path, "rb")) if is_gzip(path) else Path(path).open("rb")


def sha256(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
