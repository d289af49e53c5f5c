"""Data of the page's genome browser: the sequences, the genes and the evidence, compressed into the page."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from genescribe.evidence.table import CDSPART, INTRON, STRANDS, EvidenceTable
from genescribe.figures.blocks import Browser, Track
from genescribe.figures.style import MUTED, PALETTE
from genescribe.files import temporary_folder
from genescribe.genome.alphabet import decode, unmasked
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene
from genescribe.predict.stretches import Piece
from genescribe.report.annotation.charts import GRADES

LARGEST = 50_000_000
"""Bytes of a page: with more, it has still pictures in place of the browser."""
_RESERVED = 4_000_000
"""Bytes of a page beside the browser's data: igv.js, figures."""
_LINE = 100_000
"""Bases of a line of the browser's FASTA: its parser is slow by line."""
_AROUND = 2_000
_UNSAFE = re.compile(r"[^A-Za-z0-9._|-]")


class TooLargeError(Exception):
    """The data do not fit into a page."""


class _Packer:
    """Compresses text into base64 until a budget of bytes, which several share, is used up."""

    def __init__(self, budget: int) -> None:
        self.left = float(budget)

    def pack(self, parts: Iterable[bytes], strategy: int = zlib.Z_DEFAULT_STRATEGY) -> str:
        """Return the gzipped parts in base64; equal parts give equal text."""
        # The gzip header that zlib writes has no time in it.
        packer = zlib.compressobj(6, zlib.DEFLATED, 31, 8, strategy)
        blocks = []
        for part in parts:
            blocks.append(self._charged(packer.compress(part)))
        blocks.append(self._charged(packer.flush()))
        return base64.b64encode(b"".join(blocks)).decode("ascii")

    def _charged(self, block: bytes) -> bytes:
        self.left -= len(block) * 4 / 3
        if self.left < 0:
            raise TooLargeError
        return block


def browser_names(seqids: Iterable[str]) -> dict[str, str]:
    """Return names that igv.js can read, each its own: it parts ``name:start-end`` at the colon.

    Examples
    --------
    >>> browser_names(["chr1", "2L:1-3000000", "2L_1-3000000"])
    {'chr1': 'chr1', '2L:1-3000000': '2L_1-3000000', '2L_1-3000000': '2L_1-3000000_2'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for seqid in seqids:
        base = name = _UNSAFE.sub("_", seqid)
        number = 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        names[seqid] = name
    return names


def place_of(gene: Gene, names: Mapping[str, str], lengths: Mapping[str, int], around: int = _AROUND) -> str:
    """Return a link that shows a gene in the browser.

    Parameters
    ----------
    gene
        Gene to show.
    names
        Of sequences in the browser: `browser_names`.
    lengths
        Bases of each sequence.
    around
        Bases to show on both sides of it.
    """
    low, high = max(gene.start - around, 0), min(gene.end + around, lengths[gene.seqid])
    return f"{names[gene.seqid]}:{low + 1}-{high}"


def genome_browser(
    genes: Sequence[Gene],
    genome: Genome,
    pieces: Sequence[Piece],
    evidence: EvidenceTable | None,
    place: str,
    caption: str,
    largest: int = LARGEST,
) -> Browser | None:
    """Return the browser of an annotation; None where its data do not fit into a page of `largest` bytes.

    Parameters
    ----------
    genes, genome, pieces
        Genes, the genome, and the stretches of it that were annotated.
    evidence
        Evidence on the genome; None: no such tracks.
    place
        Shown first: `place_of`.
    caption
        Caption of the browser.
    largest
        Largest size of the page, in bytes.
    """
    names = browser_names(dict.fromkeys(piece.seqid for piece in pieces))
    packer = _Packer(largest - _RESERVED)
    try:
        # Bases are nearly random: looking for repeats takes ten times as long and saves a tenth.
        fasta = packer.pack(_fasta(genome, pieces, names), zlib.Z_HUFFMAN_ONLY)
        rows = packer.pack(_gff3(genes, genome.lengths, names))
        tracks = [Track("genes", "genes", rows, 110, MUTED[0])]
        if evidence is not None:
            introns, proteins = (list(find(evidence, pieces, names)) for find in (_introns, _proteins))
            if introns:
                tracks.append(Track("introns with evidence", "junctions", packer.pack(introns), 110, PALETTE[2]))
            if proteins:
                tracks.append(Track("aligned proteins", "features", packer.pack(proteins), 70, PALETTE[3]))
    except TooLargeError:
        return None
    return Browser(fasta, tracks, place, [(grade.least, grade.colour) for grade in GRADES], caption)


def _fasta(genome: Genome, pieces: Iterable[Piece], names: Mapping[str, str]) -> Iterator[bytes]:
    """Yield the stretches that were read; of a sequence of which it is a part, its place (as igv-reports writes it)."""
    for piece in pieces:
        name, length = names[piece.seqid], genome.lengths[piece.seqid]
        part = piece.end - piece.start < length
        yield f">{name}:{piece.start + 1}-{piece.end} @len={length}\n".encode() if part else f">{name}\n".encode()
        for low in range(piece.start, piece.end, _LINE):
            high = min(low + _LINE, piece.end)
            yield f"{decode(unmasked(genome.codes(piece.seqid, low, high)))}\n".encode()


def _gff3(genes: Iterable[Gene], lengths: Mapping[str, int], names: Mapping[str, str]) -> Iterator[bytes]:
    renamed = (replace(gene, seqid=names[gene.seqid]) for gene in genes)
    with temporary_folder() as folder:
        path = folder / "genes.gff3"
        write_gff3(path, renamed, {name: lengths[seqid] for seqid, name in names.items()})
        with path.open("rb") as rows:
            while block := rows.read(1 << 20):
                yield block


def _introns(evidence: EvidenceTable, pieces: Iterable[Piece], names: Mapping[str, str]) -> Iterator[bytes]:
    """Yield rows of BED: introns with their number of reads."""
    for piece in pieces:
        rows = evidence.on(piece.seqid, piece.start, piece.end)
        rows = rows[rows["kind"] == INTRON]
        for row in rows[np.lexsort((rows["source"], rows["strand"], rows["end"], rows["start"]))]:
            strand, reads = STRANDS[row["strand"] + 1], int(row["weight"])
            # igv.js reads these from the name.
            label = f"uniquely_mapped={reads};multi_mapped=0;color={PALETTE[2]}"
            text = f"{names[piece.seqid]}\t{row['start']}\t{row['end']}\t{label}\t{reads}\t{strand}\n"
            yield text.encode()


def _proteins(evidence: EvidenceTable, pieces: Iterable[Piece], names: Mapping[str, str]) -> Iterator[bytes]:
    """Yield rows of BED: coding parts of aligned proteins."""
    for piece in pieces:
        rows = evidence.on(piece.seqid, piece.start, piece.end)
        for row in rows[rows["kind"] == CDSPART]:
            protein = evidence.proteins[row["protein"]].name if row["protein"] >= 0 else "protein"
            place = f"{names[piece.seqid]}\t{row['start']}\t{row['end']}"
            yield f"{place}\t{_UNSAFE.sub('_', protein)}\t0\t{STRANDS[row['strand'] + 1]}\n".encode()
