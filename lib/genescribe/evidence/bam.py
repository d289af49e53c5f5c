"""RNA-seq reads aligned to a genome: introns with the reads that support them, and how deeply exons are covered.

One pass over each sequence, sequences in parallel; memory follows the bases that reads in sight cover, and the number
of introns.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

from genescribe.errors import InputError
from genescribe.evidence.table import EXONPART, INTRON, RNA, ROW, Collector, Rows
from genescribe.evidence.text import OVERHANG
from genescribe.genome.alphabet import decode, unmasked
from genescribe.genome.fasta import Genome
from genescribe.processes import process_pool

LONGEST = 1_000_000
"""Bases of the longest gap in a read that is taken for an intron."""
LEVELS = (2, 8, 32, 128)
"""Depths of coverage that are told apart."""
_LEFT_OUT = 4 | 256 | 512 | 2048  # unmapped, secondary, failed, supplementary
_HELD = 1 << 19
"""Aligned blocks that are kept before their depth is summed up."""
_ALIGNED, _DELETED, _SKIPPED = (0, 7, 8), 2, 3  # of a CIGAR
_SIGN = {"+": 1, "-": -1}
_SAM_HEADERS = (b"@HD", b"@SQ", b"@RG", b"@PG", b"@CO")
_FORWARD = ("GTAG", "GCAG", "ATAC")
_REVERSE = ("CTAC", "CTGC", "GTAT")


class _Part(NamedTuple):
    """A sequence of a BAM file, for a worker."""

    path: str
    seqid: str
    fasta: str


def read_bams(paths: Sequence[str | Path], genome: Genome, into: Collector, workers: int = 1) -> None:
    """Read sorted and indexed BAM files.

    Reads that map to several places, secondary and supplementary alignments are left out. An intron needs `OVERHANG`
    aligned bases on both sides in a read; its strand is that of the tags XS or ts, or of its splice sites.

    Parameters
    ----------
    paths
        BAM files, sorted by position and indexed.
    genome
        Genome that the reads were mapped to.
    into
        Collector that the evidence is added to.
    workers
        Processes; the result does not depend on them.

    Raises
    ------
    InputError
        A file that is no BAM, is truncated, has no index or header, or is of another genome.
    """
    parts = [_Part(str(path), name, str(genome.path)) for path in paths for name in _sequences(path, genome.lengths)]
    # The longest sequences first.
    parts.sort(key=lambda part: -genome.lengths[part.seqid])
    for part, rows in zip(parts, _mapped(parts, workers), strict=True):
        into.extend(part.seqid, rows)


def _mapped(parts: Sequence[_Part], workers: int) -> Iterator[Rows]:
    if workers < 2 or len(parts) < 2:
        yield from map(read_sequence, parts)
        return
    with process_pool(min(workers, len(parts))) as pool:
        yield from pool.map(read_sequence, parts)


def _sequences(path: str | Path, lengths: Mapping[str, int]) -> list[str]:
    """Return the sequences of a file on which reads lie, or raise `InputError`."""
    _check_bam(path)
    quiet = pysam.set_verbosity(0)
    try:
        with pysam.AlignmentFile(str(path), "rb") as bam:
            known = dict(zip(bam.references, bam.lengths, strict=True))
            indexed = bam.has_index()
            order = bam.header.to_dict().get("HD", {}).get("SO", "coordinate")
            counts = {row.contig: row.mapped for row in bam.get_index_statistics()} if indexed else {}
    except (OSError, ValueError) as error:
        reason = "truncated" if "trunc" in str(error).lower() or "EOF" in str(error) else "not a BAM file with a header"
        raise InputError(reason, where=path, remedy="map the reads again, or copy the file again") from None
    finally:
        pysam.set_verbosity(quiet)
    if order != "coordinate":
        raise InputError("not sorted by coordinate", where=path, remedy="samtools sort, then samtools index")
    if not indexed:
        raise InputError("no index", where=path, remedy=f"samtools index {path} (after samtools sort)")
    for name, length in known.items():
        if lengths.get(name, length) != length:
            raise InputError(
                f"{name} has {length} bases, {lengths[name]} in the genome",
                where=path,
                remedy="map the reads to this genome",
            )
    covered = [name for name, count in counts.items() if count]
    if not set(known) & set(lengths):
        raise InputError(
            f"no sequence of this genome; the first is {next(iter(known), 'none')}",
            where=path,
            remedy="map the reads to this genome, with its names",
        )
    return [name for name in covered if name in lengths]


def _check_bam(path: str | Path) -> None:
    """Refuse what is no BAM file, by its first bytes: pysam also opens others, and reads them wrongly or not at all."""
    if not Path(path).is_file():
        problem = "is a folder, not a file" if Path(path).is_dir() else "no such file"
        raise InputError(problem, where=path, remedy="give a sorted and indexed BAM file")
    with Path(path).open("rb") as file:
        begin = file.read(4)
    if begin == b"CRAM":
        remedy = f"samtools view -b -T GENOME -o reads.bam {path}, then samtools index reads.bam"
        raise InputError("a CRAM file, not BAM", where=path, remedy=remedy)
    if begin[:3] in _SAM_HEADERS:
        remedy = f"samtools sort -o reads.bam {path}, then samtools index reads.bam"
        raise InputError("a SAM file, not BAM", where=path, remedy=remedy)


def read_sequence(part: _Part) -> Rows:
    """Return the rows of a sequence of a BAM file, sorted."""
    introns: Counter[tuple[int, int, int]] = Counter()
    depth = _Depth()
    try:
        with pysam.AlignmentFile(part.path, "rb") as bam:
            for read in bam.fetch(part.seqid):
                _take(read, introns, depth)
                depth.before(read.reference_start)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", where=part.path, remedy="copy or sort the file again") from None
    covered = depth.finish()
    stranded = _stranded(introns, Genome.open(part.fasta), part.seqid)
    rows = np.zeros(len(stranded) + len(covered), dtype=ROW)
    rows["source"] = RNA
    for index, ((start, end, strand), count) in enumerate(stranded.items()):
        rows[index] = (0, start, end, INTRON, strand, RNA, count, -1)
    rest = rows[len(stranded) :]
    rest["kind"], rest["start"], rest["end"], rest["weight"] = EXONPART, covered[:, 0], covered[:, 1], covered[:, 2]
    return rows


def _take(read: Any, introns: Counter[tuple[int, int, int]], depth: _Depth) -> None:
    """Count the introns and the bases of a read."""
    if read.flag & _LEFT_OUT or not read.mapping_quality:
        return
    if read.has_tag("NH") and read.get_tag("NH") > 1:
        return
    cigar, start = read.cigartuples, read.reference_start
    if cigar is None:
        return
    if len(cigar) == 1:
        depth.add(start, start + cigar[0][1])
        return
    begun = end = start
    before = aligned = gap = 0
    strand = None
    for operation, length in cigar:
        if operation in _ALIGNED:
            aligned += length
            end += length
        elif operation == _DELETED:
            end += length
        elif operation == _SKIPPED:
            depth.add(begun, end)
            # The intron before is settled here: both its sides are known.
            if gap and before >= OVERHANG <= aligned and begun - gap <= LONGEST:
                strand = _strand_of(read) if strand is None else strand
                introns[gap, begun, strand] += 1
            gap, before, aligned = end, aligned, 0
            begun = end = end + length
    depth.add(begun, end)
    if gap and before >= OVERHANG <= aligned and begun - gap <= LONGEST:
        introns[gap, begun, _strand_of(read) if strand is None else strand] += 1


def _strand_of(read: Any) -> int:
    """Return the strand of a read's transcript: of XS, or of ts, which is relative to the read; 0: not known."""
    if read.has_tag("XS"):
        return _SIGN.get(read.get_tag("XS"), 0)
    sense = _SIGN.get(read.get_tag("ts"), 0) if read.has_tag("ts") else 0
    return -sense if read.is_reverse else sense


