"""The parts of a genome for training, validation and test: by sequence, by region, or a whole species."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from genescribe.config import option
from genescribe.data.shards import SPLITS
from genescribe.errors import InputError

EVERYTHING = "*"
_LISTED = "write seqid or seqid:start-end, a region per line"
LIST = "@"
"""Before the name of a file that lists regions, one a line."""


class Region(NamedTuple):
    """A stretch of a sequence, 0-based half-open; an end of None is the sequence's end."""

    seqid: str
    start: int = 0
    end: int | None = None

    @classmethod
    def parse(cls, text: str, lengths: Mapping[str, int] | None = None, *, where: str = "splits") -> Region:
        """Read `seqid` or `seqid:start-end`, 1-based and closed, as people write it.

        Parameters
        ----------
        text
            A name may itself hold colons; the last one counts. Commas in the numbers are allowed.
        lengths
            Bases of each sequence: the region is checked, its end filled in, and a text that is a sequence's name
            is that sequence.
        where
            File or option that the text comes from, for errors.

        Raises
        ------
        InputError
            No such sequence, an end before the start, a region past the sequence's end.

        Examples
        --------
        >>> Region.parse("II:1-5,000")
        Region(seqid='II', start=0, end=5000)
        >>> Region.parse("2L:1-30", {"2L:1-30": 30})
        Region(seqid='2L:1-30', start=0, end=30)
        """
        seqid, start, end = text, 0, None
        name, colon, numbers = text.rpartition(":")
        first, dash, last = numbers.replace(",", "").partition("-")
        is_seqid = lengths is not None and text in lengths
        if not is_seqid and name and colon and dash and first.isdecimal() and last.isdecimal():
            seqid, start, end = name, int(first) - 1, int(last)
            if start < 0 or end <= start:
                raise InputError(
                    f"region {text!r} ends before it starts or starts before 1",
                    where=where,
                    remedy="write seqid:start-end, counted from 1, both included",
                )
        if lengths is None:
            return cls(seqid, start, end)
        if seqid not in lengths:
            what = f"no sequence {seqid!r}"
            if seqid == text and name in lengths:
                what = f"{text!r} is neither a sequence nor seqid:start-end"
            raise InputError(what, where=where, remedy=f"the genome has {_some(lengths)}")
        if end is not None and end > lengths[seqid]:
            raise InputError(
                f"region {text!r} goes past the end of {seqid}",
                where=where,
                remedy=f"end it at {lengths[seqid]} or before",
            )
        return cls(seqid, start, lengths[seqid] if end is None else end)


def read_regions(
    texts: Iterable[str], lengths: Mapping[str, int], *, where: str = "splits", empty: bool = False
) -> list[Region]:
    """Return the regions that people name.

    Parameters
    ----------
    texts
        Each of the form of `Region.parse`; or a name with * or ?, which stands for every sequence that it matches; or
        @FILE, a file of either, one a line.
    lengths
        Bases of each sequence.
    where
        File or option that the texts come from, for errors.
    empty
        Whether a file may list no region, as that of a split of a fold may.

    Raises
    ------
    InputError
        As `Region.parse`; a pattern that matches nothing; a file that is not there, or lists no region.

    Examples
    --------
    >>> [region.seqid for region in read_regions(["I*"], {"I": 5, "II": 5, "V": 5})]
    ['I', 'II']
    """
    regions: list[Region] = []
    for text in texts:
        if text.startswith(LIST) and text not in lengths:
            listed = _lines(text.removeprefix(LIST), lengths, where)
            if not listed and not empty:
                raise InputError(f"no region in {text.removeprefix(LIST)}", where=where, remedy=_LISTED)
            regions += read_regions(listed, lengths, where=where)
        elif text not in lengths and set("*?") & set(text):
            matches = [Region(seqid, 0, length) for seqid, length in lengths.items() if fnmatchcase(seqid, text)]
            if not matches:
                raise InputError(
                    f"no sequence matches {text!r}", where=where, remedy=f"the genome has {_some(lengths)}"
                )
            regions += matches
        else:
            regions.append(Region.parse(text, lengths, where=where))
    return regions


def show_region(region: Region, lengths: Mapping[str, int]) -> str:
    """Return a region as `read_regions` reads it.

    Examples
    --------
    >>> show_region(Region("I", 0, 5), {"I": 5}), show_region(Region("I", 1, 4), {"I": 5})
    ('I', 'I:2-4')
    """
    seqid, start, end = region
    return seqid if (start, end) == (0, lengths[seqid]) else f"{seqid}:{start + 1}-{end}"


def _lines(path: str, known: Container[str], where: str) -> list[str]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"no list of regions at {path} ({error.strerror})",
            where=where,
            remedy=f"give {LIST}FILE, a region per line",
        ) from None
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    # A list that names itself has no end.
    wrong = next((line for line in lines if (line.startswith(LIST) or "\t" in line) and line not in known), None)
    if wrong is not None:
        raise InputError(f"{wrong!r} is no region in {path}", where=where, remedy=_LISTED)
    return lines


def _some(lengths: Mapping[str, int]) -> str:
    return ", ".join(list(lengths)[:8]) + (f" and {len(lengths) - 8:,} more" if len(lengths) > 8 else "")


class SplitRegion(NamedTuple):
    """A stretch of one sequence that belongs to a split, 0-based half-open."""

    start: int
    end: int
    split: str


@dataclass(frozen=True)
class Splits:
    """Regions of each split of a genome; "*" is every sequence that no split names. Other regions are not used."""

    train: list[str] = option(
        default_factory=list,
        doc="seqid, seqid:start-end, a pattern (chr*), @FILE with one region per line, or * for everything "
        "that is not listed",
    )
    validation: list[str] = option(default_factory=list, doc="the same")
    test: list[str] = option(default_factory=list, doc="the same")

    def regions(self, lengths: Mapping[str, int]) -> dict[str, list[SplitRegion]]:
        """Return the regions of each sequence, ascending and disjoint; touching ones of a split are one.

        Parameters
        ----------
        lengths
            Sequences that may be used.

        Raises
        ------
        InputError
            A region that makes no sense, two that overlap, or "*" twice.
        """
        by_seqid: dict[str, list[SplitRegion]] = {}
        everything: list[str] = []
        for split in SPLITS:
            texts: list[str] = getattr(self, split)
            everything += [split] * (EVERYTHING in texts)
            explicit = (text for text in texts if text != EVERYTHING)
            for seqid, start, end in read_regions(explicit, lengths, where=f"splits.{split}", empty=True):
                assert end is not None
                by_seqid.setdefault(seqid, []).append(SplitRegion(start, end, split))
        if len(everything) > 1:
            raise InputError(
                f"{' and '.join(everything)} both take all that is not named",
                where="splits",
                remedy="give * to one of them",
            )
        for split in everything:
            for seqid, length in lengths.items():
                by_seqid.setdefault(seqid, [SplitRegion(0, length, split)])
        return {seqid: _joined(seqid, by_seqid[seqid]) for seqid in lengths if seqid in by_seqid}


def _joined(seqid: str, regions: list[SplitRegion]) -> list[SplitRegion]:
    joined: list[SplitRegion] = []
    for region in sorted(regions):
        if joined and region.start < joined[-1].end:
            raise InputError(
                f"{joined[-1].split} and {region.split} share bases of {seqid}",
                where="splits",
                remedy="let the regions end before others begin",
            )
        if joined and region.start == joined[-1].end and region.split == joined[-1].split:
            joined[-1] = joined[-1]._replace(end=region.end)
        else:
            joined.append(region)
    return joined
