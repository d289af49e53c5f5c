"""The samtools index of a plain FASTA file, built while checking every byte."""

from __future__ import annotations

import codecs
import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genescribe.errors import InputError
from genescribe.files import write_text

CHUNK = 1 << 24
"""Bytes that are read or looked at in one go."""
_NEWLINE, _RETURN, _HEADER = 10, 13, ord(">")
_ALLOWED = np.zeros(256, dtype=bool)
_ALLOWED[np.frombuffer(b"ACGTUNRYSWKMBDHVXacgtunryswkmbdhvx\r\n", dtype=np.uint8)] = True
_log = logging.getLogger(__name__)


class IndexEntry(NamedTuple):
    """A row of a `.fai` file: bases, offset of the first one, bases and bytes a line."""

    length: int
    offset: int
    line_bases: int
    line_bytes: int

    def byte(self, position: int) -> int:
        """Return the offset of the base at `position`."""
        return self.offset + position // self.line_bases * self.line_bytes + position % self.line_bases


Index = dict[str, IndexEntry]


class IrregularError(Exception):
    """Lines of unequal length, or a byte order mark: the file has to be rewritten before it can be indexed."""


def index_fasta(path: Path, *, shown: str | Path | None = None) -> Index:
    """Check every byte of a plain FASTA file and return its index.

    Parameters
    ----------
    path
        Plain FASTA file.
    shown
        The name to blame in messages, where `path` is a copy.
    """
    shown = shown or path
    if path.stat().st_size == 0:
        raise _no_fasta(shown, "the file is empty")
    data = mapped(path)
    if data[:3].tobytes() == codecs.BOM_UTF8:
        raise IrregularError
    headers = _headers(data)
    if not len(headers) or data[: headers[0]].tobytes().strip():
        raise _no_fasta(shown, "no FASTA file: it does not begin with a `>` line", line=1)
    index: Index = {}
    for start, stop in zip(headers, [*headers[1:], len(data)], strict=True):
        name, offset = _name(data, int(start), int(stop), shown)
        if name in index:
            raise InputError(
                f"sequence name {name!r} occurs twice",
                where=shown,
                line=_line(data, int(start)),
                remedy="rename or remove one of them",
            )
        index[name] = _entry(data, name, offset, int(stop), shown)
    return index


def write_index(path: str | Path, index: Index) -> None:
    """Write a samtools `.fai` file."""
    write_text(path, "".join("\t".join(map(str, (name, *entry))) + "\n" for name, entry in index.items()))


def mapped(path: Path) -> NDArray[np.uint8]:
    """Return a file's bytes, mapped into memory."""
    # A plain view of the map: slicing a memmap object itself is several times slower.
    return np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))


def read_index(path: Path) -> Index | None:
    """Return the index beside `path` where it is there, newer than the file and consistent with its size."""
    beside = Path(f"{path}.fai")
    try:
        if beside.stat().st_mtime < path.stat().st_mtime:
            return None
        rows = [line.split("\t") for line in beside.read_text(encoding="utf-8").splitlines()]
        index = {row[0]: IndexEntry(*map(int, row[1:5])) for row in rows}
        last = max(index.values(), key=lambda entry: entry.offset)
    except (OSError, ValueError, TypeError, IndexError):
        return None
    spare = path.stat().st_size - last.byte(last.length - 1) - 1
    return index if len(index) == len(rows) and 0 <= spare <= 2 else None


def keep_index(path: Path, index: Index) -> None:
    """Write the index beside its file where that can be done."""
    try:
        write_index(f"{path}.fai", index)
    except OSError as error:
        _log.info("%s.fai: cannot be written (%s), the index stays in memory", path, error.strerror)