def _stranded(
    introns: Mapping[tuple[int, int, int], int], genome: Genome, seqid: str
) -> dict[tuple[int, int, int], int]:
    """Return the introns with strands from their splice sites where reads did not say, ascending."""
    stranded: Counter[tuple[int, int, int]] = Counter()
    for (start, end, strand), count in introns.items():
        if not strand:
            sites = (genome.codes(seqid, start, start + 2), genome.codes(seqid, end - 2, end))
            ends = "".join(decode(unmasked(codes)) for codes in sites)
            strand = 1 if ends in _FORWARD else -1 if ends in _REVERSE else 0
        stranded[start, end, strand] += count
    return dict(sorted(stranded.items()))


class _Depth:
    """Coverage of bases, in `LEVELS`; stretches that no later read can change are summed up and dropped."""

    def __init__(self) -> None:
        self._edges = array("q")  # start and end of each block
        self._open: NDArray[np.int64] = np.zeros((0, 2), dtype=np.int64)
        self._runs: list[NDArray[np.int64]] = []

    def add(self, start: int, end: int) -> None:
        """Add an aligned block."""
        self._edges.append(start)
        self._edges.append(end)

    def before(self, start: int) -> None:
        """Note that no later block begins before `start`."""
        if len(self._edges) > 2 * _HELD:
            self._settle(start)

    def finish(self) -> NDArray[np.int64]:
        """Return (start, end, level) of all that is covered, (n, 3), ascending."""
        self._settle(np.iinfo(np.int64).max)
        runs = np.concatenate(self._runs) if self._runs else np.zeros((0, 3), dtype=np.int64)
        if not len(runs):
            return runs
        # Runs that a settling has cut are put together again.
        new = np.ones(len(runs), dtype=bool)
        new[1:] = (runs[1:, 0] != runs[:-1, 1]) | (runs[1:, 2] != runs[:-1, 2])
        first = np.flatnonzero(new)
        last = np.append(first[1:], len(runs)) - 1
        return np.stack([runs[first, 0], runs[last, 1], runs[first, 2]], axis=1)

    def _settle(self, limit: int) -> None:
        """Sum up the bases before `limit`."""
        blocks = np.concatenate([self._open, np.frombuffer(self._edges, dtype=np.int64).reshape(-1, 2)])
        self._edges = array("q")
        before = blocks[blocks[:, 0] < limit]
        cut = np.maximum(blocks[blocks[:, 1] > limit], [limit, 0])
        self._open = cut
        if not len(before):
            return
        places = np.concatenate([before[:, 0], np.minimum(before[:, 1], limit)])
        steps = np.repeat([1, -1], len(before))
        order = np.argsort(places, kind="stable")
        places, depth = places[order], np.cumsum(steps[order])
        known = np.append(np.diff(places) > 0, False)
        starts, ends = places[known], places[np.flatnonzero(known) + 1]
        level = np.searchsorted(LEVELS, depth[known], side="right")
        levels = np.array([0, *LEVELS])[level]
        runs = np.stack([starts, ends, levels], axis=1)[level > 0]
        if len(runs):
            new = np.ones(len(runs), dtype=bool)
            new[1:] = (runs[1:, 0] != runs[:-1, 1]) | (runs[1:, 2] != runs[:-1, 2])
            first = np.flatnonzero(new)
            last = np.append(first[1:], len(runs)) - 1
            self._runs.append(np.stack([runs[first, 0], runs[last, 1], runs[first, 2]], axis=1))
