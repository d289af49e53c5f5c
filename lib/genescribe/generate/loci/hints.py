"""Intron evidence: junctions from GFF or BED; `hint_flags` marks them on a window. Imports no torch."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from genescribe.errors import InputError
from genescribe.files import open_binary


class Hint(NamedTuple):
    """An intron that evidence speaks for: [start, end), strand "." where it is not known, and how strongly."""

    start: int
    end: int
    strand: str
    score: float


class Junctions:
    """The introns that a file speaks for.

    Parameters
    ----------
    by_sequence
        Hints of each sequence, in any order.
    """

    def __init__(self, by_sequence: Mapping[str, Iterable[Hint]]) -> None:
        self._hints = {seqid: sorted(set(hints)) for seqid, hints in by_sequence.items()}
        self._starts = {seqid: [hint.start for hint in hints] for seqid, hints in self._hints.items()}

    def __len__(self) -> int:
        """Return the number of introns."""
        return sum(map(len, self._hints.values()))

    def within(self, seqid: str, start: int, end: int) -> tuple[Hint, ...]:
        """Return the introns that lie in ``[start, end)``, in the coordinates of the sequence."""
        starts = self._starts.get(seqid, [])
        found = self._hints.get(seqid, [])[bisect_left(starts, start) : bisect_left(starts, end)]
        return tuple(hint for hint in found if hint.end <= end)


def read_junctions(path: str | Path, lengths: Mapping[str, int] | None = None, source: str | None = None) -> Junctions:
    """Return the introns of a file.

    Parameters
    ----------
    path
        GFF3 or GTF: rows of type intron, the score column their strength. BED: rows with blocks (column 10 above 1)
        give the gaps between these, others are introns; column 5 is the strength. Plain or compressed; BED by its
        name. A strength that is missing counts 1.
    lengths
        Bases of each sequence; None: not checked.
    source
        Only rows of this source, column 2 of a GFF file: where an annotation's own introns stand beside evidence.

    Raises
    ------
    InputError
        A row that is none, or lies outside the genome; no intron.
    """
    bed = Path(path).name.removesuffix(".gz").endswith(".bed")
    found: dict[str, list[Hint]] = defaultdict(list)
    with open_binary(path) as handle:
        for line, raw in enumerate(handle, 1):
            text = raw.decode("utf-8").rstrip("\r\n")
            if text.startswith("##FASTA"):
                break
            if not text or text.startswith(("#", "track", "browser")):
                continue
            try:
                rows = list(_bed(text.split("\t")) if bed else _gff(text.split("\t"), source))
            except (ValueError, IndexError):
                kind = "BED" if bed else "GFF"
                raise InputError(f"not a {kind} row", where=path, line=line, remedy="repair the row") from None
            for seqid, hint in rows:
                if not 0 <= hint.start < hint.end or (lengths is not None and hint.end > lengths.get(seqid, -1)):
                    raise InputError(
                        f"{seqid}:{hint.start + 1}-{hint.end} lies outside the genome",
                        where=path,
                        line=line,
                        remedy="give evidence of this genome",
                    )
                found[seqid].append(hint)
    if not found:
        raise InputError("no intron", where=path, remedy="give rows of type intron, or a BED file of junctions")
    return Junctions(found)


def _gff(fields: Sequence[str], source: str | None) -> Iterator[tuple[str, Hint]]:
    seqid, origin, kind, start, end, score, strand = fields[:7]
    if kind == "intron" and source in (None, origin):
        yield unquote(seqid), Hint(int(start) - 1, int(end), _strand(strand), _score(score))


def _bed(fields: Sequence[str]) -> Iterator[tuple[str, Hint]]:
    seqid, start, end = fields[0], int(fields[1]), int(fields[2])
    score, strand = _score(fields[4] if len(fields) > 4 else "."), _strand(fields[5] if len(fields) > 5 else ".")
    if len(fields) < 12 or int(fields[9]) < 2:
        yield seqid, Hint(start, end, strand, score)
        return
    sizes, begins = ([int(n) for n in field.split(",") if n] for field in fields[10:12])
    for size, begin, following in zip(sizes, begins, begins[1:], strict=False):
        yield seqid, Hint(start + begin + size, start + following, strand, score)


def _strand(text: str) -> str:
    return text if text in ("+", "-") else "."


def _score(text: str) -> float:
    return 1.0 if text in (".", "") else float(text)
