"""The files of an AUGUSTUS species folder as named sections of words and numbers.

A file is a list of sections, ``[NAME]``, some of them behind the header of a class of GC content, ``[1]``, ``[2]``, ...
What follows a # on a line is a comment; a section whose header is commented out is not there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genescribe.errors import InputError

FloatArray = NDArray[np.float64]

_HEADER = re.compile(r"\[(\w+)\]$")
_WORD = re.compile(r"[acgtACGT]+$")
_LETTERS = {letter: code for code, letter in enumerate("acgt")}
COMMON = 0
"""Class of sections that stand before the first class."""


@dataclass(frozen=True)
class Sections:
    """A file's sections.

    Attributes
    ----------
    path
        Parameter file of AUGUSTUS, named in errors.
    tokens
        By class and name, what stands in a section, word by word.
    """

    path: Path
    tokens: dict[tuple[int, str], list[str]]

    @classmethod
    def read(cls, path: Path) -> Sections:
        """Return the sections of a file.

        Raises
        ------
        InputError
            There is no such file, or it is no text.
        """
        try:
            lines = path.read_text(encoding="latin-1").splitlines()
        except OSError:
            raise InputError("no such file", where=path, remedy="copy the species folder whole") from None
        tokens: dict[tuple[int, str], list[str]] = {}
        number, current = COMMON, []
        for line in lines:
            text = line.split("#", 1)[0].strip()
            header = _HEADER.match(text)
            if header is None:
                current.extend(text.split())
                continue
            name, current = header[1], []
            if name.isdigit():
                number, name = int(name), ""
            tokens.setdefault((number, name), current)
        return cls(path, tokens)

    def has(self, name: str, number: int = COMMON) -> bool:
        """Return whether a section is there."""
        return (number, name) in self.tokens

    def section(self, name: str, number: int = COMMON) -> Section:
        """Return a section.

        Raises
        ------
        InputError
            It is missing.
        """
        if not self.has(name, number):
            where = f"[{name}]" if number == COMMON else f"[{name}] of class [{number}]"
            raise InputError(f"no section {where}", where=self.path, remedy="copy the file again: it may be cut short")
        return Section(self.path, name, self.tokens[number, name])


@dataclass(frozen=True)
class Section:
    """Words of one section of a parameter file."""

    path: Path
    name: str
    tokens: Sequence[str]

    def numbers(self) -> FloatArray:
        """Return all of it as numbers, (n,)."""
        return self._floats(self.tokens)

    def head(self) -> FloatArray:
        """Return the numbers before the first word of bases."""
        count = next((i for i, token in enumerate(self.tokens) if _WORD.match(token)), len(self.tokens))
        return self._floats(self.tokens[:count])

    def words(self, length: int, columns: int) -> dict[int, FloatArray]:
        """Return the numbers behind each word of `length` bases, by the word's number (a, c, g, t are 0 to 3)."""
        rows: dict[int, FloatArray] = {}
        for i, token in enumerate(self.tokens):
            # Old files list counts of the same words behind their chances.
            if len(token) == length and _WORD.match(token) and word_of(token) not in rows:
                rows[word_of(token)] = self._floats(self.tokens[i + 1 : i + 1 + columns], columns)
        return rows

    def table(self, length: int, columns: int) -> FloatArray:
        """Return the numbers of all words of `length` bases, (4^length, columns).

        Raises
        ------
        InputError
            A word is missing.
        """
        rows = self.words(length, columns)
        if len(rows) != 4**length:
            raise self.damaged(f"{len(rows)} of {4**length} words of {length} bases")
        return np.stack([rows[word] for word in range(4**length)])

    def longest_word(self) -> int:
        """Return the bases of the section's longest word."""
        return max((len(token) for token in self.tokens if _WORD.match(token)), default=0)

    def rows(self, columns: int, skip: int = 0) -> FloatArray:
        """Return the numbers behind the first `skip`, (n, columns)."""
        values = self.numbers()[skip:]
        if len(values) % columns or not len(values):
            raise self.damaged(f"{len(values)} numbers where rows have {columns}")
        return values.reshape(-1, columns)

    def damaged(self, problem: str) -> InputError:
        """Return the error of a section that is not as it should be."""
        return InputError(f"[{self.name}]: {problem}", where=self.path, remedy="copy the file again: it is damaged")

    def _floats(self, tokens: Sequence[str], expected: int | None = None) -> FloatArray:
        if expected is not None and len(tokens) != expected:
            raise self.damaged("it ends in the middle of a row")
        values = np.empty(len(tokens))
        for i, token in enumerate(tokens):
            try:
                values[i] = float(token)
            except ValueError:
                raise self.damaged(f"{token!r} is no number") from None
            if not math.isfinite(values[i]):
                raise self.damaged(f"{token!r} is no finite number")
        return values


def word_of(text: str) -> int:
    """Return the number of a word of bases.

    Examples
    --------
    >>> word_of("acgt")
    27
    """
    number = 0
    for letter in text.lower():
        number = 4 * number + _LETTERS[letter]
    return number


def read_options(path: Path) -> dict[str, str]:
    """Return the options of a ``*_parameters.cfg``: a name and a value per line.

    Raises
    ------
    InputError
        There is no such file.
    """
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError:
        raise InputError("no such file", where=path, remedy="copy the species folder whole") from None
    options: dict[str, str] = {}
    for line in lines:
        fields = line.split("#", 1)[0].split(None, 1)
        if len(fields) == 2:
            options[fields[0]] = fields[1].strip().strip('"')
    return options
