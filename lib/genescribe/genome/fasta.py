"""Random access to the sequences of a FASTA file, and writing one.

A plain FASTA file is mapped into memory and read through its samtools index (`genome.fa.fai`); the index is made,
and every byte checked, when there is none or it is older than the file. Gzip, bgzip and files whose lines have
unequal lengths cannot be mapped so: they are first rewritten into a temporary plain file.
"""

from __future__ import annotations

import codecs
import gzip
import os
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from tqdm import tqdm

from genescribe.errors import InputError
from genescribe.files import atomic_path, is_gzip, open_binary
from genescribe.genome.alphabet import Codes, decode, encode, unmasked
from genescribe.genome.fasta_index import CHUNK, Index, IrregularError, index_fasta, keep_index, mapped, read_index
from genescribe.packing import refuse_packed

LINE_WIDTH = 60
COPY = "genescribe-"
"""How the names of folders with a plain copy begin."""
LONGEST_HEADER = 1 << 10
UPPER = b"ACGT"
PART = 1 << 16
"""Bytes in which they are sought at a time."""
_BETWEEN_LINES = bytes(range(14))
"""Bytes that are no letter: ends of lines."""


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
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_fasta(f"{folder}/genome.fa", [("chr1", "ACnTG")])
    ...     Genome.open(f"{folder}/genome.fa").codes("chr1", 0, 4).tolist()
    [0, 1, 12, 3]
    """

    def __init__(self, path: Path, plain: Path, index: Index) -> None:
        self.path = path
        self.lengths = {name: entry.length for name, entry in index.items()}
        self._plain, self._index = plain, index
        self._bytes = mapped(plain)

    @classmethod
    def open(cls, path: str | Path, *, scratch: str | Path | None = None) -> Genome:
        """Open a plain, gzip or bgzip FASTA file.

        Parameters
        ----------
        path
            The file. Its index is read from, or written to, `<path>.fai`; where that cannot be written it is kept
            in memory.
        scratch
            Folder of the plain copy, where one has to be made; None: that of temporary files. The copy lasts as long
            as this object; other processes are to be given this object, which they read the same copy through.

        Raises
        ------
        InputError
            Missing, empty, truncated or no FASTA file of nucleotides; a name given twice.
        """
        path = Path(path)
        _check_readable(path)
        refuse_packed(path)
        if is_gzip(path):
            return cls._rewritten(path, scratch)
        index = read_index(path)
        if index is None:
            try:
                index = index_fasta(path)
            except IrregularError:
                return cls._rewritten(path, scratch)
            keep_index(path, index)
        return cls(path, path, index)

    @classmethod
    def _rewritten(cls, path: Path, scratch: str | Path | None) -> Genome:
        folder = Path(tempfile.mkdtemp(prefix=COPY, dir=scratch))
        try:
            plain = folder / "genome.fa"
            index = expand_fasta(path, plain, shown=path)
            keep_index(plain, index)
            genome = cls(path, plain, index)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, InputError) and error.where == str(plain):
                elsewhere = "set TMPDIR to another folder" if scratch is None else "write to another folder"
                raise InputError(
                    f"{error.what}, where a plain copy of {path} is made",
                    where=folder.parent,
                    remedy=f"free some space, give a plain FASTA file, or {elsewhere}",
                ) from error
            raise
        weakref.finalize(genome, _remove, folder, os.getpid())
        return genome

    def codes(self, seqid: str, start: int = 0, end: int | None = None) -> Codes:
        """Return the base codes of ``[start, end)`` of a sequence, softmask bit included.

        In a file without a base in upper case, lower case says nothing of repeats, and no base is soft-masked.

        Parameters
        ----------
        seqid
            Name of the sequence.
        start, end
            Interval, 0-based and half-open; an end of None is the end of the sequence.

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
        codes = encode(raw.tobytes(), _BETWEEN_LINES)
        return codes if self._upper_case else unmasked(codes)

    @cached_property
    def _upper_case(self) -> bool:
        """Whether any base is written in upper case: the first few nearly always tell."""
        for entry in self._index.values():
            last = entry.byte(entry.length)
            for start in range(entry.byte(0), last, PART):
                part = self._bytes[start : min(start + PART, last)].tobytes()
                if any(base in part for base in UPPER):
                    return True
        return False

    def description(self, seqid: str) -> str:
        """Return the text behind a sequence's name in its header; empty where it is too long to be a description."""
        first = self._index[seqid].byte(0)
        before = b"\n" + self._bytes[max(0, first - LONGEST_HEADER) : first].tobytes()
        place = before.rfind(b"\n>")
        header = before[place + 2 :].decode("utf-8", "replace") if place >= 0 else ""
        return header.removeprefix(seqid).strip() if header.startswith(seqid) else ""

    @property
    def plain(self) -> Path:
        """A plain file of the same sequences: the one that was opened, or a copy that lasts as long as this object."""
        return self._plain

    def __reduce__(self) -> tuple[object, tuple[Path, Path, Index]]:
        # A worker process maps the same plain file anew, the temporary one included: it neither copies nor removes it.
        return (Genome, (self.path, self._plain, self._index))


