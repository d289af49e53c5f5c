"""Input files by path, by a path below $GENESCRIBE_DATA, or by URL and checksum; unpacked and checked."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import shutil
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from genescribe.errors import InputError
from genescribe.files import FULL, atomic_path, temporary_folder
from genescribe.genome.annotation.text import read_text
from genescribe.genome.fasta import expand_fasta
from genescribe.genome.fasta_index import write_index
from genescribe.system import with_home

DATA_VARIABLE = "GENESCRIBE_DATA"
_BLOCK = 1 << 20
_ATTEMPTS = 4
_DIGESTS = {"sha256": 64, "md5": 32}
_log = logging.getLogger(__name__)


def resolve_path(path: str | Path) -> Path:
    """Return where a file lies: at `path`, or below the folder that $GENESCRIBE_DATA names.

    A path that is found nowhere is returned as it is, so that who opens it can say so.

    Examples
    --------
    >>> resolve_path("no/such/file.fa").name
    'file.fa'
    """
    path = with_home(path)
    root = os.environ.get(DATA_VARIABLE)
    if not path.exists() and not path.is_absolute() and root and (Path(root) / path).exists():
        return Path(root) / path
    return path


def existing_file(path: str | Path, remedy: str) -> str:
    """Return where a file lies, as `resolve_path`.

    Raises
    ------
    InputError
        It is found nowhere.
    """
    place = resolve_path(path)
    if not place.is_file():
        raise InputError("not found here nor under $GENESCRIBE_DATA", where=path, remedy=remedy)
    return str(place)


def fetch_fasta(source: str, target: str | Path, *, sha256: str | None = None, md5: str | None = None) -> None:
    """Write a genome as plain FASTA with its samtools index beside it, every byte checked.

    Parameters
    ----------
    source
        Path (see `resolve_path`) or http, https, ftp or file URL of a plain, gzip or bgzip file.
    target
        FASTA file to write.
    sha256, md5
        Hexadecimal digest of the file as it is at the source; one of them is required for a URL.

    Raises
    ------
    InputError
        Not there, not what the checksum says, or no nucleotide FASTA.
    """
    with _local(source, sha256, md5) as (path, shown):
        index = expand_fasta(path, target, shown=shown)
        # The index comes last, so that it is never older than its file.
        write_index(f"{target}.fai", index)


def fetch_annotation(source: str, target: str | Path, *, sha256: str | None = None, md5: str | None = None) -> None:
    """Write an annotation as plain UTF-8 text with plain newlines; parameters and errors as `fetch_fasta`.

    Parameters
    ----------
    source
        Path or URL of the annotation.
    target
        File to write.
    sha256, md5
        Expected digest of the file at the source; None: not checked.
    """
    with (
        _local(source, sha256, md5) as (path, shown),
        atomic_path(target) as temporary,
        temporary.open("wb") as out,
    ):
        out.writelines(read_text(path, shown=shown))


def fetch_file(source: str, target: str | Path, *, sha256: str) -> None:
    """Write a file as it is at the source; for parameters and errors see `fetch_fasta`."""
    with _local(source, sha256, None) as (path, _), atomic_path(target) as temporary:
        shutil.copyfile(path, temporary)


def published_md5(md5sums: str, source: str) -> str:
    """Return the MD5 that a published list gives for the file that `source` ends with.

    Parameters
    ----------
    md5sums
        URL of a list as md5sum writes it: a digest and a file name a line.
    source
        URL of the file.

    Raises
    ------
    InputError
        The list cannot be had, or does not name the file.
    """
    name = Path(urllib.parse.urlparse(source).path).name
    with temporary_folder() as folder:
        path = folder / "md5sums"
        _download(md5sums, path)
        lines = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    for words in lines:
        if len(words) == 2 and Path(words[1].lstrip("*")).name == name:
            return words[0]
    raise InputError(f"does not name {name}", where=md5sums, remedy="correct the address of the list or of the file")


@contextmanager
def _local(source: str, sha256: str | None, md5: str | None) -> Iterator[tuple[Path, str]]:
    """Yield a local copy of `source`, its checksum verified, and the name that messages should give it."""
    digests = {"sha256": sha256, "md5": md5}
    for name, value in digests.items():
        if value and (len(value) != _DIGESTS[name] or set(value.lower()) - set("0123456789abcdef")):
            raise InputError(
                f"{value!r} is no {name}", where=source, remedy=f"give {_DIGESTS[name]} hexadecimal digits"
            )
    if "://" not in source:
        path = resolve_path(source)
        if path.is_dir():
            raise InputError("is a folder, not a file", where=path, remedy="give the path of a file")
        if not path.is_file():
            root = os.environ.get(DATA_VARIABLE)
            tried = f"; it is not below {DATA_VARIABLE}={root} either" if root else f"; {DATA_VARIABLE} is not set"
            raise InputError(f"no such file{tried}", where=source, remedy="give a path or a URL")
        _verify(path, source, digests)
        yield path, str(path)
        return
    if not any(digests.values()):
        raise InputError("a URL without a checksum", where=source, remedy="give its sha256 (or md5)")
    with temporary_folder() as folder:
        path = folder / (Path(urllib.parse.urlparse(source).path).name or "download")
        _download(source, path)
        _verify(path, source, digests)
        yield path, source


def _verify(path: Path, source: str, digests: dict[str, str | None]) -> None:
    for name, expected in digests.items():
        if expected:
            with path.open("rb") as handle:
                actual = hashlib.file_digest(handle, name).hexdigest()
            if actual != expected.lower():
                raise InputError(
                    f"its {name} is {actual}, not {expected.lower()}",
                    where=source,
                    remedy="check the address; correct the checksum if the source has a new version",
                )


def _is_final(error: Exception) -> bool:
    """Whether trying again is useless: no URL, no such file, refused by the server, no network."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code != http.HTTPStatus.TOO_MANY_REQUESTS
    if isinstance(error, urllib.error.URLError):
        return isinstance(error.reason, str | FileNotFoundError | socket.gaierror)
    return isinstance(error, ValueError)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError):
        return str(error.reason)
    return str(error)


def _download(url: str, target: Path) -> None:
    """Download a URL, trying again after errors of the network; a refusal by the server is final."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "genescribe"})
            with urllib.request.urlopen(request, timeout=60) as response, target.open("wb") as out:
                total = int(response.headers.get("Content-Length") or 0) or None
                with tqdm(total=total, unit="B", unit_scale=True, desc=target.name, disable=None) as bar:
                    while block := response.read(_BLOCK):
                        out.write(block)
                        bar.update(len(block))
            if total is not None and target.stat().st_size != total:
                raise OSError(f"{target.stat().st_size} of {total} bytes arrived")
            return
        except (OSError, ValueError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            if _is_final(error) or attempt == _ATTEMPTS:
                what = f"cannot be downloaded ({_reason(error)})"
                raise InputError(what, where=url, remedy="check the network and the address") from None
            _log.info("%s: %s; trying again", url, _reason(error))
            time.sleep(2**attempt)
