"""Random access to the sequences of a FASTA file, and writing one.

A plain FASTA file is mapped into memory and read through its samtools index (`genome.fa.fai`); the index is made,
and every byte checked, when there is none or it is older than the file. Gzip, bgzip and files whose lines have
unequal lengths cannot be mapped so: they are first rewritten into a temporary plain file.
"""

from __future__ import annotations

import gzip
import logging
import os
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genescribe.errors import InputError
from genescribe.files import atomic_path, is_gzip, open_binary, write_text
from genescribe.genome.alphabet import Codes, decode, encode

LINE_WIDTH = 60
_CHUNK = 1 << 24
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


class _IrregularError(Exception):
    """Lines of unequal length: the file has to be rewritten before it can be indexed."""


class Genome:
    """The sequences of a FASTA file.

    Attributes
    ----------
    path
        The file that was opened.
    lengths
        Bases of each sequence, in the order of the file.

    Examples
    --------
    >>> genome = Genome.open("genome.fa")  # doctest: +SKIP
    >>> genome.codes("chr1", 0, 4).tolist()  # doctest: +SKIP
    [0, 1, 10, 4]
    """

    def __init__(self, path: Path, plain: Path, index: Index) -> None:
        self.path = path
        self.lengths = {name: entry.length for name, entry in index.items()}
        self._plain, self._index = plain, index
        self._bytes = np.memmap(plain, dtype=np.uint8, mode="r")

    @classmethod
    def open(cls, path: str | Path, *, check: bool = False) -> Genome:
        """Open a plain, gzip or bgzip FASTA file.

        Parameters
        ----------
        path
            The file. Its index is read from, or written to, `<path>.fai`; where that cannot be written it is kept
            in memory.
        check
            Check every byte, also where an index says that it was done.

        Raises
        ------
        InputError
            Missing, empty, truncated or no FASTA file of nucleotides; a name given twice.
        """
        path = Path(path)
        _check_readable(path)
        if is_gzip(path):
            return cls._rewritten(path)
        index = None if check else _read_index(path)
        if index is None:
            try:
                index = index_fasta(path)
            except _IrregularError:
                return cls._rewritten(path)
            _keep_index(path, index)
        return cls(path, path, index)

    @classmethod
    def _rewritten(cls, path: Path) -> Genome:
        folder = Path(tempfile.mkdtemp(prefix="genescribe-"))
        try:
            plain = folder / "genome.fa"
            genome = cls(path, plain, expand_fasta(path, plain))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(genome, _remove, folder, os.getpid())
        return genome

    def codes(self, seqid: str, start: int = 0, end: int | None = None) -> Codes:
        """Return the base codes of ``[start, end)`` of a sequence, softmask bit included.

        Raises
        ------
        InputError
            No such sequence, or an interval outside it.
        """
        entry = self._index.get(seqid)
        if entry is None:
            raise InputError(
                f"no sequence {seqid!r}", where=self.path, remedy=f"it has {len(self.lengths)}: {_some(self.lengths)}"
            )
        if end is None:
            end = entry.length
        if not 0 <= start <= end <= entry.length:
            raise InputError(
                f"[{start}, {end}) lies outside {seqid!r}, which has {entry.length} bases",
                where=self.path,
                remedy="use the genome that the coordinates belong to",
            )
        raw = self._bytes[entry.byte(start) : entry.byte(end)]
        return encode(raw[raw > _RETURN].tobytes())

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        # A worker process maps the same plain file anew, the temporary one included.
        return (Genome.open, (self._plain,))