def _headers(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the offsets of `>` at the beginning of a line."""
    offsets = []
    for low in range(0, len(data), CHUNK):
        at = np.flatnonzero(data[low : low + CHUNK] == _HEADER) + low
        before = data[np.maximum(at - 1, 0)]
        offsets.append(at[(at == 0) | (before == _NEWLINE) | (before == _RETURN)])
    return np.concatenate(offsets)


def _name(data: NDArray[np.uint8], start: int, stop: int, shown: str | Path) -> tuple[str, int]:
    """Return the first word of the header at `start` and the offset of the line after it."""
    end = start
    while end < stop:
        newline = np.flatnonzero(data[end : min(end + 4096, stop)] == _NEWLINE)
        if len(newline):
            end += int(newline[0])
            break
        end = min(end + 4096, stop)
    header = data[start + 1 : end].tobytes()
    if _RETURN in header.rstrip(b"\r"):
        raise IrregularError
    name = header.split(None, 1)[0] if header.strip() and not header[:1].isspace() else b""
    if not name or not name.isascii():
        problem = "a sequence without a name" if not name else "a sequence name with non-ASCII letters"
        raise InputError(problem, where=shown, line=_line(data, start), remedy="write `>name` with plain letters")
    return name.decode("ascii"), min(end + 1, stop)


def _entry(data: NDArray[np.uint8], name: str, offset: int, stop: int, shown: str | Path) -> IndexEntry:
    """Check the lines of one sequence and return its row of the index."""
    line_ends, returns = [], 0
    for low in range(offset, stop, CHUNK):
        block = data[low : min(low + CHUNK, stop)]
        allowed = _ALLOWED[block]
        if not allowed.all():
            raise _bad_letter(data, low + int(np.argmin(allowed)), name, shown)
        line_ends.append(np.flatnonzero(block == _NEWLINE) + low)
        returns += int(np.count_nonzero(block == _RETURN))
    if not line_ends or data[stop - 1] != _NEWLINE:
        line_ends.append(np.array([stop]))
    ends = np.concatenate(line_ends)
    starts = np.concatenate([[offset], ends[:-1] + 1])
    carriage = (ends > starts) & (data[np.maximum(ends - 1, 0)] == _RETURN)
    bases = ends - starts - carriage
    filled = np.flatnonzero(bases)
    if not len(filled):
        raise InputError(
            f"sequence {name!r} has no bases",
            where=shown,
            line=_line(data, offset - 1),
            remedy="remove it or give its bases",
        )
    lines = int(filled[-1]) + 1
    width = int(starts[1] - offset) if lines > 1 else int(bases[0]) + 1 + int(carriage[0])
    regular = (
        returns == np.count_nonzero(carriage)
        and np.array_equal(starts[:lines], offset + width * np.arange(lines))
        and bool((bases[: lines - 1] == bases[0]).all())
        and bases[lines - 1] <= bases[0]
    )
    if not regular:
        raise IrregularError
    return IndexEntry(int(bases.sum()), offset, int(bases[0]), width)


def _line(data: NDArray[np.uint8], offset: int) -> int:
    """Return the 1-based number of the line that holds the byte at `offset`."""
    return 1 + sum(
        int(np.count_nonzero(data[low : min(low + CHUNK, offset)] == _NEWLINE)) for low in range(0, offset, CHUNK)
    )


def _bad_letter(data: NDArray[np.uint8], offset: int, name: str, shown: str | Path) -> InputError:
    letter = int(data[offset])
    if letter > 127:
        problem = f"byte 0x{letter:02x} is not ASCII"
    elif chr(letter) in "EFILPQZJO*efilpqzjo":
        problem = f"letter {chr(letter)!r} is no nucleotide (is this a protein file?)"
    else:
        problem = f"character {chr(letter)!r} is no nucleotide"
    return InputError(
        f"{problem}, in sequence {name!r}",
        where=shown,
        line=_line(data, offset),
        remedy="give nucleotide sequences (IUPAC letters only)",
    )


def _no_fasta(path: str | Path, problem: str, line: int | None = None) -> InputError:
    return InputError(problem, where=path, line=line, remedy="give a FASTA file, plain, gzip or bgzip")
