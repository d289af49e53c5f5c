"""Windows over a region, and the labels of both strands of a sequence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from genescribe.data.runs import ignore
from genescribe.genome.alphabet import Codes, gaps, reverse_complement
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Interval, mirror
from genescribe.labels.decode import validate_gene
from genescribe.labels.grammar import Encoded, representative
from genescribe.labels.schemes import LabelScheme

ASSEMBLY_GAP = 50
"""Fewest N in a row between genes that are masked."""
_LONGEST_NAME = 28


class Tile(NamedTuple):
    """A window of a region and the part of it that no other window counts, on the forward strand."""

    start: int
    end: int
    core_start: int
    core_end: int


def tiles(start: int, end: int, window: int, overlap: int) -> list[Tile]:
    """Return windows over ``[start, end)``: as long as asked, but for the last, each `overlap` into the next.

    The cores meet in the middle of the overlaps.

    Parameters
    ----------
    start, end
        Interval to cover, 0-based and half-open.
    window
        Bases per window, above `overlap`.
    overlap
        Bases that neighbouring windows share.

    Examples
    --------
    >>> tiles(0, 25, 10, 2)
    [Tile(start=0, end=10, core_start=0, core_end=9), Tile(start=8, end=18, core_start=9, core_end=17), \
Tile(start=16, end=25, core_start=17, core_end=25)]
    """
    step = window - overlap
    # A window that would hold nothing but the overlap with the one before is not begun.
    begins = range(start, max(start + 1, end - overlap), step)
    last = begins[-1]
    return [
        Tile(
            begin,
            min(begin + window, end),
            begin if begin == start else begin + overlap // 2,
            end if begin == last else begin + step + overlap // 2,
        )
        for begin in begins
    ]


class Strand(NamedTuple):
    """One strand of a sequence, 5' to 3', with its labels."""

    strand: str
    codes: Codes
    genes: list[Gene]
    encoded: Encoded


def label_strands(
    codes: Codes,
    genes: Sequence[Gene],
    scheme: LabelScheme,
    code: GeneticCode,
    *,
    mask_ends: int = 0,
    unknown: Sequence[tuple[str, Interval]] = (),
) -> tuple[Strand, Strand]:
    """Return both strands of a sequence, labelled and masked.

    Parameters
    ----------
    codes
        Base codes of the forward strand.
    genes
        Genes of the sequence, in coordinates of the forward strand.
    scheme, code, mask_ends
        See `BakeJob`.
    unknown
        Strand and place of annotation that could not be read: masked, but where a gene has labels.
    """
    length = len(codes)
    masked = gaps(codes, ASSEMBLY_GAP)
    strands = []
    for strand in "+-":
        turned = [gene if strand == "+" else mirror(gene, length) for gene in genes if gene.strand == strand]
        oriented = codes if strand == "+" else reverse_complement(codes)
        doubtful = _doubtful(turned, oriented, code, scheme)
        encoded = scheme.encode(turned, length, doubtful, oriented)
        hidden = [*masked, *(span for sign, span in unknown if sign in (strand, ".", "?"))]
        runs = ignore(encoded.runs, [turn(*span, length, strand) for span in hidden], over=scheme.background)
        runs = ignore(runs, [(0, mask_ends), (length - mask_ends, length)])
        strands.append(Strand(strand, oriented, turned, Encoded(runs, encoded.placed, encoded.problems)))
    return strands[0], strands[1]


def window_key(genome: str, seqid: str, tile: Tile, strand: str) -> str:
    """Return a window's name: letters that a tar member and WebDataset take, unique in the genome.

    Parameters
    ----------
    genome
        Name of the genome.
    seqid
        Name of the sequence.
    tile
        Place of the window on the forward strand.
    strand
        ``+`` or ``-``.

    Examples
    --------
    >>> window_key("yeast", "IV", Tile(9500, 19500, 9750, 19250), "-")
    'yeast-IV-000009500-m'
    """
    names = [_safe(name) for name in (genome, seqid)]
    return f"{names[0]}-{names[1]}-{tile.start:09d}-{'p' if strand == '+' else 'm'}"


def chance(seed: int, key: str) -> float:
    """Return a number in [0, 1) that depends on the seed and the window's name alone."""
    digest = hashlib.sha256(f"{seed}\0{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


def _safe(name: str) -> str:
    """Return a name without dots and the like; a changed name gets a digest, so that it stays its own."""
    safe = re.sub("[^A-Za-z0-9_]", "_", name)[:_LONGEST_NAME]
    return safe if safe == name else f"{safe}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def turn(start: int, end: int, length: int, strand: str) -> Interval:
    """Return a forward interval as it lies on a strand of `length` bases, or the other way round.

    Parameters
    ----------
    start, end
        Interval, 0-based and half-open.
    length
        Bases of the strand.
    strand
        ``+`` leaves the interval as it is, ``-`` mirrors it.
    """
    return (start, end) if strand == "+" else (length - end, length - start)


def _doubtful(genes: Sequence[Gene], codes: Codes, code: GeneticCode, scheme: LabelScheme) -> dict[str, str]:
    """Return gene ID -> reason for genes whose chosen isoform is unlikely, makes no protein or has no labels."""
    reasons: dict[str, str] = {}
    for gene in genes:
        transcript = representative(gene)
        if transcript is None or transcript.start < 0 or transcript.end > len(codes):
            continue
        reason = validate_gene(transcript, codes, code)
        if reason := reason or scheme.fault(transcript, codes, code):
            reasons[gene.id] = reason
    return reasons
