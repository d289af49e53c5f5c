"""Atomic writing of files, compressed or plain, their digests, and reading of JSON and YAML."""

from __future__ import annotations

import csv
import errno
import fcntl
import gzip
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from genescribe.errors import InputError
from genescribe.packing import refuse_packed

_NO_SPACE = 64 * 1024
"""Free bytes below which an error in writing is taken for want of space."""
LOCK = ".lock"
"""The file in a folder that a process works in."""
WORKERS = ".workers"
"""The file in it that the worker processes of this one hold."""
PATIENCE = 60.0
"""Seconds to wait for the workers of a process that was killed; as a rule they end within one."""
GZIP_MAGIC = b"\x1f\x8b"
_TAKEN, _FULL = "another process works here", "no space left on the device"
FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of the system for want of space."""


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
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        with naming(path, temporary), full_disk_explained(path):
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
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    try:
        with naming(path, temporary), full_disk_explained(path):
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
def temporary_folder() -> Iterator[Path]:
    """Yield a folder of temporary files (`TMPDIR`), removed at the end; errors name where such files go.

    Raises
    ------
    InputError
        Its device is full.
    """
    try:
        root = Path(tempfile.gettempdir())
    except FileNotFoundError:
        problem = "no folder for temporary files"
        raise InputError(problem, where="TMPDIR", remedy="set it to one with free space") from None
    with naming(root):
        folder = Path(tempfile.mkdtemp(prefix="genescribe-"))
    try:
        with naming(root, folder):
            yield folder
    except Exception as error:
        known = isinstance(error, InputError) and (error.what, error.where) == (_FULL, str(root))
        # What else is written meanwhile may lie on another device.
        if not known and not (_wants_space(error, root) and _free(root) < _NO_SPACE):
            raise
        raise InputError(_FULL, where=root, remedy="free some space, or set TMPDIR to another folder") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def naming(path: str | Path, temporary: str | Path | None = None) -> Iterator[None]:
    """Let errors name the path that the user knows, not the temporary one that stands for it or files in it.

    Errors of other paths stay as they are; without `temporary`, every error of the system is of `path`.
    """
    try:
        yield
    except OSError as error:
        if temporary is None or _lies_in(error.filename, temporary):
            error.filename = str(path)
        raise
    except InputError as error:
        if temporary is None or not _lies_in(error.where, temporary):
            raise
        problem, remedy = (text.replace(str(temporary), str(path)) for text in (error.what, error.remedy))
        raise InputError(problem, where=path, remedy=remedy) from error


def _lies_in(name: Any, folder: str | Path) -> bool:
    return isinstance(name, str | os.PathLike) and Path(name).is_relative_to(folder)


@contextmanager
def full_disk_explained(path: str | Path) -> Iterator[None]:
    """Turn any error for want of space into one that says so: writers each have their own, and few name the file.

    Raises
    ------
    InputError
        The device of `path` is full.
    """
    path = Path(path)
    try:
        yield
    except Exception as error:
        if not _wants_space(error, path.parent):
            raise
        raise InputError(_FULL, where=path, remedy="free some space and run again") from error


def _wants_space(error: Exception, folder: Path) -> bool:
    """Return whether an error is for want of space; one of a library that does not say is, where there is none."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    return not isinstance(error, InputError) and _free(folder) < _NO_SPACE


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@contextmanager
def alone_in(directory: str | Path) -> Iterator[None]:
    """Hold a folder, made where it does not exist, against other processes of this project.

    The lock is the kernel's and this process's own: it ends with it, however it ends, and children do not inherit it.
    Workers that write into the folder hold it besides, by `work_in`: those of a process that was killed are waited for.
    Nothing is left of it but what a kill leaves; nor is the folder, where it stays empty.

    Raises
    ------
    InputError
        Another process holds it.
    """
    directory = Path(directory)
    try:
        with _held(directory / LOCK, _TAKEN, directory):
            _outlive_workers(directory)
            yield
    finally:
        with suppress(OSError):
            directory.rmdir()


def work_in(directory: str | Path) -> IO[bytes]:
    """Hold a folder as a worker of the process that holds it, until the returned file is closed."""
    file = (Path(directory) / WORKERS).open("a+b")
    fcntl.lockf(file, fcntl.LOCK_SH)
    return file


def _outlive_workers(directory: Path) -> None:
    """Wait until no worker of an earlier process holds a folder: its files would be taken for this run's."""
    end = time.monotonic() + PATIENCE
    with (directory / WORKERS).open("a+b") as file:
        while True:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise InputError(_TAKEN, where=directory, remedy="end the workers of an earlier run") from None
                time.sleep(0.05)
        (directory / WORKERS).unlink(missing_ok=True)


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
def _held(lock: Path, problem: str, where: Path) -> Iterator[None]:
    with _locked(lock, problem, where):
        try:
            yield
        finally:
            with suppress(OSError):
                lock.unlink()


def _locked(lock: Path, problem: str, where: Path) -> IO[str]:
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
            raise InputError(problem, where=where, remedy="wait for it, or end it") from None
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


def write_table(
    path: str | Path, columns: Iterable[str], rows: Iterable[Iterable[Any]], *, delimiter: str = ","
) -> None:
    """Write a table with a header row in one step.

    Parameters
    ----------
    path
        File to write.
    columns, rows
        Names of the columns, and the cells of each row.
    delimiter
        Comma, or tab.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def read_table(path: str | Path, delimiter: str = ",") -> list[dict[str, str]]:
    """Return the rows of a table with a header row, by the names of its columns."""
    with Path(path).open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle, delimiter=delimiter))


def read_json(path: str | Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def parse_yaml(source: str | Path, where: str) -> Any:
    """Return the value of YAML or JSON text, or of a file.

    Raises
    ------
    InputError
        It cannot be parsed, or is no text.
    """
    # Here, since rules that read no such text run where there is no YAML.
    import yaml

    try:
        return yaml.safe_load(source if isinstance(source, str) else source.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        line = mark.line + 1 if mark else None
        raise InputError(f"not YAML or JSON: {problem}", where=where, line=line, remedy="correct it") from None
    except UnicodeDecodeError:
        raise InputError("not UTF-8 text", where=where, remedy="give a YAML or JSON file") from None
    except (RecursionError, ValueError) as error:
        raise InputError(f"not YAML or JSON: {error}", where=where, remedy="correct it") from None


def is_gzip(path: str | Path) -> bool:
    """Whether the file starts with the gzip magic (plain gzip and bgzip alike)."""
    with Path(path).open("rb") as handle:
        return handle.read(2) == GZIP_MAGIC


def open_binary(path: str | Path, shown: str | Path | None = None) -> IO[bytes]:
    """Open a plain, gzip or bgzip file for reading bytes; its name does not matter.

    Parameters
    ----------
    path
        File to read.
    shown
        The name to blame in messages, where `path` is a copy.

    Raises
    ------
    InputError
        It is packed in another way.
    """
    refuse_packed(path, shown)
    return cast(IO[bytes], gzip.open(path, "rb")) if is_gzip(path) else Path(path).open("rb")


def sha256(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
