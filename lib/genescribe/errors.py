"""The error that users see: fault, place and remedy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path


class InputError(ValueError):
    """Input that cannot be used, told in one line.

    Parameters
    ----------
    what
        The fault, in plain words.
    where
        The file (or configuration key) that holds it.
    line
        1-based line number in `where`.
    remedy
        A step that the user can take.

    Examples
    --------
    >>> str(InputError("the file is empty", where="a.fa", remedy="give a FASTA file"))
    'a.fa: the file is empty; give a FASTA file'
    >>> str(InputError("end before start", where="a.gff3", line=7, remedy="correct the row"))
    'a.gff3:7: end before start; correct the row'
    """

    def __init__(self, what: str, *, where: str | Path, line: int | None = None, remedy: str) -> None:
        self.what, self.where, self.line, self.remedy = what, str(where), line, remedy
        place = self.where if line is None else f"{self.where}:{line}"
        super().__init__(" ".join(f"{place}: {what}; {remedy}".split()))

    def __reduce__(self) -> tuple[Callable[[], InputError], tuple[()]]:
        # Exceptions are pickled with their positional arguments alone; those of worker processes come pickled.
        return partial(InputError, self.what, where=self.where, line=self.line, remedy=self.remedy), ()
