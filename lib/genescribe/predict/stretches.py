"""The stretches of sequence to annotate: whole sequences or the surroundings of given regions, cut at long gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from genescribe.bake.splits import read_regions
from genescribe.errors import InputError
from genescribe.genome.alphabet import LONG_GAP, gaps
from genescribe.genome.batches import batch_of
from genescribe.genome.fasta import Genome
from genescribe.genome.intervals import union
from genescribe.genome.model import Interval
from genescribe.genome.strand import GenomeStrand

LONGEST = 2**31 - 1
"""Bases of a stretch: ends of segments are kept in 32 bits."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a sequence that is read as one chain on each strand.

    Attributes
    ----------
    seqid, start, end
        0-based half-open.
    regions
        Genes that touch none of these are not wanted.
    """

    seqid: str
    start: int
    end: int
    regions: tuple[Interval, ...]

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.seqid}:{self.start + 1}-{self.end}"

    def wants(self, start: int, end: int) -> bool:
        """Whether a gene over ``[start, end)`` of the sequence touches a region."""
        return any(start < region[1] and region[0] < end for region in self.regions)


def pieces_of(genome: Genome, regions: Sequence[str], flank: int, *, where: str | Path) -> list[Piece]:
    """Return the pieces to read for some regions, in the order of the genome; whole sequences where none is given.

    A piece ends at a gap of `LONG_GAP` or more N, and the next begins behind it: no gene runs over it, whatever model
    reads the pieces.

    Parameters
    ----------
    genome
        Its lengths and its gaps are read.
    regions
        `seqid` or `seqid:start-end`, 1-based and closed, and all else that `read_regions` takes.
    flank
        Bases beside a region that are read with it. Regions that are nearer than twice this are read as one.
    where
        File or option that the regions come from, for errors.

    Raises
    ------
    InputError
        A region of a sequence that the genome does not have, or past its end; a stretch of more than `LONGEST` bases.
    """
    wanted: dict[str, list[Interval]] = {}
    for region in read_regions(regions, genome.lengths, where=str(where)):
        assert region.end is not None
        wanted.setdefault(region.seqid, []).append((region.start, region.end))
    pieces: list[Piece] = []
    for seqid, length in genome.lengths.items():
        inside = union(wanted.get(seqid, [])) if regions else [(0, length)]
        for start, end in union((max(0, a - flank), min(length, b + flank)) for a, b in inside):
            pieces += _between_gaps(genome, Piece(seqid, start, end, tuple(inside)))
    return _checked(pieces, where)


def _checked(pieces: list[Piece], where: str | Path) -> list[Piece]:
    for piece in pieces:
        if piece.end - piece.start > LONGEST:
            raise InputError(
                f"{piece.seqid} has {piece.end - piece.start:,} bases to be read as one",
                where=where,
                remedy=f"give --regions of at most {LONGEST:,} bases with their flanks, more than two flanks apart",
            )
    return pieces


def _between_gaps(genome: Genome, piece: Piece) -> Iterator[Piece]:
    """Yield the parts of a piece that long gaps leave and that hold some of its regions."""
    start = piece.start
    strand = GenomeStrand(genome, piece.seqid, piece.start, piece.end, "+")
    for left, right in [*gaps(strand, LONG_GAP), (len(strand), len(strand))]:
        end = piece.start + left
        inside = ((max(a, start), min(b, end)) for a, b in piece.regions)
        if regions := tuple((a, b) for a, b in inside if a < b):
            yield Piece(piece.seqid, start, end, regions)
        start = piece.start + right


def batch_of_pieces(pieces: Sequence[Piece], index: int, batches: int) -> list[Piece]:
    """Return the pieces in batch `index` (0-based) of `batches` of nearly equal total length.

    Parameters
    ----------
    pieces
        Pieces of all batches.
    index
        Number of the batch, from 0.
    batches
        Number of batches, in all.
    """
    by_name = {piece.name: piece for piece in pieces}
    return [by_name[name] for name in batch_of({n: p.end - p.start for n, p in by_name.items()}, index, batches)]