def write_fasta(path: str | Path, records: Iterable[tuple[str, str | Codes]], *, width: int = LINE_WIDTH) -> None:
    """Write (header, sequence) records in one step.

    Parameters
    ----------
    path
        Where to.
    records
        Headers without ``>``; sequences as text (proteins too) or as base codes.
    width
        Letters a line.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as handle:
        for header, sequence in records:
            text = sequence if isinstance(sequence, str) else decode(sequence)
            handle.write(f">{header}\n")
            handle.writelines(f"{text[i : i + width]}\n" for i in range(0, len(text), width))


def expand_fasta(source: str | Path, target: str | Path, *, shown: str | Path | None = None) -> Index:
    """Write a FASTA file decompressed and with equal lines, all bytes checked; return the index of `target`.

    `shown` is the name to blame in messages, where `source` is a copy.

    Raises
    ------
    InputError
        As `Genome.open`.
    """
    source = Path(source)
    shown = shown or source
    _check_readable(source)
    with atomic_path(target) as temporary:
        with temporary.open("wb") as out:
            out.writelines(read_blocks(source, shown=shown))
        try:
            return index_fasta(temporary, shown=shown)
        except _IrregularError:
            _rewrap(temporary)
            return index_fasta(temporary, shown=shown)


def read_blocks(path: Path, *, shown: str | Path | None = None) -> Iterator[bytes]:
    """Yield a plain or compressed file in blocks; `shown` is the name to blame in messages.

    Raises
    ------
    InputError
        A compressed file that ends early or is damaged.
    """
    try:
        with open_binary(path) as handle:
            while block := handle.read(_CHUNK):
                yield block
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"the compressed file is damaged or ends early ({error})",
            where=shown or path,
            remedy="download or copy it again",
        ) from None


def index_fasta(path: Path, *, shown: str | Path | None = None) -> Index:
    """Check every byte of a plain FASTA file and return its index.

    Parameters
    ----------
    path
        Plain FASTA.
    shown
        The name to blame in messages, where `path` is a copy.
    """
    shown = shown or path
    if path.stat().st_size == 0:
        raise _no_fasta(shown, "the file is empty")
    data = np.memmap(path, dtype=np.uint8, mode="r")
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


def _remove(folder: Path, owner: int) -> None:
    # A forked worker inherits the finalizer, not the right to remove what its parent still reads.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _check_readable(path: Path) -> None:
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "no such file"
        raise InputError(what, where=path, remedy="give the path of a FASTA file, plain, gzip or bgzip")


def _read_index(path: Path) -> Index | None:
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


def _keep_index(path: Path, index: Index) -> None:
    try:
        write_index(f"{path}.fai", index)
    except OSError as error:
        _log.info("%s.fai: cannot be written (%s), the index stays in memory", path, error.strerror)


def _headers(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the offsets of `>` at the beginning of a line."""
    found = []
    for low in range(0, len(data), _CHUNK):
        at = np.flatnonzero(data[low : low + _CHUNK] == _HEADER) + low
        before = data[np.maximum(at - 1, 0)]
        found.append(at[(at == 0) | (before == _NEWLINE) | (before == _RETURN)])
    return np.concatenate(found)


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
        raise _IrregularError
    name = header.split(None, 1)[0] if header.strip() and not header[:1].isspace() else b""
    if not name or not name.isascii():
        what = "a sequence without a name" if not name else "a sequence name with non-ASCII letters"
        raise InputError(what, where=shown, line=_line(data, start), remedy="write `>name` with plain letters")
    return name.decode("ascii"), min(end + 1, stop)


def _entry(data: NDArray[np.uint8], name: str, offset: int, stop: int, shown: str | Path) -> IndexEntry:
    """Check the lines of one sequence and return its row of the index."""
    found, returns = [], 0
    for low in range(offset, stop, _CHUNK):
        block = data[low : min(low + _CHUNK, stop)]
        allowed = _ALLOWED[block]
        if not allowed.all():
            raise _bad_letter(data, low + int(np.argmin(allowed)), name, shown)
        found.append(np.flatnonzero(block == _NEWLINE) + low)
        returns += int(np.count_nonzero(block == _RETURN))
    if not found or data[stop - 1] != _NEWLINE:
        found.append(np.array([stop]))
    ends = np.concatenate(found)
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
        raise _IrregularError
    return IndexEntry(int(bases.sum()), offset, int(bases[0]), width)


def _rewrap(path: Path) -> None:
    """Rewrite a plain FASTA file in place with lines of `LINE_WIDTH` bases, whatever ended its lines before."""
    # latin-1 keeps each byte, so that a bad one is found and named afterwards.
    with (
        atomic_path(path) as temporary,
        path.open(encoding="latin-1") as lines,
        temporary.open("w", encoding="latin-1", newline="\n") as out,
    ):
        pending = ""
        for line in lines:
            text = line.rstrip("\n")
            if text.startswith(">"):
                out.write(f"{pending}\n{text}\n" if pending else f"{text}\n")
                pending = ""
                continue
            pending += text
            whole = len(pending) // LINE_WIDTH * LINE_WIDTH
            out.writelines(f"{pending[i : i + LINE_WIDTH]}\n" for i in range(0, whole, LINE_WIDTH))
            pending = pending[whole:]
        out.write(f"{pending}\n" if pending else "")


def _line(data: NDArray[np.uint8], offset: int) -> int:
    """Return the 1-based number of the line that holds the byte at `offset`."""
    return 1 + sum(
        int(np.count_nonzero(data[low : min(low + _CHUNK, offset)] == _NEWLINE)) for low in range(0, offset, _CHUNK)
    )


def _bad_letter(data: NDArray[np.uint8], offset: int, name: str, shown: str | Path) -> InputError:
    letter = int(data[offset])
    if letter > 127:
        what = f"byte 0x{letter:02x} is not ASCII"
    elif chr(letter) in "EFILPQZJO*efilpqzjo":
        what = f"letter {chr(letter)!r} is no nucleotide (is this a protein file?)"
    else:
        what = f"character {chr(letter)!r} is no nucleotide"
    return InputError(
        f"{what}, in sequence {name!r}",
        where=shown,
        line=_line(data, offset),
        remedy="give nucleotide sequences (IUPAC letters only)",
    )


def _no_fasta(path: str | Path, what: str, line: int | None = None) -> InputError:
    return InputError(what, where=path, line=line, remedy="give a FASTA file, plain, gzip or bgzip")


def _some(names: Iterable[str], limit: int = 5) -> str:
    names = list(names)
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
