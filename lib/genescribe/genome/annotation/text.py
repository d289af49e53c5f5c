"""The text of an annotation file: UTF-8, plain newlines, no byte order mark, no embedded sequences.

What reads annotation (the sorter, the catalogue, `read_genes`, the readers of bacterial annotation, of loci and of
evidence) reads through here, so that all of them accept the same files and count the same lines.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from genescribe.errors import InputError
from genescribe.genome.fasta import read_blocks
from genescribe.genome.fasta_index import CHUNK

FASTA_MARK = "##FASTA"
"""Line that stands for embedded sequences."""

_FASTA = re.compile("^(##FASTA|>)", re.MULTILINE)
_CONTROL = re.compile("[\x00\x01]")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_BED_HEADER = re.compile(r"(track|browser)\b(?!\t)")
_ROW_TABS = 7
"""A line of an embedded FASTA section with so many tabs is a feature row behind it."""


def read_text(path: Path, *, shown: str | Path | None = None) -> Iterator[bytes]:
    r"""Yield an annotation file in blocks of whole lines, line by line as in the file.

    Lines end with ``\n``; in the file ``\r\n`` and a lone ``\r`` end them too. Of embedded sequences
    `FASTA_MARK` is left, and empty lines where feature rows follow.

    Parameters
    ----------
    path
        Plain, gzip or bgzip.
    shown
        The name to blame in messages, where `path` is a copy.

    Raises
    ------
    InputError
        Empty, damaged, binary, no annotation but FASTA, or a feature row that is not UTF-8.
    """
    shown = shown or path
    reader = _Reader(shown)
    for block in read_blocks(path, shown=shown):
        yield reader.feed(block)
    yield reader.feed(b"", final=True)
    reader.check_seen()


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines that `read_text` gives, without their ends; parameters and errors as there."""
    for block in read_text(path):
        yield from block.decode().split("\n")[:-1]


def table_rows(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the tab-separated columns of each row of a GFF3, GTF or BED file.

    Blank lines, comments, directives, and the track and browser lines of BED are passed over. Errors as of `read_text`.
    """
    for number, line in enumerate(read_lines(Path(path)), 1):
        if line.strip() and not line.startswith("#") and not _BED_HEADER.match(line):
            yield number, line.split("\t")


def gff3_attributes(text: str) -> dict[str, str]:
    """Return column nine of GFF3 by key; a part without an equals sign is passed over.

    Examples
    --------
    >>> gff3_attributes("ID=a%3B1; Note=two words;")
    {'ID': 'a;1', 'Note': 'two words'}
    """
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {key.strip(): unquote(value.strip()) for key, _, value in pairs}


class _Reader:
    """Turns blocks of bytes into blocks of whole, clean lines."""

    def __init__(self, shown: str | Path) -> None:
        self.shown = shown
        # Bytes that are not UTF-8 become lone surrogates: they matter in feature rows only.
        self._utf8_decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._decoder = io.IncrementalNewlineDecoder(self._utf8_decoder, translate=True)
        self._pending = ""
        self._line = 1
        self._blank = 0
        self._in_fasta = self._seen = self._seen_fasta = False

    def feed(self, block: bytes, *, final: bool = False) -> bytes:
        if final and self._utf8_decoder.getstate()[0]:
            raise self._error("the text ends within a UTF-8 character", self._line + self._pending.count("\n"))
        text = self._pending + self._decoder.decode(block, final=final)
        lines, newline, self._pending = text.rpartition("\n")
        if final and self._pending:
            lines, newline, self._pending = text, "\n", ""
        if len(self._pending) > CHUNK:
            if not self._in_fasta or "\t" in self._pending:
                line = self._line + lines.count("\n") + bool(newline)
                raise self._error(f"a line of more than {CHUNK} characters", line)
            self._pending = ""
        if not newline:
            return b""
        clean = self._clean(lines)
        self._line += lines.count("\n") + 1
        if clean is None:
            return b""
        self._seen = self._seen or clean.strip() not in ("", FASTA_MARK)
        return f"{clean}\n".encode()

    def _clean(self, text: str) -> str | None:
        control = _CONTROL.search(text)
        if control:
            line = self._line + text.count("\n", 0, control.start())
            problem = "a NUL byte" if control[0] == "\0" else f"the control character 0x{ord(control[0]):02x}"
            raise self._error(f"{problem}: this is no text file", line)
        if not text.isascii() and _NOT_UTF8.search(text):
            text = "\n".join(self._utf8(line, number) for number, line in enumerate(text.split("\n"), self._line))
        return self._without_fasta(text) if self._in_fasta or _FASTA.search(text) else text

    def _without_fasta(self, text: str) -> str | None:
        """Return the lines that are left, or None; empty lines are owed until a line follows them."""
        lines: list[str] = []
        for line in text.split("\n"):
            begins = line.startswith((">", FASTA_MARK))
            if begins and not self._seen_fasta:
                lines.append(FASTA_MARK)
                self._in_fasta = self._seen_fasta = True
            elif begins or (self._in_fasta and line.count("\t") < _ROW_TABS):
                self._in_fasta = True
                self._blank += 1
            else:
                lines += [""] * self._blank + [line]
                self._in_fasta, self._blank = False, 0
        return "\n".join(lines) if lines else None

    def _utf8(self, line: str, number: int) -> str:
        bad = _NOT_UTF8.search(line)
        if bad is None:
            return line
        if line.startswith(("#", ">")) or line.count("\t") < _ROW_TABS:
            return _NOT_UTF8.sub("?", line)
        raise self._error(f"byte 0x{ord(bad[0]) - 0xDC00:02x} is not UTF-8", number)

    def check_seen(self) -> None:
        if not self._seen:
            problem = "a FASTA file, no annotation" if self._seen_fasta else "the file is empty"
            raise InputError(problem, where=self.shown, remedy="give a GFF3 or GTF file, plain, gzip or bgzip")

    def _error(self, problem: str, line: int) -> InputError:
        return InputError(problem, where=self.shown, line=line, remedy="save the annotation as UTF-8 text")