def write_fasta(path: str | Path, records: Iterable[tuple[str, str | Codes]]) -> None:
    """Write (header, sequence) records in one step.

    Parameters
    ----------
    path
        FASTA file to write; one that exists is replaced.
    records
        Headers without ``>``; sequences as text (proteins too) or as base codes.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as handle:
        for header, sequence in records:
            text = sequence if isinstance(sequence, str) else decode(sequence)
            handle.write(f">{header}\n")
            handle.writelines(f"{text[i : i + LINE_WIDTH]}\n" for i in range(0, len(text), LINE_WIDTH))


def expand_fasta(source: str | Path, target: str | Path, *, shown: str | Path | None = None) -> Index:
    """Write a FASTA file decompressed and with equal lines, all bytes checked; return the index of `target`.

    `shown` is the name to blame in messages, where `source` is a copy.

    Parameters
    ----------
    source
        FASTA file, plain, gzip or bgzip.
    target
        Plain file to write.
    shown
        Name for messages, where `source` is a copy; None: `source`.

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
        except IrregularError:
            _rewrap(temporary)
            return index_fasta(temporary, shown=shown)


def read_blocks(path: Path, *, shown: str | Path | None = None) -> Iterator[bytes]:
    """Yield a plain or compressed file in blocks, without a byte order mark; `shown` is the name to blame in messages.

    Raises
    ------
    InputError
        A compressed file that ends early or is damaged.
    """
    try:
        with (
            open_binary(path, shown) as handle,
            tqdm(unit="B", unit_scale=True, desc=path.name, disable=None, delay=2) as bar,
        ):
            mark = codecs.BOM_UTF8
            while block := handle.read(CHUNK):
                yield block.removeprefix(mark)
                mark = b""
                bar.update(len(block))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"the compressed file is damaged or ends early ({error})",
            where=shown or path,
            remedy="download or copy it again",
        ) from None


def _remove(folder: Path, owner: int) -> None:
    # A forked worker inherits the finalizer, not the right to remove what its parent still reads.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _check_readable(path: Path) -> None:
    if not path.is_file():
        problem = "is a folder, not a file" if path.is_dir() else "no such file"
        raise InputError(problem, where=path, remedy="give the path of a FASTA file, plain, gzip or bgzip")


def _rewrap(path: Path) -> None:
    """Rewrite a plain FASTA file in place with lines of `LINE_WIDTH` bases, which all end with a newline."""
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
            cut = len(pending) // LINE_WIDTH * LINE_WIDTH
            out.writelines(f"{pending[i : i + LINE_WIDTH]}\n" for i in range(0, cut, LINE_WIDTH))
            pending = pending[cut:]
        out.write(f"{pending}\n" if pending else "")


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
